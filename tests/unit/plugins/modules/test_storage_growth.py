# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""storage_growth as Ansible calls it, on a node where a volume of two paths grew."""

from __future__ import annotations

import pytest
from _fakes.memory_fs import MemoryFileSystem
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.module_utils._ansible import scsi
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.modules import storage_growth

DEVICE = "/dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145"
MAP = "36001405280b50a7db4a5f0bbf3284145"
MOUNT = "/mnt/cache_hub"
OLD, NEW = 320 * 1024 * 1024, 512 * 1024 * 1024


class Node:
    """Kernel, multipathd and XFS, as far as sizes go."""

    def __init__(self):
        self.fs = MemoryFileSystem(
            {
                "/sys/block/dm-0/dm/name": MAP + "\n",
                **{f"/sys/block/{name}/size": f"{OLD // 512}\n" for name in ("dm-0", "sda", "sdb")},
                **{f"/sys/block/{name}/device/rescan": "" for name in ("sda", "sdb")},
            },
            {
                DEVICE: "/dev/dm-0",
                "/sys/block/dm-0/slaves/sda": "/sys/block/sda",
                "/sys/block/dm-0/slaves/sdb": "/sys/block/sdb",
            },
        )
        self.fs.capacities = {"/dev/sda": NEW, "/dev/sdb": NEW}
        self.fs.write_attribute = self.write
        self.blocks = OLD // 4096
        self.commands = []
        self.multipathd = "ok\n"

    def write(self, path, text):
        name = path.split("/")[3]
        assert (path, text) == (f"/sys/block/{name}/device/rescan", "1")
        self.fs.files[f"/sys/block/{name}/size"] = f"{self.fs.capacities[f'/dev/{name}'] // 512}\n"

    def size(self, name):
        return int(self.fs.files[f"/sys/block/{name}/size"]) * 512

    def run(self, argv, *, timeout=60.0):
        if argv == ["xfs_growfs", "-n", MOUNT]:
            shown = "data     =                       bsize=4096   blocks=%d, imaxpct=25\n"
            return Completed(0, "meta-data=/dev/mapper/x\n" + shown % self.blocks)
        self.commands.append(argv)
        if argv == ["multipathd", "resize", "map", MAP]:
            if self.multipathd == "ok\n":
                smallest = min(self.size("sda"), self.size("sdb"))
                self.fs.files["/sys/block/dm-0/size"] = f"{smallest // 512}\n"
            return Completed(0, self.multipathd)
        assert argv == ["xfs_growfs", "-d", MOUNT]
        self.blocks = self.size("dm-0") // 4096
        return Completed(0, "data blocks changed\n")


@pytest.fixture
def node(monkeypatch):
    made = Node()
    monkeypatch.setattr(storage_growth, "LocalFileSystem", lambda: made.fs)
    monkeypatch.setattr(storage_growth, "ModuleRunner", lambda module: made)
    return made


@pytest.fixture
def run(node, capsys):
    def with_options(check=False, **options):
        given = {"device": DEVICE, "mount_point": MOUNT, **options}
        return run_module(storage_growth, capsys, given, check=check)[0]

    return with_options


def test_growth_reaches_the_file_system_over_all_paths(node, run):
    before = dict(node.fs.files)
    predicted = run(check=True)
    assert (node.fs.files, node.commands) == (before, [])
    assert predicted["changed"] is True
    done = run()
    assert done["actions"] == predicted["actions"]
    assert {node.size(name) for name in ("sda", "sdb", "dm-0")} == {NEW}
    assert (done["size_bytes"], done["file_system_bytes"]) == (NEW, NEW)
    again = run()
    assert (again["changed"], again["actions"]) == (False, [])


def test_a_volume_that_shrank_is_refused_and_nothing_is_done(node, run):
    node.fs.capacities["/dev/sdb"] = OLD // 2
    before = dict(node.fs.files)
    assert f"found {OLD // 2} bytes, which sdb reports" in run()["msg"]
    assert (node.fs.files, node.commands) == (before, [])


def test_multipathd_that_does_not_resize_is_a_failure(node, run):
    node.multipathd = "fail\n"
    assert "found fail, expected multipathd resize map" in run()["msg"]


def test_what_is_no_mounted_xfs_is_named(node, run):
    node.run = lambda argv, **_: Completed(1, "", f"{MOUNT} is not a mounted XFS filesystem\n")
    assert f"mount point {MOUNT}: found {MOUNT} is not a mounted XFS" in run()["msg"]


def test_the_device_grows_without_a_mount(node, run):
    done = run(mount_point=None)
    assert [action["action"] for action in done["actions"]] == ["rescan", "rescan", "resize_map"]
    assert "file_system_bytes" not in done


def test_a_device_that_is_not_there_is_a_failure(node, run):
    node.fs.links.pop(DEVICE)
    assert "found no whole disk or map" in run()["msg"]


def test_what_is_no_scsi_disk_has_no_answer(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert scsi.read_capacity(str(tmp_path / "file")) is None
    assert scsi.read_capacity(str(tmp_path / "missing")) is None
