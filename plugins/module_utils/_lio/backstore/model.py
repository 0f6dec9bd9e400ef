# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A backstore as it is wanted, and the device it is to be made of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Configuration,
    backstore_key,
)

_SECTOR = 512
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_OPTIONS_OF = {
    "device": "block",
    "write_protect": "block",
    "path": "fileio",
    "size": "fileio",
    "write_back": "fileio",
}
_REQUIRED = ("device", "path", "size")

# The options of a backstore that is to be there, as lio_backstore and lio_target take them.
BACKSTORE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["block", "fileio"], "default": "block"},
    "device": {"type": "path"},
    "path": {"type": "path"},
    "size": {"type": "str"},
    "write_protect": {"type": "bool", "default": False},
    "write_back": {"type": "bool", "default": False},
    "wwn": {"type": "str", "required": True},
    "attributes": {"type": "dict", "default": {}},
}


@dataclass(frozen=True)
class DesiredBackstore:
    """What the module's options ask for.

    :param plugin: "block" or "fileio".
    :param device: path of the device or file; empty for state absent, like all that follows.
    :param size: bytes, for fileio only.
    """

    name: str
    present: bool
    device: str = ""
    wwn: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    plugin: str = "block"
    size: int | None = None
    write_protect: bool = False
    write_back: bool = False

    @property
    def key(self) -> str:
        return backstore_key(self.plugin, self.name)


@dataclass(frozen=True)
class Device:
    """A block device or a file of this host.

    :param exists: there is something at the path.
    :param is_block: and it is a block device.
    :param is_file: and it is a regular file.
    :param has_folder: the folder that it is in or would be in is there.
    :param size: bytes of a file.
    :param uses: who uses it here, as text ("mounted at /srv").
    """

    exists: bool = False
    is_block: bool = False
    is_file: bool = False
    has_folder: bool = True
    size: int = 0
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """What was found.

    :param saved: None when nothing was ever saved.
    :param devices: the device or file of each backstore that is to be there, by its key.
    :param nodes: the device node behind each device path spoken of.
    :param sizes: the size in bytes behind each device path, None when it is not there.
    """

    running: Configuration
    saved: Configuration | None
    devices: Mapping[str, Device] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int | None] = field(default_factory=dict)


def desired_backstore(params: Mapping[str, Any]) -> DesiredBackstore:
    """The module's options, checked.

    :raises ModelStoreError: a value that LIO would not take.
    """
    name = params["name"]
    if not name or re.search(r"[/\s]", name):
        raise ModelStoreError(
            "name",
            repr(name),
            "a name without blanks and '/'",
            "Choose a name such as the inventory name of the node that uses the volume.",
        )
    plugin = params["type"]
    if params["state"] == "absent":
        return DesiredBackstore(name, present=False, plugin=plugin)
    what = "backstore %s" % backstore_key(plugin, name)
    _check_options(what, params)
    return DesiredBackstore(
        name,
        present=True,
        device=params["device"] if plugin == "block" else _path(what, params["path"]),
        wwn=_uuid(name, params["wwn"]),
        attributes={
            key: str(int(value) if isinstance(value, bool) else value)
            for key, value in params["attributes"].items()
        },
        plugin=plugin,
        size=None if plugin == "block" else parse_size(what, params["size"]),
        write_protect=params["write_protect"],
        write_back=params["write_back"],
    )


def parse_size(what: str, size: str) -> int:
    """A size with or without a unit (binary multiples) in bytes.

    :raises ModelStoreError: it is no size, or none that can be exported.

    >>> parse_size("backstore fileio/gpu1", "20G")
    21474836480
    """
    found = re.fullmatch(r"([1-9][0-9]*)([KMGT]?)", size.strip().upper())
    size_bytes = int(found.group(1)) * _UNITS[found.group(2)] if found else 0
    if not size_bytes or size_bytes % _SECTOR:
        raise ModelStoreError(
            "size of %s" % what,
            repr(size),
            "a number of bytes that is a multiple of %d" % _SECTOR,
            "Give whole numbers, with K, M, G or T for multiples of 1024: 20G.",
        )
    return size_bytes


def _check_options(what: str, params: Mapping[str, Any]) -> None:
    """Each option has a meaning for one of the two types only."""
    plugin = params["type"]
    for option, owner in _OPTIONS_OF.items():
        needed = option in _REQUIRED
        if plugin == owner and needed and not params[option]:
            raise ModelStoreError(
                what, "no %s" % option, "one for type %s" % plugin, "Set %s." % option
            )
        if plugin != owner and params[option]:
            raise ModelStoreError(
                what,
                "%s together with type %s" % (option, plugin),
                "it with type %s only" % owner,
                "To export it read-only, set write_protect of the mapped LUNs in lio_target."
                if option == "write_protect"
                else "Take %s out, or set type: %s." % (option, owner),
            )
    if plugin == "fileio" and "emulate_write_cache" in params["attributes"]:
        raise ModelStoreError(
            what,
            "the attribute emulate_write_cache",
            "the option write_back",
            "The file has to be opened in the mode that initiators are told of.",
        )


def _path(what: str, path: str) -> str:
    # The kernel takes the path in a list that is separated by commas and lines.
    if not path.startswith("/") or re.search(r"[,\n]", path):
        raise ModelStoreError(
            "path of %s" % what,
            repr(path),
            "an absolute path without commas and line breaks",
            "Choose a path such as /srv/volumes/gpu1.img.",
        )
    return path


def _uuid(name: str, wwn: str) -> str:
    try:
        return str(uuid.UUID(wwn))
    except ValueError as error:
        raise ModelStoreError(
            "wwn of backstore %s" % name,
            wwn,
            "a UUID",
            "The filter tts.modelstore.volume_wwn makes one from the target's IQN and the name.",
        ) from error
