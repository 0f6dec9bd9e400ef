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
    backstore_key,
    only,
)

Entry = TypeVar("Entry", Backstore, Target)
Same = Callable[[Entry, Entry], bool]

# All that is known of a backstore that was made and never configured.
UNFINISHED = frozenset(("plugin", "name"))


@dataclass(frozen=True)
class Ours:
    """The objects that a module answers for; the other members are empty.

    :param backstores: :attr:`Backstore.key` of each.
    :param target: IQN.
    :param discovery_auth: the discovery CHAP of the host.
    """

    backstores: tuple[str, ...] = ()
    target: str = ""
    discovery_auth: bool = False

    def has(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of a dump is one of these objects."""
        if "wwn" in entry and "tpgs" in entry:
            return entry.get("fabric") == "iscsi" and entry["wwn"] == self.target
        return backstore_key(entry["plugin"], entry["name"]) in self.backstores


def merge_saved(
    saved: Mapping[str, Any] | None, running: Mapping[str, Any], ours: Ours
) -> dict[str, Any]:
    """The new content of the file: our objects as they run, everything else as it was saved.

    :param saved: the content of the file, None when there is none yet. Then all that runs is
        saved: a target is of no use without its backstores.
    :param running: rtslib's dump.
    """
    if saved is None:
        return _finished(running)
    merged = dict(saved)
    for section in ("storage_objects", "targets"):
        merged[section] = _replaced(saved.get(section, []), running.get(section, []), ours)
    if ours.discovery_auth:
        merged["fabric_modules"] = _with_discovery_auth(
            saved.get("fabric_modules", []), running.get("fabric_modules", [])
        )
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
        same_backstore,
    )
    iqns = _differences(
        {entry.name: entry for entry in running.targets},
        {entry.name: entry for entry in saved.targets},
        same_target,
    )
    differences = {
        kind: ["backstore " + name for name in backstores[kind]]
        + ["target " + name for name in iqns[kind]]
        for kind in ("missing", "different", "not_running")
    }
    if not targets and running.discovery_auth != saved.discovery_auth:
        differences["different"].append("discovery authentication")
    return differences


def same_backstore(now: Backstore | None, then: Backstore | None) -> bool:
    """Whether a backstore is saved as it runs."""
    if now is None or then is None:
        return now is then
    return _common_backstore(now, then) == _common_backstore(then, now)


def same_target(now: Target | None, then: Target | None) -> bool:
    """Whether a target is saved as it runs."""
    if now is None or then is None:
        return now is then
    return _common_target(now, then) == _common_target(then, now)


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
    now: Mapping[str, Entry], then: Mapping[str, Entry], same: Same[Entry]
) -> dict[str, list[str]]:
    return {
        "missing": [name for name in now if name not in then],
        "different": [name for name in now if name in then and not same(now[name], then[name])],
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
    # What is there keeps its place, so that the file changes as little as possible.
    now = {_identity(entry): entry for entry in running if ours.has(entry)}
    merged = []
    for entry in saved:
        if not ours.has(entry):
            merged.append(entry)
        elif _identity(entry) in now:
            merged.append(now.pop(_identity(entry)))
    return [*merged, *now.values()]


def _identity(entry: Mapping[str, Any]) -> tuple[str, str]:
    """What tells an entry of a section from the others."""
    if "tpgs" in entry:
        return entry["fabric"], entry["wwn"]
    return entry["plugin"], entry["name"]


def _with_discovery_auth(
    saved: list[dict[str, Any]], running: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    now = next((entry for entry in running if entry["name"] == "iscsi"), {})
    settings = {key: value for key, value in now.items() if key.startswith("discovery_")}
    if not any(entry["name"] == "iscsi" for entry in saved):
        saved = [*saved, {"name": "iscsi"}]
    return [
        {
            **{key: value for key, value in entry.items() if not key.startswith("discovery_")},
            **settings,
        }
        if entry["name"] == "iscsi"
        else entry
        for entry in saved
    ]


def _finished(running: Mapping[str, Any]) -> dict[str, Any]:
    """What runs without the backstores, LUNs and mapped LUNs that were never finished."""
    return {
        **running,
        "storage_objects": [
            entry for entry in running.get("storage_objects", []) if entry.keys() > UNFINISHED
        ],
        "targets": [
            {**target, "tpgs": [_finished_tpg(tpg) for tpg in target["tpgs"]]}
            for target in running.get("targets", [])
        ],
    }


def _finished_tpg(tpg: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **tpg,
        "luns": [lun for lun in tpg["luns"] if "storage_object" in lun],
        "node_acls": [
            {**acl, "mapped_luns": [lun for lun in acl["mapped_luns"] if "tpg_lun" in lun]}
            for acl in tpg["node_acls"]
        ],
    }
