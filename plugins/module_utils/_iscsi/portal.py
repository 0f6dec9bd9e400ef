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
    """Read a portal.

    >>> parse_portal("10.0.0.1")
    Portal(address='10.0.0.1', port=3260)
    >>> parse_portal("[FD00:0::1]:3261")
    Portal(address='fd00::1', port=3261)
    """
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        host, port = bracketed.group(1), bracketed.group(2)
    elif text.count(":") == 1:
        host, _colon, port = text.partition(":")
    else:
        host, port = text, None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise _not_a_portal(text) from None
    # A scope ("%eth0") names an interface of one host: that is the job of an iface record.
    if "%" in host or address.is_unspecified or address.is_multicast:
        raise _not_a_portal(text)
    if port is None:
        return Portal(str(address))
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise _not_a_portal(text)
    return Portal(str(address), int(port))


def _not_a_portal(text: str) -> ModelStoreError:
    return ModelStoreError(
        "portal",
        repr(text),
        "an IP address with an optional port (10.0.0.1, 10.0.0.1:3260, [fd00::1]:3260)",
        "Give the address that the target listens on; host names are not resolved.",
    )
