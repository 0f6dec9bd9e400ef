# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Paths to other hosts, and what is wrong with them. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

# What the headers of IP and ICMP take of a packet.
_HEADERS = {4: 20 + 8, 6: 40 + 8}
# The usual size of Ethernet: what passes where something on the way was left as it was.
USUAL = 1500
# What an interface has without an MTU of its own in a task of network_interfaces.
_MTU = 9000
# Every path carries these (RFC 791, RFC 8200).
_SMALLEST = {4: 68, 6: 1280}


@dataclass(frozen=True)
class Path:
    """The way from this host to another one.

    :param interface: where packets leave; empty when there is no route.
    :param source: the address they come from.
    :param mtu: what the interface sends in one piece, in bytes.
    :param speed: of the link in Mbit/s; None when the card does not say.
    :param largest: the largest packet that comes back, in bytes; 0 when none does.
    """

    destination: str
    interface: str = ""
    source: str = ""
    mtu: int = 0
    speed: int | None = None
    largest: int = 0

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {**asdict(self), "full_size": self.mtu > 0 and self.largest >= self.mtu}


def address(text: str) -> str:
    """An address in the canonical spelling."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ModelStoreError(
            "destinations",
            repr(text),
            "an IP address",
            "Give the addresses of the portals, without a port.",
        ) from None


def payload(destination: str, size: int) -> int:
    """The data of an ICMP packet that is as large as ``size`` in all."""
    return size - _HEADERS[ipaddress.ip_address(destination).version]


def route(text: str) -> tuple[str, str]:
    """Interface and source in ``ip -json route get``; empty when there is no route."""
    for entry in json.loads(text or "[]"):
        if "dev" in entry and entry["dev"] != "lo":
            return entry["dev"], str(entry.get("prefsrc") or "")
    return "", ""


def largest(destination: str, mtu: int, passes: Callable[[int], bool]) -> int:
    """The largest packet that passes, found in few tries; 0 when none does.

    :param passes: whether a packet of this size comes back.
    """
    smallest = _SMALLEST[ipaddress.ip_address(destination).version]
    if passes(mtu):
        return mtu
    if not passes(smallest):
        return 0
    low, high = smallest, mtu  # the first passes, the second does not
    # What something on the way was left at is tried first, and whether it is just that.
    likely = [USUAL + 1, USUAL]
    while high - low > 1:
        guess = likely.pop() if likely else (low + high) // 2
        if not low < guess < high:
            continue
        if passes(guess):
            low = guess
        else:
            high = guess
    return low


def faults(
    outward: Iterable[Mapping[str, Any]], backward: Iterable[Mapping[str, Any]]
) -> list[str]:
    """What is wrong with the paths of one host, a line each.

    :param outward: its paths, with ``host`` for its own name.
    :param backward: the paths of the other hosts to it, with their names.
    """
    ways_back = {path["destination"]: path for path in backward}
    found = []
    for path in outward:
        back = ways_back.get(path["source"]) if path["source"] else None
        if not path["interface"]:
            found.append("%s has no route to %s" % (path["host"], path["destination"]))
        elif not _is_good(path, back):
            found.append(_fault(path, back))
    return found


def _is_good(path: Mapping[str, Any], back: Mapping[str, Any] | None) -> bool:
    # A packet of the full size gets through to an end that sends smaller ones, so that both ends
    # are asked, and what they send is compared.
    return path["full_size"] and (
        back is None or (back["full_size"] and back["mtu"] == path["mtu"])
    )


def _fault(path: Mapping[str, Any], back: Mapping[str, Any] | None) -> str:
    text = "%s %s (mtu %d) to portal %s" % (
        path["host"],
        path["interface"],
        path["mtu"],
        path["destination"],
    )
    if back:
        text += " on %s %s (mtu %d)" % (back["host"], back["interface"], back["mtu"])
    if not path["largest"]:
        return text + ": no answer"
    passes = min(one["largest"] for one in (path, back) if one)
    return text + ": at most %d bytes pass in one piece both ways" % passes


def limits(
    outward: Iterable[Mapping[str, Any]], backward: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """The largest MTU with which bad paths become good ones, for each address that needs it.

    All ends of a network have to send packets of one size. So what has to be made smaller at one
    end is made smaller for all that it talks to, over however many others.

    :param outward: the paths of all hosts that log in.
    :param backward: the paths back to them.
    """
    ways_back = {path["destination"]: path for path in backward}
    sizes: dict[str, int] = {}
    bad: set[str] = set()
    edges = []
    for path in outward:
        back = ways_back.get(path["source"])
        if not path["source"] or not path["largest"] or (back and not back["largest"]):
            continue  # a smaller packet would not get through either
        ends = (path["source"], path["destination"])
        ways = [way for way in (path, back) if way]
        edges.append(ends)
        for end in ends:
            known = [sizes[end]] if end in sizes else []
            sizes[end] = min(known + [way["largest"] for way in ways])
        if not _is_good(path, back):
            bad.update(ends)
    before = None
    while before != (sizes, bad):  # from each end to those that it talks to, and on to theirs
        before = (dict(sizes), set(bad))
        for ends in edges:
            sizes.update(dict.fromkeys(ends, min(sizes[end] for end in ends)))
            if bad.intersection(ends):
                bad.update(ends)
    return {end: sizes[end] for end in sorted(bad)}


def limited(
    interfaces: Iterable[Mapping[str, Any]], found: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Interfaces as a task takes them, with an MTU within what was found for their addresses."""
    made = []
    for entry in interfaces:
        addresses = {str(ipaddress.ip_interface(text).ip) for text in entry["addresses"]}
        sizes = [size for end, size in found.items() if end in addresses]
        mtu = min([int(entry.get("mtu") or _MTU), *sizes])
        made.append({**entry, "mtu": mtu} if sizes else dict(entry))
    return made
