# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A block device and a mount point, as they were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Signature:
    """Something that says what a device holds: a file system, a partition table, a RAID member.

    :param offset: where on the device, in bytes.
    :param type: its name as wipefs gives it ("xfs", "gpt").
    :param uuid: its UUID, empty where it has none.
    :param label: its label, empty where it has none.
    """

    offset: int
    type: str
    uuid: str = ""
    label: str = ""

    def public(self) -> dict[str, Any]:
        return {"offset": self.offset, "type": self.type, "uuid": self.uuid, "label": self.label}


@dataclass(frozen=True)
class Mount:
    """What is mounted at a mount point.

    :param source: the device node.
    :param fstype: the file system's type.
    :param uuid: the file system's UUID, empty where it has none.
    :param options: the options in force.
    """

    source: str
    fstype: str
    uuid: str
    options: str

    def public(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "fstype": self.fstype,
            "uuid": self.uuid,
            "options": self.options,
        }


@dataclass(frozen=True)
class Device:
    """A block device.

    :param path: the path asked for.
    :param node: the device node behind it.
    :param size_bytes: its size.
    :param read_only: whether the kernel refuses writes.
    :param signatures: everything on it that says what it holds.
    :param mount_points: where it, or anything on top of it, is mounted.
    :param zeroes: whether it reads as zeroes from end to end; None when that was not looked at.
    :param unfinished: whether it holds an XFS that mkfs.xfs was kept from finishing; None when that
        was not looked at.
    """

    path: str
    node: str
    size_bytes: int
    read_only: bool
    signatures: tuple[Signature, ...]
    mount_points: tuple[str, ...]
    zeroes: bool | None
    unfinished: bool | None = None

    @property
    def blank(self) -> bool | None:
        """No signature and nothing but zeroes; None when the zeroes were not looked at."""
        return False if self.signatures else self.zeroes

    def public(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "node": self.node,
            "size_bytes": self.size_bytes,
            "read_only": self.read_only,
            "signatures": [signature.public() for signature in self.signatures],
            "mount_points": list(self.mount_points),
            "blank": self.blank,
            "unfinished": bool(self.unfinished),
        }
