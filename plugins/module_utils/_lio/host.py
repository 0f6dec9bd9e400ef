# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The LIO of this host, through rtslib."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Callable

from ansible.module_utils.common.respawn import (
    has_respawned,
    probe_interpreters_for_module,
    respawn_module,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._lio.dump import TargetDump
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Configuration,
    Target,
    split_key,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.parse import (
    Session,
    parse_configuration,
    parse_dynamic_sessions,
    parse_session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import Ours, merge_saved

CONFIGFS = "/sys/kernel/config/target"

_RTSLIB_NAMES = ("rtslib_fb", "rtslib")
# Distributions install rtslib for their own Python only.
_SYSTEM_PYTHONS = ["/usr/bin/python3", "/usr/libexec/platform-python"]


def find_rtslib() -> Any:
    """The rtslib module, or None when it is not installed.

    Runs the Ansible module again under the system's Python when only that one has it.
    """
    for name in _RTSLIB_NAMES:
        try:
            return import_module(name)
        except ImportError:
            continue
    if not has_respawned():
        for name in _RTSLIB_NAMES:
            interpreter = probe_interpreters_for_module(_SYSTEM_PYTHONS, name)
            if interpreter:
                respawn_module(interpreter)
    return None


class Lio:
    """Reads the running and the saved configuration, and saves.

    :param rtslib: the module, or None where it is not installed.
    :param predict: count what is not installed as empty; otherwise that is an error.
    """

    def __init__(self, rtslib: Any, fs: FileSystem, *, predict: bool) -> None:
        self.rtslib = rtslib
        self.fs = fs
        self.predict = predict

    @property
    def available(self) -> bool:
        """Whether rtslib is installed and the kernel's target is loaded."""
        return self.rtslib is not None and self.fs.exists(CONFIGFS)

    @property
    def saved_path(self) -> str | None:
        """The file that this distribution restores at boot."""
        return str(self.rtslib.root.default_save_file) if self.rtslib else None

    def running(self, *, acls: bool = True) -> Configuration:
        """What LIO does now.

        :param acls: without them nothing of the targets is read but their LUNs.
        """
        return parse_configuration(self._dump(acls))

    def saved(self) -> Configuration | None:
        """What LIO will do after a reboot; None when nothing was ever saved."""
        saved = self._read_saved()
        return None if saved is None else parse_configuration(saved)

    def start(self) -> None:
        """Load the kernel's target, if need be, before the first object is made."""
        # The kernel only takes the folder as its database if it is there by now, and it does not
        # make the folders in which it keeps reservations and ALUA states.
        database = os.path.dirname(str(self.saved_path))
        for folder in (database, database + "/pr", database + "/alua"):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self.rtslib.RTSRoot()

    def sessions(self, target: Target) -> list[tuple[int, str, Session]]:
        """The newest session of each ACL and those without one (demo mode), each with the TPG's
        tag and the initiator.
        """
        found = []
        for tpg in target.tpgs:
            folder = "%s/iscsi/%s/tpgt_%d" % (CONFIGFS, target.name, tpg.tag)
            for acl in tpg.acls:
                session = parse_session(self._read(folder + "/acls/%s/info" % acl.initiator))
                if session:
                    found.append((tpg.tag, acl.initiator, session))
            for initiator in parse_dynamic_sessions(self._read(folder + "/dynamic_sessions")):
                found.append((tpg.tag, initiator, Session(None, "Normal")))
        return found

    def save(self, ours: Ours) -> None:
        """Save our object as it runs, and leave what else is in the file as it is."""
        saved = self._read_saved()
        # The first time all that runs is saved.
        dump = self._dump(acls=saved is None or bool(ours.target))
        merged = merge_saved(saved, dump, ours)
        self.fs.write_private(
            str(self.saved_path), json.dumps(merged, indent=2, sort_keys=True) + "\n"
        )

    def storage_object(self, key: str) -> Any:
        """The running storage object with this key (see :attr:`Backstore.key`)."""
        plugin, name = split_key(key)
        return self.rtslib.tcm.so_mapping[plugin](name)

    def size_bytes(self, device: str) -> int | None:
        """Size of a block device; None when it is not there."""
        try:
            return int(self.fs.read(block_folder(self.fs, device) + "/size")) * 512
        except (OSError, ValueError):
            return None

    def _read(self, path: str) -> str:
        try:
            return self.fs.read(path)
        except FileNotFoundError:  # somebody has just removed the object
            return ""

    def _dump(self, acls: bool) -> dict[str, Any]:
        # Not RTSRoot().dump(): to make an RTSRoot, and to ask a fabric that is not loaded for its
        # discovery credentials, loads kernel modules and makes folders in configfs.
        if self.rtslib is None and not self.predict:
            raise ModelStoreError(
                "rtslib",
                "no Python module of that name",
                "it to be installed for the system's Python",
                "Install the package python3-rtslib-fb (python3-rtslib on RHEL).",
            )
        if not self.available:
            return {"storage_objects": [], "targets": [], "fabric_modules": []}
        fabrics = [fabric for fabric in self.rtslib.FabricModule.all() if fabric.exists]
        dumper = TargetDump(self.rtslib, self.fs)
        dump = dumper.target if acls else dumper.exports
        return {
            "storage_objects": [
                self._dump_storage_object(entry) for entry in self.rtslib.tcm.StorageObject.all()
            ],
            "targets": [dump(target) for fabric in fabrics for target in fabric.targets],
            "fabric_modules": [
                fabric.dump() for fabric in fabrics if fabric.has_feature("discovery_auth")
            ],
        }

    def _dump_storage_object(self, entry: Any) -> Any:
        try:
            return entry.dump()
        except self.rtslib.RTSLibError:  # made, but never configured
            return {"plugin": entry.plugin, "name": entry.name}

    def _read_saved(self) -> dict[str, Any] | None:
        if self.saved_path is None:
            return None
        try:
            saved = json.loads(self.fs.read(self.saved_path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise _damaged(self.saved_path, str(error)) from error
        if not isinstance(saved, dict):
            raise _damaged(self.saved_path, "no JSON object")
        return saved


def apply_action(
    lio: Lio, handlers: Mapping[str, Callable[[Mapping[str, Any]], None]], action: Action
) -> None:
    """Do one step, and say which one it was when LIO refuses it."""
    try:
        handlers[action.name](action.arguments)
    except (lio.rtslib.RTSLibError, OSError) as error:
        raise ModelStoreError(
            "%s of %s" % (action.name, action.subject),
            str(error),
            "LIO to accept it",
            "The kernel's reason is in dmesg. What was done before this step stays; run again.",
        ) from error


def block_folder(fs: FileSystem, device: str) -> str:
    """The folder of a block device in sysfs."""
    name = fs.realpath(device).removeprefix("/dev/")
    return "/sys/class/block/%s" % name.replace("/", "!")


def _damaged(path: str, found: str) -> ModelStoreError:
    return ModelStoreError(
        "saved configuration %s" % path,
        found,
        "a JSON object as rtslib writes it",
        "Repair the file or move it away; a copy may be in the folder 'backup' beside it.",
    )
