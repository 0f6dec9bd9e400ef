# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rig: its machines and networks, started, stopped, saved and brought back together."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vmrig import accel, image, inventory, process, qemu, seed, ssh, state
from vmrig.errors import RigError
from vmrig.image import Image
from vmrig.inventory import Machine
from vmrig.progress import say
from vmrig.qmp import Qmp

# Three machines on two emulated cores took a minute and a half; a busy host takes longer.
BOOT_SECONDS = 600
# Programs that machines need, and their Debian packages.
TOOLS = {
    qemu.QEMU: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
# Writes of one machine: packages, model files, a memory snapshot or two.
_MACHINE_SPACE = 2 << 30
_CHECKOUT = Path(__file__).resolve().parents[2]
_SNAPSHOT_NAME = "letters, digits, - and _"


@dataclass
class Rig:
    """One rig of this checkout."""

    layout: state.Layout
    machines: Mapping[str, Machine]
    environ: Mapping[str, str]

    # -- the whole rig ---------------------------------------------------------------------

    def up(self, boot_seconds: int = BOOT_SECONDS) -> None:
        """Start what does not run and wait until every machine answers to ssh."""
        process.need_tools(TOOLS, "up")
        with _undone_on_failure() as undo:
            base = self._image()
            absent = [m for m in self.machines.values() if not self.is_running(m.name)]
            image.need_space(self.layout.folder, _MACHINE_SPACE * len(absent), "up")
            memory = state.Memory.load(self.layout)
            memory.image = str(base.folder)
            for machine in absent:
                memory.choose_ports(machine, self.layout.identity)
            memory.save(self.layout)
            self._write_keys()
            options = accel.choose(base, self.environ) if absent else ()
            self._start_hubs(undo)
            for machine in absent:
                if not self.layout.machine(machine).root.exists():
                    undo.callback(self._remove_files, machine)
                self._make_files(machine, base)
                self._start(machine, options, undo)
            self._wait([m.name for m in absent], boot_seconds)
            self._write_inventory(memory)
        say(f"up: {', '.join(self.machines)}")

    def down(self) -> None:
        """Stop everything of this rig and remove its disks and sockets; the logs stay."""
        for record in sorted(self.layout.folder.glob("*.pid")):
            _stop(record)
        ssh.close_shared(self.layout)
        for pattern in ("*.qcow2", "*.seed.tar", "*.new"):
            for path in self.layout.folder.glob(pattern):
                path.unlink(missing_ok=True)
        for path in self.layout.run.iterdir():
            path.unlink(missing_ok=True)
        self.layout.run.rmdir()
        for path in (self.layout.inventory, self.layout.snapshots):
            path.unlink(missing_ok=True)
        state.Memory.load(self.layout).forget(self.layout)

    def status(self) -> list[list[str]]:
        """A table: machines, then networks."""
        memory = state.Memory.load(self.layout)
        rows = [["NAME", "STATE", "MEMORY", "SSH", "FORWARDS", "NETWORKS"]]
        for name, machine in self.machines.items():
            ports = memory.ports.get(name, {})
            forwards = [f"{guest}->{ports.get(guest, '-')}" for guest in machine.forward]
            rows.append([
                name,
                "running" if self.is_running(name) else "off",
                f"{machine.memory}M",
                str(ports.get(22, "-")),
                ",".join(forwards) or "-",
                ",".join(f"{net}={'+'.join(map(str, ips))}" for net, ips in machine.networks.items())
                or "-",
            ])  # fmt: skip
        for network, members in inventory.networks(self.machines).items():
            running = process.recorded(self.layout.hub_record(network)) is not None
            rows.append(
                [network, "running" if running else "off", "-", "-", "-", ",".join(members)]
            )
        return rows

    def snapshot(self, name: str) -> None:
        """Save memory and disks of all machines, at one moment."""
        _check_snapshot_name(name)
        self._need_running(self.machines, "snapshot")
        image.need_space(self.layout.folder, _MACHINE_SPACE, "snapshot")

        def save(qmp: Qmp) -> None:
            qmp.monitor(f"savevm {name}")

        # Paused first: no machine's snapshot knows what another has not done yet.
        try:
            self._each(lambda qmp: qmp.execute("stop"))
            self._each(save)
            names = self._snapshots()
            state.write(self.layout.snapshots, json.dumps(sorted({*names, name})) + "\n")
        finally:
            self._each(lambda qmp: qmp.execute("cont"))
        say(f"snapshot: {name}")

    def restore(self, name: str) -> None:
        """Bring all machines back to a snapshot; powered-off ones too."""
        if name not in self._snapshots():
            known = ", ".join(self._snapshots()) or "none"
            raise RigError(f"restore: no snapshot {name!r}; there are: {known}")
        absent = [m for m in self.machines.values() if not self.is_running(m.name)]
        for machine in absent:
            self._need_ports(machine.name)

        def load(qmp: Qmp) -> None:
            qmp.monitor(f"loadvm {name}")

        with _undone_on_failure() as undo:
            self._start_hubs(undo)
            if absent:
                options = accel.choose(self._image(), self.environ)
                for machine in absent:
                    self._start(machine, options, undo, paused=True)
            ssh.close_shared(self.layout)
            try:
                self._each(lambda qmp: qmp.execute("stop"))
                self._each(load)
                for host, machine in self.machines.items():
                    with self._qmp(host) as qmp:
                        for network in machine.networks:
                            qmp.execute("set_link", name=qemu.nic_id(network), up=True)
            finally:
                self._each(lambda qmp: qmp.execute("cont"))
            self._set_clocks()
        say(f"restore: {name}")

    # -- one machine -----------------------------------------------------------------------

    def is_running(self, host: str) -> bool:
        """Whether the machine's process is there."""
        return process.recorded(self.layout.record(host)) is not None

    def power_off(self, host: str) -> None:
        """Pull the plug: memory is lost, what was flushed to the disks stays."""
        stopped = process.stop(self.layout.record(self._machine(host).name))
        say(f"{host}: power cut" if stopped else f"{host}: is off")

    def power_on(self, host: str, *, wait: bool) -> None:
        """Start a machine from its disks."""
        machine = self._machine(host)
        with _undone_on_failure() as undo:
            if self.is_running(host):
                say(f"{host}: is on")
            else:
                if not self.layout.machine(machine).root.exists():
                    raise RigError(f"{host}: has no disks yet.", "Run: tools/rig up")
                self._need_ports(host)
                self._start_hubs(undo)
                self._start(machine, accel.choose(self._image(), self.environ), undo)
            if wait:
                self._wait([host], BOOT_SECONDS)

    def power_reset(self, host: str, *, wait: bool) -> None:
        """Press the reset button."""
        self._need_running([self._machine(host).name], "reset")
        with self._qmp(host) as qmp:
            qmp.execute("system_reset")
        say(f"{host}: reset")
        if wait:
            self._wait([host], BOOT_SECONDS)

    def cable(self, host: str, network: str, *, up: bool) -> None:
        """Pull a storage network's cable out of a machine, or put it back."""
        machine = self._machine(host)
        if network not in machine.networks:
            known = ", ".join(machine.networks) or "none"
            raise RigError(f"{host}: no network {network!r}; it has: {known}")
        self._need_running([host], "cable")
        with self._qmp(host) as qmp:
            qmp.execute("set_link", name=qemu.nic_id(network), up=up)
        say(f"{host}: {network} {'up' if up else 'down'}")

    def console(self, host: str) -> str:
        """Everything the machine's console has shown since `up`."""
        path = self.layout.console(self._machine(host).name)
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            raise RigError(f"{host}: has no console log yet.", "Run: tools/rig up") from None

    def ssh_argv(self, host: str, command: Sequence[str]) -> list[str]:
        """The ssh of a user's command."""
        self._need_running([self._machine(host).name], "ssh")
        return ssh.argv(self.layout, host, self._ssh_port(host), command)

    # -- parts -----------------------------------------------------------------------------

    def _machine(self, host: str) -> Machine:
        try:
            return self.machines[host]
        except KeyError:
            known = ", ".join(self.machines)
            raise RigError(f"no machine {host!r}; there are: {known}") from None

    def _need_running(self, hosts: Iterable[str], purpose: str) -> None:
        off = [host for host in hosts if not self.is_running(host)]
        if off and not any(map(self.is_running, self.machines)):
            raise RigError(f"{purpose}: the rig is down.", "Run: tools/rig up")
        if off:
            raise RigError(f"{purpose}: {', '.join(off)} off.", f"Run: tools/rig power {off[0]} on")

    def _need_ports(self, host: str) -> None:
        """A machine that was off keeps its ports: the inventory has them."""
        for port in state.Memory.load(self.layout).ports[host].values():
            if not state.is_free(port):
                raise RigError(
                    f"{host}: another program has taken its port 127.0.0.1:{port}.",
                    "Run: tools/rig down, then tools/rig up",
                )

    def _image(self) -> Image:
        """The image of this rig's disks, or the newest when it has none."""
        memory = state.Memory.load(self.layout)
        if memory.image and any(self.layout.folder.glob("*.root.qcow2")):
            used = Image(Path(memory.image))
            if used.is_complete:
                return used
            raise RigError(
                f"image {used.folder} is gone; this rig's disks are worthless without it.",
                "Run: tools/rig down, then tools/rig up",
            )
        return image.ensure(self.environ)

    def _ssh_port(self, host: str) -> int:
        return state.Memory.load(self.layout).ports[host][22]

    def _qmp(self, host: str) -> Qmp:
        return Qmp(self.layout.machine(self.machines[host]).qmp, host)

    def _each(self, work: Callable[[Qmp], Any]) -> None:
        def one(host: str) -> None:
            with self._qmp(host) as qmp:
                work(qmp)

        with ThreadPoolExecutor(len(self.machines)) as pool:
            list(pool.map(one, self.machines))

    def _snapshots(self) -> list[str]:
        try:
            names: list[str] = json.loads(self.layout.snapshots.read_text())
        except FileNotFoundError:
            return []
        return names

    def _start_hubs(self, undo: ExitStack) -> None:
        """Start the networks that do not run."""
        for network, members in inventory.networks(self.machines).items():
            record = self.layout.hub_record(network)
            if process.recorded(record) is not None:
                continue
            connected = [host for host in members if self.is_running(host)]
            if connected:
                raise RigError(
                    f"network {network} has died under {', '.join(connected)}.",
                    "Machines do not reconnect. Run: tools/rig down, then tools/rig up",
                )
            sockets = {host: self.layout.socket(network, host) for host in members}
            for path in sockets.values():
                path.unlink(missing_ok=True)
            undo.callback(_stop, record)
            log = self.layout.log(f"hub-{network}")
            process.start(qemu.hub_argv(network, sockets), record, log)
            self._wait_for_files(sockets.values(), record, log, f"network {network}")

    def _make_files(self, machine: Machine, base: Image) -> None:
        """The machine's disks, unless they are there, and its seed."""
        paths = self.layout.machine(machine)
        if not paths.root.exists():
            paths.console.unlink(missing_ok=True)
            for disk in machine.disks:
                _create_disk(paths.disks[disk.serial], [disk.size])
            # Last: a root disk means that the machine is complete.
            _create_disk(paths.root, [], base.disk)
        key = self.layout.host_key(machine.name)
        files = seed.files(
            machine,
            Path(f"{self.layout.key}.pub").read_text(),
            key.read_text(),
            Path(f"{key}.pub").read_text(),
        )
        paths.seed.write_bytes(image.tar_bytes(files))

    def _remove_files(self, machine: Machine) -> None:
        paths = self.layout.machine(machine)
        for path in (paths.root, *paths.disks.values(), paths.seed, paths.qmp):
            path.unlink(missing_ok=True)

    def _start(
        self, machine: Machine, options: Sequence[str], undo: ExitStack, *, paused: bool = False
    ) -> None:
        host = machine.name
        paths = self.layout.machine(machine)
        paths.qmp.unlink(missing_ok=True)
        memory = state.Memory.load(self.layout)
        argv = qemu.machine_argv(
            machine,
            self._image(),
            paths,
            memory.ports[host],
            options,
            self.layout.identity,
            paused=paused,
        )
        record, log = self.layout.record(host), self.layout.log(host)
        undo.callback(_stop, record)
        process.start(argv, record, log)
        self._wait_for_files([paths.qmp], record, log, host)
        say(f"{host}: power on")

    @staticmethod
    def _wait_for_files(paths: Iterable[Path], record: Path, log: Path, what: str) -> None:
        """A QEMU that has made its sockets has accepted its whole command line."""
        missing = list(paths)
        deadline = time.monotonic() + 30
        while missing := [path for path in missing if not path.exists()]:
            if process.recorded(record) is None or time.monotonic() > deadline:
                process.stop(record)
                raise RigError(
                    f"{what}: QEMU did not start; {log} says:\n"
                    + "\n".join(f"    {line}" for line in image.tail(log, 10))
                )
            time.sleep(0.05)

    def _wait(self, hosts: Sequence[str], seconds: int) -> None:
        """Wait until the machines let us in over ssh."""
        waiting = list(hosts)
        begin = shown = time.monotonic()
        while waiting:
            for host in list(waiting):
                if not self.is_running(host):
                    raise self._boot_error(host, "QEMU ended")
                if self._answers(host):
                    say(f"{host}: ready")
                    waiting.remove(host)
            now = time.monotonic()
            if waiting and now - begin > seconds:
                raise self._boot_error(waiting[0], f"no ssh after {seconds} s")
            if waiting and now - shown > 10:
                shown = now
                for host in waiting:
                    line = (image.tail(self.layout.console(host), 1) or ["…"])[-1]
                    say(f"{host}: {_printable(line)[:90]}")
            time.sleep(0.5)

    def _answers(self, host: str) -> bool:
        port = self._ssh_port(host)
        if not ssh.has_banner(port):
            return False
        try:
            done = subprocess.run(
                ssh.argv(self.layout, host, port, ["true"]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=90,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _boot_error(self, host: str, why: str) -> RigError:
        log, console = self.layout.log(host), self.layout.console(host)
        lines = [*image.tail(console, 40), *image.tail(log, 5)]
        return RigError(
            f"{host}: did not boot: {why}; the end of {console}:\n"
            + "\n".join(f"    {_printable(line)}" for line in lines)
        )

    def _set_clocks(self) -> None:
        """A restored machine believes it is the moment of the snapshot."""

        def one(host: str) -> None:
            argv = ssh.argv(
                self.layout, host, self._ssh_port(host), [f"date -s @{time.time():.0f}"]
            )
            for _attempt in range(3):
                try:
                    done = subprocess.run(
                        argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
                    )
                except subprocess.TimeoutExpired:
                    continue
                if done.returncode == 0:
                    return
            raise RigError(f"{host}: does not answer to ssh after the restore")

        with ThreadPoolExecutor(len(self.machines)) as pool:
            list(pool.map(one, self.machines))

    def _write_keys(self) -> None:
        ssh.make_key(self.layout.key, f"rig {self.layout.name}")
        known = []
        for host in self.machines:
            key = self.layout.host_key(host)
            ssh.make_key(key, host)
            known.append(f"{host} {Path(f'{key}.pub').read_text().strip()}\n")
        state.write(self.layout.known_hosts, "".join(known))

    def _write_inventory(self, memory: state.Memory) -> None:
        hosts = {
            host: {
                "ansible_host": "127.0.0.1",
                "ansible_port": memory.ports[host][22],
                "ansible_user": ssh.USER,
                "ansible_ssh_private_key_file": str(self.layout.key),
                "ansible_ssh_common_args": shlex.join(ssh.options(self.layout, host)),
                "ansible_python_interpreter": "/usr/bin/python3",
                "rig_forwards": {
                    str(guest): memory.ports[host][guest] for guest in machine.forward
                },
            }
            for host, machine in self.machines.items()
        }
        shared = {"rig_state": str(self.layout.folder), "rig_checkout": str(_CHECKOUT)}
        data = {"all": {"hosts": hosts, "vars": shared}}
        text = "---\n# Written by tools/rig up.\n" + yaml.safe_dump(data, width=1000)
        state.write(self.layout.inventory, text)


def _stop(record: Path) -> None:
    if process.stop(record):
        say(f"{record.stem}: stopped")


@contextmanager
def _undone_on_failure() -> Iterator[ExitStack]:
    """Call what the block has registered when it fails or is interrupted, the last first."""
    undo = ExitStack()
    try:
        yield undo
    except BaseException:
        with process.uninterrupted():
            undo.close()
        raise


def _check_snapshot_name(name: str) -> None:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise RigError(f"snapshot: found the name {name!r}, expected {_SNAPSHOT_NAME}")


def _create_disk(path: Path, size: Sequence[str], base: Path | None = None) -> None:
    backing = [] if base is None else ["-b", str(base), "-F", "qcow2"]
    partial = path.with_suffix(".new")
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(partial), *size]
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as exc:
        raise RigError(f"{path}: {exc.stderr.strip()}") from exc
    os.rename(partial, path)


def _printable(line: str) -> str:
    """A console line without what would move or colour the user's terminal."""
    return "".join(char for char in line if char.isprintable())
