# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Files that are exported as disks."""

from __future__ import annotations

import os
import stat

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import Device
from ansible_collections.tts.modelstore.plugins.module_utils._storage.parse import (
    parse_swaps,
)

_BLOCK_DEVICES = "/sys/class/block"


def look_at_file(fs: FileSystem, path: str) -> Device:
    """Whether there is a file, how large it is, and who else uses it."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Device(has_folder=os.path.isdir(os.path.dirname(path)))
    return Device(
        exists=True,
        is_file=stat.S_ISREG(found.st_mode),
        size=found.st_size,
        uses=tuple(_uses(fs, fs.realpath(path))),
    )


def create_file(path: str, size: int) -> None:
    """Make a sparse file that only root can read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    _extend(handle, size)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def grow_file(path: str, size: int) -> None:
    """Make a file larger; what is in it stays."""
    _extend(os.open(path, os.O_WRONLY), size)


def _extend(handle: int, size: int) -> None:
    try:
        if os.fstat(handle).st_size < size:
            os.ftruncate(handle, size)
            os.fsync(handle)
    finally:
        os.close(handle)


def _uses(fs: FileSystem, path: str) -> list[str]:
    loops = [name for name in fs.listdir(_BLOCK_DEVICES) if name.startswith("loop")]
    uses = []
    for name in loops:
        try:
            backing = fs.read("%s/%s/loop/backing_file" % (_BLOCK_DEVICES, name))
        except FileNotFoundError:  # a loop device that is not set up
            continue
        if fs.realpath(backing.strip()) == path:
            uses.append("behind /dev/%s" % name)
    if path in parse_swaps(fs.read("/proc/swaps")):
        uses.append("used as swap")
    return uses
