# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the iface record that is there to the one that should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.desired import (
    DesiredIface,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.model import (
    TRANSPORT,
    IfaceRecord,
)


@dataclass(frozen=True)
class ObservedIface:
    """What the host has of one iface.

    :param record: its record, when it is whole.
    :param damaged: there is a file that is not a whole record.
    :param users: the node records and sessions that go through it.
    """

    record: IfaceRecord | None = None
    damaged: bool = False
    users: tuple[str, ...] = ()


def plan_iface(desired: DesiredIface, observed: ObservedIface) -> Plan:
    """The steps for one iface record."""
    return (_present if desired.present else _absent)(desired, observed)


def state(record: IfaceRecord | None) -> dict[str, Any]:
    """The record in the form the user sees."""
    return {"iface": record.public() if record else None}


def _present(desired: DesiredIface, observed: ObservedIface) -> Plan:
    record = observed.record or IfaceRecord(desired.name)
    if record.transport != TRANSPORT:
        raise ModelStoreError(
            "iface record %s" % desired.name,
            "transport %s" % record.transport,
            "transport %s" % TRANSPORT,
            "Choose another name: records of iSCSI cards are left alone.",
        )
    actions = []
    if not observed.record:
        # Writes a damaged record anew too.
        actions.append(Action("create_iface", desired.name, {"name": desired.name}))
    values = {k: v for k, v in desired.values.items() if record.values.get(k, "") != v}
    # iscsiadm takes no new binding while there is one of the other kind.
    cleared = {key: value for key, value in values.items() if not value}
    filled = {key: value for key, value in values.items() if value}
    actions += [
        Action("update_iface", desired.name, {"name": desired.name, "values": part})
        for part in (cleared, filled)
        if part
    ]
    after = replace(record, values={**record.values, **desired.values})
    return Plan(tuple(actions), state(observed.record), state(after))


def _absent(desired: DesiredIface, observed: ObservedIface) -> Plan:
    if not observed.record and not observed.damaged:
        return Plan()
    # iscsiadm would delete the node records with it.
    if observed.users:
        raise ModelStoreError(
            "iface record %s" % desired.name,
            "it used by %s" % ", ".join(observed.users),
            "no session and no node record that uses it",
            "End the sessions with tts.modelstore.iscsi_session and delete the node records with "
            "tts.modelstore.iscsi_node first.",
        )
    action = Action("delete_iface", desired.name, {"name": desired.name})
    return Plan((action,), state(observed.record), state(None))
