# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads and writes the queue settings in sysfs."""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._storage.block import (
    BLOCK,
    attribute,
    disk_name,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.model import (
    Observed,
    Queue,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.parse import (
    parse_queue,
)


def load_queue(fs: FileSystem, device: str, settings: Collection[str]) -> Observed:
    """The device and the paths that it is a map of."""
    name = disk_name(fs, device)
    paths = fs.listdir("%s/%s/slaves" % (BLOCK, name))
    return Observed(_queue(fs, name, settings), tuple(_queue(fs, path, settings) for path in paths))


def apply_queue(fs: FileSystem, action: Action) -> None:
    """Write one setting."""
    name, setting = action.subject.split()
    path = "%s/%s/queue/%s" % (BLOCK, name, setting)
    try:
        fs.write_attribute(path, action.arguments["value"])
    except OSError as error:
        raise ModelStoreError(
            "%s of %s" % (setting, name),
            "%s, and %s when it was written" % (attribute(fs, path), error.strerror),
            action.arguments["value"],
            "The device does not take this value; choose another one.",
        ) from error


def _queue(fs: FileSystem, name: str, settings: Collection[str]) -> Queue:
    names = {*settings, "scheduler", "max_hw_sectors_kb"}
    return parse_queue(
        name, {key: attribute(fs, "%s/%s/queue/%s" % (BLOCK, name, key)) for key in sorted(names)}
    )
