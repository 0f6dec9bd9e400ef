# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads devices and backstores, and makes and removes backstores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.image import (
    create_file,
    grow_file,
    look_at_file,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
    Device,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import (
    Lio,
    apply_action,
    block_folder,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import split_key
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import Ours
from ansible_collections.tts.modelstore.plugins.module_utils._storage.parse import (
    parse_mounts,
    parse_swaps,
)

Arguments = Mapping[str, Any]


def load_backstores(
    lio: Lio, desired: Sequence[DesiredBackstore], *, acls: bool = False
) -> Observed:
    """All backstores, and the devices and files that are to become some.

    :param acls: read all of the targets, not only their LUNs.
    """
    running = lio.running(acls=acls)
    saved = lio.saved()
    wanted = [backstore for backstore in desired if backstore.present]
    known = (*running.backstores, *(saved.backstores if saved else ()))
    paths = {backstore.device for backstore in known if backstore.device}
    paths |= {backstore.device for backstore in wanted}
    return Observed(
        running=running,
        saved=saved,
        devices={
            backstore.key: (look_at if backstore.plugin == "block" else look_at_file)(
                lio.fs, backstore.device
            )
            for backstore in wanted
        },
        nodes={path: lio.fs.realpath(path) for path in paths},
        sizes={path: lio.size_bytes(path) for path in paths},
    )


def look_at(fs: FileSystem, path: str) -> Device:
    """Whether there is a block device, and who uses it or a partition of it."""
    if not fs.exists(path):
        return Device()
    folder = block_folder(fs, path)
    if not fs.exists(folder):
        return Device(exists=True)
    name = folder.rsplit("/", 1)[1]
    partitions = [
        "%s/%s" % (folder, entry)
        for entry in fs.listdir(folder)
        if entry.startswith(name) and fs.exists("%s/%s/partition" % (folder, entry))
    ]
    uses = [use for part in [folder, *partitions] for use in _uses(fs, part)]
    return Device(exists=True, is_block=True, uses=tuple(uses))


def apply_backstore(lio: Lio, action: Action) -> None:
    """Do one step of the plan."""

    def save(arguments: Arguments) -> None:
        lio.save(Ours(backstores=(arguments["backstore"],)))

    apply_action(lio, {**backstore_handlers(lio), "save": save}, action)


def backstore_handlers(lio: Lio) -> dict[str, Callable[[Arguments], None]]:
    """How each step on a backstore is done, by its name."""

    def make_file(arguments: Arguments) -> None:
        create_file(arguments["path"], arguments["size"])

    def extend_file(arguments: Arguments) -> None:
        grow_file(arguments["path"], arguments["size"])

    def create(arguments: Arguments) -> None:
        lio.start()
        plugin, name = split_key(arguments["backstore"])
        if plugin == "block":
            lio.rtslib.BlockStorageObject(
                name,
                arguments["device"],
                wwn=arguments["wwn"],
                readonly=arguments["write_protect"],
            )
        else:
            lio.rtslib.FileIOStorageObject(
                name,
                arguments["path"],
                arguments["size"],
                wwn=arguments["wwn"],
                write_back=arguments["write_back"],
            )

    def delete(arguments: Arguments) -> None:
        lio.storage_object(arguments["backstore"]).delete()

    def set_attributes(arguments: Arguments) -> None:
        entry = lio.storage_object(arguments["backstore"])
        for attribute, value in arguments["attributes"].items():
            entry.set_attribute(attribute, value)

    return {
        "create_file": make_file,
        "grow_file": extend_file,
        "create_backstore": create,
        "delete_backstore": delete,
        "set_backstore_attributes": set_attributes,
    }


def _uses(fs: FileSystem, folder: str) -> list[str]:
    """Who uses one block device, given by its folder in sysfs."""
    name = folder.rsplit("/", 1)[1]
    number = fs.read(folder + "/dev").strip()
    node = "/dev/" + name.replace("!", "/")
    uses = [
        "%s mounted at %s" % (name, point)
        for mounted, source, point in parse_mounts(fs.read("/proc/self/mountinfo"))
        # A btrfs has a number of its own, so its source counts as well.
        if mounted == number or (source.startswith("/dev/") and fs.realpath(source) == node)
    ]
    uses += [
        "%s used as swap" % name
        for swap in parse_swaps(fs.read("/proc/swaps"))
        if fs.realpath(swap) == node
    ]
    uses += [
        "%s held by %s (device mapper, LVM or RAID)" % (name, holder)
        for holder in fs.listdir(folder + "/holders")
    ]
    return uses
