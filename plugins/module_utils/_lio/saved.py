# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The saved configuration: what LIO is given back at boot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable, TypeVar

from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Backstore,
    Configuration,
    Target,
    Tpg,
    only,
)

Entry = TypeVar("Entry", Backstore, Target)


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


def compare_saved(
    running: Configuration, saved: Configuration, targets: Collection[str] = ()
) -> dict[str, list[str]]:
    """What would be different after a reboot, by the objects' names.

    :param targets: IQNs. Only they are compared, and the backstores that they export in either
        of the two; everything when empty.
    """
    if targets:
        exported = _exported(running, targets) | _exported(saved, targets)
        running = _part(running, targets, exported)
        saved = _part(saved, targets, exported)
    backstores = _differences(
        {entry.key: entry for entry in running.backstores},
        {entry.key: entry for entry in saved.backstores},
        _common_backstore,
    )
    iqns = _differences(
        {entry.name: entry for entry in running.targets},
        {entry.name: entry for entry in saved.targets},
        _common_target,
    )
    return {
        kind: ["backstore " + name for name in backstores[kind]]
        + ["target " + name for name in iqns[kind]]
        for kind in ("missing", "different", "not_running")
    }


def _exported(configuration: Configuration, targets: Collection[str]) -> set[str]:
    return {
        lun.backstore
        for target in configuration.targets
        if target.name in targets
        for tpg in target.tpgs
        for lun in tpg.luns
    }


def _part(
    configuration: Configuration, targets: Collection[str], backstores: Collection[str]
) -> Configuration:
    return Configuration(
        tuple(entry for entry in configuration.backstores if entry.key in backstores),
        tuple(entry for entry in configuration.targets if entry.name in targets),
    )


def _differences(
    now: Mapping[str, Entry], then: Mapping[str, Entry], common: Callable[[Entry, Entry], Entry]
) -> dict[str, list[str]]:
    return {
        "missing": [name for name in now if name not in then],
        "different": [
            name
            for name in now
            if name in then and common(now[name], then[name]) != common(then[name], now[name])
        ],
        "not_running": [name for name in then if name not in now],
    }


# Another kernel may have more attributes or fewer than the one that the file was saved under. Those
# that only one of the two has are no difference.


def _common_backstore(backstore: Backstore, other: Backstore) -> Backstore:
    return replace(backstore, attributes=only(backstore.attributes, other.attributes))


def _common_target(target: Target, other: Target) -> Target:
    return replace(
        target, tpgs=tuple(_common_tpg(tpg, other.tpg(tpg.tag) or tpg) for tpg in target.tpgs)
    )


def _common_tpg(tpg: Tpg, other: Tpg) -> Tpg:
    return replace(
        tpg,
        attributes=only(tpg.attributes, other.attributes),
        parameters=only(tpg.parameters, other.parameters),
    )


def _replaced(
    saved: list[dict[str, Any]], running: list[dict[str, Any]], ours: Ours
) -> list[dict[str, Any]]:
    # Our entry keeps its place, so that the file changes as little as possible.
    now = [entry for entry in running if ours.has(entry)]
    place = next((index for index, entry in enumerate(saved) if ours.has(entry)), len(saved))
    others_before = [entry for entry in saved[:place] if not ours.has(entry)]
    others_after = [entry for entry in saved[place:] if not ours.has(entry)]
    return others_before + now + others_after
