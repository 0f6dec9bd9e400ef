# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Discovery records, and what portals answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_CHAP, Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal


@dataclass(frozen=True)
class DiscoveryRecord:
    """How one portal is asked for its targets.

    :param method: the authentication method as the record has it.
    :param chap_algorithms: the digests offered, as the record has them.
    """

    portal: Portal
    chap: Chap = NO_CHAP
    method: str = ""
    chap_algorithms: str = ""

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {
            "portal": str(self.portal),
            "address": self.portal.address,
            "port": self.portal.port,
            "chap": bool(self.chap.username),
            "chap_username": self.chap.username or None,
            "mutual_chap": bool(self.chap.mutual_username),
        }


@dataclass(frozen=True)
class OfferedPortal:
    """A portal of a target as a discovery names it.

    :param tpgt: the portal group tag; None when the target names none.
    """

    target: str
    portal: Portal
    tpgt: int | None

    def public(self) -> dict[str, Any]:
        """In the form the user sees, within its target."""
        return {
            "portal": str(self.portal),
            "address": self.portal.address,
            "port": self.portal.port,
            "tpgt": self.tpgt,
        }


def public_targets(offered: tuple[OfferedPortal, ...]) -> list[dict[str, Any]]:
    """All targets with their portals, in the form the user sees."""
    targets: dict[str, list[dict[str, Any]]] = {}
    for offer in offered:
        targets.setdefault(offer.target, []).append(offer.public())
    return [{"target": target, "portals": portals} for target, portals in targets.items()]
