# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    File,
    Manifest,
    Source,
    parse_manifest,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.parse import (
    format_manifest,
)
from hypothesis import given
from hypothesis import strategies as st

FILES = st.builds(
    File,
    st.integers(0, 2**63),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
)
MANIFESTS = st.builds(
    Manifest,
    st.text(),
    st.lists(st.builds(Source, st.text(), st.text())).map(tuple),
    st.dictionaries(st.text(min_size=1), FILES, min_size=1),
)


@given(MANIFESTS)
def test_what_is_written_is_read(manifest: Manifest) -> None:
    assert parse_manifest("/m", format_manifest(manifest).encode()) == manifest


def test_a_name_that_is_not_utf_8_is_kept() -> None:
    manifest = Manifest("a", (), {"\udcff.bin": File(0, "0" * 64)})
    assert parse_manifest("/m", format_manifest(manifest).encode()) == manifest


@given(st.randoms(), st.dictionaries(st.text(min_size=1), FILES, min_size=1))
def test_the_text_is_the_same_whatever_the_order(random, files: dict[str, File]) -> None:
    paths = list(files)
    random.shuffle(paths)
    shuffled = {path: files[path] for path in paths}
    text = format_manifest(Manifest("a", (), files))
    assert format_manifest(Manifest("a", (), shuffled)) == text
    assert list(json.loads(text)["files"]) == sorted(files)


def test_a_manifest_can_be_read_by_people() -> None:
    manifest = Manifest(
        "upstream-2.5",
        (Source("IndexTeam/IndexTTS-2.5", "c39ce5ba"),),
        {"gpt.pth": File(5, "0" * 64)},
    )
    assert format_manifest(manifest) == (
        """\
{
  "format": 1,
  "profile": "upstream-2.5",
  "sources": [
    {
      "repository": "IndexTeam/IndexTTS-2.5",
      "revision": "c39ce5ba"
    }
  ],
  "files": {
    "gpt.pth": {
      "size": 5,
      "sha256": "%s"
    }
  }
}
"""
        % ("0" * 64)
    )
