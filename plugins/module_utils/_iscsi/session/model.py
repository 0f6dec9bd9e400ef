# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What the host has of one target: its sessions, and what is built on their disks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    Live,
    NodeRecord,
    Session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import Place

RUNNING = "running"  # a SCSI device that takes commands


@dataclass(frozen=True)
class Map:
    """A multipath map.

    :param device: kernel name ("dm-0").
    :param name: name of the device-mapper device.
    :param paths: the kernel names of its disks, and whether each works.
    :param uses: what uses the map ("mounted at /srv (through dm-0)").
    """

    device: str
    name: str
    wwid: str
    paths: Mapping[str, bool] = field(default_factory=dict)
    uses: tuple[str, ...] = ()

    def runs_without(self, disks: Collection[str]) -> bool:
        """Whether a path is left that works when these disks go."""
        return any(works and disk not in disks for disk, works in self.paths.items())

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {
            "wwid": self.wwid,
            "device": "/dev/" + self.device,
            "paths": sorted(self.paths),
        }


@dataclass(frozen=True)
class ObservedSessions:
    """What the host has of one target.

    :param uses: for each disk of the sessions that something but a multipath map uses, by what.
    :param maps: the multipath maps over these disks, and those of the expected WWIDs.
    :param records: the node records of the target.
    :param live: what each session runs with, by its number.
    """

    sessions: tuple[Session, ...] = ()
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    maps: tuple[Map, ...] = ()
    records: tuple[NodeRecord, ...] = ()
    live: Mapping[int, Live] = field(default_factory=dict)

    def record_of(self, place: Place) -> NodeRecord | None:
        """The node record for a portal and an iface."""
        return next((r for r in self.records if (r.portal, r.iface) == place), None)

    def map_of(self, disk: str) -> Map | None:
        """The multipath map that a disk is a path of."""
        return next((found for found in self.maps if disk in found.paths), None)

    def obstacles(self, disks: Collection[str], *, more_paths: bool = False) -> tuple[str, ...]:
        """Why these disks must not go together; none when they may.

        :param more_paths: paths are still to come: a map that lacks another one is no obstacle.
        """
        found = [
            "disk %s in use (%s)" % (disk, ", ".join(self.uses[disk]))
            for disk in disks
            if self.uses.get(disk)
        ]
        for over in self.maps:
            lost = [disk for disk in disks if disk in over.paths]
            if lost and over.uses and not more_paths and not over.runs_without(disks):
                found.append(
                    "disk %s the last working path of a map in use (%s)"
                    % (", ".join(lost), ", ".join(over.uses))
                )
        return tuple(found)
