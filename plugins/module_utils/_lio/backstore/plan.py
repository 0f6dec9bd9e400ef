# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From a backstore as it is wanted and what was found to the steps."""

from __future__ import annotations

from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Backstore,
    Configuration,
    only,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import wwid


def plan_backstore(desired: DesiredBackstore, observed: Observed, *, predict: bool) -> Plan:
    """The steps.

    :param predict: check mode: a device that is not there yet is no error.
    :raises ModelStoreError: the steps would not be safe.
    """
    running = _declared(observed.running.backstore(desired.name), desired)
    saved = _declared(observed.saved.backstore(desired.name) if observed.saved else None, desired)
    goal = _goal(desired, running)
    actions = _present(desired, observed, predict) if goal else _absent(desired, observed.running)
    if actions or running != saved:
        actions.append(_action("save", desired.name))
    return Plan(tuple(actions), _public(running, observed), _public(goal, observed))


def _goal(desired: DesiredBackstore, running: Backstore | None) -> Backstore | None:
    if not desired.present:
        return None
    # The spelling of the device's path stays as it was when the backstore was made.
    device = running.device if running and running.wwn else desired.device
    return Backstore("block", desired.name, device, desired.wwn, dict(desired.attributes))


def _present(desired: DesiredBackstore, observed: Observed, predict: bool) -> list[Action]:
    actions = []
    running = observed.running.backstore(desired.name)
    _refuse_twins(desired, observed)
    if running and not running.wwn and not observed.running.exports(running.key):
        # An interrupted run made it and never finished it; nobody can have used it.
        actions.append(_action("delete_backstore", desired.name))
        running = None
    if running:
        _refuse_other_identity(desired, running, observed)
    else:
        _refuse_device(desired, observed, predict)
        actions.append(
            _action("create_backstore", desired.name, device=desired.device, wwn=desired.wwn)
        )
    has = running.attributes if running else {}
    attributes = {
        key: value for key, value in sorted(desired.attributes.items()) if has.get(key) != value
    }
    if attributes:
        actions.append(_action("set_attributes", desired.name, attributes=attributes))
    return actions


def _absent(desired: DesiredBackstore, running: Configuration) -> list[Action]:
    if not running.backstore(desired.name):
        return []
    exports = running.exports(desired.name)
    if exports:
        raise ModelStoreError(
            "backstore %s" % desired.name,
            "exported by %s" % ", ".join(exports),
            "no LUN that exports it",
            "Take it out of the target with lio_target first.",
            {"exported_by": list(exports)},
        )
    return [_action("delete_backstore", desired.name)]


def _refuse_twins(desired: DesiredBackstore, observed: Observed) -> None:
    node = observed.nodes.get(desired.device, desired.device)
    for other in observed.running.backstores:
        if other.key == desired.name:
            continue
        if other.device and observed.nodes.get(other.device, other.device) == node:
            raise ModelStoreError(
                "device %s" % desired.device,
                "it in backstore %s" % other.key,
                "a device that no other backstore has",
                "Give backstore %s a device of its own." % desired.name,
            )
        if other.wwn and wwid(other.wwn) == wwid(desired.wwn):
            raise ModelStoreError(
                "wwn of backstore %s" % desired.name,
                "the WWID %s that backstore %s has already" % (wwid(other.wwn), other.key),
                "a WWID of its own",
                "Initiators would take the two for one disk. The first 25 hexadecimal digits of "
                "the wwn have to differ.",
            )


def _refuse_other_identity(
    desired: DesiredBackstore, running: Backstore, observed: Observed
) -> None:
    for what, found, wanted, same in (
        (
            "device",
            running.device,
            desired.device,
            observed.nodes.get(running.device) == observed.nodes.get(desired.device),
        ),
        ("wwn", running.wwn, desired.wwn, running.wwn.lower() == desired.wwn),
    ):
        if not same:
            raise ModelStoreError(
                "%s of backstore %s" % (what, desired.name),
                found,
                wanted,
                "It cannot be changed: initiators know the disk by it. To replace the disk on "
                "purpose, remove the backstore with state absent first.",
            )


def _refuse_device(desired: DesiredBackstore, observed: Observed, predict: bool) -> None:
    what = "device %s" % desired.device
    if not observed.device.exists:
        if predict:
            return
        raise ModelStoreError(
            what,
            "nothing at this path",
            "a block device",
            "Look at 'ls -l /dev/disk/by-id' on the target server.",
        )
    if not observed.device.is_block:
        raise ModelStoreError(
            what,
            "something that is not a block device",
            "a block device",
            "Give the path of a disk, a partition or a logical volume.",
        )
    if observed.device.uses:
        raise ModelStoreError(
            what,
            ", ".join(observed.device.uses),
            "a device that nothing on the target server uses",
            "Give another device, or stop using this one here first.",
            {"uses": list(observed.device.uses)},
        )


def _declared(backstore: Backstore | None, desired: DesiredBackstore) -> Backstore | None:
    """The backstore without the attributes that nobody asked for."""
    if backstore is None:
        return None
    return Backstore(
        backstore.plugin,
        backstore.name,
        backstore.device,
        backstore.wwn,
        only(backstore.attributes, desired.attributes),
    )


def _public(backstore: Backstore | None, observed: Observed) -> dict[str, Any]:
    if backstore is None:
        return {}
    return backstore.public(
        observed.sizes.get(backstore.device), observed.running.exports(backstore.key)
    )


def _action(verb: str, name: str, **arguments: Any) -> Action:
    return Action(verb, "backstore %s" % name, arguments)
