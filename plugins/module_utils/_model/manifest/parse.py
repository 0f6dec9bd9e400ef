# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The text of a manifest; reading one is part of the stand-alone program."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    FORMAT,
    Manifest,
)


def format_manifest(manifest: Manifest) -> str:
    """The same text for the same content: sorted, indented, in ASCII.

    File names that are not UTF-8 are kept in it as well.
    """
    return json.dumps({"format": FORMAT, **manifest_data(manifest)}, indent=2) + "\n"


def manifest_data(manifest: Manifest) -> dict[str, Any]:
    """A manifest as plain data, what tells it apart from others first."""
    return {
        "profile": manifest.profile,
        "sources": [
            {"repository": source.repository, "revision": source.revision}
            for source in manifest.sources
        ],
        "files": {
            path: {"size": file.size, "sha256": file.sha256}
            for path, file in sorted(manifest.files.items())
        },
    }
