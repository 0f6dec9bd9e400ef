# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into the saved configuration, and what stays as it was."""

from __future__ import annotations

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Backstore,
    Configuration,
    Lun,
    Target,
    Tpg,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import (
    Ours,
    compare_saved,
    merge_saved,
)


def block(name, dev="/dev/vdb"):
    return {"plugin": "block", "name": name, "dev": dev}


def target(name, tag=1):
    return {"fabric": "iscsi", "wwn": name, "tpgs": [{"tag": tag}]}


SAVED = {
    "fabric_modules": [{"name": "iscsi", "discovery_password": "x"}],
    "storage_objects": [block("theirs"), block("ours", "/dev/old"), block("more of theirs")],
    "targets": [target("iqn.theirs"), target("iqn.ours")],
    "unknown": "kept",
}


def test_ours_is_replaced_in_its_place_and_all_else_is_kept():
    running = {"storage_objects": [block("ours", "/dev/new"), block("theirs", "/dev/other")]}
    merged = merge_saved(SAVED, running, Ours(backstores=("ours",)))
    assert merged["storage_objects"] == [
        block("theirs"),
        block("ours", "/dev/new"),
        block("more of theirs"),
    ]
    assert {key: merged[key] for key in merged if key != "storage_objects"} == {
        key: SAVED[key] for key in SAVED if key != "storage_objects"
    }


def test_each_of_several_keeps_its_place_and_a_new_one_goes_to_the_end():
    saved = [block("b"), block("theirs"), block("gone"), block("a"), block("more of theirs")]
    running = {"storage_objects": [block(name, "/dev/new") for name in ("a", "b", "c", "theirs")]}
    merged = merge_saved({"storage_objects": saved}, running, Ours(("a", "b", "c", "gone")))
    assert merged["storage_objects"] == [
        block("b", "/dev/new"),
        block("theirs"),
        block("a", "/dev/new"),
        block("more of theirs"),
        block("c", "/dev/new"),
    ]


def test_ours_is_removed_when_it_does_not_run_any_more():
    merged = merge_saved(SAVED, {"targets": []}, Ours(target="iqn.ours"))
    assert merged["targets"] == [target("iqn.theirs")]
    assert merged["storage_objects"] == SAVED["storage_objects"]


def test_ours_is_added_and_foreign_objects_that_run_are_not():
    running = {"targets": [target("iqn.new"), target("iqn.not saved on purpose")]}
    merged = merge_saved(SAVED, running, Ours(target="iqn.new"))
    assert merged["targets"] == [*SAVED["targets"], target("iqn.new")]


@pytest.mark.parametrize(
    "namesake",
    [{**block("ours"), "plugin": "fileio"}, {**target("iqn.ours"), "fabric": "loopback"}],
)
def test_a_namesake_of_another_kind_is_not_ours(namesake):
    assert not Ours(backstores=("ours",), target="iqn.ours").has(namesake)


def test_the_first_save_saves_all_that_runs():
    running = {"storage_objects": [block("ours")], "targets": [], "fabric_modules": []}
    assert merge_saved(None, running, Ours(backstores=("ours",))) == running


def test_the_input_is_not_changed():
    before = repr(SAVED)
    merge_saved(SAVED, {"targets": []}, Ours(target="iqn.ours"))
    assert repr(SAVED) == before


def test_differences_are_named():
    a, b = (Backstore("block", name, "/dev/" + name, "") for name in "ab")
    moved = Backstore("block", "a", "/dev/elsewhere", "")
    assert compare_saved(
        Configuration((a,), (Target("iqn.new"),)), Configuration((moved, b), ())
    ) == {
        "missing": ["target iqn.new"],
        "different": ["backstore a"],
        "not_running": ["backstore b"],
    }


def test_only_the_named_targets_and_what_they_export_matter():
    def exporting(name, *backstores):
        luns = tuple(Lun(number, backstore) for number, backstore in enumerate(backstores))
        return Target(name, tpgs=(Tpg(1, luns=luns),))

    stores = {name: Backstore("block", name, "/dev/vdb", "") for name in ("now", "then", "theirs")}
    running = Configuration(
        (stores["now"], stores["theirs"]),
        (exporting("iqn.ours", "now"), exporting("iqn.theirs", "theirs")),
    )
    saved = Configuration((stores["then"],), (exporting("iqn.ours", "then"),))
    assert compare_saved(running, saved, {"iqn.ours"}) == {
        "missing": ["backstore now"],
        "different": ["target iqn.ours"],
        "not_running": ["backstore then"],
    }
    assert compare_saved(running, saved)["missing"] == [
        "backstore now",
        "backstore theirs",
        "target iqn.theirs",
    ]


@pytest.mark.parametrize("kind", ["attributes", "parameters"])
def test_settings_that_only_one_side_has_are_no_difference(kind):
    def served(**settings):
        backstore = Backstore("block", "a", "/dev/vdb", "", settings)
        return Configuration((backstore,), (Target("iqn.a", tpgs=(Tpg(1, **{kind: settings}),)),))

    same = {"missing": [], "different": [], "not_running": []}
    assert compare_saved(served(old="1", new="0"), served(old="1", dropped="1")) == same
    changed = compare_saved(served(old="1", new="0"), served(old="0"))
    assert changed["different"] == ["backstore a", "target iqn.a"]


def test_a_portal_group_that_only_one_side_has_is_a_difference():
    one, two = (Target("iqn.a", tpgs=tuple(Tpg(tag) for tag in tags)) for tags in ([1], [1, 2]))
    for running, saved in ((one, two), (two, one)):
        compared = compare_saved(Configuration((), (running,)), Configuration((), (saved,)))
        assert compared["different"] == ["target iqn.a"]
