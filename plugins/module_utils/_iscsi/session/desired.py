# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What an iscsi_session task asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import target_name
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import (
    Portal,
    parse_portal,
)


@dataclass(frozen=True)
class DesiredSessions:
    """The sessions to one target as they should be."""

    target: str
    portals: tuple[Portal, ...]
    connected: bool
    wwids: tuple[str, ...] = ()


def desired_sessions(params: Mapping[str, Any]) -> DesiredSessions:
    """Check the options of the module."""
    for wwid in params["wwids"]:
        if not re.fullmatch(r"[0-9a-f]{9,33}", wwid):
            raise ModelStoreError(
                "wwids",
                repr(wwid),
                "a WWID as multipath shows it (3 and the digits of the NAA identifier)",
                "Use the filter tts.modelstore.wwid, or 'multipath -ll' on a host that has it.",
            )
    for option in ("login_timeout", "device_timeout"):
        if params[option] < 1:
            raise ModelStoreError(
                option, str(params[option]), "1 second or more", "Nothing here waits for ever."
            )
    connected = params["state"] == "connected"
    if connected and not params["portals"]:
        raise ModelStoreError(
            "portals", "none", "at least one", "Name the portals to be connected to."
        )
    return DesiredSessions(
        target=target_name(params["target"]),
        portals=tuple(dict.fromkeys(parse_portal(text) for text in params["portals"])),
        connected=connected,
        wwids=tuple(dict.fromkeys(params["wwids"])),
    )
