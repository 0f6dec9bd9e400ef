# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads a folder of model files, and writes the manifest in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    MANIFEST,
    Contents,
    Entry,
    Fault,
    File,
    Manifest,
    ManifestError,
    find_faults,
    find_unexpected,
    read_manifest,
    scan,
    sha256_fault,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.model import (
    Desired,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.parse import (
    format_manifest,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.plan import (
    require_verified,
)

_UNFINISHED = ".incomplete"  # how downloads from Hugging Face end while they last


def load_manifest(desired: Desired, contents: Contents) -> Observed:
    """The manifest, and the files with their checksums.

    No file is read from end to end while a look at them tells that something is wrong.

    :raises ModelStoreError: there is no such folder, or a file that is no manifest.
    """
    found = _scan(desired)
    manifest = _manifest_to_keep(desired)
    wanted = {path: File() for path in found}
    wanted.update({path: File(size=file.size) for path, file in desired.files.items()})
    faults = find_faults(wanted, found, contents, full=False)
    faults += [
        Fault(path, "unfinished", "a download that did not end", "a whole file")
        for path in found
        if path.endswith(_UNFINISHED)
    ]
    if faults:
        return Observed(manifest, faults=tuple(faults))
    if manifest and _sizes(manifest.files) != _entry_sizes(found) and not desired.replace:
        # The plan refuses these, whatever their checksums are.
        return Observed(manifest, _as_known(manifest, found))
    if manifest and _sizes(manifest.files) == _entry_sizes(found) and not desired.full:
        return _compared(desired, Observed(manifest, manifest.files), contents)
    files: dict[str, File] = {}
    for path, entry in found.items():
        digest = contents.sha256(path, entry)
        if isinstance(digest, Fault):
            return Observed(manifest, faults=(digest,))
        files[path] = File(entry.size, digest)
    return _compared(desired, Observed(manifest, files), contents)


def verify_manifest(desired: Desired, contents: Contents) -> dict[str, Any]:
    """Compare a folder with its manifest; what the module returns.

    :raises ModelStoreError: there is no manifest, or a file is not as it says.
    """
    found = _scan(desired)
    try:
        manifest = read_manifest(desired.folder)
    except ManifestError as error:
        raise _no_manifest(error, "Nothing was changed. Let state=present write it.") from error
    return require_verified(
        desired,
        manifest,
        find_faults(manifest.files, found, contents, full=desired.full),
        find_unexpected(manifest.files, found),
    )


def write_manifest(fs: FileSystem, desired: Desired, manifest: Manifest) -> None:
    """Put the manifest into the folder."""
    fs.write_file(os.path.join(desired.folder, MANIFEST), format_manifest(manifest), 0o644)


def _scan(desired: Desired) -> dict[str, Entry]:
    try:
        return scan(desired.folder)
    except OSError as error:
        raise ModelStoreError(
            "model folder %s" % desired.folder,
            (error.strerror or "no way to read it").lower(),
            "a folder",
            "Nothing was changed. Mount the volume first, or name the folder on it.",
        ) from error


def _manifest_to_keep(desired: Desired) -> Manifest | None:
    """The manifest that is there; one that cannot be read is none when it may be replaced."""
    if not os.path.lexists(os.path.join(desired.folder, MANIFEST)):
        return None
    try:
        return read_manifest(desired.folder)
    except ManifestError as error:
        if desired.replace:
            return None
        raise _no_manifest(error, "Nothing was changed. Permit a new one with replace.") from error


def _no_manifest(error: ManifestError, hint: str) -> ModelStoreError:
    return ModelStoreError(error.what, error.found, error.expected, hint)


def _compared(desired: Desired, observed: Observed, contents: Contents) -> Observed:
    """With the checksums that differ from those that the options give."""
    faults = (
        sha256_fault(path, str(observed.files[path].sha256), file.sha256, contents)
        for path, file in sorted(desired.files.items())
        if file.sha256 is not None
    )
    return Observed(observed.manifest, observed.files, tuple(fault for fault in faults if fault))


def _as_known(manifest: Manifest, found: Mapping[str, Entry]) -> dict[str, File]:
    """Files that nobody has read: those of the same size are what the manifest says."""
    files = {path: File(entry.size) for path, entry in found.items()}
    return {
        path: known if (known := manifest.files.get(path, file)).size == file.size else file
        for path, file in files.items()
    }


def _sizes(files: Mapping[str, File]) -> dict[str, int | None]:
    return {path: file.size for path, file in files.items()}


def _entry_sizes(found: Mapping[str, Entry]) -> dict[str, int | None]:
    return {path: entry.size for path, entry in found.items()}
