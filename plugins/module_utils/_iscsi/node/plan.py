# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the records that are there to those that should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
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
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal


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


def matching(desired: DesiredNode, records: tuple[NodeRecord, ...]) -> tuple[NodeRecord, ...]:
    """The records that the task speaks of.

    A task that makes records speaks of the default iface only: those of others are left alone.
    """
    return tuple(
        record
        for record in records
        if (not desired.portals or record.portal in desired.portals)
        and (not desired.present or record.iface == DEFAULT_IFACE)
    )


def _present(desired: DesiredNode, observed: ObservedNode) -> Plan:
    if not desired.portals:
        raise ModelStoreError(
            "portals", "none", "at least one", "Name the portals that the records are for."
        )
    there: dict[Portal, NodeRecord] = {}
    for record in matching(desired, observed.records.records):
        if record.tpgt != desired.tpgt:
            raise _other_tpgt(record, desired)
        there[record.portal] = record
    damaged = {
        record.portal: record
        for record in observed.records.damaged
        if (record.tpgt, record.iface) == (desired.tpgt, DEFAULT_IFACE)
    }
    actions: list[Action] = []
    if len(there) < len(desired.portals) and not observed.iscsid_active:
        actions.append(Action("start_iscsid", "iscsid.socket"))
    after = []
    for portal in desired.portals:
        record = there.get(portal) or NodeRecord(
            desired.target, portal, desired.tpgt, DEFAULT_IFACE, "", observed.default_chap
        )
        new = portal not in there
        if new:
            actions.append(_create(record, damaged.get(portal)))
        actions += _adjust(desired, record, new)
        after.append(replace(record, chap=desired.chap, values={**record.values, **desired.values}))
    return Plan(
        tuple(actions),
        _state(desired, tuple(there[portal] for portal in desired.portals if portal in there)),
        _state(desired, tuple(after)),
    )


def _absent(desired: DesiredNode, observed: ObservedNode) -> Plan:
    records = matching(desired, observed.records.records)
    for record in records:
        for session in observed.sessions:
            if (session.portal, session.iface) == (record.portal, record.iface):
                raise ModelStoreError(
                    "node record %s" % record,
                    "session %d that uses it" % session.sid,
                    "no session",
                    "End the session first: tts.modelstore.iscsi_session with state=disconnected.",
                )
    actions = [Action("delete_record", _label(record), _where(record)) for record in records]
    actions += [
        Action("remove_damaged_record", record.path, {"path": record.path})
        for record in observed.records.damaged
        if not desired.portals or record.portal in desired.portals
    ]
    return Plan(tuple(actions), _state(desired, records), _state(desired, ()))


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
                Action("set_chap", _label(record), {**_where(record), **_shown(desired.chap)})
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


def _shown(chap: Chap) -> dict[str, Any]:
    arguments = {"username": chap.username, "password": chap.password}
    if not chap.mutual_username:
        return arguments
    return {
        **arguments,
        "mutual_username": chap.mutual_username,
        "mutual_password": chap.mutual_password,
    }


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
