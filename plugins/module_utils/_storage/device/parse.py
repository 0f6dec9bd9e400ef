# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the JSON of util-linux's programs to the model."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.model import (
    Mount,
    Signature,
)


def parse_signatures(wipefs_json: str) -> tuple[Signature, ...]:
    """What ``wipefs --no-act --json`` found; for a blank device no entry, or nothing printed."""
    if not wipefs_json.strip():
        return ()
    return tuple(
        Signature(
            offset=int(entry["offset"], 16),
            type=entry["type"],
            uuid=entry.get("uuid") or "",
            label=entry.get("label") or "",
        )
        for entry in json.loads(wipefs_json)["signatures"]
    )


def parse_block_device(lsblk_json: str) -> tuple[int, bool, tuple[str, ...]]:
    """Size in bytes, read-only, and all mount points from ``lsblk --json --bytes``.

    What is on top of the device (partitions, maps, logical volumes) counts as well.
    """
    top = json.loads(lsblk_json)["blockdevices"][0]
    return int(top["size"]), _truth(top["ro"]), tuple(sorted(_mount_points(top)))


def parse_mount(findmnt_json: str) -> Mount | None:
    """What ``findmnt --json --mountpoint`` found; it prints nothing where nothing is mounted.

    Of several mounts on top of each other the last one is the visible one.
    """
    if not findmnt_json.strip():
        return None
    entry = json.loads(findmnt_json)["filesystems"][-1]
    return Mount(
        source=entry["source"],
        fstype=entry["fstype"],
        uuid=entry.get("uuid") or "",
        options=entry["options"],
    )


def parse_fstab_source(findmnt_json: str) -> str | None:
    """What ``findmnt --fstab --json --mountpoint`` found; it prints nothing without an entry.

    Of several entries for one mount point systemd takes the first.
    """
    if not findmnt_json.strip():
        return None
    return str(json.loads(findmnt_json)["filesystems"][0]["source"])


def _mount_points(entry: dict[str, Any]) -> set[str]:
    found = {point for point in entry.get("mountpoints") or [] if point}
    for child in entry.get("children") or []:
        found |= _mount_points(child)
    return found


def _truth(value: Any) -> bool:
    # util-linux before 2.33 printed "0" and "1" where newer ones print booleans.
    return value in (True, "1")
