# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import (
    MISSING,
    PART,
    RECORD,
    Copied,
    Desired,
    Entry,
    Observed,
    desired_adoption,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.plan import (
    plan_adoption,
    show_adoption,
)
from hypothesis import given
from hypothesis import strategies as st

DESIRED = Desired("/srv/hub", "/mnt/hub", "/srv/hub.old")
COPY = replace(DESIRED, switch=False)
FOLDER = Entry("folder", 0o755)
PLENTY = 10**12
SWITCH = ["keep_aside", "place_link"]


def file(size: int = 10, mtime: int = 1, inode: int = 1) -> Entry:
    return Entry("file", 0o644, size, mtime, inode)


def observed(files: dict[str, Entry] | None = None, **others: Any) -> Observed:
    return Observed(**{"source": FOLDER, "files": files or {}, "free": PLENTY, **others})


def steps(desired: Desired, found: Observed) -> list[tuple[str, str]]:
    return [(action.name, action.subject) for action in plan_adoption(desired, found).actions]


def names(desired: Desired, found: Observed) -> list[str]:
    return [name for name, _subject in steps(desired, found)]


def applied(desired: Desired, before: Observed) -> Observed:
    """What is there after the plan's steps."""
    source, kept = before.source, before.kept
    present, copied = dict(before.present), dict(before.copied)
    inode = 10_000
    for action in plan_adoption(desired, before).actions:
        path, entry = action.subject, before.files.get(action.subject, MISSING)
        inode += 1
        if action.name in ("make_folder", "make_link"):
            present[path] = entry
        elif action.name == "copy_file":
            copied[path] = Copied(entry.size, entry.mtime, "sum")
            present[path] = replace(entry, inode=inode)
        elif action.name == "compare_file":
            copied[path] = Copied(entry.size, entry.mtime, "sum")
            present[path] = replace(present[path], mtime=entry.mtime)
        elif action.name == "link_file":
            leader = action.arguments["target"]
            copied[path], present[path] = copied[leader], present[leader]
        elif action.name == "keep_aside":
            source, kept = MISSING, source
        else:
            source = Entry("link", target=desired.destination)
    return replace(before, source=source, kept=kept, present=present, copied=copied)


CACHE = {
    "blobs": FOLDER,
    "blobs/1": file(600, inode=1),
    "blobs/2": file(400, inode=2),
    "refs": file(1, inode=3),
    "snapshots": FOLDER,
    "snapshots/x": FOLDER,
    "snapshots/x/gpt.pth": Entry("link", target="../../blobs/1"),
}


def test_folders_come_before_their_files_and_the_link_comes_last() -> None:
    assert steps(DESIRED, observed(CACHE)) == [
        ("make_folder", "blobs"),
        ("copy_file", "blobs/1"),
        ("copy_file", "blobs/2"),
        ("copy_file", "refs"),
        ("make_folder", "snapshots"),
        ("make_folder", "snapshots/x"),
        ("make_link", "snapshots/x/gpt.pth"),
        ("keep_aside", "/srv/hub"),
        ("place_link", "/srv/hub"),
    ]


def test_a_portion_takes_whole_files_until_it_is_reached() -> None:
    half = replace(COPY, portion=50)
    assert names(half, observed(CACHE)) == ["make_folder", "copy_file"]
    done = applied(half, observed(CACHE))
    assert steps(half, done) == []
    assert show_adoption(half, done) == {
        "bytes_total": 1001,
        "bytes_verified": 600,
        "kept": "/srv/hub.old",
    }
    # The last step brings what has no bytes as well.
    assert "make_link" in names(COPY, done)


def test_only_what_is_on_the_volume_and_in_the_record_is_done() -> None:
    done = applied(COPY, observed(CACHE))
    assert steps(COPY, done) == []
    assert names(DESIRED, done) == SWITCH
    # Killed between the record and the rename: the record says so, but the file is not there.
    lost = replace(done, present={**done.present, "refs": MISSING})
    assert steps(COPY, lost) == [("copy_file", "refs")]


def test_a_file_that_was_changed_after_it_had_been_copied_is_copied_again() -> None:
    done = applied(COPY, observed({"a": file()}))
    changed = replace(done, files={"a": file(mtime=2)})
    assert steps(COPY, changed) == [("copy_file", "a")]


def test_a_copy_made_by_hand_is_compared() -> None:
    found = observed({"a": file(mtime=5)}, present={"a": file(mtime=9, inode=77)})
    assert steps(COPY, found) == [("compare_file", "a")]
    assert steps(COPY, applied(COPY, found)) == []


@pytest.mark.parametrize(
    ("entry", "present", "said"),
    [
        (Entry("special"), MISSING, r"a \(special\)"),
        (Entry("mount"), MISSING, r"a \(mount\)"),
        (Entry("link", target="../x"), MISSING, r"a \(a link out of the folder, to ../x\)"),
        (file(10), file(11), r"a \(another file on the volume\)"),
        (file(10), FOLDER, r"a \(another folder on the volume\)"),
        (FOLDER, file(), r"a \(another file on the volume\)"),
        (Entry("link", target="b"), Entry("link", target="c"), r"a \(another link"),
    ],
)
def test_what_cannot_be_copied_is_refused_before_anything_is(
    entry: Entry, present: Entry, said: str
) -> None:
    with pytest.raises(ModelStoreError, match=said):
        plan_adoption(DESIRED, observed({"a": entry}, present={"a": present}))


def test_a_copy_that_somebody_changed_on_the_volume_is_refused() -> None:
    done = applied(COPY, observed({"a": file()}))
    changed = replace(done, present={"a": file(mtime=99)})
    with pytest.raises(ModelStoreError, match="another file on the volume"):
        plan_adoption(COPY, changed)


def test_many_faults_are_counted() -> None:
    with pytest.raises(ModelStoreError, match="and 2 more"):
        plan_adoption(DESIRED, observed({str(number): Entry("special") for number in range(7)}))


@pytest.mark.parametrize(
    ("path", "target", "fine"),
    [
        ("a/b", "../c", True),
        ("a/b", "../../c", False),
        ("b", "..", False),
        ("b", "..c", True),
        ("a/b", "/anywhere", True),
    ],
)
def test_relative_links_must_stay_in_the_folder(path: str, target: str, fine: bool) -> None:
    found = observed({path: Entry("link", target=target)})
    if fine:
        assert names(COPY, found) == ["make_link"]
    else:
        with pytest.raises(ModelStoreError, match="a link out of the folder"):
            plan_adoption(COPY, found)


def test_names_of_one_file_stay_names_of_one_file() -> None:
    two = observed({"a": file(inode=5), "b": file(inode=5)})
    assert steps(COPY, two) == [("copy_file", "a"), ("link_file", "b")]
    done = applied(COPY, two)
    assert steps(COPY, done) == []
    assert show_adoption(COPY, done)["bytes_total"] == 10
    changed = replace(done, files={name: file(mtime=7, inode=5) for name in "ab"})
    assert steps(COPY, changed) == [("copy_file", "a"), ("link_file", "b")]
    # Killed between the two steps.
    half = replace(changed, present={**done.present, "a": file(mtime=7, inode=99)})
    half = replace(half, copied={**done.copied, "a": Copied(10, 7, "sum")})
    assert steps(COPY, half) == [("link_file", "b")]


def test_another_file_at_the_place_of_a_second_name_is_refused() -> None:
    two = {"a": file(inode=5), "b": file(inode=5)}
    with pytest.raises(ModelStoreError, match=r"b \(another file on the volume\)"):
        plan_adoption(COPY, observed(two, present={"b": file()}))


def test_a_folder_in_use_is_refused_with_the_process() -> None:
    used = observed({"a": file()}, processes=("python3 with pid 7",))
    with pytest.raises(ModelStoreError, match="found python3 with pid 7 using it"):
        plan_adoption(COPY, used)
    assert steps(COPY, applied(COPY, observed({"a": file()}))) == []


def test_space_is_checked_before_anything_is_copied() -> None:
    large = {"a": file(5 * 2**20), "b": file(2**20, inode=2)}
    with pytest.raises(ModelStoreError, match=r"found 2 MiB free, expected 7 MiB for what is left"):
        plan_adoption(replace(COPY, portion=1), observed(large, free=2 * 2**20))
    done = applied(COPY, observed(large))
    assert plan_adoption(DESIRED, replace(done, free=0))


def test_the_name_under_which_the_folder_is_kept_must_be_free() -> None:
    for desired in (COPY, DESIRED):
        with pytest.raises(ModelStoreError, match=r"folder /srv/hub.old: found a folder there"):
            plan_adoption(desired, observed(CACHE, kept=FOLDER))


@pytest.mark.parametrize("name", [RECORD, PART])
def test_a_volume_is_not_adopted_as_if_it_were_a_local_folder(name: str) -> None:
    with pytest.raises(ModelStoreError, match="seems to be a volume already"):
        plan_adoption(DESIRED, observed({name: file()}))


def test_after_the_switch_and_without_a_folder_nothing_is_left() -> None:
    linked = Observed(Entry("link", target="/mnt/hub"), FOLDER)
    assert not plan_adoption(DESIRED, linked)
    assert not plan_adoption(DESIRED, Observed(MISSING))
    assert not plan_adoption(COPY, Observed(MISSING, FOLDER))


def test_a_run_killed_between_the_two_renames_is_finished() -> None:
    assert names(DESIRED, Observed(MISSING, FOLDER)) == ["place_link"]


@pytest.mark.parametrize(
    ("source", "said"),
    [(Entry("link", target="/x"), "found a link to /x"), (file(), "found a file")],
)
def test_something_else_than_a_folder_is_refused(source: Entry, said: str) -> None:
    with pytest.raises(ModelStoreError, match=said):
        plan_adoption(DESIRED, Observed(source))


@pytest.mark.parametrize(
    "options", [{"portion": 0}, {"portion": 101}, {"suffix": ""}, {"suffix": "/x"}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    valid = {
        "source": "/srv/hub/",
        "destination": "/mnt/hub",
        "state": "adopted",
        "portion": 100,
        "suffix": ".old",
        "require_mount": True,
    }
    assert desired_adoption(valid) == DESIRED
    with pytest.raises(ModelStoreError):
        desired_adoption({**valid, **options})


ENTRIES = st.one_of(
    st.builds(
        Entry,
        st.just("file"),
        size=st.integers(0, 9),
        mtime=st.integers(1, 3),
        inode=st.integers(1, 4),
    ),
    st.just(FOLDER),
    st.just(Entry("link", target="x")),
)


@given(st.dictionaries(st.sampled_from("abcdef"), ENTRIES), st.integers(1, 100))
def test_after_the_steps_nothing_is_left(files: dict[str, Entry], portion: int) -> None:
    # All names of one file have one size and time.
    first: dict[int, Entry] = {}
    for path, entry in files.items():
        if entry.kind == "file":
            files[path] = first.setdefault(entry.inode, entry)
    part = replace(COPY, portion=portion)
    copied = applied(part, observed(files))
    assert steps(part, copied) == []
    assert steps(DESIRED, applied(DESIRED, copied)) == []
