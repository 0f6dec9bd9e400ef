# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    Fault,
    File,
    Manifest,
    Source,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.model import (
    Desired,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.plan import (
    plan_manifest,
    require_verified,
    wanted_manifest,
)
from hypothesis import given
from hypothesis import strategies as st

ZERO, ONE = "0" * 64, "1" * 64
FILES = {"config.yaml": File(13, ZERO), "gpt.pth": File(1000, ONE)}
DESIRED = Desired("/mnt/models/", "upstream-2.5", (Source("IndexTeam/IndexTTS-2.5", "c39ce5ba"),))
WRITE = Action("write_manifest", "/mnt/models/.modelstore-manifest.json")


def test_a_first_manifest_is_written() -> None:
    plan = plan_manifest(DESIRED, Observed(None, FILES))
    assert plan.actions == (WRITE,)
    assert plan.before == {}
    assert plan.after == {
        "profile": "upstream-2.5",
        "sources": [{"repository": "IndexTeam/IndexTTS-2.5", "revision": "c39ce5ba"}],
        "files": {
            "config.yaml": {"size": 13, "sha256": ZERO},
            "gpt.pth": {"size": 1000, "sha256": ONE},
        },
    }


def test_other_words_about_the_same_files_are_written() -> None:
    observed = Observed(Manifest("downloaded", (), FILES), FILES)
    assert plan_manifest(DESIRED, observed).actions == (WRITE,)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({**FILES, "gpt.pth": File(999, ZERO)}, "gpt.pth of 999 bytes instead of 1000"),
        ({**FILES, "gpt.pth": File(1000, ZERO)}, f"gpt.pth with SHA-256 {ZERO} instead of {ONE}"),
        ({**FILES, "new": File(1, ZERO)}, "new added"),
        ({"new": File(1, ZERO)}, "config.yaml gone, gpt.pth gone, new added"),
    ],
)
def test_other_files_than_those_of_the_manifest_need_a_permit(
    files: dict[str, File], found: str
) -> None:
    observed = Observed(Manifest("upstream-2.5", (), FILES), files)
    with pytest.raises(ModelStoreError) as raised:
        plan_manifest(DESIRED, observed)
    assert str(raised.value) == (
        f"model folder /mnt/models/: found {found}, expected the 2 files of its manifest of "
        "upstream-2.5. Nothing was changed. Bring the files back, or permit the new content with "
        "replace."
    )
    permitted = Desired(DESIRED.folder, DESIRED.profile, DESIRED.sources, replace=True)
    assert plan_manifest(permitted, observed).actions == (WRITE,)


def test_an_empty_folder_gets_no_manifest() -> None:
    with pytest.raises(ModelStoreError, match="found no files, expected a model"):
        plan_manifest(DESIRED, Observed())


def test_faults_are_told_and_nothing_is_planned() -> None:
    faults = tuple(Fault(name, "empty", "0 bytes", "weights") for name in "abcde")
    with pytest.raises(ModelStoreError) as raised:
        plan_manifest(DESIRED, Observed(None, {}, faults))
    assert "c empty (found 0 bytes, expected weights), and 2 more, expected" in str(raised.value)
    assert len(raised.value.details["different"]) == 5


@given(
    st.dictionaries(
        st.text(min_size=1), st.builds(File, st.integers(0), st.just(ZERO)), min_size=1
    ),
    st.none() | st.just(Manifest("downloaded", (), FILES)),
)
def test_after_the_step_nothing_is_left(files: dict[str, File], manifest: Manifest | None) -> None:
    desired = Desired(DESIRED.folder, "upstream-2.5", replace=True)
    observed = Observed(manifest, files)
    assert plan_manifest(desired, observed)
    written = wanted_manifest(desired, observed)
    assert not plan_manifest(desired, Observed(written, files))


def test_a_manifest_of_another_profile_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="found a manifest of upstream-2.0, expected one of"):
        require_verified(DESIRED, Manifest("upstream-2.0", (), FILES), [], [])


def test_files_too_many_are_wrong_when_they_are_to_be() -> None:
    manifest = Manifest("upstream-2.5", (Source("IndexTeam/IndexTTS-2.5", "c39ce5b"),), FILES)
    result = require_verified(DESIRED, manifest, [], ["glossary.yaml"])
    assert result == {
        "manifest": "/mnt/models/.modelstore-manifest.json",
        "profile": "upstream-2.5",
        "file_count": 2,
        "bytes_total": 1013,
        "sources": [{"repository": "IndexTeam/IndexTTS-2.5", "revision": "c39ce5b"}],
        "missing": [],
        "different": [],
        "unexpected": ["glossary.yaml"],
    }
    strict = Desired("/mnt/models", strict=True)
    with pytest.raises(ModelStoreError, match="found glossary.yaml not in the manifest, expected"):
        require_verified(strict, manifest, [], ["glossary.yaml"])


def test_wrong_files_are_told_apart_in_the_details() -> None:
    faults = [
        Fault("config.yaml", "missing", "nothing", "13 bytes"),
        Fault("gpt.pth", "truncated", "5 bytes", "1000 bytes"),
    ]
    with pytest.raises(ModelStoreError) as raised:
        require_verified(DESIRED, Manifest("upstream-2.5", (), FILES), faults, ["new"])
    assert raised.value.details["missing"] == ["config.yaml"]
    assert raised.value.details["different"] == [
        {
            "path": "gpt.pth",
            "problem": "truncated",
            "found": "5 bytes",
            "expected": "1000 bytes",
        }
    ]
    assert raised.value.details["unexpected"] == ["new"]
    assert "\n" not in str(raised.value)
