# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Portals as users write them, in one spelling."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

DEFAULT_PORT = 3260  # assigned by IANA

_BRACKETED = re.compile(r"\[([^\[\]]+)\](?::([^:]*))?")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, order=True)
class Portal:
    """An address and a TCP port of a target.

    >>> str(Portal("fd00::1", 3260))
    '[fd00::1]:3260'
    """

    address: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return ("[%s]:%d" if ":" in self.address else "%s:%d") % (self.address, self.port)


def parse_portal(text: str) -> Portal:
    """Read a portal that is written with an address.

    >>> parse_portal("10.0.0.1")
    Portal(address='10.0.0.1', port=3260)
    >>> parse_portal("[FD00:0::1]:3261")
    Portal(address='fd00::1', port=3261)
    """
    host, port = split_portal(text)
    address = usable_address(host)
    if address is None:
        raise not_a_portal(text, "an IP address")
    return Portal(address, port)


def split_portal(text: str) -> tuple[str, int]:
    """Host (an address or a name) and port as they are written.

    >>> split_portal("store1.example.com:3261")
    ('store1.example.com', 3261)
    """
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        host, port = bracketed.group(1), bracketed.group(2)
        if ":" not in host:
            raise not_a_portal(text, "an IPv6 address in the brackets")
    elif text.count(":") == 1:
        host, _colon, port = text.partition(":")
    else:
        host, port = text, None
    if port is None:
        return host, DEFAULT_PORT
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise not_a_portal(text, "a port from 1 to 65535")
    return host, int(port)


def usable_address(host: str) -> str | None:
    """The canonical form of an address that can be connected to; None when it is not one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    # A scope ("%eth0") names an interface of one host: that is the job of an iface record.
    if "%" in host or address.is_unspecified or address.is_multicast:
        return None
    return str(address)


def is_host_name(host: str) -> bool:
    """Whether this can be the name of a host (RFC 1123).

    The last part of a name is never a number: ``10.0.0`` and ``10.0.0.300`` are addresses gone
    wrong, which a resolver would take for others.
    """
    labels = host.rstrip(".").split(".")
    return (
        len(host) <= 253
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()
    )


def not_a_portal(text: str, expected: str) -> ModelStoreError:
    """The error for a portal that cannot be read."""
    return ModelStoreError(
        "portal",
        repr(text),
        "%s, with an optional port (10.0.0.1, 10.0.0.1:3260, [fd00::1]:3260)" % expected,
        "Give the address that the target listens on.",
    )
