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
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import DEFAULT_IFACE
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import (
    iface_name,
    target_name,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal

Place = tuple[Portal, str]  # a portal and the iface it is reached through


@dataclass(frozen=True)
class DesiredSessions:
    """The sessions to one target as they should be.

    :param multipath: the disks in ``wwids`` have to be paths of multipath maps.
    :param exclusive: sessions at other portals are ended.
    :param relogin: sessions that do not run with what their node records say log in anew.
    :param partial: with one working session the failure of others is no failure.
    :param given_up: where the login was tried in vain, as far as ``partial`` permits it.
    """

    target: str
    portals: tuple[Portal, ...]
    connected: bool
    wwids: tuple[str, ...] = ()
    ifaces: tuple[str, ...] = (DEFAULT_IFACE,)
    multipath: bool = False
    exclusive: bool = False
    relogin: bool = True
    partial: bool = False
    given_up: frozenset[Place] = frozenset()

    @property
    def places(self) -> tuple[Place, ...]:
        """Where there should be a session."""
        return tuple((portal, iface) for portal in self.portals for iface in self.ifaces)


def desired_sessions(params: Mapping[str, Any], portals: tuple[Portal, ...]) -> DesiredSessions:
    """Check the options of the module.

    :param portals: those of the option, resolved.
    """
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
    if connected and not portals:
        raise ModelStoreError(
            "portals", "none", "at least one", "Name the portals to be connected to."
        )
    if connected and params["multipath"] and not params["wwids"]:
        raise ModelStoreError(
            "wwids",
            "none, with multipath=true",
            "the WWIDs of the disks that belong into maps",
            "Name them, or leave multipath out.",
        )
    if not params["ifaces"]:
        raise ModelStoreError("ifaces", "none", "at least one", "Leave it out for the default.")
    return DesiredSessions(
        target=target_name(params["target"]),
        portals=portals,
        connected=connected,
        wwids=tuple(dict.fromkeys(params["wwids"])),
        ifaces=tuple(dict.fromkeys(iface_name(name) for name in params["ifaces"])),
        multipath=params["multipath"],
        exclusive=params["exclusive"],
        relogin=params["relogin"],
        partial=params["on_partial"] == "warn",
    )
