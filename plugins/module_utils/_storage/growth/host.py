# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads the sizes on a real host, and grows what is too small."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import (
    FileSystem,
    Runner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.block import (
    BLOCK,
    SECTOR,
    attribute,
    disk_name,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth import model
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth.parse import (
    parse_geometry,
)

# Seconds. The file system is frozen for a moment, which waits for writes under way.
_GROW = 300


def load_growth(
    runner: Runner, fs: FileSystem, device: str, mount_point: str | None
) -> model.Observed:
    """The volume, its paths and what is mounted of it."""
    name = disk_name(fs, device)
    paths = fs.listdir("%s/%s/slaves" % (BLOCK, name))
    return model.Observed(
        device,
        attribute(fs, "%s/%s/dm/name" % (BLOCK, name)),
        _size(fs, name),
        tuple(
            model.Disk(path, _size(fs, path), fs.capacity("/dev/%s" % path))
            for path in paths or [name]
        ),
        _file_system(runner, mount_point) if mount_point else None,
    )


def apply_growth(runner: Runner, fs: FileSystem, action: Action) -> None:
    """Take one step."""
    if action.name == "rescan":
        fs.write_attribute("%s/%s/device/rescan" % (BLOCK, action.subject), "1")
        return
    if action.name == "resize_map":
        argv, timeout = ["multipathd", "resize", "map", action.subject], 60.0
    else:
        argv, timeout = ["xfs_growfs", "-d", action.subject], float(_GROW)
    done = runner.run(argv, timeout=timeout)
    # multipathd's client says how it went in its output, and not in its exit status.
    if done.returncode != 0 or (action.name == "resize_map" and "ok" not in done.stdout.split()):
        raise ModelStoreError(
            "%s %s" % (action.name, action.subject),
            (done.stderr or done.stdout).strip() or "exit code %d" % done.returncode,
            "%s to succeed" % " ".join(argv),
            "Look at the journal of multipathd and of the kernel, then run again.",
        )


def _size(fs: FileSystem, name: str) -> int:
    return int(fs.read("%s/%s/size" % (BLOCK, name))) * SECTOR


def _file_system(runner: Runner, mount_point: str) -> model.FileSystem:
    done = runner.run(["xfs_growfs", "-n", mount_point])
    geometry = parse_geometry(done.stdout) if done.returncode == 0 else None
    if geometry is None:
        raise ModelStoreError(
            "mount point %s" % mount_point,
            (done.stderr or done.stdout).strip() or "exit code %d" % done.returncode,
            "a mounted XFS",
            "Mount it first, or leave mount_point out to grow the device alone.",
        )
    return model.FileSystem(mount_point, *geometry)
