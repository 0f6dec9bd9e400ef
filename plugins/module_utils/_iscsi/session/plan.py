# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the sessions that are there to those that should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import LOGGED_IN, Session
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    DesiredSessions,
)


@dataclass(frozen=True)
class ObservedSessions:
    """What the host has of one target.

    :param uses: for each disk of the sessions that is in use, by what ("mounted at /srv").
    """

    sessions: tuple[Session, ...] = ()
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def plan_sessions(desired: DesiredSessions, observed: ObservedSessions) -> Plan:
    """The steps for one target."""
    return (_connected if desired.connected else _disconnected)(desired, observed)


def state(desired: DesiredSessions, observed: ObservedSessions) -> dict[str, Any]:
    """The sessions that the task speaks of, and what they bring, in the form the user sees."""
    sessions = [session.public() for session in matching(desired, observed.sessions)]
    devices = [device for session in sessions for device in session["devices"]]
    return {
        "sessions": sessions,
        "devices": ["/dev/" + device["name"] for device in devices],
        "wwids": sorted({device["wwid"] for device in devices if device["wwid"]}),
    }


def matching(desired: DesiredSessions, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """The sessions that the task speaks of."""
    return tuple(s for s in sessions if not desired.portals or s.portal in desired.portals)


def _connected(desired: DesiredSessions, observed: ObservedSessions) -> Plan:
    actions: list[Action] = []
    after: list[dict[str, Any]] = []
    for portal in desired.portals:
        sessions = [s for s in observed.sessions if s.portal == portal]
        working = [s for s in sessions if s.state == LOGGED_IN]
        where = {"target": desired.target, "portal": str(portal), "wwids": list(desired.wwids)}
        subject = "%s at %s" % (desired.target, portal)
        if not sessions:
            actions.append(Action("login", subject, where))
            after.append(_predicted(desired, portal))
        elif not working:
            # iscsid is at it already; a second login would not make it faster.
            actions.append(Action("wait_for_session", subject, where))
        for session in working:
            missing = session.missing(desired.wwids)
            if missing:
                what = "session %d (%s)" % (session.sid, subject)
                actions.append(Action("rescan", what, {**where, "sid": session.sid}))
        for session in sessions:
            public = session.public()
            devices = public["devices"] + _predicted_devices(session.missing(desired.wwids))
            after.append({**public, "state": LOGGED_IN, "devices": devices})
    before = [session.public() for session in matching(desired, observed.sessions)]
    return Plan(tuple(actions), {"sessions": before}, {"sessions": after})


def _disconnected(desired: DesiredSessions, observed: ObservedSessions) -> Plan:
    sessions = matching(desired, observed.sessions)
    for session in sessions:
        for device in session.devices:
            uses = observed.uses.get(device.name)
            if uses:
                raise ModelStoreError(
                    "session %d to %s at %s" % (session.sid, desired.target, session.portal),
                    "its disk %s in use (%s)" % (device.name, ", ".join(uses)),
                    "no use of its disks",
                    "Unmount it and stop what uses it first, on purpose.",
                )
    actions = tuple(
        Action(
            "logout",
            "%s at %s" % (desired.target, portal),
            {"target": desired.target, "portal": str(portal)},
        )
        for portal in dict.fromkeys(session.portal for session in sessions)
    )
    return Plan(actions, {"sessions": [s.public() for s in sessions]}, {"sessions": []})


def _predicted(desired: DesiredSessions, portal: Portal) -> dict[str, Any]:
    return {
        "sid": None,
        "target": desired.target,
        "portal": str(portal),
        "address": portal.address,
        "port": portal.port,
        "tpgt": None,
        "iface": None,
        "state": LOGGED_IN,
        "devices": _predicted_devices(desired.wwids),
    }


def _predicted_devices(wwids: tuple[str, ...]) -> list[dict[str, Any]]:
    unknown = {"name": None, "lun": None, "size_bytes": None, "state": None}
    return [{**unknown, "wwid": wwid} for wwid in wwids]
