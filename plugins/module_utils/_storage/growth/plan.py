# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the sizes on the way to the steps that are left."""

from __future__ import annotations

from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth.model import (
    SMALLEST_GROUP,
    FileSystem,
    Observed,
)


def plan_growth(observed: Observed) -> Plan:
    """The steps that are left until the file system has all of the volume.

    :raises ModelStoreError: the volume shrank, or some path does not know the new size.
    """
    _refuse_shrinking(observed)
    size = _size(observed)
    _refuse_silent_paths(observed, size)
    actions = [
        Action("rescan", disk.name, {"size": disk.reported})
        for disk in observed.disks
        if disk.reported is not None and disk.reported > disk.size
    ]
    if observed.map and observed.size < size:
        actions.append(Action("resize_map", observed.map, {"size": size}))
    file_system = observed.file_system
    if file_system and size // file_system.block - file_system.blocks >= SMALLEST_GROUP:
        actions.append(Action("grow_file_system", file_system.mount_point))
    if not actions:
        return Plan()
    after = {"size_bytes": size}
    if file_system:
        after["file_system_bytes"] = size // file_system.block * file_system.block
    return Plan(tuple(actions), show_growth(observed), after)


def show_growth(observed: Observed) -> dict[str, Any]:
    """The sizes, in the form that the user sees."""
    found: dict[str, Any] = {"size_bytes": observed.size}
    if observed.file_system:
        found["file_system_bytes"] = _bytes(observed.file_system)
    return found


def _size(observed: Observed) -> int:
    """What the volume has when all its paths know what they could know."""
    return min(disk.size if disk.reported is None else disk.reported for disk in observed.disks)


def _refuse_shrinking(observed: Observed) -> None:
    for disk in observed.disks:
        used = max(disk.size, observed.size)
        if observed.file_system:
            used = max(used, _bytes(observed.file_system))
        if disk.reported is not None and disk.reported < used:
            raise ModelStoreError(
                "volume %s" % observed.path,
                "%d bytes, which %s reports" % (disk.reported, disk.name),
                "%d bytes or more, which are in use" % used,
                "Volumes are never shrunk. Give it its old size back on the target, before anything "
                "reads or writes beyond the end.",
            )


def _refuse_silent_paths(observed: Observed, size: int) -> None:
    known = [disk.reported for disk in observed.disks if disk.reported is not None]
    silent = [disk.name for disk in observed.disks if disk.reported is None]
    if known and silent and max(known) > size:
        raise ModelStoreError(
            "volume %s" % observed.path,
            "%d bytes, and no answer from %s" % (max(known), ", ".join(silent)),
            "the new size over all paths",
            "Bring the path back and run again: a map is as large as its smallest path.",
        )


def _bytes(file_system: FileSystem) -> int:
    return file_system.block * file_system.blocks
