# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Network interfaces: those that a host has, and those that a task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action

NETWORKD, NETWORKMANAGER, IFUPDOWN, NETPLAN = "networkd", "networkmanager", "ifupdown", "netplan"
BACKENDS = (NETPLAN, NETWORKMANAGER, NETWORKD, IFUPDOWN)
ETHERNET, BOND, VLAN = "ethernet", "bond", "vlan"


@dataclass(frozen=True)
class Device:
    """An interface as the kernel shows it.

    :param mac: its own address, also while a bond gives it another one.
    :param kind: ``ethernet`` or what the kernel calls it (``vlan``, ``bond``, ...).
    :param addresses: with prefix, without those of the link.
    :param parent: the interface that a VLAN is on.
    :param master: the bond or bridge that it is a part of.
    :param pci: PCI addresses on the way to it, the nearest one last.
    :param max_mtu: the largest that the driver takes, in bytes; 0 for no limit.
    """

    name: str
    mac: str = ""
    kind: str = ETHERNET
    mtu: int = 1500
    max_mtu: int = 0
    up: bool = True
    addresses: tuple[str, ...] = ()
    parent: str = ""
    master: str = ""
    vlan: int = 0
    bond_mode: str = ""
    pci: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """What a host has of network interfaces and of their configuration.

    :param protected: interface → why it is not touched.
    :param backends: those that are active.
    :param unmanaged: interfaces that NetworkManager leaves alone.
    :param files: our own files of all backends: path → text.
    :param foreign: files of others that name interfaces: path → text.
    :param armed: a rollback is waiting.
    """

    devices: tuple[Device, ...] = ()
    protected: Mapping[str, str] = field(default_factory=dict)
    backends: frozenset[str] = frozenset()
    unmanaged: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    foreign: Mapping[str, str] = field(default_factory=dict)
    armed: bool = False

    def device(self, name: str) -> Device | None:
        """The interface of this name."""
        return next((device for device in self.devices if device.name == name), None)


@dataclass(frozen=True)
class Wanted:
    """An interface as it should be.

    :param match_mac: the address that the configuration finds it by; empty for its name.
    :param parent: for a VLAN, the interface that it is on.
    :param master: the bond that it is a part of.
    :param vlans: the VLANs on it.
    :param members: the parts of a bond.
    """

    name: str
    kind: str
    mtu: int
    addresses: tuple[str, ...] = ()
    match_mac: str = ""
    parent: str = ""
    vlan: int = 0
    vlans: tuple[str, ...] = ()
    master: str = ""
    bond_mode: str = ""
    members: tuple[str, ...] = ()

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {"mtu": self.mtu, "addresses": list(self.addresses)}

    def differs(self, device: Device | None) -> bool:
        """Whether the kernel does not have it like this."""
        if device is None or device.kind != self.kind:
            return True
        return (
            device.mtu != self.mtu
            or not device.up
            or set(device.addresses) != set(self.addresses)
            or (self.kind == VLAN and (device.parent, device.vlan) != (self.parent, self.vlan))
            or (self.kind == BOND and device.bond_mode != self.bond_mode)
            or device.master != self.master
        )


@dataclass(frozen=True)
class Write(Action):
    """A step that writes files.

    :param files: path → text. The user sees them in the diff and not in ``actions``.
    """

    files: Mapping[str, str] = field(default_factory=dict)
