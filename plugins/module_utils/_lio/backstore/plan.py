# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From backstores as they are wanted and what was found to the steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
    Device,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Backstore,
    Configuration,
    only,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import same_backstore
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import wwid

# The kernel answers EINVAL to these as long as a LUN exports the backstore.
_FIXED_BY_EXPORT = frozenset(
    (
        "block_size",
        "emulate_model_alias",
        "emulate_tas",
        "emulate_ua_intlck_ctrl",
        "force_pr_aptpl",
        "optimal_sectors",
        "pi_prot_type",
        "queue_depth",
        "unmap_zeroes_data",
    )
)


@dataclass(frozen=True)
class Changes:
    """What has to be done to several backstores.

    :param actions: the steps, without the one that saves.
    :param unsaved: the keys of those that are not saved, or will not be after the steps.
    :param running: all that runs after the steps.
    """

    actions: tuple[Action, ...]
    unsaved: tuple[str, ...]
    running: Configuration


def plan_backstore(desired: DesiredBackstore, observed: Observed, *, predict: bool) -> Plan:
    """The steps for one backstore.

    :param predict: check mode: a device that is not there yet is no error.
    :raises ModelStoreError: the steps would not be safe.
    """
    changes = plan_backstores([desired], observed, predict=predict)
    return Plan(
        (*changes.actions, *(_action("save", key) for key in changes.unsaved)),
        show_backstore(desired, observed.running, observed.sizes) or {},
        show_backstore(desired, changes.running, observed.sizes) or {},
    )


def plan_backstores(
    desired: Sequence[DesiredBackstore], observed: Observed, *, predict: bool
) -> Changes:
    """The steps for several backstores, each of which counts as done for those after it.

    :param predict: check mode: a device that is not there yet is no error.
    :raises ModelStoreError: the steps would not be safe.
    """
    declared = {backstore.key for backstore in desired}
    actions: list[Action] = []
    unsaved = []
    for backstore in desired:
        key = backstore.key
        found = observed.running.backstore(key)
        saved = observed.saved.backstore(key) if observed.saved else None
        goal = _goal(backstore, found)
        if goal:
            _refuse_twins(backstore, observed, declared)
            steps = _present(backstore, goal, observed, predict)
        else:
            steps = _absent(backstore, observed, found or saved)
        if steps or not same_backstore(found, saved):
            unsaved.append(key)
        actions += steps
        observed = replace(observed, running=_with(observed.running, key, goal))
    return Changes(tuple(actions), tuple(unsaved), observed.running)


def show_backstore(
    desired: DesiredBackstore, running: Configuration, sizes: Mapping[str, int | None]
) -> dict[str, Any] | None:
    """A backstore in the form that the user sees, without the attributes nobody asked for."""
    found = running.backstore(desired.key)
    if found is None:
        return None
    declared = replace(found, attributes=only(found.attributes, desired.attributes))
    return declared.public(sizes.get(found.device), running.exports(found.key))


def _with(running: Configuration, key: str, backstore: Backstore | None) -> Configuration:
    """What runs when a backstore is as it is wanted, None for gone."""
    others = tuple(entry for entry in running.backstores if entry.key != key)
    return replace(running, backstores=(*others, backstore) if backstore else others)


def _goal(desired: DesiredBackstore, running: Backstore | None) -> Backstore | None:
    if not desired.present:
        return None
    write_back = desired.write_back
    if desired.plugin == "block" and running:
        write_back = running.write_back  # the device's own affair
    return Backstore(
        desired.plugin,
        desired.name,
        # The spelling of the device's path stays as it was when the backstore was made.
        running.device if running and running.wwn else desired.device,
        desired.wwn,
        dict(desired.attributes),
        desired.write_protect,
        write_back,
        desired.size,
    )


def _present(
    desired: DesiredBackstore, goal: Backstore, observed: Observed, predict: bool
) -> list[Action]:
    actions = []
    running = observed.running.backstore(desired.key)
    if running and not running.wwn:
        _refuse_unreadable(running.key, observed.running.exports(running.key))
        # An interrupted run made it and never finished it; nobody can have used it.
        actions.append(_action("delete_backstore", desired.key))
        running = None
    if running:
        _refuse_other_identity(desired, running, observed)
        _refuse_unknown_attributes(desired, running)
    else:
        _refuse_device(desired, observed, predict)
    if desired.plugin == "fileio":
        actions += _file(desired, observed, running)
    if running and _is_made_otherwise(running, goal):
        _refuse_remaking(running, goal, observed.running.exports(running.key))
        actions.append(_action("delete_backstore", desired.key))
        running = None
    if running is None:
        actions.append(_create(desired))
    has = running.attributes if running else {}
    attributes = {
        key: value for key, value in sorted(desired.attributes.items()) if has.get(key) != value
    }
    if attributes:
        _refuse_fixed_attributes(desired, attributes, observed.running.exports(desired.key))
        actions.append(_action("set_backstore_attributes", desired.key, attributes=attributes))
    return actions


def _create(desired: DesiredBackstore) -> Action:
    if desired.plugin == "block":
        return _action(
            "create_backstore",
            desired.key,
            device=desired.device,
            wwn=desired.wwn,
            write_protect=desired.write_protect,
        )
    return _action(
        "create_backstore",
        desired.key,
        path=desired.device,
        size=desired.size,
        wwn=desired.wwn,
        write_back=desired.write_back,
    )


def _file(desired: DesiredBackstore, observed: Observed, running: Backstore | None) -> list[Action]:
    """Make or grow the file behind a fileio backstore."""
    what = "file %s" % desired.device
    size = desired.size or 0
    found = observed.devices[desired.key]
    if not found.exists:
        if running:
            raise ModelStoreError(
                what,
                "it deleted while backstore %s still has it open" % desired.key,
                "the file with the volume's data",
                "Copy the data elsewhere while an initiator has the volume; it is lost when the "
                "backstore goes.",
            )
        if observed.saved and observed.saved.backstore(desired.key):
            # An empty file under the WWID of the volume would look like the volume, wiped.
            raise ModelStoreError(
                what,
                "nothing at this path, but backstore %s saved" % desired.key,
                "the file with the volume's data",
                "Mount the file system that it is on. To start with an empty one on purpose, "
                "remove the backstore with state absent first.",
            )
        return [_action("create_file", desired.key, path=desired.device, size=size)]
    known = running or (observed.saved.backstore(desired.key) if observed.saved else None)
    before = (known.size or 0) if known else 0
    if found.size < before:
        raise ModelStoreError(
            what,
            "%d bytes" % found.size,
            "the %d bytes that backstore %s was made with" % (before, desired.key),
            "LIO makes an empty file at boot when the file system that the file is on is not "
            "mounted. Mount it, then restart the service that restores the saved configuration; "
            "this ends all sessions. Let no initiator use the volume before.",
        )
    if found.size > size:
        raise ModelStoreError(
            what,
            "%d bytes" % found.size,
            "%d at most" % size,
            "A volume is never made smaller. Set size to what the file has, or to more.",
        )
    if found.size < size:
        return [_action("grow_file", desired.key, path=desired.device, size=size)]
    return []


def _is_made_otherwise(running: Backstore, goal: Backstore) -> bool:
    """Whether something differs that LIO takes only when the backstore is made."""
    return (running.write_protect, running.write_back, running.size) != (
        goal.write_protect,
        goal.write_back,
        goal.size,
    )


def _refuse_remaking(running: Backstore, goal: Backstore, exports: tuple[str, ...]) -> None:
    if not exports:
        return
    found, wanted = (
        {
            "write_protect": backstore.write_protect,
            "write_back": backstore.write_back,
            "size": backstore.size,
        }
        for backstore in (running, goal)
    )
    changes = [name for name in found if found[name] != wanted[name]]
    raise ModelStoreError(
        "%s of backstore %s" % (" and ".join(changes), running.key),
        "%s, exported by %s"
        % (", ".join(str(found[name]) for name in changes), ", ".join(exports)),
        ", ".join(str(wanted[name]) for name in changes),
        "LIO takes it only when the backstore is made. Take the backstore out of the target with "
        "lio_target, run again, and put it back; the data and the WWID stay.",
        {"exported_by": list(exports)},
    )


def _absent(
    desired: DesiredBackstore, observed: Observed, existing: Backstore | None
) -> list[Action]:
    if existing is None:
        return []
    exports = list(observed.running.exports(desired.key))
    # A LUN that does not run now may be there again after a reboot.
    for export in observed.saved.exports(desired.key) if observed.saved else ():
        if export not in exports:
            exports.append(export + " (saved)")
    if exports:
        raise ModelStoreError(
            "backstore %s" % desired.key,
            "exported by %s" % ", ".join(exports),
            "no LUN that exports it",
            "Take it out of the target with lio_target first.",
            {"exported_by": exports},
        )
    if observed.running.backstore(desired.key) is None:
        return []
    return [_action("delete_backstore", desired.key)]


def _refuse_unreadable(key: str, exports: tuple[str, ...]) -> None:
    """LIO exports nothing that was not finished, so this one only cannot be read."""
    if exports:
        raise ModelStoreError(
            "backstore %s" % key,
            "no unit serial that could be read, but it exported by %s" % ", ".join(exports),
            "a unit serial",
            "Nothing was changed. Look at /sys/kernel/config/target/core and at dmesg.",
            {"exported_by": list(exports)},
        )


def _refuse_twins(desired: DesiredBackstore, observed: Observed, declared: Collection[str]) -> None:
    node = observed.nodes[desired.device]
    others = {entry.key: (entry, entry.key) for entry in observed.running.backstores}
    # One that does not run now may run again after a reboot, if it is not declared anew.
    for entry in observed.saved.backstores if observed.saved else ():
        if entry.key not in declared:
            others.setdefault(entry.key, (entry, entry.key + " (saved)"))
    others.pop(desired.key, None)
    for other, name in others.values():
        if other.device and observed.nodes[other.device] == node:
            raise ModelStoreError(
                "device %s" % desired.device,
                "it in backstore %s" % name,
                "a device that no other backstore has",
                "Give backstore %s a device of its own. To go on with the volume under its old "
                "WWID, keep the name %s (modelstore_volume of the node). To make another volume of "
                "the device, remove backstore %s first, with state absent or by a run of the role "
                "without the new volume." % (desired.key, other.name, other.key),
            )
        if other.wwn and wwid(other.wwn) == wwid(desired.wwn):
            raise ModelStoreError(
                "wwn of backstore %s" % desired.key,
                "the WWID %s that backstore %s has already" % (wwid(other.wwn), name),
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
            observed.nodes[running.device] == observed.nodes[desired.device],
        ),
        ("wwn", running.wwn, desired.wwn, running.wwn.lower() == desired.wwn),
    ):
        if not same:
            raise ModelStoreError(
                "%s of backstore %s" % (what, desired.key),
                found,
                wanted,
                "It cannot be changed: initiators know the disk by it. To replace the disk on "
                "purpose, remove the backstore with state absent first.",
            )


def _refuse_unknown_attributes(desired: DesiredBackstore, running: Backstore) -> None:
    unknown = sorted(desired.attributes.keys() - running.attributes.keys())
    if unknown:
        raise ModelStoreError(
            "attributes of backstore %s" % desired.key,
            "%s, which this kernel does not have" % ", ".join(unknown),
            "some of %s" % ", ".join(sorted(running.attributes)),
            "Correct the names, or take them out of attributes.",
        )


def _refuse_fixed_attributes(
    desired: DesiredBackstore, changes: Mapping[str, str], exports: tuple[str, ...]
) -> None:
    fixed = sorted(changes.keys() & _FIXED_BY_EXPORT)
    if fixed and exports:
        raise ModelStoreError(
            "%s of backstore %s" % (" and ".join(fixed), desired.key),
            "another value, exported by %s" % ", ".join(exports),
            ", ".join(changes[name] for name in fixed),
            "LIO takes it only while no LUN exports the backstore. Take it out of the target with "
            "lio_target, run again, and put it back; or take it out of attributes "
            "(iscsi_target_backstore_attributes of the role).",
            {"exported_by": list(exports)},
        )


def _refuse_device(desired: DesiredBackstore, observed: Observed, predict: bool) -> None:
    if desired.plugin == "fileio":
        _refuse_file(desired, observed.devices[desired.key], predict)
        return
    what = "device %s" % desired.device
    device = observed.devices[desired.key]
    if not device.exists:
        if predict:
            return
        raise ModelStoreError(
            what,
            "nothing at this path",
            "a block device",
            "Look at 'ls -l /dev/disk/by-id' on the target server.",
        )
    if not device.is_block:
        raise ModelStoreError(
            what,
            "something that is not a block device",
            "a block device",
            "Give the path of a disk, a partition or a logical volume.",
        )
    _refuse_uses(what, device)


def _refuse_file(desired: DesiredBackstore, found: Device, predict: bool) -> None:
    what = "file %s" % desired.device
    if not found.has_folder and not predict:
        raise ModelStoreError(
            what,
            "no folder that it could be in",
            "the folder",
            "Make it, or mount the file system that it is on.",
        )
    if found.exists and not found.is_file:
        raise ModelStoreError(
            what,
            "something that is not a regular file",
            "a file, or nothing",
            "Give the path of a file, or export a disk with type: block.",
        )
    _refuse_uses(what, found)


def _refuse_uses(what: str, device: Device) -> None:
    if device.uses:
        raise ModelStoreError(
            what,
            ", ".join(device.uses),
            "nothing on the target server to use it",
            "Give another one, or stop using this one here first.",
            {"uses": list(device.uses)},
        )


def _action(verb: str, key: str, **arguments: Any) -> Action:
    return Action(verb, "backstore %s" % key, {"backstore": key, **arguments})
