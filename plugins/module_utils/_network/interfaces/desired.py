# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What a network_interfaces task asks for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

# A name in the kernel has 15 bytes at most, and neither blanks nor slashes.
_NAME = re.compile(r"[^\s/:]{1,15}")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_RULES = {
    "interface": (_NAME, "the name of a network interface (eth1)"),
    "mac": (_MAC, "six pairs of hexadecimal digits (52:54:00:12:34:56)"),
    "pci": (_PCI, "a PCI address with its domain (0000:00:04.0)"),
}
# An IPv6 link must carry 1280 bytes (RFC 8200), an IPv4 one 68 (RFC 791); the larger is no
# restriction for storage. The upper end is what the field for the length of a packet can say.
_MTU = range(1280, 65536)
_VLAN = range(1, 4095)
_ROLLBACK = range(20, 601)


@dataclass(frozen=True)
class Selector:
    """What names a network card: ``interface``, ``mac`` or ``pci``, and its value."""

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value if self.kind == "interface" else "%s %s" % (self.kind, self.value)


@dataclass(frozen=True)
class Link:
    """One entry of the task: a card or a bond, perhaps a VLAN on it, and its addresses."""

    cards: tuple[Selector, ...]
    bond: str
    bond_mode: str
    vlan: int
    mtu: int
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Desired:
    """The whole task.

    :param backend: one of the backends, or ``auto``.
    :param rollback: seconds until the old configuration comes back by itself.
    :param confirm: the connection has been seen to work, so the rollback is called off.
    """

    links: tuple[Link, ...]
    backend: str
    rollback: int
    confirm: bool


def desired_network(params: Mapping[str, Any]) -> Desired:
    """Check the options of the module."""
    links = tuple(_link(entry) for entry in params["interfaces"] or [])
    _refuse_twice("interface", [str(card) for link in _bases(links) for card in link.cards])
    _refuse_twice("address", [address for link in links for address in link.addresses])
    return Desired(
        links=links,
        backend=params["backend"],
        rollback=_within("rollback", params["rollback"], _ROLLBACK),
        confirm=params["confirm"],
    )


def _bases(links: tuple[Link, ...]) -> list[Link]:
    """One link for each card or bond: several VLANs may share it."""
    return list({(link.cards, link.bond): link for link in links}.values())


def _link(entry: Mapping[str, Any]) -> Link:
    members = entry.get("members") or []
    bond = entry.get("bond") or ""
    if bond:
        _matching("bond", bond, "interface")
    if bool(bond) != bool(members):
        raise ModelStoreError(
            "interfaces",
            "bond %s with %d members" % (bond or "(none)", len(members)),
            "both a bond and its members, or neither",
            "Give the bond a name and list the cards it is made of.",
        )
    cards = tuple(_selector(card) for card in members) if bond else (_selector(entry),)
    addresses = tuple(_address(text) for text in entry.get("addresses") or [])
    if not addresses:
        raise ModelStoreError(
            "interfaces entry %s" % (bond or cards[0]),
            "no address",
            "at least one",
            "Add the address on the storage network with its prefix, such as 10.77.1.21/24.",
        )
    return Link(
        cards=cards,
        bond=bond,
        bond_mode=entry.get("bond_mode") or "active-backup",
        vlan=_within("vlan", entry["vlan"], _VLAN) if entry.get("vlan") is not None else 0,
        mtu=_within("mtu", entry.get("mtu", 9000), _MTU),
        addresses=addresses,
    )


def _selector(entry: Mapping[str, Any]) -> Selector:
    given = [(kind, entry[kind]) for kind in _RULES if entry.get(kind)]
    if len(given) != 1:
        raise ModelStoreError(
            "interfaces",
            "an entry with %s" % (" and ".join(kind for kind, _value in given) or "no card"),
            "exactly one of interface, mac and pci",
            "Name the card in one way.",
        )
    kind, value = given[0]
    value = value if kind == "interface" else value.lower()
    return Selector(kind, _matching(kind, value, kind))


def _matching(option: str, value: str, rule: str) -> str:
    pattern, expected = _RULES[rule]
    if not pattern.fullmatch(value):
        raise ModelStoreError(
            option, repr(value), expected, "'ip link' shows the ones of the host."
        )
    return value


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_interface(text)
    except ValueError:
        address = None
    if address is None or "/" not in text:
        raise ModelStoreError(
            "addresses",
            repr(text),
            "an address with its prefix",
            "Write it like 10.77.1.21/24 or fd77:1::21/64.",
        )
    return str(address)


def _within(option: str, value: int, allowed: range) -> int:
    if value not in allowed:
        raise ModelStoreError(
            option,
            str(value),
            "%d to %d" % (allowed[0], allowed[-1]),
            "Choose a value in that range.",
        )
    return value


def _refuse_twice(what: str, values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ModelStoreError(
            "interfaces",
            "%s %s more than once" % (what, ", ".join(twice)),
            "each in one entry",
            "Take it out of the others.",
        )
