# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A manifest that is wanted, and the folder that it is to describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    Fault,
    File,
    Manifest,
    Source,
    is_relative,
    is_sha256,
)


@dataclass(frozen=True)
class Desired:
    """What the manifest is to say.

    :param folder: the folder of the model.
    :param profile: the name of the release profile; None when any will do.
    :param files: what is known of files beforehand, by path.
    :param full: whether files are read although their manifest has checksums.
    :param strict: whether files that are not in the manifest are wrong.
    :param replace: whether a manifest of other files may be replaced.
    """

    folder: str
    profile: str | None = None
    sources: tuple[Source, ...] = ()
    files: Mapping[str, File] = field(default_factory=dict)
    full: bool = True
    strict: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Observed:
    """A folder and its manifest.

    :param manifest: None when there is none.
    :param files: what is there, by path, with the SHA-256 that the files have, or that a
        manifest of the same names and sizes gives them.
    :param faults: why the files that are there are not to be put into a manifest.
    """

    manifest: Manifest | None = None
    files: Mapping[str, File] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def desired_manifest(options: Mapping[str, Any]) -> Desired:
    """What the module's options ask for.

    :raises ModelStoreError: they contradict themselves.
    """
    files: dict[str, File] = {}
    for one in options["files"]:
        path, sha256 = str(one["path"]), one["sha256"]
        if path in files or not is_relative(path):
            raise ModelStoreError(
                "files",
                "path %s" % path,
                "each path once, relative to the folder and without dots",
                "Nothing was changed.",
            )
        if sha256 is not None and not is_sha256(sha256.lower()):
            raise ModelStoreError(
                "files",
                "sha256 %s of %s" % (sha256, path),
                "64 hexadecimal digits",
                "Nothing was changed.",
            )
        files[path] = File(one["size"], sha256 and sha256.lower())
    return Desired(
        folder=str(options["path"]),
        profile=options["profile"],
        sources=tuple(sorted(Source(**source) for source in options["sources"])),
        files=files,
        full=options["level"] == "full",
        strict=options["strict"],
        replace=options["replace"],
    )
