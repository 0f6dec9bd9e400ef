# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU's command lines. Pure: no process is started here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmrig.image import Image
from vmrig.inventory import Machine

QEMU = "qemu-system-x86_64"
KVM = ("-accel", "kvm", "-cpu", "host")
# Of the processors tried, Nehalem was the fastest to emulate.
TCG = ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem")

_APPEND = "root=/dev/vda rw console=ttyS0 systemd.show_status=1"


@dataclass(frozen=True)
class Paths:
    """The files of one machine."""

    root: Path
    disks: Mapping[str, Path]
    seed: Path
    console: Path
    qmp: Path
    sockets: Mapping[str, Path]


def mac(host: str, network: str = "") -> str:
    """A stable address for a machine's NIC; no *network* is the management NIC."""
    digest = hashlib.sha256(f"{host}/{network}".encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def nic_id(network: str) -> str:
    """The device that QMP's set_link names."""
    return f"nic-{network}"


def machine_argv(
    machine: Machine,
    image: Image,
    paths: Paths,
    ports: Mapping[int, int],
    accel: Sequence[str],
    identity: str,
    *,
    paused: bool = False,
) -> list[str]:
    """The command of one machine. *ports* maps the guest's ports to the host's."""
    machine_id = hashlib.sha256(f"{identity}/{machine.name}".encode()).hexdigest()[:32]
    argv = [QEMU, "-name", f"{machine.name},process=rig-{machine.name}", *accel]
    # q35 has less old hardware to wait for than the default.
    argv += ["-machine", "q35", "-m", f"{machine.memory}M", "-smp", str(machine.cpus)]
    argv += ["-no-user-config", "-nodefaults", "-display", "none", "-rtc", "base=utc"]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initrd)]
    argv += ["-append", f"{_APPEND} systemd.machine_id={machine_id}"]
    argv += ["-device", "virtio-rng-pci"]
    argv += _disk("root", "root", paths.root)
    for index, disk in enumerate(machine.disks):
        argv += _disk(f"disk{index}", disk.serial, paths.disks[disk.serial])
    forwards = "".join(
        f",hostfwd=tcp:127.0.0.1:{port}-:{guest}" for guest, port in sorted(ports.items())
    )
    argv += ["-netdev", f"user,id=management{forwards}"]
    argv += ["-device", f"virtio-net-pci,netdev=management,mac={mac(machine.name)}"]
    for network in machine.networks:
        # No host_mtu: the NIC must start at 1500 and accept 9000, as a real one does.
        argv += ["-netdev", _stream(f"net-{network}", paths.sockets[network], server=False)]
        nic = f"virtio-net-pci,id={nic_id(network)},netdev=net-{network}"
        argv += ["-device", f"{nic},mac={mac(machine.name, network)}"]
    argv += ["-fw_cfg", f"name=opt/tts-rig/seed,file={_value(paths.seed)}"]
    argv += ["-chardev", f"file,id=console,path={_value(paths.console)},append=on"]
    argv += ["-serial", "chardev:console"]
    argv += ["-qmp", f"unix:{_value(paths.qmp)},server=on,wait=off"]
    return [*argv, "-S"] if paused else argv


def hub_argv(network: str, sockets: Mapping[str, Path]) -> list[str]:
    """A switch: a QEMU without a machine, with one port for each member's socket."""
    argv = [QEMU, "-name", f"{network},process=rig-{network}"]
    argv += ["-machine", "none", "-no-user-config", "-nodefaults", "-display", "none"]
    for index, path in enumerate(sockets.values()):
        argv += ["-netdev", _stream(f"wire{index}", path, server=True)]
        argv += ["-netdev", f"hubport,id=port{index},hubid=0,netdev=wire{index}"]
    return argv


def probe_argv(image: Image) -> list[str]:
    """Boot the kernel under KVM far enough for its first line; the console is stdout."""
    argv = [QEMU, *KVM, "-m", "256M", "-no-user-config", "-nodefaults", "-display", "none"]
    argv += ["-kernel", str(image.kernel), "-append", "console=ttyS0 earlyprintk=ttyS0"]
    return [*argv, "-serial", "stdio"]


def _disk(name: str, serial: str, path: Path) -> list[str]:
    # writeback: what the guest has flushed is in the host's page cache, where a killed QEMU
    # process cannot lose it.
    drive = f"file={_value(path)},if=none,id={name},format=qcow2,cache=writeback,discard=unmap"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},serial={serial}"]


def _stream(name: str, path: Path, *, server: bool) -> str:
    state = "on" if server else "off"
    return f"stream,id={name},server={state},addr.type=unix,addr.path={_value(path)}"


def _value(path: Path) -> str:
    """In QEMU's options a comma in a value is written twice."""
    return str(path).replace(",", ",,")
