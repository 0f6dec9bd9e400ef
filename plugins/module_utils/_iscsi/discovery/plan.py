# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the discovery records that are there to those that should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.chap import chap_arguments
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.desired import (
    DesiredDiscovery,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.model import (
    DiscoveryRecord,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_CHAP, Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal


@dataclass(frozen=True)
class ObservedDiscovery:
    """What the host has for the portals of a task.

    :param records: the whole records.
    :param damaged: portals with a file that is not a whole record.
    :param links: for a portal, the links to the node records that came from its discoveries.
    :param default_chap: the credentials that iscsid.conf gives to new records.
    :param iscsid_active: iscsid answers; no discovery works without it.
    """

    records: tuple[DiscoveryRecord, ...] = ()
    damaged: tuple[Portal, ...] = ()
    links: Mapping[Portal, tuple[str, ...]] = field(default_factory=dict)
    default_chap: Chap = NO_CHAP
    iscsid_active: bool = False


def plan_discovery(desired: DesiredDiscovery, observed: ObservedDiscovery) -> Plan:
    """The steps for the records of all portals."""
    return (_present if desired.present else _absent)(desired, observed)


def state(records: tuple[DiscoveryRecord, ...]) -> dict[str, Any]:
    """The records in the form the user sees."""
    return {"records": [record.public() for record in records]}


def _present(desired: DesiredDiscovery, observed: ObservedDiscovery) -> Plan:
    there = {record.portal: record for record in observed.records}
    actions: list[Action] = []
    if not observed.iscsid_active:
        actions.append(Action("start_iscsid", "iscsid.socket"))
    after = []
    for portal in desired.portals:
        new = portal not in there
        record = there.get(portal) or DiscoveryRecord(portal, observed.default_chap)
        if new:
            # Writes a damaged record anew too.
            actions.append(Action("create_record", _label(portal), _where(portal)))
        actions += _adjust(desired, record, new)
        after.append(replace(record, chap=desired.chap))
    return Plan(tuple(actions), state(observed.records), state(tuple(after)))


def _absent(desired: DesiredDiscovery, observed: ObservedDiscovery) -> Plan:
    there = {*observed.damaged, *(record.portal for record in observed.records)}
    actions = tuple(
        Action(
            "delete_record",
            _label(portal),
            {
                **_where(portal),
                "damaged": portal in observed.damaged,
                "links": observed.links.get(portal, ()),
            },
        )
        for portal in desired.portals
        if portal in there
    )
    return Plan(actions, state(observed.records), state(()))


def _adjust(desired: DesiredDiscovery, record: DiscoveryRecord, new: bool) -> list[Action]:
    """The steps that bring one record to what is wanted."""
    label, where = _label(record.portal), _where(record.portal)
    actions: list[Action] = []
    if desired.chap.username:
        if new or record.chap != desired.chap or record.method != desired.chap.method:
            actions.append(Action("set_chap", label, {**where, **chap_arguments(desired.chap)}))
    elif record.chap != NO_CHAP:
        actions.append(Action("clear_chap", label, where))
    if desired.chap_algorithms and (new or record.chap_algorithms != desired.chap_algorithms):
        algorithms = {"chap_algorithms": desired.chap_algorithms}
        actions.append(Action("set_chap_algorithms", label, {**where, **algorithms}))
    return actions


def _label(portal: Portal) -> str:
    return "discovery at %s" % portal


def _where(portal: Portal) -> dict[str, Any]:
    return {"portal": str(portal)}
