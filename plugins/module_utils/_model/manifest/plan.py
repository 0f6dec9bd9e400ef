# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From a folder and its manifest to the step that is left, or to what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    MANIFEST,
    Fault,
    File,
    Manifest,
    few,
    find_unexpected,
    shown,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.model import (
    Desired,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.parse import (
    manifest_data,
)


def wanted_manifest(desired: Desired, observed: Observed) -> Manifest:
    """The manifest of what is there."""
    return Manifest(desired.profile or "", desired.sources, observed.files)


def plan_manifest(desired: Desired, observed: Observed) -> Plan:
    """The step that is left.

    :raises ModelStoreError: the files are not those that were expected, by the options or by the
        manifest that is there.
    """
    if observed.faults:
        raise _refusal(desired, observed.faults)
    if not observed.files:
        raise ModelStoreError(
            _folder(desired), "no files", "a model", "Nothing was changed. Mount the volume first."
        )
    wanted, present = wanted_manifest(desired, observed), observed.manifest
    if present == wanted:
        return Plan()
    if present and present.files != wanted.files and not desired.replace:
        changes = _changes(present, wanted)
        raise ModelStoreError(
            _folder(desired),
            few(changes),
            "the %d files of its manifest of %s" % (len(present.files), present.profile),
            "Nothing was changed. Bring the files back, or permit the new content with replace.",
            {"changes": changes},
        )
    return Plan(
        (Action("write_manifest", "%s/%s" % (desired.folder.rstrip("/"), MANIFEST)),),
        manifest_data(present) if present else {},
        manifest_data(wanted),
    )


def require_verified(
    desired: Desired, manifest: Manifest, faults: Sequence[Fault], unexpected: Sequence[str]
) -> dict[str, Any]:
    """What the module returns for a folder that was compared with its manifest.

    :raises ModelStoreError: a file is wrong, or the manifest is that of another profile.
    """
    if desired.profile not in (None, manifest.profile):
        raise ModelStoreError(
            _folder(desired),
            "a manifest of %s" % manifest.profile,
            "one of %s" % desired.profile,
            "Nothing was changed. Mount the volume of this release, or name the other profile.",
        )
    result = {**show_manifest(desired, manifest), **_lists(faults, unexpected)}
    wrong = [str(fault) for fault in faults]
    if desired.strict:
        wrong += ["%s not in the manifest" % shown(path) for path in unexpected]
    if wrong:
        raise ModelStoreError(
            _folder(desired),
            few(wrong),
            "the %d files of its manifest of %s" % (len(manifest.files), manifest.profile),
            "Nothing was changed. Copy these files again from where the release came from.",
            result,
        )
    return result


def show_manifest(desired: Desired, manifest: Manifest) -> dict[str, Any]:
    """A manifest in numbers, in the form that the user sees."""
    return {
        "manifest": "%s/%s" % (desired.folder.rstrip("/"), MANIFEST),
        "profile": manifest.profile,
        "file_count": len(manifest.files),
        "bytes_total": manifest.size,
        "sources": [
            {"repository": source.repository, "revision": source.revision}
            for source in manifest.sources
        ],
    }


def _lists(faults: Sequence[Fault], unexpected: Sequence[str]) -> dict[str, Any]:
    return {
        "missing": [fault.path for fault in faults if fault.problem == "missing"],
        "different": [
            {
                "path": fault.path,
                "problem": fault.problem,
                "found": fault.found,
                "expected": fault.expected,
            }
            for fault in faults
            if fault.problem != "missing"
        ],
        "unexpected": list(unexpected),
    }


def _refusal(desired: Desired, faults: Sequence[Fault]) -> ModelStoreError:
    return ModelStoreError(
        _folder(desired),
        few([str(fault) for fault in faults]),
        "whole files, and those that were named",
        "Nothing was changed. Copy or download these files again, then run again.",
        _lists(faults, ()),
    )


def _changes(present: Manifest, wanted: Manifest) -> list[str]:
    before, after = present.files, wanted.files
    texts = ["%s gone" % shown(path) for path in find_unexpected(after, before)]
    texts += ["%s added" % shown(path) for path in find_unexpected(before, after)]
    return texts + [
        "%s %s instead of %s" % (shown(path), *_apart(after[path], before[path]))
        for path in sorted(before)
        if path in after and after[path] != before[path]
    ]


def _apart(found: File, expected: File) -> tuple[str, str]:
    if found.size != expected.size:
        return "of %d bytes" % (found.size or 0), "%d" % (expected.size or 0)
    return "with SHA-256 %s" % found.sha256, "%s" % expected.sha256


def _folder(desired: Desired) -> str:
    return "model folder %s" % desired.folder
