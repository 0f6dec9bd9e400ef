# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A disk that grew, from its paths to the file system on it."""

from __future__ import annotations

from dataclasses import dataclass

# An XFS does not start an allocation group with less than this many blocks (XFS_MIN_AG_BLOCKS of
# the kernel), so that less room than that cannot be used.
SMALLEST_GROUP = 64


@dataclass(frozen=True)
class Disk:
    """A SCSI disk: one path to the volume, or all there is of it.

    :param size: what the kernel takes for its size, in bytes.
    :param reported: what the disk itself says now, in bytes; None when it does not answer.
    """

    name: str
    size: int
    reported: int | None


@dataclass(frozen=True)
class FileSystem:
    """The mounted XFS.

    :param block: bytes of a block.
    :param blocks: how many it has.
    """

    mount_point: str
    block: int
    blocks: int


@dataclass(frozen=True)
class Observed:
    """One volume.

    :param path: how it was asked for.
    :param map: name of its multipath map; empty when it is a single disk.
    :param size: of the map or the disk, in bytes.
    """

    path: str
    map: str
    size: int
    disks: tuple[Disk, ...]
    file_system: FileSystem | None = None
