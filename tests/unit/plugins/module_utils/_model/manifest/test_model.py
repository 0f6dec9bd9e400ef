# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    File,
    Source,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.model import (
    Desired,
    desired_manifest,
)


def options(**others: Any) -> dict[str, Any]:
    return {
        "path": "/mnt/models",
        "profile": "upstream-2.5",
        "level": "full",
        "sources": [],
        "files": [],
        "replace": False,
        "strict": False,
        **others,
    }


def expected(path: str, sha256: str | None = None) -> dict[str, Any]:
    return {"path": path, "size": 5, "sha256": sha256}


def test_sources_are_sorted_and_checksums_written_small() -> None:
    sources = [{"repository": name, "revision": "1"} for name in ("b", "a")]
    files = [expected("hf_cache/a", "AB" * 32), expected("b")]
    assert desired_manifest(options(sources=sources, files=files, level="quick")) == Desired(
        "/mnt/models",
        "upstream-2.5",
        (Source("a", "1"), Source("b", "1")),
        {"hf_cache/a": File(5, "ab" * 32), "b": File(5, None)},
        full=False,
    )


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../a", "..", ".", "", "a/../b", "./a", "a//b", "a/"]
)
def test_a_path_is_one_in_the_folder(path: str) -> None:
    with pytest.raises(ModelStoreError, match="found path .*expected each path once, relative"):
        desired_manifest(options(files=[expected(path)]))


def test_a_path_that_begins_with_dots_is_a_name() -> None:
    files = desired_manifest(options(files=[expected("...a"), expected("..b/c")])).files
    assert list(files) == ["...a", "..b/c"]


def test_a_file_is_listed_once() -> None:
    with pytest.raises(ModelStoreError, match="found path a, expected each path once"):
        desired_manifest(options(files=[expected("a"), expected("a")]))


@pytest.mark.parametrize("sha256", ["", "ab", "g" * 64, "sha256:" + "0" * 64, "0" * 64 + "\n"])
def test_a_checksum_is_a_sha256(sha256: str) -> None:
    with pytest.raises(ModelStoreError, match="expected 64 hexadecimal digits"):
        desired_manifest(options(files=[expected("a", sha256)]))
