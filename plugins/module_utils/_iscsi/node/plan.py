# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the records that are there to those that should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.chap import chap_arguments
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    DEFAULT_IFACE,
    NO_CHAP,
    NO_RECORDS,
    Chap,
    DamagedRecord,
    NodeRecord,
    Records,
    Session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.desired import DesiredNode
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import AUTH

_Record = TypeVar("_Record", NodeRecord, DamagedRecord)


@dataclass(frozen=True)
class ObservedNode:
    """What the host has of one target.

    :param default_chap: the credentials that iscsid.conf gives to new records.
    :param iscsid_active: iscsid answers, so that new records get the defaults of iscsid.conf.
    """

    records: Records = NO_RECORDS
    sessions: tuple[Session, ...] = ()
    default_chap: Chap = NO_CHAP
    iscsid_active: bool = False


def plan_node(desired: DesiredNode, observed: ObservedNode) -> Plan:
    """The steps for one target."""
    return (_present if desired.present else _absent)(desired, observed)


def state(desired: DesiredNode, observed: ObservedNode) -> dict[str, Any]:
    """The records that the task speaks of, in the form the user sees."""
    return _state(desired, matching(desired, observed.records.records))


def public_record(record: NodeRecord, settings: tuple[str, ...]) -> dict[str, Any]:
    """A record in the form the user sees."""
    return {
        "target": record.target,
        "portal": str(record.portal),
        "address": record.portal.address,
        "port": record.portal.port,
        "tpgt": record.tpgt,
        "iface": record.iface,
        "startup": record.values.get("node.startup"),
        "chap": bool(record.chap.username),
        "chap_username": record.chap.username or None,
        "mutual_chap": bool(record.chap.mutual_username),
        "settings": {key: record.values.get(key) for key in settings},
    }


def matching(desired: DesiredNode, records: tuple[_Record, ...]) -> tuple[_Record, ...]:
    """The records that the task names."""
    return tuple(
        record
        for record in records
        if (not desired.portals or record.portal in desired.portals)
        and (not desired.ifaces or record.iface in desired.ifaces)
    )


def _strays(desired: DesiredNode, records: tuple[_Record, ...]) -> tuple[_Record, ...]:
    """The records at other portals that an exclusive task does not leave."""
    return tuple(
        record
        for record in records
        if desired.exclusive
        and record.portal not in desired.portals
        and record.iface in desired.ifaces
    )


def _present(desired: DesiredNode, observed: ObservedNode) -> Plan:
    if not desired.portals:
        raise ModelStoreError(
            "portals", "none", "at least one", "Name the portals that the records are for."
        )
    found = matching(desired, observed.records.records)
    for record in found:
        if record.tpgt != desired.tpgt:
            raise _other_tpgt(record, desired)
    there = {(record.portal, record.iface): record for record in found}
    damaged = {
        (record.portal, record.iface): record
        for record in matching(desired, observed.records.damaged)
        if record.tpgt == desired.tpgt
    }
    wanted = [(portal, iface) for portal in desired.portals for iface in desired.ifaces]
    # iscsiadm makes no record beside a damaged one of the old form, which has no tag.
    old = [file for file in matching(desired, observed.records.damaged) if file.tpgt is None]
    actions = [_remove_damaged(file) for file in old]
    if len(there) < len(wanted) and not observed.iscsid_active:
        actions.append(Action("start_iscsid", "iscsid.socket"))
    after = []
    for portal, iface in wanted:
        new = (portal, iface) not in there
        record = there.get((portal, iface)) or NodeRecord(
            desired.target, portal, desired.tpgt, iface, "", observed.default_chap
        )
        if new:
            actions.append(_create(record, damaged.get((portal, iface))))
        actions += _adjust(desired, record, new)
        after.append(replace(record, chap=desired.chap, values={**record.values, **desired.values}))
    others = _strays(desired, observed.records.records)
    actions += _remove(others, _strays(desired, observed.records.damaged), observed.sessions)
    before = [there[place] for place in wanted if place in there]
    return Plan(tuple(actions), _state(desired, (*before, *others)), _state(desired, tuple(after)))


def _absent(desired: DesiredNode, observed: ObservedNode) -> Plan:
    records = matching(desired, observed.records.records)
    damaged = matching(desired, observed.records.damaged)
    actions = _remove(records, damaged, observed.sessions)
    return Plan(tuple(actions), _state(desired, records), _state(desired, ()))


def _remove(
    records: tuple[NodeRecord, ...],
    damaged: tuple[DamagedRecord, ...],
    sessions: tuple[Session, ...],
) -> list[Action]:
    """The steps that remove records. A damaged one is of no use to a session."""
    for record in records:
        for session in sessions:
            if (session.portal, session.iface) == (record.portal, record.iface):
                raise ModelStoreError(
                    "node record %s" % record,
                    "session %d that uses it" % session.sid,
                    "no session",
                    "End the session first: tts.modelstore.iscsi_session with state=disconnected.",
                )
    return [
        *(Action("delete_record", _label(record), _where(record)) for record in records),
        *(_remove_damaged(file) for file in damaged),
    ]


def _remove_damaged(file: DamagedRecord) -> Action:
    return Action("remove_damaged_record", file.path, {"path": file.path})


def _create(record: NodeRecord, damaged: DamagedRecord | None) -> Action:
    if damaged:
        return Action(
            "replace_damaged_record", _label(record), {**_where(record), "path": damaged.path}
        )
    return Action("create_record", _label(record), _where(record))


def _adjust(desired: DesiredNode, record: NodeRecord, new: bool) -> list[Action]:
    """The steps that bring one record to what is wanted.

    A new record has the defaults of iscsid.conf, so everything asked for is written.
    """
    actions: list[Action] = []
    if desired.chap.username:
        method = record.values.get(AUTH + "authmethod")
        if new or record.chap != desired.chap or method != desired.chap.method:
            actions.append(
                Action(
                    "set_chap", _label(record), {**_where(record), **chap_arguments(desired.chap)}
                )
            )
    elif record.chap != NO_CHAP:
        actions.append(Action("clear_chap", _label(record), _where(record)))
    # After the credentials: a reboot in between must not find a login that cannot work.
    values = {k: v for k, v in desired.values.items() if new or record.values.get(k) != v}
    if values:
        actions.append(
            Action("update_record", _label(record), {**_where(record), "values": values})
        )
    return actions


def _label(record: NodeRecord) -> str:
    return str(record) if record.iface == DEFAULT_IFACE else "%s (%s)" % (record, record.iface)


def _where(record: NodeRecord) -> dict[str, Any]:
    return {
        "target": record.target,
        "portal": str(record.portal),
        "tpgt": record.tpgt,
        "iface": record.iface,
    }


def _state(desired: DesiredNode, records: tuple[NodeRecord, ...]) -> dict[str, Any]:
    return {"records": [public_record(record, desired.settings) for record in records]}


def _other_tpgt(record: NodeRecord, desired: DesiredNode) -> ModelStoreError:
    found = "no portal group tag" if record.tpgt is None else "portal group tag %d" % record.tpgt
    return ModelStoreError(
        "node record %s" % record,
        found,
        "portal group tag %d" % desired.tpgt,
        "Set tpgt to what the target has, or remove this record first with state=absent.",
    )
