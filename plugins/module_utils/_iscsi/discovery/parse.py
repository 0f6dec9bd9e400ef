# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What discoveries print as data."""

from __future__ import annotations

import re

from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.model import (
    OfferedPortal,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import (
    Portal,
    usable_address,
)

# iscsiadm puts all in brackets that has no dot in it.
_OFFER = re.compile(r"(?:\[([^\[\]]+)\]|([^\s:\[\]]+)):(\d+),(-?\d+) (\S+)")


def offers(stdout: str) -> tuple[OfferedPortal, ...]:
    """The portals of a discovery, each once.

    Those that no other host could reach (link-local IPv6 with a scope, 0.0.0.0) are left out.
    """
    found = []
    for line in stdout.splitlines():
        match = _OFFER.fullmatch(line.strip())
        address = match and usable_address(match.group(1) or match.group(2))
        if match and address:
            tag = int(match.group(4))
            portal = Portal(address, int(match.group(3)))
            found.append(OfferedPortal(match.group(5), portal, None if tag < 0 else tag))
    return tuple(dict.fromkeys(found))


def complaints(stderr: str) -> tuple[str, ...]:
    """What went wrong with the portal itself, each message once.

    With an iface named, iscsiadm calls an unreachable portal and one without a target for us by
    the same exit code; the messages tell them apart.
    """
    lines = [line.strip().removeprefix("iscsiadm: ") for line in stderr.splitlines()]
    return tuple(dict.fromkeys(line for line in lines if line and line != "No portals found"))
