# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the folder, the volume and the record to the steps that are left."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import (
    MISSING,
    PART,
    RECORD,
    Copied,
    Desired,
    Entry,
    Observed,
)

_BLOCK = 4096  # of XFS: no file takes less
_INODE = 512


@dataclass(frozen=True)
class _Step:
    """What is left to do for one path: a verb, or the reason why there is no way."""

    verb: str = ""
    fault: str = ""
    argument: str = ""


_DONE = _Step()


def plan_adoption(desired: Desired, observed: Observed) -> Plan:
    """The steps that are left.

    :raises ModelStoreError: they would lose or mix up something, or do not fit on the volume.
    """
    what = "folder %s" % desired.source
    if observed.source.kind == "link":
        if observed.source.target == desired.destination:
            return Plan()
        raise ModelStoreError(
            what,
            "a link to %s" % observed.source.target,
            "a folder, or a link to %s" % desired.destination,
            "Nothing was changed. Name the folder that the link leads to, or remove the link.",
        )
    if observed.source.kind == "missing":
        if observed.kept.kind == "folder" and desired.switch:
            return _shown(desired, observed, [_action("place_link", desired.source)])
        return Plan()
    if observed.source.kind != "folder":
        raise ModelStoreError(
            what,
            "a %s" % observed.source.kind,
            "a folder",
            "Nothing was changed. Name the folder with the model files.",
        )
    if observed.kept.kind != "missing":
        raise ModelStoreError(
            "folder %s" % desired.kept,
            "a %s there already" % observed.kept.kind,
            "nothing, so that %s can be kept there" % desired.source,
            "Nothing was changed. Move it elsewhere, or choose another suffix.",
        )
    _refuse_names(what, observed.files)
    steps = _steps(observed)
    _refuse_faults(what, desired, steps)
    left = {path: step for path, step in steps.items() if step is not _DONE}
    if left or desired.switch:
        _refuse_processes(what, observed)
        _refuse_lack_of_space(desired, observed, left)
    wanted = _portion(desired.portion, observed)
    actions = [
        _action(step.verb, path, **({"target": step.argument} if step.argument else {}))
        for path, step in left.items()
        if path in wanted
    ]
    if desired.switch:
        actions += [_action("keep_aside", desired.source), _action("place_link", desired.source)]
    return _shown(desired, observed, actions)


def show_adoption(desired: Desired, observed: Observed) -> dict[str, Any]:
    """How far it has come, in the form that the user sees."""
    sizes = _sizes(observed)
    return {
        "bytes_total": sum(sizes.values()),
        "bytes_verified": sum(
            sizes[path] for path, step in _steps(observed).items() if step is _DONE
        ),
        "kept": desired.kept,
    }


def _steps(observed: Observed) -> dict[str, _Step]:
    leaders = _leaders(observed)
    steps: dict[str, _Step] = {}
    for path in sorted(observed.files):  # a folder before what is in it, a file's first name first
        entry = observed.files[path]
        found = observed.present.get(path, MISSING)
        leader = leaders.get(entry.inode, path) if entry.kind == "file" else path
        if entry.kind == "folder":
            step = _simple("make_folder", path, found, same=found.kind == "folder")
        elif entry.kind == "link":
            step = _link(path, entry, found)
        elif entry.kind != "file":
            step = _Step(fault="%s (%s)" % (path, entry.kind))
        elif leader == path:
            step = _file(path, entry, found, observed.copied.get(path))
        else:
            step = _linked(path, leader, found, observed, steps[leader])
        steps[path] = step
    return steps


def _link(path: str, entry: Entry, found: Entry) -> _Step:
    if _leads_out(path, entry.target):
        return _Step(fault="%s (a link out of the folder, to %s)" % (path, entry.target))
    same = found.kind == "link" and found.target == entry.target
    return _simple("make_link", path, found, same=same, argument=entry.target)


def _simple(verb: str, path: str, found: Entry, *, same: bool, argument: str = "") -> _Step:
    if same:
        return _DONE
    if found.kind == "missing":
        return _Step(verb, argument=argument)
    return _Step(fault="%s (another %s on the volume)" % (path, found.kind))


def _file(path: str, entry: Entry, found: Entry, copied: Copied | None) -> _Step:
    if found.kind == "missing":
        return _Step("copy_file")
    if copied is None:
        if (found.kind, found.size) == ("file", entry.size):
            return _Step("compare_file")  # somebody copied it by hand
    elif (found.kind, found.size, found.mtime) == ("file", copied.size, copied.mtime):
        # Ours, unless the source was changed after it had been copied.
        same = (entry.size, entry.mtime) == (copied.size, copied.mtime)
        return _DONE if same else _Step("copy_file")
    return _Step(fault="%s (another %s on the volume)" % (path, found.kind))


def _linked(path: str, leader: str, found: Entry, observed: Observed, first: _Step) -> _Step:
    """Another name of the file that has its first name at ``leader``."""
    if found.kind == "missing":
        return _Step("link_file", argument=leader)
    if found.kind == "file" and found.inode == observed.present.get(leader, MISSING).inode:
        return _DONE if first.verb != "copy_file" else _Step("link_file", argument=leader)
    if found.kind == "file" and leader in observed.copied and path in observed.copied:
        return _Step("link_file", argument=leader)  # to what the leader had before it was changed
    return _Step(fault="%s (another %s on the volume)" % (path, found.kind))


def _leaders(observed: Observed) -> dict[int, str]:
    """The first name of each file."""
    leaders: dict[int, str] = {}
    for path in sorted(observed.files, reverse=True):
        if observed.files[path].kind == "file":
            leaders[observed.files[path].inode] = path
    return leaders


def _sizes(observed: Observed) -> dict[str, int]:
    """The bytes of each path; those of a file with several names count once."""
    leaders = _leaders(observed)
    return {
        path: entry.size if entry.kind == "file" and leaders[entry.inode] == path else 0
        for path, entry in observed.files.items()
    }


def _portion(percent: int, observed: Observed) -> set[str]:
    """The first paths that make up this share of the bytes."""
    sizes = _sizes(observed)
    enough = sum(sizes.values()) * percent / 100
    wanted, before = set(), 0
    for path in sorted(sizes):
        if percent == 100 or before < enough:
            wanted.add(path)
        before += sizes[path]
    return wanted


def _leads_out(path: str, target: str) -> bool:
    # An absolute link goes on to lead where it did, into the folder as well: a link takes its place.
    if target.startswith("/"):
        return False
    reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return reached == ".." or reached.startswith("../")


def _refuse_names(what: str, paths: Iterable[str]) -> None:
    taken = sorted({RECORD, PART} & set(paths))
    if taken:
        raise ModelStoreError(
            what,
            "%s in it" % taken[0],
            "no file of this name, which the record of an adoption has",
            "Nothing was changed. This folder seems to be a volume already; name the local one.",
        )


def _refuse_faults(what: str, desired: Desired, steps: dict[str, _Step]) -> None:
    faults = [step.fault for step in steps.values() if step.fault]
    if faults:
        more = ", and %d more" % (len(faults) - 5) if len(faults) > 5 else ""
        raise ModelStoreError(
            what,
            ", ".join(faults[:5]) + more,
            "files, folders and links inside it, and on %s nothing else at their paths"
            % desired.destination,
            "Nothing was changed. Move them aside, on the side that is wrong.",
            {"faults": faults},
        )


def _refuse_processes(what: str, observed: Observed) -> None:
    if observed.processes:
        raise ModelStoreError(
            what,
            "%s using it" % ", ".join(observed.processes),
            "nobody",
            "Nothing was changed. Stop the application, then run again.",
        )


def _refuse_lack_of_space(desired: Desired, observed: Observed, left: dict[str, _Step]) -> None:
    needed = sum(
        _INODE
        + (-(-observed.files[path].size // _BLOCK) * _BLOCK if step.verb == "copy_file" else 0)
        for path, step in left.items()
    )
    if needed > observed.free:
        raise ModelStoreError(
            "volume at %s" % desired.destination,
            "%d MiB free" % (observed.free // 2**20),
            "%d MiB for what is left to copy of %s" % (-(-needed // 2**20), desired.source),
            "Nothing was changed. Let the volume grow, or make the folder smaller.",
            {"free_bytes": observed.free, "needed_bytes": needed},
        )


def _shown(desired: Desired, observed: Observed, actions: list[Action]) -> Plan:
    if not actions:
        return Plan()
    files = sorted(action.subject for action in actions if action.name.endswith("_file"))
    before: dict[str, Any] = {"source": observed.source.kind, "missing_on_volume": files}
    after: dict[str, Any] = {
        "source": "link to %s" % desired.destination if desired.switch else observed.source.kind,
        "missing_on_volume": [],
    }
    if desired.switch:
        before["kept"], after["kept"] = "", desired.kept
    return Plan(tuple(actions), before, after)


def _action(verb: str, subject: str, **arguments: str) -> Action:
    return Action(verb, subject, arguments)
