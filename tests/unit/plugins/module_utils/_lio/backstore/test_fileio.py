# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backstores in files, on real files and a LIO in memory."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from _fakes.lio import SAVE_FILE, FakeLio, empty_tpg
from _fakes.memory_fs import MemoryFileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.host import (
    apply_backstore,
    load_backstores,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.plan import (
    plan_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio
from hypothesis import given, settings
from hypothesis import strategies as st

STORE = "iqn.2026-11.com.example:store1"
WWN = "280b50a7-db4a-5f0b-bf32-84145f727045"
OTHER_WWN = "11111111-2222-5333-8444-555555555555"
MIB = 1024 * 1024
SWAPS = "Filename Type Size Used Priority\n"


def new_fake():
    lio = FakeLio()
    lio.fs = MemoryFileSystem({"/proc/swaps": SWAPS})
    return lio


@pytest.fixture
def fake():
    return new_fake()


@pytest.fixture
def wanted(tmp_path):
    path = str(tmp_path / "gpu1.img")
    return DesiredBackstore("gpu1", True, path, WWN, plugin="fileio", size=MIB)


def plan_of(fake, desired, predict=False):
    lio = Lio(fake.rtslib, fake.fs, predict=predict)
    return plan_backstore(desired, load_backstores(lio, [desired]), predict=predict)


def converge(fake, desired):
    """Apply the plan and return its steps; the next plan has to be empty."""
    lio = Lio(fake.rtslib, fake.fs, predict=False)
    plan = plan_of(fake, desired)
    for action in plan.actions:
        apply_backstore(lio, action)
    again = plan_of(fake, desired)
    assert again.actions == ()
    assert again.before == again.after == plan.after
    return [action.name for action in plan.actions]


def refusal(fake, desired):
    with pytest.raises(ModelStoreError) as caught:
        plan_of(fake, desired)
    return str(caught.value)


def test_a_sparse_file_for_root_is_made_exported_and_kept_on_removal(fake, wanted):
    assert converge(fake, wanted) == ["create_file", "create_backstore", "save"]
    found = os.stat(wanted.device)
    assert (found.st_size, found.st_blocks) == (MIB, 0)
    assert stat.S_IMODE(found.st_mode) == 0o600
    (saved,) = json.loads(fake.fs.read(SAVE_FILE))["storage_objects"]
    assert (saved["plugin"], saved["dev"], saved["size"]) == ("fileio", wanted.device, MIB)
    assert plan_of(fake, wanted).before["size_bytes"] == MIB
    assert converge(fake, DesiredBackstore("gpu1", False, plugin="fileio")) == [
        "delete_backstore",
        "save",
    ]
    assert os.path.exists(wanted.device)


def test_a_file_that_is_there_is_taken_with_what_is_in_it(fake, wanted):
    Path(wanted.device).write_bytes(b"model")
    assert converge(fake, wanted) == ["grow_file", "create_backstore", "save"]
    assert Path(wanted.device).read_bytes()[:5] == b"model"


def test_growth_keeps_data_and_wwn(fake, wanted):
    converge(fake, wanted)
    with open(wanted.device, "r+b") as stream:
        stream.write(b"model")
    assert converge(fake, replace(wanted, size=2 * MIB)) == [
        "grow_file",
        "delete_backstore",
        "create_backstore",
        "save",
    ]
    assert Path(wanted.device).stat().st_size == 2 * MIB
    assert Path(wanted.device).read_bytes()[:5] == b"model"
    assert fake.storage["fileio/gpu1"]["wwn"] == WWN


@pytest.mark.parametrize(
    ("change", "name"), [({"size": 2 * MIB}, "size"), ({"write_back": True}, "write_back")]
)
def test_what_takes_a_new_backstore_is_refused_while_it_is_exported(fake, wanted, change, name):
    converge(fake, wanted)
    fake.add_target(STORE, {1: empty_tpg(luns={0: "fileio/gpu1"})})
    text = refusal(fake, replace(wanted, **change))
    assert text.startswith("%s of backstore fileio/gpu1: found" % name)
    assert STORE + " tpg1 lun0" in text
    assert Path(wanted.device).stat().st_size == MIB


def test_nothing_is_ever_made_smaller(fake, wanted):
    converge(fake, replace(wanted, size=2 * MIB))
    assert "found 2097152 bytes, expected 1048576 at most" in refusal(fake, wanted)
    converge(fake, DesiredBackstore("gpu1", False, plugin="fileio"))
    assert "never made smaller" in refusal(fake, wanted)


def test_writes_go_to_the_disk_unless_the_option_says_otherwise(fake, wanted):
    converge(fake, wanted)
    assert fake.storage["fileio/gpu1"]["made"]["write_back"] is False
    assert converge(fake, replace(wanted, write_back=True)) == [
        "delete_backstore",
        "create_backstore",
        "save",
    ]
    assert fake.storage["fileio/gpu1"]["made"]["write_back"] is True


def test_a_block_backstore_of_the_same_name_is_another_one(fake, wanted):
    fake.add_backstore("gpu1", "/dev/vdb", OTHER_WWN)
    converge(fake, wanted)
    converge(fake, DesiredBackstore("gpu1", False, plugin="fileio"))
    assert list(fake.storage) == ["gpu1"]
    saved = json.loads(fake.fs.read(SAVE_FILE))["storage_objects"]
    assert [(entry["plugin"], entry["name"]) for entry in saved] == [("block", "gpu1")]


def test_a_file_deleted_under_a_running_backstore_is_not_made_again(fake, wanted):
    converge(fake, wanted)
    os.unlink(wanted.device)
    assert "deleted while backstore fileio/gpu1 still has it open" in refusal(fake, wanted)


def test_a_saved_file_that_is_missing_is_not_replaced_by_an_empty_one(fake, wanted):
    converge(fake, wanted)
    # A reboot without the file system that the file is on.
    fake.storage.clear()
    os.unlink(wanted.device)
    assert "Mount the file system" in refusal(fake, wanted)
    assert converge(fake, DesiredBackstore("gpu1", False, plugin="fileio")) == ["save"]
    assert converge(fake, wanted)[0] == "create_file"


@pytest.mark.parametrize("runs", [True, False])
def test_an_empty_file_that_lio_made_at_boot_is_not_taken_for_the_volume(fake, wanted, runs):
    converge(fake, wanted)
    # A reboot without the file system that the file is on: LIO opens with O_CREAT.
    os.truncate(wanted.device, 0)
    if not runs:
        fake.storage.clear()
    for size in (MIB, 2 * MIB):
        text = refusal(fake, replace(wanted, size=size))
        assert "found 0 bytes" in text
        assert "LIO makes an empty file at boot" in text
    assert Path(wanted.device).stat().st_size == 0


def test_a_file_of_another_backstore_is_refused(fake, wanted):
    converge(fake, wanted)
    text = refusal(fake, replace(wanted, name="gpu2", wwn=OTHER_WWN))
    assert "it in backstore fileio/gpu1" in text


@pytest.mark.parametrize("use", ["behind /dev/loop0", "used as swap"])
def test_a_file_that_the_server_uses_is_refused(fake, wanted, use):
    Path(wanted.device).touch()
    fake.fs.files["/sys/class/block/loop1/size"] = "0"
    if use == "used as swap":
        fake.fs.files["/proc/swaps"] += wanted.device + " file 1 0 -2\n"
    else:
        fake.fs.files["/sys/class/block/loop0/loop/backing_file"] = wanted.device + "\n"
    assert "found " + use in refusal(fake, wanted)


def test_a_folder_in_the_files_place_is_refused(fake, wanted):
    os.mkdir(wanted.device)
    assert "not a regular file" in refusal(fake, wanted)


def test_a_missing_folder_is_refused_for_real_and_predicted_in_check_mode(fake, wanted):
    away = replace(wanted, device=wanted.device + "/deeper/gpu1.img")
    assert "no folder" in refusal(fake, away)
    plan = plan_of(fake, away, predict=True)
    assert [action.name for action in plan.actions] == ["create_file", "create_backstore", "save"]
    assert plan.after["size_bytes"] == MIB


class Killed(BaseException):
    """SIGKILL: nobody cleans up."""


SIZES = st.integers(1, 3).map(lambda number: number * MIB)


@settings(max_examples=50, deadline=None)
@given(
    before=st.none() | st.tuples(SIZES, st.booleans()),
    more=st.integers(0, 2),
    write_back=st.booleans(),
    changes=st.integers(0, 5),
)
def test_a_run_killed_at_any_change_is_finished_by_the_next(before, more, write_back, changes):
    fake = new_fake()
    theirs = {"plugin": "block", "name": "theirs", "dev": "/dev/vdz", "wwn": OTHER_WWN}
    fake.fs.files[SAVE_FILE] = json.dumps({"storage_objects": [theirs], "targets": []})
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gpu1.img")
        desired = DesiredBackstore("gpu1", True, path, WWN, plugin="fileio", size=MIB)
        if before:
            desired = replace(desired, size=before[0], write_back=before[1])
            converge(fake, desired)
        wanted = replace(desired, size=desired.size + more * MIB, write_back=write_back)
        lio = Lio(fake.rtslib, fake.fs, predict=False)
        countdown = iter(range(changes))

        def kill():
            if next(countdown, None) is None:
                raise Killed

        fake.watch = kill
        with contextlib.suppress(Killed):
            for action in plan_of(fake, wanted).actions:
                kill()
                apply_backstore(lio, action)
        fake.watch = lambda: None
        converge(fake, wanted)
    assert json.loads(fake.fs.read(SAVE_FILE))["storage_objects"][0] == theirs
