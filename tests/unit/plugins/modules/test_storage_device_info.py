# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""storage_device_info as Ansible calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from _fakes.memory_fs import MemoryFileSystem
from _fakes.run_module import run_module
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.modules import storage_device_info

FIXTURES = Path(__file__).parents[2] / "fixtures" / "util-linux-2.38-debian12"
DEVICE = "/dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145"
MOUNT_POINT = "/mnt/cache_hub"

LSBLK = ["lsblk", "--json", "--bytes", "--output", "NAME,SIZE,RO,MOUNTPOINTS", DEVICE]
WIPEFS = ["wipefs", "--no-act", "--json", DEVICE]
CMP = ["cmp", "--silent", "--bytes=67108864", DEVICE, "/dev/zero"]
FINDMNT = [
    *("findmnt", "--json", "--output", "SOURCE,FSTYPE,UUID,OPTIONS", "--mountpoint"),
    MOUNT_POINT,
]
LIST_LINKS = [
    *("find", "/proc", "-maxdepth", "3", "-path", "/proc/[!0-9]*", "-prune"),
    *("-o", "-type", "l", "-printf", r"%p\t%l\n"),
]
FSTAB = ["findmnt", "--fstab", "--json", "--output", "SOURCE", "--mountpoint", MOUNT_POINT]


def printed(name):
    return Completed(0, (FIXTURES / name).read_text())


@pytest.fixture
def fs(monkeypatch):
    files = MemoryFileSystem({"/dev/dm-0": ""}, {DEVICE: "/dev/dm-0"})
    monkeypatch.setattr(storage_device_info, "LocalFileSystem", lambda: files)
    return files


@pytest.fixture
def run(fs, capsys, monkeypatch):
    def with_script(*script, check=False, **options):
        with ScriptedRunner(*script) as runner:
            monkeypatch.setattr(storage_device_info, "ModuleRunner", lambda _module: runner)
            return run_module(storage_device_info, capsys, options, check=check)[0]

    return with_script


@pytest.mark.parametrize("check", [False, True])
def test_device_and_mount_are_told_and_nothing_is_changed(run, check):
    result = run(
        (LSBLK, printed("lsblk-mounted.json")),
        (WIPEFS, printed("wipefs-xfs.json")),
        (FINDMNT, printed("findmnt.json")),
        (FSTAB, printed("findmnt-fstab.json")),
        device=DEVICE,
        mount_point=MOUNT_POINT,
        check=check,
    )
    assert not result["changed"]
    assert result["device"]["node"] == "/dev/dm-0"
    assert result["device"]["signatures"][0]["type"] == "xfs"
    assert result["device"]["blank"] is False
    assert result["mount"]["fstype"] == "ext4"
    assert result["fstab_source"] == "UUID=280b50a7-db4a-5f0b-bf32-84145f727045"


def test_a_device_is_read_only_when_asked_to(run):
    found = [(LSBLK, printed("lsblk-read-only.json")), (WIPEFS, printed("wipefs-blank.json"))]
    assert run(*found, device=DEVICE)["device"]["blank"] is None
    read = run(*found, (CMP, Completed(0)), device=DEVICE, check_zeroes=True)
    assert read["device"]["blank"] is True
    assert read["mount"] is read["fstab_source"] is None
    assert read["mount_point_files"] == []


def test_what_is_not_there_is_null(run, fs):
    fs.links.clear()
    result = run(
        (FINDMNT, Completed(1)), (FSTAB, Completed(1)), device=DEVICE, mount_point=MOUNT_POINT
    )
    assert result["device"] is result["mount"] is result["fstab_source"] is None
    assert result["mount_point_files"] == []


def test_files_under_a_mount_point_are_told_when_nothing_is_mounted_there(run, fs):
    fs.files.update({f"{MOUNT_POINT}/{name}": "" for name in "gfedcba"})
    result = run((FINDMNT, Completed(1)), (FSTAB, Completed(1)), mount_point=MOUNT_POINT)
    assert result["mount_point_files"] == ["a", "b", "c", "d", "e"]


def test_a_mounted_file_system_is_not_looked_into(run, fs, monkeypatch):
    def no_answer(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(fs, "listdir", no_answer)
    result = run((FINDMNT, printed("findmnt.json")), (FSTAB, Completed(1)), mount_point=MOUNT_POINT)
    assert result["mount_point_files"] == []


def test_processes_that_use_the_mount_are_told_when_asked_for(run, fs):
    fs.files["/proc/7/comm"] = "python3\n"
    listed = (
        "/proc/7/exe\t/usr/bin/python3\n"
        f"/proc/7/fd/3\t{MOUNT_POINT}/gpt.pth\n"
        f"/proc/7/map_files/7f00-7f01\t{MOUNT_POINT}/gpt.pth\n"
        f"/proc/8/cwd\t{MOUNT_POINT}\n"
        f"/proc/9/cwd\t{MOUNT_POINT}2\n"
        f"/proc/9/fd/1\t/srv{MOUNT_POINT}\n"
    )
    result = run(
        (FINDMNT, printed("findmnt.json")),
        (FSTAB, Completed(1)),
        (LIST_LINKS, Completed(1, listed, "find: '/proc/10': No such file or directory")),
        mount_point=MOUNT_POINT,
        processes=True,
    )
    assert result["processes"] == [
        {"pid": 7, "command": "python3"},
        {"pid": 8, "command": "(ended)"},
    ]


def test_nobody_is_looked_for_where_nothing_is_mounted(run):
    found = [(FINDMNT, Completed(1)), (FSTAB, Completed(1))]
    assert run(*found, mount_point=MOUNT_POINT, processes=True)["processes"] == []


def test_a_device_that_cannot_be_read_is_a_failure_with_its_parts(run):
    result = run((LSBLK, Completed(1, "", "Input/output error")), device=DEVICE)
    assert result["failed"]
    assert result["error_details"]["what"] == "device " + DEVICE


def test_a_device_or_a_mount_point_has_to_be_named(run):
    assert "one of the following is required: device, mount_point" in run()["msg"]


def test_the_sample_in_the_documentation_has_all_that_is_returned(run):
    documented = yaml.safe_load(storage_device_info.RETURN)
    result = run(
        (LSBLK, printed("lsblk-mounted.json")),
        (WIPEFS, printed("wipefs-xfs.json")),
        (FINDMNT, printed("findmnt.json")),
        (FSTAB, printed("findmnt-fstab.json")),
        device=DEVICE,
        mount_point=MOUNT_POINT,
    )
    assert result["device"].keys() == documented["device"]["contains"].keys()
    assert result["device"].keys() == documented["device"]["sample"].keys()
    assert result["mount"].keys() == documented["mount"]["contains"].keys()
    shown = documented["device"]["sample"]["signatures"][0]
    assert result["device"]["signatures"][0].keys() == shown.keys()
