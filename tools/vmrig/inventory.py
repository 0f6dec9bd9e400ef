# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines an Ansible inventory file declares with the host variable ``rig_machine``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path
from typing import Any

import yaml

from vmrig.errors import RigError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_NETWORK = re.compile(r"[a-z0-9_]{1,24}")
# virtio-blk has room for 20 bytes.
_SERIAL = re.compile(r"[A-Za-z0-9_.-]{1,20}")
_SIZE = re.compile(r"[1-9][0-9]*[MG]")
_KEYS = {"memory", "cpus", "disks", "networks", "forward", "mtu"}
_COLLECTIONS = (("disks", list, "list"), ("forward", list, "list"), ("networks", dict, "mapping"))
_SSH = 22

Addresses = tuple[IPv4Interface | IPv6Interface, ...]


@dataclass(frozen=True)
class Disk:
    """An extra disk: ``/dev/disk/by-id/virtio-<serial>`` in the machine."""

    serial: str
    size: str


@dataclass(frozen=True)
class Machine:
    """One machine of the rig. Memory in MiB; ``forward`` are ports reachable from the host."""

    name: str
    memory: int = 1024
    cpus: int = 1
    disks: tuple[Disk, ...] = ()
    networks: Mapping[str, Addresses] = field(default_factory=dict)
    forward: tuple[int, ...] = ()
    mtu: int | None = None

    @property
    def guest_ports(self) -> tuple[int, ...]:
        """The ports that get one on the host's loopback: ssh first."""
        return (_SSH, *self.forward)


class _Loader(yaml.SafeLoader):
    """Plain YAML; what Ansible tags (vaulted values) is read as nothing."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def load(path: Path) -> dict[str, Machine]:
    """Read the machines file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise RigError(
            f"machines file {path}: {exc.strerror}", "Name another one with --machines FILE."
        ) from exc
    return parse(text, str(path))


def parse(text: str, origin: str) -> dict[str, Machine]:
    """Find every host with ``rig_machine`` in any group of the inventory *text*."""
    try:
        data = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as exc:
        raise RigError(f"{origin}: not YAML: {exc}") from exc
    machines: dict[str, Machine] = {}
    for name, values in _hosts(data):
        if not isinstance(values, dict) or "rig_machine" not in values:
            continue
        machine = _machine(name, values["rig_machine"], f"{origin}: {name}: rig_machine")
        if machines.setdefault(name, machine) != machine:
            raise RigError(f"{origin}: {name}: two different rig_machine")
    if not machines:
        raise RigError(
            f"{origin}: no machines",
            "Give at least one host the variable rig_machine, {} for the defaults.",
        )
    _check_addresses(machines, origin)
    return machines


def networks(machines: Mapping[str, Machine]) -> dict[str, list[str]]:
    """Every storage network with the machines that are on it."""
    found: dict[str, list[str]] = {}
    for machine in machines.values():
        for network in machine.networks:
            found.setdefault(network, []).append(machine.name)
    return found


def _hosts(groups: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(groups, dict):
        return
    for group in groups.values():
        if not isinstance(group, dict):
            continue
        hosts = group.get("hosts")
        if isinstance(hosts, dict):
            for name, values in hosts.items():
                yield str(name), values
        yield from _hosts(group.get("children"))


def _machine(name: str, raw: Any, where: str) -> Machine:
    if not _NAME.fullmatch(name):
        raise RigError(
            f"{where}: the host's name must be 1 to 32 lower-case letters, digits and dashes"
        )
    if not isinstance(raw, dict):
        raise RigError(f"{where}: found {raw!r}, expected a mapping")
    unknown = sorted(set(map(str, raw)) - _KEYS)
    if unknown:
        raise RigError(
            f"{where}: unknown {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}"
        )
    for key, kind, expected in _COLLECTIONS:
        if not isinstance(raw.get(key, kind()), kind):
            raise RigError(f"{where}.{key}: found {raw[key]!r}, expected a {expected}")
    if _SSH in raw.get("forward", []):
        raise RigError(f"{where}.forward: {_SSH} is forwarded anyway")
    disks = tuple(_disk(item, f"{where}.disks[{i}]") for i, item in enumerate(raw.get("disks", [])))
    if len({disk.serial for disk in disks}) != len(disks):
        raise RigError(f"{where}.disks: two disks have the same serial")
    mtu = raw.get("mtu")
    return Machine(
        name=name,
        memory=_number(raw.get("memory", 1024), 256, 1 << 20, f"{where}.memory"),
        cpus=_number(raw.get("cpus", 1), 1, 64, f"{where}.cpus"),
        disks=disks,
        networks={
            str(network): _addresses(network, value, f"{where}.networks.{network}")
            for network, value in raw.get("networks", {}).items()
        },
        forward=tuple(
            _number(port, 1, 65535, f"{where}.forward") for port in raw.get("forward", [])
        ),
        mtu=None if mtu is None else _number(mtu, 576, 9216, f"{where}.mtu"),
    )


def _disk(raw: Any, where: str) -> Disk:
    if not isinstance(raw, dict) or set(raw) != {"serial", "size"}:
        raise RigError(f"{where}: found {raw!r}, expected serial and size")
    serial, size = str(raw["serial"]), str(raw["size"])
    if not _SERIAL.fullmatch(serial):
        raise RigError(f"{where}.serial: found {serial!r}, expected 1 to 20 of A-Z a-z 0-9 _ . -")
    if not _SIZE.fullmatch(size):
        raise RigError(f"{where}.size: found {size!r}, expected a number with M or G")
    return Disk(serial, size)


def _addresses(network: Any, raw: Any, where: str) -> Addresses:
    """One address, or a list of them; a card without any is left to the machine's user."""
    if not _NETWORK.fullmatch(str(network)):
        raise RigError(f"{where}: a network's name is 1 to 24 lower-case letters, digits and _")
    values = raw if isinstance(raw, list) else [raw]
    return tuple(_address(value, where) for value in values)


def _address(raw: Any, where: str) -> IPv4Interface | IPv6Interface:
    try:
        if "/" not in str(raw):
            raise ValueError
        return ip_interface(str(raw))
    except ValueError as exc:
        raise RigError(
            f"{where}: found {raw!r}, expected an address like 10.77.1.10/24 or fd77:1::10/64"
        ) from exc


def _number(raw: Any, least: int, most: int, where: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not least <= raw <= most:
        raise RigError(f"{where}: found {raw!r}, expected a number from {least} to {most}")
    return raw


def _check_addresses(machines: Mapping[str, Machine], origin: str) -> None:
    owners: dict[tuple[str, str], str] = {}
    for machine in machines.values():
        for network, addresses in machine.networks.items():
            for address in addresses:
                other = owners.setdefault((network, str(address.ip)), machine.name)
                if other != machine.name:
                    raise RigError(
                        f"{origin}: {other} and {machine.name} both have {address.ip} on {network}"
                    )
