# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.
"""From the sessions that are there to those that should be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan, Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    DEFAULT_IFACE,
    LOGGED_IN,
    Live,
    NodeRecord,
    Session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import parse_portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    DesiredSessions,
    Place,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.model import (
    Map,
    ObservedSessions,
)

_NOOP_OUT_INTERVAL = "node.conn[0].timeo.noop_out_interval"
_NOOP_OUT_TIMEOUT = "node.conn[0].timeo.noop_out_timeout"
_REPLACEMENT_TIMEOUT = "node.session.timeo.replacement_timeout"
_TIMERS = "timers"


@dataclass(frozen=True)
class _Steps:
    """The steps towards the sessions that are wanted, and how these will look."""

    bring: tuple[Action, ...] = ()
    relogin: tuple[Action, ...] = ()
    after: tuple[dict[str, Any], ...] = ()


def plan_sessions(desired: DesiredSessions, observed: ObservedSessions) -> Plan:
    """The steps for one target: what brings paths comes before what takes them away."""
    steps = _connect(desired, observed) if desired.connected else _Steps()
    more_paths = desired.multipath and bool(steps.bring)
    for action in steps.relogin:
        refuse_relogin(action, observed, more_paths=more_paths)
    going = ending(desired, observed.sessions)
    leftover = _leftover_maps(desired, going, observed)
    _refuse_end(desired, going, leftover, observed, more_paths)
    return Plan(
        (*steps.bring, *steps.relogin, *_end(going, leftover)),
        _state(desired, observed),
        {"sessions": list(steps.after), "maps": _maps_after(desired, leftover, going, observed)},
    )


def state(desired: DesiredSessions, observed: ObservedSessions) -> dict[str, Any]:
    """The sessions that the task speaks of, and what they bring, in the form the user sees."""
    found = _state(desired, observed)
    devices = [device for session in found["sessions"] for device in session["devices"]]
    given_up = {portal for portal, _iface in desired.given_up}
    return {
        **found,
        "devices": ["/dev/" + device["name"] for device in devices],
        "wwids": sorted({device["wwid"] for device in devices if device["wwid"]}),
        "failed_portals": [str(portal) for portal in desired.portals if portal in given_up],
    }


def ending(desired: DesiredSessions, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """The sessions that have to go."""
    if not desired.connected:
        return _matching(desired, sessions)
    if not desired.exclusive:
        return ()
    return tuple(session for session in sessions if session.portal not in desired.portals)


def leaving(desired: DesiredSessions, observed: ObservedSessions) -> tuple[Session, ...]:
    """The sessions that end, for good or to log in anew."""
    anew = (
        session
        for place in desired.places
        if _differences_at(desired, place, observed)
        for session in at(place, observed.sessions)
    )
    return tuple(dict.fromkeys([*ending(desired, observed.sessions), *anew]))


def place_of(action: Action) -> Place:
    """The portal and the iface that a step is about."""
    return parse_portal(action.arguments["portal"]), action.arguments["iface"]


def disks_of(sessions: Iterable[Session]) -> tuple[str, ...]:
    """Kernel names of the disks of sessions."""
    return tuple(device.name for session in sessions for device in session.devices)


def at(place: Place, sessions: Iterable[Session]) -> tuple[Session, ...]:
    """The sessions of one node record."""
    return tuple(session for session in sessions if (session.portal, session.iface) == place)


def differences(record: NodeRecord, live: Live) -> tuple[str, ...]:
    """What a session does not have as its record has it."""
    chap = record.chap
    recorded = (
        Secret(chap.username),
        chap.password,
        Secret(chap.mutual_username),
        chap.mutual_password,
    )
    found = []
    if any(now not in (None, then) for now, then in zip(live.credentials, recorded)):
        found.append("credentials")
    interval = record.values.get(_NOOP_OUT_INTERVAL, "")
    timeout = record.values.get(_NOOP_OUT_TIMEOUT, "")
    # Where only one of the two is zero, iscsid puts its own default in its place.
    settled = interval.isdigit() and timeout.isdigit() and bool(int(interval)) == bool(int(timeout))
    if settled and (
        live.noop_out_interval not in (None, int(interval))
        or live.noop_out_timeout not in (None, int(timeout))
    ):
        found.append(_TIMERS)
    return tuple(found)


def refuse_relogin(action: Action, observed: ObservedSessions, *, more_paths: bool = False) -> None:
    """Refuse to log out for a moment where that takes a disk away from what uses it.

    :param more_paths: paths are still to come; the last word is right before the logout.
    """
    obstacles = observed.obstacles(
        disks_of(at(place_of(action), observed.sessions)), more_paths=more_paths
    )
    if obstacles:
        raise ModelStoreError(
            "iSCSI session to %s" % action.subject,
            "other %s in force than in its node record, and %s"
            % (" and ".join(action.arguments["differs"]), ", ".join(obstacles)),
            "its disks free, or another working path in each of their multipath maps",
            "The session keeps what it has, and may not come back after a loss of its connection. "
            "Unmount the disk or add a second path, then run again; relogin=false "
            "(iscsi_initiator_relogin in the role) leaves it alone.",
        )


def refuse_use(what: str, obstacles: Collection[str]) -> None:
    """Refuse to take something away from what uses it."""
    if obstacles:
        raise ModelStoreError(
            what,
            ", ".join(obstacles),
            "no use of its disks",
            "Unmount them and stop what uses them first, on purpose.",
        )


def _connect(desired: DesiredSessions, observed: ObservedSessions) -> _Steps:
    bring: list[Action] = []
    relogin: list[Action] = []
    after: list[dict[str, Any]] = []
    for place in desired.places:
        sessions = at(place, observed.sessions)
        stale = _differences_at(desired, place, observed)
        works = any(session.state == LOGGED_IN for session in sessions)
        if place in desired.given_up:
            pass
        elif not sessions:
            bring.append(Action("login", _subject(desired.target, place), _where(desired, place)))
            after.append(_predicted(desired, place))
        elif not works and stale in ((), (_TIMERS,)):
            # iscsid is at it already; a second login would not make it faster.
            bring.append(
                Action("wait_for_session", _subject(desired.target, place), _where(desired, place))
            )
        elif not stale:
            bring += _complete(desired, place, sessions, observed)
        if stale:
            where = {**_where(desired, place), "differs": list(stale)}
            relogin.append(Action("relogin", _subject(desired.target, place), where))
        elif place not in desired.given_up:
            bring += _set_timeouts(desired, place, sessions, observed)
        for session in sessions:
            public = session.public()
            devices = public["devices"] + _predicted_devices(session.missing(desired.wwids))
            after.append({**public, "state": LOGGED_IN, "devices": devices})
    return _Steps(tuple(bring), tuple(relogin), tuple(after))


def _complete(
    desired: DesiredSessions,
    place: Place,
    sessions: tuple[Session, ...],
    observed: ObservedSessions,
) -> list[Action]:
    """The steps that bring the disks of working sessions, and put them into their maps."""
    actions = []
    for session in sessions:
        if session.state != LOGGED_IN:
            continue
        if session.missing(desired.wwids):
            what = "session %d (%s)" % (session.sid, _subject(desired.target, place))
            actions.append(Action("rescan", what, {**_where(desired, place), "sid": session.sid}))
        elif desired.multipath:
            actions += [
                Action(
                    "add_path",
                    "%s to multipath map %s" % (disk, wwid),
                    {**_where(desired, place), "disk": disk, "wwid": wwid},
                )
                for disk, wwid in _lost_paths(desired, session, observed)
            ]
    return actions


def _set_timeouts(
    desired: DesiredSessions,
    place: Place,
    sessions: tuple[Session, ...],
    observed: ObservedSessions,
) -> list[Action]:
    """The steps that give sessions the replacement timeout of their records.

    It can be changed in place. Where there is a multipath map, multipathd sets it.
    """
    actions = []
    for session in sessions:
        record = observed.record_of(place)
        in_map = any(observed.map_of(device.name) for device in session.devices)
        if record is None or in_map or desired.multipath or not desired.relogin:
            continue
        seconds = record.values.get(_REPLACEMENT_TIMEOUT, "")
        now = observed.live[session.sid].recovery_timeout
        if seconds.isdigit() and int(seconds) > 0 and now not in (None, int(seconds)):
            what = "session %d (%s)" % (session.sid, _subject(desired.target, place))
            where = {**_where(desired, place), "sid": session.sid, "seconds": int(seconds)}
            actions.append(Action("set_replacement_timeout", what, where))
    return actions


def _lost_paths(
    desired: DesiredSessions, session: Session, observed: ObservedSessions
) -> list[tuple[str, str]]:
    """The disks of a session, with their WWIDs, that are not paths of their maps."""
    mapped = {(disk, over.wwid) for over in observed.maps for disk in over.paths}
    disks = [(device.name, device.wwid) for device in session.devices]
    return [disk for disk in disks if disk[1] in desired.wwids and disk not in mapped]


def _differences_at(
    desired: DesiredSessions, place: Place, observed: ObservedSessions
) -> tuple[str, ...]:
    """What the sessions of a record do not have as it has it, and a new login would give them."""
    record = observed.record_of(place)
    if record is None or not (desired.connected and desired.relogin) or place in desired.given_up:
        return ()
    found: dict[str, None] = {}
    for session in at(place, observed.sessions):
        found.update(dict.fromkeys(differences(record, observed.live[session.sid])))
    return tuple(found)


def _refuse_end(
    desired: DesiredSessions,
    going: tuple[Session, ...],
    leftover: tuple[Map, ...],
    observed: ObservedSessions,
    more_paths: bool,
) -> None:
    portals = ", ".join(dict.fromkeys(str(session.portal) for session in going))
    refuse_use(
        "iSCSI sessions to %s at %s" % (desired.target, portals),
        observed.obstacles(disks_of(going), more_paths=more_paths),
    )
    for over in leftover:
        refuse_use("multipath map %s" % over.wwid, over.uses)


def _end(going: tuple[Session, ...], leftover: tuple[Map, ...]) -> list[Action]:
    """Take away maps, disks and sessions, from the top down."""
    actions = [
        Action("flush_map", "multipath map %s" % over.wwid, {"map": over.name, "wwid": over.wwid})
        for over in leftover
    ]
    for place in dict.fromkeys((session.portal, session.iface) for session in going):
        sessions = at(place, going)
        where = {"target": sessions[0].target, "portal": str(place[0]), "iface": place[1]}
        subject = _subject(sessions[0].target, place)
        actions += [
            Action("delete_disk", "%s (%s)" % (disk, subject), {**where, "disk": disk})
            for disk in disks_of(sessions)
        ]
        actions.append(Action("logout", subject, where))
    return actions


def _leftover_maps(
    desired: DesiredSessions, going: tuple[Session, ...], observed: ObservedSessions
) -> tuple[Map, ...]:
    """The maps that have no path once nothing is connected."""
    if desired.connected:
        return ()
    disks = set(disks_of(going))
    return tuple(over for over in observed.maps if set(over.paths) <= disks)


def _maps_after(
    desired: DesiredSessions,
    leftover: tuple[Map, ...],
    going: tuple[Session, ...],
    observed: ObservedSessions,
) -> list[dict[str, Any]]:
    gone = set(disks_of(going))
    staying = [over.public() for over in observed.maps if over not in leftover]
    found = [{**over, "paths": [p for p in over["paths"] if p not in gone]} for over in staying]
    if desired.connected and desired.multipath:
        there = {over["wwid"] for over in found}
        missing = [wwid for wwid in desired.wwids if wwid not in there]
        found += [{"wwid": wwid, "device": None, "paths": []} for wwid in missing]
    return found


def _state(desired: DesiredSessions, observed: ObservedSessions) -> dict[str, Any]:
    return {
        "sessions": [session.public() for session in _matching(desired, observed.sessions)],
        "maps": [over.public() for over in observed.maps],
    }


def _matching(desired: DesiredSessions, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """The sessions that the task speaks of."""
    if not desired.portals or (desired.connected and desired.exclusive):
        return sessions
    return tuple(session for session in sessions if session.portal in desired.portals)


def _subject(target: str, place: Place) -> str:
    portal, iface = place
    through = "" if iface == DEFAULT_IFACE else " through iface %s" % iface
    return "%s at %s%s" % (target, portal, through)


def _where(desired: DesiredSessions, place: Place) -> Mapping[str, Any]:
    portal, iface = place
    return {
        "target": desired.target,
        "portal": str(portal),
        "iface": iface,
        "wwids": list(desired.wwids),
        "multipath": desired.multipath,
    }


def _predicted(desired: DesiredSessions, place: Place) -> dict[str, Any]:
    portal, iface = place
    return {
        "sid": None,
        "target": desired.target,
        "portal": str(portal),
        "address": portal.address,
        "port": portal.port,
        "tpgt": None,
        "iface": iface,
        "state": LOGGED_IN,
        "devices": _predicted_devices(desired.wwids),
    }


def _predicted_devices(wwids: tuple[str, ...]) -> list[dict[str, Any]]:
    unknown = {"name": None, "lun": None, "size_bytes": None, "state": None}
    return [{**unknown, "wwid": wwid} for wwid in wwids]
