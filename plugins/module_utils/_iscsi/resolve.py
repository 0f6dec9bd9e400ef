# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Portals with host names, as addresses: node records hold nothing else.

A name in a record would be looked up again at each login, also at boot without a name server, and
sessions show addresses only.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import (
    Portal,
    is_host_name,
    not_a_portal,
    split_portal,
    usable_address,
)

Lookup = Callable[..., Sequence[tuple[Any, ...]]]


def resolve_portals(
    texts: Sequence[str], lookup: Lookup = socket.getaddrinfo
) -> tuple[Portal, ...]:
    """All portals in their order, each once. A name stands for all its addresses."""
    found = [portal for text in texts for portal in resolve_portal(text, lookup)]
    return tuple(dict.fromkeys(found))


def resolve_portal(text: str, lookup: Lookup = socket.getaddrinfo) -> tuple[Portal, ...]:
    """The portals that one text stands for."""
    host, port = split_portal(text)
    address = usable_address(host)
    if address is not None:
        return (Portal(address, port),)
    if not is_host_name(host):
        raise not_a_portal(text, "an IP address or a host name")
    try:
        answers = lookup(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ModelStoreError(
            "portal %s" % text,
            "no address for %s (%s)" % (host, error.strerror or error),
            "a name that this host can resolve",
            "Check the name, /etc/hosts and the name servers of this host, or give the address.",
        ) from error
    addresses = [usable_address(answer[4][0]) for answer in answers]
    if not addresses or None in addresses:
        raise ModelStoreError(
            "portal %s" % text,
            "%s for %s" % (", ".join(answer[4][0] for answer in answers) or "nothing", host),
            "addresses that can be connected to",
            "Give the address that the target listens on.",
        )
    return tuple(dict.fromkeys(Portal(found, port) for found in addresses if found))
