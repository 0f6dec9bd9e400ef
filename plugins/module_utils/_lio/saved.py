# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The saved configuration: what LIO is given back at boot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import Configuration


@dataclass(frozen=True)
class Ours:
    """The one object that a module answers for; the other member is empty.

    :param backstore: name of a block backstore.
    :param target: IQN.
    """

    backstore: str = ""
    target: str = ""

    def has(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of a dump is this object."""
        if "wwn" in entry and "tpgs" in entry:
            return entry.get("fabric") == "iscsi" and entry["wwn"] == self.target
        return entry.get("plugin") == "block" and entry.get("name") == self.backstore


def merge_saved(
    saved: Mapping[str, Any] | None, running: Mapping[str, Any], ours: Ours
) -> dict[str, Any]:
    """The new content of the file: our object as it runs, everything else as it was saved.

    :param saved: the content of the file, None when there is none yet. Then all that runs is
        saved: a target is of no use without its backstores.
    :param running: rtslib's dump.
    """
    if saved is None:
        return dict(running)
    merged = dict(saved)
    for section in ("storage_objects", "targets"):
        merged[section] = _replaced(saved.get(section, []), running.get(section, []), ours)
    return merged


def compare_saved(running: Configuration, saved: Configuration) -> dict[str, list[str]]:
    """What would be different after a reboot, by the objects' names."""
    missing, different, extra = [], [], []
    for kind, now, then in (
        (
            "backstore",
            {entry.key: entry for entry in running.backstores},
            {entry.key: entry for entry in saved.backstores},
        ),
        (
            "target",
            {entry.name: entry for entry in running.targets},
            {entry.name: entry for entry in saved.targets},
        ),
    ):
        missing += ["%s %s" % (kind, name) for name in now if name not in then]
        extra += ["%s %s" % (kind, name) for name in then if name not in now]
        different += [
            "%s %s" % (kind, name) for name in now if name in then and now[name] != then[name]
        ]
    return {"missing": missing, "different": different, "not_running": extra}


def _replaced(
    saved: list[dict[str, Any]], running: list[dict[str, Any]], ours: Ours
) -> list[dict[str, Any]]:
    # Our entry keeps its place, so that the file changes as little as possible.
    now = [entry for entry in running if ours.has(entry)]
    place = next((index for index, entry in enumerate(saved) if ours.has(entry)), len(saved))
    others_before = [entry for entry in saved[:place] if not ours.has(entry)]
    others_after = [entry for entry in saved[place:] if not ours.has(entry)]
    return others_before + now + others_after
