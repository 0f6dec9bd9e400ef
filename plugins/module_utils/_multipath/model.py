# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.


"""Multipath maps, their paths, and the disks that belong to a map and are not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACTIVE = "active"


@dataclass(frozen=True)
class Disk:
    """A SCSI disk.

    :param name: its name in the kernel ("sda").
    :param wwid: as udev and multipath have it; empty when the disk gives none.
    :param state: state of the SCSI device ("running", "transport-offline").
    :param target: the iSCSI target that it comes from; None for other disks.
    :param portal: the portal that it comes through; None for other disks.
    """

    name: str
    wwid: str
    state: str
    target: str | None = None
    portal: str | None = None

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {
            "device": self.name,
            "wwid": self.wwid,
            "device_state": self.state,
            "target": self.target,
            "portal": self.portal,
        }


@dataclass(frozen=True)
class Path:
    """A path of a map, in multipathd's words.

    :param state: what device-mapper does with it: active or failed.
    :param checker: what the path checker saw last: ready, faulty, ghost, ...
    :param device_state: state of the SCSI device.
    """

    device: str
    state: str
    checker: str
    device_state: str

    def public(self, disk: Disk | None) -> dict[str, Any]:
        """In the form the user sees; ``disk`` is the path's disk as the kernel has it."""
        return {
            "device": self.device,
            "state": self.state,
            "checker": self.checker,
            "device_state": self.device_state,
            "target": disk.target if disk else None,
            "portal": disk.portal if disk else None,
        }


@dataclass(frozen=True)
class Map:
    """A multipath map.

    :param node: its name in the kernel ("dm-0").
    :param queueing: what happens to I/O without a path, in multipathd's words ("12 chk").
    """

    name: str
    wwid: str
    node: str
    queueing: str
    write_protected: bool
    paths: tuple[Path, ...] = ()

    def public(self, disks: Mapping[str, Disk], size_bytes: int) -> dict[str, Any]:
        """In the form the user sees."""
        return {
            "name": self.name,
            "wwid": self.wwid,
            "device": "/dev/" + self.node,
            "size_bytes": size_bytes,
            "read_only": self.write_protected,
            "queueing": self.queueing,
            "paths": [path.public(disks.get(path.device)) for path in self.paths],
            "active_paths": sum(path.state == ACTIVE for path in self.paths),
        }


def orphans(
    maps: tuple[Map, ...], disks: tuple[Disk, ...], wwids: tuple[str, ...]
) -> tuple[Disk, ...]:
    """The disks that belong to a map, there or asked for, and are not a path of it.

    multipathd can lose a disk for good when its target dies while the map is made.
    """
    joined = {(found.wwid, path.device) for found in maps for path in found.paths}
    wanted = {found.wwid for found in maps}.union(wwids)
    return tuple(
        disk for disk in disks if disk.wwid in wanted and (disk.wwid, disk.name) not in joined
    )
