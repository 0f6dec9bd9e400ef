# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is on the volume to the steps that are left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import (
    Client,
    Desired,
    Observed,
    Origin,
    Present,
    Wanted,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.plan import (
    expected_file,
    explain_failure,
    plan_download,
    show_download,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    File,
    Manifest,
)
from hypothesis import given
from hypothesis import strategies as st

SHA = "ab" * 32
SIZES = {"a.bin": 400_000, "b.bin": 500_000, "c.bin": 100_000}


def wanted(place, size=None, sha256=None):
    origin = Origin("huggingface", "owner/model", "0" * 40, place)
    return Wanted(origin, File(SIZES.get(place) if size is None else size, sha256))


DESIRED = Desired(
    "/v", "/v", "mine", {place: wanted(place) for place in SIZES}, Client("/venv/bin/python")
)


def there(place):
    return Present(SIZES[place], 1, SHA, recorded=True)


def steps(desired, observed):
    return [
        (action.name, action.subject, action.arguments.get("until", 0))
        for action in plan_download(desired, replace(observed, free=10**12)).actions
    ]


def test_what_is_not_there_is_fetched_in_a_fixed_order():
    observed = Observed(present={"b.bin": there("b.bin")})
    assert steps(DESIRED, observed) == [("fetch_file", "a.bin", 0), ("fetch_file", "c.bin", 0)]
    assert steps(DESIRED, Observed(present={place: there(place) for place in SIZES})) == []


def test_a_portion_ends_inside_a_file():
    half = replace(DESIRED, portion=50)
    assert steps(half, Observed()) == [("fetch_file", "a.bin", 0), ("fetch_file", "b.bin", 100_000)]
    first = {"a.bin": there("a.bin")}
    assert steps(half, Observed(first, {"b.bin": 99_999})) == [("fetch_file", "b.bin", 100_000)]
    assert steps(half, Observed(first, {"b.bin": 100_000})) == []
    assert steps(replace(DESIRED, portion=90), Observed()) == [
        ("fetch_file", "a.bin", 0),
        ("fetch_file", "b.bin", 0),
    ]


def test_files_of_which_no_size_is_known_come_at_the_latest_with_the_last_portion():
    desired = replace(DESIRED, files={"a": Wanted(wanted("a", 1).origin), "b": wanted("b", 9)})
    assert ("fetch_file", "a", 0) in steps(desired, Observed())
    desired = replace(DESIRED, files={"b": wanted("b", 9), "z": Wanted(wanted("z", 1).origin)})
    assert ("fetch_file", "z", 0) in steps(desired, Observed())


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=6),
    st.lists(st.integers(1, 100), max_size=6),
)
def test_portions_in_any_steps_lead_to_the_same_end(sizes, portions):
    files = {f"{number}.bin": wanted("x", size) for number, size in enumerate(sizes)}
    desired, present, staged = replace(DESIRED, files=files), {}, {}
    for portion in [*sorted(portions), 100]:
        now = replace(desired, portion=portion)
        for _action, place, until in steps(now, Observed(present, staged)):
            if until:
                staged[place] = until
            else:
                present[place] = Present(files[place].known.size, 1, SHA, recorded=True)
        observed = Observed(present, staged)
        assert steps(now, observed) == []
        shown = show_download(now, observed)
        assert shown["bytes_here"] * 100 >= shown["bytes_total"] * portion
    assert set(present) == set(files)
    assert shown["bytes_here"] == sum(sizes)


def test_a_file_found_right_is_recorded_so_that_it_is_read_once():
    found = replace(there("a.bin"), recorded=False)
    observed = Observed({**{place: there(place) for place in SIZES}, "a.bin": found})
    assert steps(DESIRED, observed) == [("record_file", "a.bin", 0)]


def test_what_was_fetched_for_another_revision_goes():
    observed = Observed({place: there(place) for place in SIZES}, stale=("0123",))
    assert steps(DESIRED, observed) == [("remove_stale", "0123", 0)]


def test_another_file_is_refused_unless_it_may_be_replaced():
    observed = Observed({"a.bin": Present(3, fault="too long: found 3 bytes, expected 2 bytes")})
    with pytest.raises(ModelStoreError, match=r"a\.bin \(too long.*Nothing was changed"):
        steps(DESIRED, observed)
    permitted = replace(DESIRED, replace=True)
    assert ("fetch_file", "a.bin", 0) in steps(permitted, observed)
    folder = Observed({"a.bin": Present(fault="no file", is_file=False)})
    with pytest.raises(ModelStoreError, match="no file"):
        steps(permitted, folder)


def test_a_volume_that_is_too_small_is_refused_before_anything_is_fetched():
    for free, staged, fits in [(10**6, 0, False), (1_010_000, 0, True), (700_000, 390_000, True)]:
        observed = Observed(staged={"a.bin": staged}, free=free)
        if fits:
            assert plan_download(DESIRED, observed)
        else:
            with pytest.raises(ModelStoreError, match="Let the volume grow") as caught:
                plan_download(DESIRED, observed)
            assert caught.value.details["free_bytes"] == free


def test_the_manifest_tells_what_the_profile_does_not_when_it_is_of_the_same_one():
    manifest = Manifest("mine", files={"a.bin": File(SIZES["a.bin"], SHA)})
    observed = Observed(manifest=manifest)
    assert expected_file(DESIRED, observed, "a.bin").sha256 == SHA
    assert expected_file(DESIRED, observed, "b.bin").sha256 is None
    other = Observed(manifest=replace(manifest, profile="other"))
    assert expected_file(DESIRED, other, "a.bin").sha256 is None
    profile = replace(DESIRED, files={"a.bin": wanted("a.bin", sha256="cd" * 32)})
    assert expected_file(profile, observed, "a.bin").sha256 == "cd" * 32


def test_a_manifest_without_the_files_is_outdated():
    present = {place: there(place) for place in SIZES}
    files = {place: File(size, SHA) for place, size in SIZES.items()}
    for changed, outdated in [
        (files, False),
        ({**files, "mine.txt": File(1, SHA)}, False),
        ({**files, "a.bin": File(1, SHA)}, True),
        ({**files, "a.bin": File(SIZES["a.bin"], "cd" * 32)}, True),
        ({"a.bin": files["a.bin"]}, True),
    ]:
        observed = Observed(present, manifest=Manifest("mine", files=changed))
        assert show_download(DESIRED, observed)["manifest_outdated"] is outdated
    assert show_download(DESIRED, Observed(present))["manifest_outdated"] is False


@pytest.mark.parametrize(
    ("answer", "found", "hint"),
    [
        ({"problem": "refused", "status": 401}, "HTTP 401 from https://huggingface.co", "token"),
        ({"problem": "not found", "status": 404}, "HTTP 404", "Check repository"),
        ({"problem": "failed", "status": 503}, "HTTP 503", "another mirror"),
        ({"problem": "no space"}, "no space left, expected space", "grow"),
        ({"problem": "unreachable"}, "no answer", "Check the network"),
        ({"problem": "no client"}, "no client for huggingface", "role model_download"),
        ({"problem": "no hub"}, "not that of a hub", "proxies"),
        ({"problem": "unknown", "text": "ValueError"}, "exit status 1", "client_output"),
        ({}, "exit status 1", "client_output"),
    ],
)
def test_each_failure_says_what_was_found_and_what_to_do(answer, found, hint):
    text = str(explain_failure(DESIRED, "a.bin", answer, "exit status 1"))
    assert text.startswith("file a.bin of owner/model at 0000")
    assert found in text and hint in text
    assert "a.bin was not put in place" in text
