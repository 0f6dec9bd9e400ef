# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the files that are wanted and the folder to the steps that are left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import (
    Desired,
    Observed,
    Origin,
    Wanted,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    File,
    few,
)

_BLOCK = 4096  # of XFS: no file takes less
_ENDPOINTS = {"huggingface": "https://huggingface.co", "modelscope": "https://www.modelscope.cn"}


def expected_file(desired: Desired, observed: Observed, place: str) -> File:
    """What is known of a file: by the profile, and where it says nothing by the manifest.

    A manifest of another profile knows nothing of this one's files.
    """
    known = desired.files[place].known
    manifest = observed.manifest
    if manifest is None or manifest.profile != desired.profile or place not in manifest.files:
        return known
    written = manifest.files[place]
    if known.size not in (None, written.size) or known.sha256 not in (None, written.sha256):
        return known
    return written


def plan_download(desired: Desired, observed: Observed) -> Plan:
    """The steps that are left.

    :raises ModelStoreError: another file is at a place, or the volume is too small.
    """
    _refuse_other_files(desired, observed)
    _refuse_lack_of_space(desired, observed)
    actions = [Action("remove_stale", key) for key in observed.stale]
    actions += [
        Action("record_file", place)
        for place in sorted(desired.files)
        if place in observed.present
        and not observed.present[place].fault
        and not observed.present[place].recorded
    ]
    actions += _fetches(desired, observed)
    if not actions:
        return Plan()
    places = [action.subject for action in actions if action.name in ("fetch_file", "write_file")]
    return Plan(tuple(actions), {"missing": places}, {"missing": []})


def show_download(desired: Desired, observed: Observed) -> dict[str, Any]:
    """How far it is, and what a manifest is to say, in the form that the user sees."""
    sizes = _sizes(desired, observed)
    right = {place for place in desired.files if _is_right(observed, place)}
    here = sum(
        sizes[place] if place in right else min(sizes[place], observed.staged.get(place, 0))
        for place in desired.files
    )
    origins = {wanted.origin for wanted in desired.files.values()}
    return {
        "file_count": len(desired.files),
        "bytes_total": sum(sizes.values()),
        "bytes_here": here,
        "missing": sorted(set(desired.files) - right),
        "manifest_outdated": _is_outdated(desired, observed, right),
        "sources": [
            {"repository": repository, "revision": revision}
            for repository, revision in sorted({(one.repository, one.revision) for one in origins})
        ],
        "files": [
            {"path": place, **_known(wanted)} for place, wanted in sorted(desired.files.items())
        ],
    }


def refuse_fetched(desired: Desired, place: str, found: str, expected: str) -> ModelStoreError:
    """The error for a file that arrived and is not the one that is wanted."""
    origin = desired.files[place].origin
    return ModelStoreError(
        "file %s" % origin,
        "%s from %s" % (found, _endpoint(desired, origin)),
        expected,
        "It was not put in place, and is fetched anew by the next run. If it is found again, the "
        "mirror has another file, or the profile is wrong: compare with the hub, then correct it.",
    )


def explain_failure(
    desired: Desired, place: str, answer: Mapping[str, Any], end: str
) -> ModelStoreError:
    """The error for a client that did not bring a file.

    :param answer: what the program said, with ``problem``, ``status`` and ``text``.
    :param end: how the program ended, for one that said nothing.
    """
    origin = desired.files[place].origin
    hub, endpoint = origin.hub, _endpoint(desired, origin)
    prefix = "modelscope_" if hub == "modelscope" else ""
    kept = "%s was not put in place; what has arrived of it is kept for the next run. " % place
    found = {
        "refused": "HTTP %s from %s" % (answer.get("status"), endpoint),
        "not found": "HTTP %s from %s" % (answer.get("status"), endpoint),
        "failed": "HTTP %s from %s" % (answer.get("status"), endpoint),
        "no space": "no space left",
        "unreachable": "no answer, or one that broke off, from %s" % endpoint,
        "no client": "no client for %s in the environment of %s" % (hub, desired.client.python),
        "no hub": "an answer from %s that is not that of a hub" % endpoint,
    }.get(str(answer.get("problem")), end)
    hint = {
        "refused": "Check that the repository is public or give a token (%stoken) that may read it, "
        "and accept the conditions of the model on the hub's page if it has some." % prefix,
        "not found": "Check repository, revision and path, and whether the mirror has them.",
        "failed": "Run again later, or name another mirror (%sendpoint)." % prefix,
        "no space": "Let the volume grow, or free space on it, then run again.",
        "unreachable": "Check the network, a proxy and %sendpoint, then run again." % prefix,
        "no client": "Run the role model_download, which installs it, or name the interpreter.",
        "no hub": "Check %sendpoint, and proxies in between." % prefix,
    }.get(str(answer.get("problem")), "Look at client_output, then run again.")
    return ModelStoreError(
        "file %s" % origin,
        found,
        "space for it" if answer.get("problem") == "no space" else "the file",
        kept + hint,
        {"problem": answer.get("problem", ""), "client_output": answer.get("text", "")},
    )


def _fetches(desired: Desired, observed: Observed) -> list[Action]:
    """The files to fetch; of the last one as much as is needed for the portion."""
    sizes = _sizes(desired, observed)
    limit = -(-sum(sizes.values()) * desired.portion // 100)
    actions, before = [], 0
    for place in sorted(desired.files):
        size = sizes[place]
        if not _is_right(observed, place) and (desired.portion == 100 or before < limit):
            until = limit - before if before + size > limit else 0
            if desired.files[place].text is not None:
                until = 0
            if not until or observed.staged.get(place, 0) < until:
                actions.append(_fetch(place, desired.files[place], until))
        before += size
    return actions


def _fetch(place: str, wanted: Wanted, until: int) -> Action:
    if wanted.text is not None:
        return Action("write_file", place, {"text": wanted.text})
    origin = wanted.origin
    arguments: dict[str, Any] = {
        "hub": origin.hub,
        "repository": origin.repository,
        "revision": origin.revision,
        "path": origin.path,
    }
    if until:
        arguments["until"] = until
    return Action("fetch_file", place, arguments)


def _is_right(observed: Observed, place: str) -> bool:
    return place in observed.present and not observed.present[place].fault


def _sizes(desired: Desired, observed: Observed) -> dict[str, int]:
    """The bytes of each file; 0 for one of which nobody knows and that is not there."""
    sizes: dict[str, int] = {}
    for place in desired.files:
        size = expected_file(desired, observed, place).size
        if size is None:
            size = observed.present[place].size if _is_right(observed, place) else 0
        sizes[place] = size
    return sizes


def _is_outdated(desired: Desired, observed: Observed, right: set[str]) -> bool:
    """Whether the manifest, if there is one, lacks files that are right, or has other ones."""
    if observed.manifest is None:
        return False
    for place in right:
        written, present = observed.manifest.files.get(place), observed.present[place]
        if written is None or written.size != present.size:
            return True
        if present.sha256 not in (None, written.sha256):
            return True
    return False


def _refuse_other_files(desired: Desired, observed: Observed) -> None:
    wrong = {place: one for place, one in observed.present.items() if one.fault}
    faults = [
        "%s (%s)" % (place, wrong[place].fault)
        for place in sorted(wrong)
        if not (desired.replace and wrong[place].is_file)
    ]
    if faults:
        raise ModelStoreError(
            "model folder %s" % desired.folder,
            few(faults),
            "at these places the files of %s, or nothing" % desired.profile,
            "Nothing was changed. Move them aside, name another folder, or permit to replace "
            "files with replace.",
            {"faults": faults},
        )


def _refuse_lack_of_space(desired: Desired, observed: Observed) -> None:
    sizes = _sizes(desired, observed)
    left = [place for place in desired.files if not _is_right(observed, place)]
    needed = sum(
        -(-max(0, sizes[place] - observed.staged.get(place, 0)) // _BLOCK) * _BLOCK
        for place in left
    )
    if needed > observed.free:
        raise ModelStoreError(
            "volume at %s" % desired.mount_point,
            "%d MiB free" % (observed.free // 2**20),
            "%d MiB for what is left to fetch of %s" % (-(-needed // 2**20), desired.profile),
            "Nothing was changed. Let the volume grow, or free space on it.",
            {"free_bytes": observed.free, "needed_bytes": needed},
        )


def _known(wanted: Wanted) -> dict[str, Any]:
    known = {"size": wanted.known.size, "sha256": wanted.known.sha256}
    return {name: value for name, value in known.items() if value is not None}


def _endpoint(desired: Desired, origin: Origin) -> str:
    return desired.client.endpoints.get(origin.hub, _ENDPOINTS[origin.hub])
