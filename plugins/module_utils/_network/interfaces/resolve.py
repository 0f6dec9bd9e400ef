# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From what a task asks for to interfaces with names, on the host that it runs on."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.desired import (
    Link,
    Selector,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    BOND,
    ETHERNET,
    VLAN,
    Device,
    Observed,
    Wanted,
)

_LONGEST_NAME = 15


def resolve(links: Iterable[Link], observed: Observed) -> tuple[Wanted, ...]:
    """The interfaces that are wanted: cards first, then bonds, then VLANs.

    :raises ModelStoreError: there is no such card, or it must not be touched.
    """
    bases: dict[str, list[Link]] = {}
    for link in links:
        bases.setdefault(link.bond or _card(link.cards[0], observed).name, []).append(link)
    wanted = [one for name, group in bases.items() for one in _base(name, group, observed)]
    order = (ETHERNET, BOND, VLAN)
    return tuple(sorted(wanted, key=lambda one: order.index(one.kind)))


def _base(name: str, links: list[Link], observed: Observed) -> Iterable[Wanted]:
    """A card or a bond with its members, and the VLANs on it."""
    first = links[0]
    if any((link.cards, link.bond_mode) != (first.cards, first.bond_mode) for link in links):
        raise ModelStoreError(
            "bond %s" % name,
            "entries with other members or another mode",
            "the same in each entry",
            "Several entries of one bond differ in vlan, mtu and addresses only.",
        )
    vlans = {link.vlan: _vlan_name(name, link.vlan) for link in links if link.vlan}
    untagged = [link for link in links if not link.vlan]
    if len(vlans) + len(untagged) != len(links) or len(untagged) > 1:
        raise ModelStoreError(
            "interface %s" % name,
            "several entries for the same VLAN",
            "one entry for each VLAN of a card or bond",
            "Put all addresses into one entry.",
        )
    # Nothing that goes through it may be larger.
    mtu = max(link.mtu for link in links)
    addresses = untagged[0].addresses if untagged else ()
    cards = [(_card(card, observed), card) for card in first.cards]
    if first.bond:
        members = tuple(device.name for device, _card in cards)
        for device, card in cards:
            yield Wanted(device.name, ETHERNET, mtu, match_mac=_match(device, card), master=name)
        yield Wanted(
            name,
            BOND,
            mtu,
            addresses,
            vlans=tuple(vlans.values()),
            bond_mode=first.bond_mode,
            members=members,
        )
    else:
        ((device, card),) = cards
        yield Wanted(
            name, ETHERNET, mtu, addresses, _match(device, card), vlans=tuple(vlans.values())
        )
    for link in links:
        if link.vlan:
            yield Wanted(
                vlans[link.vlan], VLAN, link.mtu, link.addresses, parent=name, vlan=link.vlan
            )


def _match(device: Device, card: Selector) -> str:
    return device.mac if card.kind == "mac" else ""


def _vlan_name(base: str, vlan: int) -> str:
    name = "%s.%d" % (base, vlan)
    if len(name) > _LONGEST_NAME:
        raise ModelStoreError(
            "VLAN %d on %s" % (vlan, base),
            "the name %s of %d characters" % (name, len(name)),
            "%d at most, which is the kernel's limit" % _LONGEST_NAME,
            "Give the card a shorter name, or put it into a bond with one.",
        )
    return name


def _card(selector: Selector, observed: Observed) -> Device:
    cards = [device for device in observed.devices if device.kind == ETHERNET]
    found = [device for device in cards if _is(device, selector)]
    if len(found) != 1:
        raise ModelStoreError(
            "interface %s" % selector,
            "%s of the cards %s"
            % (
                " and ".join(device.name for device in found) or "none",
                ", ".join("%s (mac %s)" % (device.name, device.mac) for device in cards)
                or "(none)",
            ),
            "exactly one",
            "Name one of these by interface, mac or pci.",
        )
    device = found[0]
    if device.name in observed.protected:
        raise ModelStoreError(
            "interface %s" % device.name,
            observed.protected[device.name],
            "a card that only serves storage",
            "Nothing was changed. Name another card; this one is never touched.",
        )
    return device


def _is(device: Device, selector: Selector) -> bool:
    if selector.kind == "interface":
        return device.name == selector.value
    if selector.kind == "mac":
        return device.mac == selector.value
    return device.pci[-1:] == (selector.value,)
