# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a device, and what is done through rtslib."""

from __future__ import annotations

import json

import pytest
from _fakes.lio import SAVE_FILE, FakeLio, empty_tpg
from _fakes.memory_fs import MemoryFileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.host import (
    apply_backstore,
    load_backstores,
    look_at,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
    Device,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.plan import (
    plan_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio

DISK = "/dev/disk/by-id/virtio-models-gpu1"
WWN = "280b50a7-db4a-5f0b-bf32-84145f727045"
SWAPS = "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"
ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
WANTED = DesiredBackstore("gpu1", True, DISK, WWN, {"emulate_tpu": "1"})


def disk_files(**more):
    return {
        "/dev/vdb": "",
        "/sys/class/block/vdb/dev": "254:16\n",
        "/sys/class/block/vdb/size": "1048576\n",
        "/sys/class/block/vdb/queue/scheduler": "none",
        "/proc/self/mountinfo": ROOT,
        "/proc/swaps": SWAPS,
        **more,
    }


def files(more=None):
    return MemoryFileSystem(disk_files(**(more or {})), {DISK: "/dev/vdb"})


def test_of_targets_only_the_luns_are_read():
    fake = FakeLio()
    fake.fs = files()
    fake.add_target("iqn.2020-01.org.example:theirs", {1: empty_tpg(luns={0: "gpu1"})})
    fake.rtslib.TPG.node_acls = property(lambda _tpg: pytest.fail("ACLs are read"))
    loaded = load_backstores(Lio(fake.rtslib, fake.fs, predict=False), [WANTED])
    assert loaded.running.exports("gpu1") == ("iqn.2020-01.org.example:theirs tpg1 lun0",)


PARTITION = {
    "/sys/class/block/vdb/vdb1/partition": "1\n",
    "/sys/class/block/vdb/vdb1/dev": "254:17\n",
}


def test_an_unused_disk_has_no_uses():
    assert look_at(files(), DISK) == Device(exists=True, is_block=True)


def test_a_partitioned_disk_that_nobody_uses_has_no_uses():
    assert look_at(files(PARTITION), DISK).uses == ()


@pytest.mark.parametrize(
    ("more", "use"),
    [
        (
            {"/proc/self/mountinfo": ROOT + r"30 22 254:16 / /srv/a\040b rw - xfs /dev/vdb rw"},
            "vdb mounted at /srv/a b",
        ),
        (
            {
                **PARTITION,
                "/proc/self/mountinfo": ROOT + "30 22 254:17 / /srv rw - xfs /dev/vdb1 rw",
            },
            "vdb1 mounted at /srv",
        ),
        (
            {"/proc/self/mountinfo": ROOT + "30 22 0:44 /@ /srv rw shared:9 - btrfs /dev/vdb rw"},
            "vdb mounted at /srv",
        ),
        ({"/proc/swaps": SWAPS + "/dev/vdb partition 1 0 -2\n"}, "vdb used as swap"),
        (
            {"/sys/class/block/vdb/holders/dm-0/dev": "253:0"},
            "vdb held by dm-0 (device mapper, LVM or RAID)",
        ),
        (
            {**PARTITION, "/sys/class/block/vdb/vdb1/holders/md0/dev": "9:0"},
            "vdb1 held by md0 (device mapper, LVM or RAID)",
        ),
    ],
)
def test_a_user_of_the_disk_or_of_a_partition_is_found(more, use):
    assert look_at(files(more), DISK).uses == (use,)


def test_a_file_is_no_block_device():
    assert look_at(MemoryFileSystem({"/srv/image": ""}), "/srv/image") == Device(exists=True)


@pytest.fixture
def fake():
    lio = FakeLio()
    lio.fs = files()
    return lio


def converge(fake, desired):
    """Apply the plan and return its steps; the next plan has to be empty."""
    lio = Lio(fake.rtslib, fake.fs, predict=False)
    plan = plan_backstore(desired, load_backstores(lio, [desired]), predict=False)
    for action in plan.actions:
        apply_backstore(lio, action)
    again = plan_backstore(desired, load_backstores(lio, [desired]), predict=False)
    assert again.actions == ()
    assert again.before == again.after == plan.after
    return [action.name for action in plan.actions]


def test_a_backstore_is_made_saved_and_removed(fake):
    assert converge(fake, WANTED) == ["create_backstore", "set_backstore_attributes", "save"]
    saved = json.loads(fake.fs.read(SAVE_FILE))["storage_objects"]
    assert [(entry["name"], entry["wwn"], entry["dev"]) for entry in saved] == [("gpu1", WWN, DISK)]
    assert saved[0]["attributes"]["emulate_tpu"] == 1
    assert converge(fake, DesiredBackstore("gpu1", False)) == ["delete_backstore", "save"]
    assert json.loads(fake.fs.read(SAVE_FILE))["storage_objects"] == []


def test_only_the_file_is_written_when_only_the_file_is_stale(fake):
    converge(fake, WANTED)
    fake.fs.remove(SAVE_FILE)
    assert converge(fake, WANTED) == ["save"]


def test_an_attribute_that_drifted_is_set_back(fake):
    converge(fake, WANTED)
    fake.storage["gpu1"]["attributes"]["emulate_tpu"] = "0"
    assert converge(fake, WANTED) == ["set_backstore_attributes", "save"]


def test_what_an_interrupted_run_left_is_made_again(fake):
    fake.add_backstore("gpu1", "", "")
    assert converge(fake, WANTED)[:2] == ["delete_backstore", "create_backstore"]


def test_the_exporting_luns_and_the_size_are_shown(fake):
    converge(fake, WANTED)
    fake.add_target("iqn.2026-11.com.example:store1", {1: empty_tpg(luns={0: "gpu1"})})
    lio = Lio(fake.rtslib, fake.fs, predict=False)
    shown = plan_backstore(WANTED, load_backstores(lio, [WANTED]), predict=False).before
    assert shown["exported_by"] == ["iqn.2026-11.com.example:store1 tpg1 lun0"]
    assert shown["size_bytes"] == 512 * 1024 * 1024


def test_what_lio_refuses_is_reported_with_the_step(fake):
    wanted = DesiredBackstore("gpu1", True, DISK, WWN, {"emulate_nonsense": "1"})
    with pytest.raises(
        ModelStoreError, match="set_backstore_attributes of backstore gpu1: .*nonsense"
    ):
        converge(fake, wanted)


def test_without_rtslib_check_mode_finds_nothing_and_a_real_run_names_the_package():
    lio = Lio(None, MemoryFileSystem(), predict=True)
    observed = load_backstores(lio, [WANTED])
    assert [a.name for a in plan_backstore(WANTED, observed, predict=True).actions] == [
        "create_backstore",
        "set_backstore_attributes",
        "save",
    ]
    with pytest.raises(ModelStoreError, match="python3-rtslib-fb"):
        load_backstores(Lio(None, MemoryFileSystem(), predict=False), [WANTED])


def test_loading_does_not_start_lio(fake):
    load_backstores(Lio(fake.rtslib, fake.fs, predict=False), [WANTED])
    assert not Lio(fake.rtslib, fake.fs, predict=False).available


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_reported_and_left_alone(fake, text):
    fake.fs.files[SAVE_FILE] = text
    with pytest.raises(ModelStoreError, match="saved configuration"):
        converge(fake, WANTED)
    assert fake.fs.read(SAVE_FILE) == text
