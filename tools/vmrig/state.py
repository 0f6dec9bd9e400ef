# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a rig keeps its files, and what it remembers between commands."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vmrig.errors import RigError
from vmrig.inventory import Machine
from vmrig.progress import say
from vmrig.qemu import Paths

# Below the ports that Linux gives to outgoing connections (32768 and up).
_PORTS = range(20000, 30000)


@dataclass(frozen=True)
class Layout:
    """All paths of one rig. Sockets are apart: their paths must be short."""

    name: str
    folder: Path
    run: Path
    identity: str

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots.json"

    def host_key(self, host: str) -> Path:
        return self.folder / f"{host}.host_key"

    def console(self, host: str) -> Path:
        return self.folder / f"{host}.console.log"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.qemu.log"

    def record(self, host: str) -> Path:
        return self.folder / f"{host}.pid"

    def hub_record(self, network: str) -> Path:
        return self.folder / f"hub-{network}.pid"

    def socket(self, network: str, host: str) -> Path:
        return self.run / f"{network}.{host}"

    def machine(self, machine: Machine) -> Paths:
        """The files of one machine."""
        host = machine.name
        return Paths(
            root=self.folder / f"{host}.root.qcow2",
            disks={d.serial: self.folder / f"{host}.disk.{d.serial}.qcow2" for d in machine.disks},
            seed=self.folder / f"{host}.seed.tar",
            console=self.console(host),
            qmp=self.run / f"{host}.qmp",
            sockets={network: self.socket(network, host) for network in machine.networks},
        )

    def make(self) -> None:
        """Create the folders, closed to other users."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            self.run.mkdir(mode=0o700)
        status = self.run.lstat()
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if not private or status.st_uid != os.geteuid():
            raise RigError(
                f"{self.run}: not a private folder of this user.", "Remove it and try again."
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One command at a time changes a rig."""
        self.make()
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"rig {self.name}: another command works on it; waiting")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def layout(name: str, checkout: Path) -> Layout:
    """The layout of the rig *name*; another checkout is another rig."""
    folder = (checkout / ".rig" / name).absolute()
    identity = hashlib.sha256(f"{name}\0{folder}".encode()).hexdigest()[:12]
    # Not XDG_RUNTIME_DIR: it is removed at the last logout, and a rig outlives that.
    run = Path("/tmp", f"tts-rig-{os.geteuid()}-{identity}")
    return Layout(name, folder, run, identity)


@dataclass
class Memory:
    """What must survive between commands: the image in use and each host's ports."""

    image: str
    ports: dict[str, dict[int, int]]

    @classmethod
    def load(cls, layout: Layout) -> Memory:
        try:
            data = json.loads((layout.folder / "rig.json").read_text())
        except FileNotFoundError:
            return cls("", {})
        return cls(
            data["image"],
            {
                host: {int(guest): port for guest, port in ports.items()}
                for host, ports in data["ports"].items()
            },
        )

    def save(self, layout: Layout) -> None:
        write(
            layout.folder / "rig.json",
            json.dumps({"image": self.image, "ports": self.ports}, indent=2) + "\n",
        )

    def forget(self, layout: Layout) -> None:
        (layout.folder / "rig.json").unlink(missing_ok=True)

    def choose_ports(self, machine: Machine, identity: str) -> dict[int, int]:
        """Ports for a machine that does not run: the former ones where they are still free."""
        former = self.ports.get(machine.name, {})
        start = int(identity, 16) % len(_PORTS)
        others = [p for p in (*_PORTS[start:], *_PORTS[:start]) if p not in former.values()]
        chosen: dict[int, int] = {}
        taken = {port for host, ports in self.ports.items() for port in ports.values()
                 if host != machine.name}  # fmt: skip
        for guest in machine.guest_ports:
            wanted = [former[guest]] if guest in former else []
            port = next((p for p in (*wanted, *others) if p not in taken and is_free(p)), None)
            if port is None:
                raise RigError(f"no free port from {_PORTS[0]} to {_PORTS[-1]}")
            chosen[guest] = port
            taken.add(port)
        self.ports[machine.name] = chosen
        return chosen


def is_free(port: int) -> bool:
    """Whether a port of the loopback can be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".new")
    partial.write_text(text, encoding="utf-8")
    partial.rename(path)
