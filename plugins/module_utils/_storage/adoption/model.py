# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A local folder on its way to a volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

# Beside the copied files: what was copied and verified, a line for each; and the one in the making.
RECORD = ".modelstore-adoption"
PART = ".modelstore-adoption.part"


@dataclass(frozen=True)
class Entry:
    """One name in a folder.

    :param kind: ``file``, ``folder``, ``link``, ``mount`` (another file system begins there),
        ``special`` (a device, a socket, a pipe) or ``missing``.
    :param mode: the permission bits.
    :param size: of a file, in bytes.
    :param mtime: when it was last written, in nanoseconds since the epoch.
    :param inode: the number that all names of one file share.
    :param target: of a link, what is written in it.
    """

    kind: str
    mode: int = 0
    size: int = 0
    mtime: int = 0
    inode: int = 0
    target: str = ""


MISSING = Entry("missing")


@dataclass(frozen=True)
class Copied:
    """A file that was copied, and read back from the volume with the same checksum.

    :param size: of the source at that time, in bytes.
    :param mtime: of the source at that time, in nanoseconds since the epoch.
    """

    size: int
    mtime: int
    sha256: str


@dataclass(frozen=True)
class Desired:
    """What is to become of the folder.

    :param source: the local folder.
    :param destination: the folder on the volume.
    :param kept: where the local folder is kept in the end.
    :param portion: how much of the bytes has to be on the volume, in percent.
    :param switch: whether a link takes the folder's place at last.
    :param require_mount: whether the destination has to be a mount point.
    """

    source: str
    destination: str
    kept: str
    portion: int = 100
    switch: bool = True
    require_mount: bool = True


@dataclass(frozen=True)
class Observed:
    """The folder, the volume and what is between them.

    :param source: what is at the folder's place.
    :param kept: what is at the place where it is to be kept.
    :param files: everything in the folder, by its path in there.
    :param present: what is at the same paths on the volume.
    :param copied: the record of what was copied and verified, by path.
    :param free: bytes that are free on the volume; what was copied of an unfinished file counts.
    :param processes: who has something of the folder open, as ``command with pid 1``.
    """

    source: Entry
    kept: Entry = MISSING
    files: Mapping[str, Entry] = field(default_factory=dict)
    present: Mapping[str, Entry] = field(default_factory=dict)
    copied: Mapping[str, Copied] = field(default_factory=dict)
    free: int = 0
    processes: tuple[str, ...] = ()


def desired_adoption(options: Mapping[str, Any]) -> Desired:
    """What the module's options ask for.

    :raises ModelStoreError: they contradict themselves.
    """
    source, suffix = str(options["source"]).rstrip("/"), str(options["suffix"])
    if not suffix or "/" in suffix:
        raise ModelStoreError(
            "suffix", repr(suffix), "some characters without a slash", "Nothing was changed."
        )
    if not 1 <= options["portion"] <= 100:
        raise ModelStoreError(
            "portion", str(options["portion"]), "1 to 100", "It is a share in percent."
        )
    switch = options["state"] == "adopted"
    return Desired(
        source=source,
        destination=str(options["destination"]),
        kept=source + suffix,
        portion=100 if switch else options["portion"],
        switch=switch,
        require_mount=bool(options["require_mount"]),
    )
