# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lio_backstore as Ansible calls it."""

from __future__ import annotations

import pytest
from _fakes.lio import FakeLio
from _fakes.memory_fs import MemoryFileSystem
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import lio_backstore

DISK = "/dev/disk/by-id/virtio-models-gpu1"
WWN = "280b50a7-db4a-5f0b-bf32-84145f727045"
OPTIONS = {"name": "gpu1", "device": DISK, "wwn": WWN}


@pytest.fixture
def fake(monkeypatch):
    lio = FakeLio()
    lio.fs = MemoryFileSystem(
        {
            "/dev/vdb": "",
            "/sys/class/block/vdb/dev": "254:16",
            "/sys/class/block/vdb/size": "1048576",
            "/proc/self/mountinfo": "",
            "/proc/swaps": "",
        },
        {DISK: "/dev/vdb"},
    )
    monkeypatch.setattr(lio_backstore, "find_rtslib", lambda: lio.rtslib)
    monkeypatch.setattr(lio_backstore, "LocalFileSystem", lambda: lio.fs)
    return lio


def run(capsys, check=False, **options):
    return run_module(lio_backstore, capsys, options, check=check)[0]


def test_check_mode_says_what_the_run_does_and_changes_nothing(fake, capsys):
    predicted = run(capsys, **OPTIONS, check=True)
    assert fake.storage == {}
    done = run(capsys, **OPTIONS)
    assert predicted["changed"]
    for key in ("actions", "diff", "backstore"):
        assert predicted[key] == done[key]
    assert done["backstore"] == {
        "name": "gpu1",
        "plugin": "block",
        "device": DISK,
        "wwn": WWN,
        "wwid": "36001405280b50a7db4a5f0bbf3284145",
        "size_bytes": 536870912,
        "write_protect": False,
        "write_back": False,
        "exported_by": [],
        "attributes": {},
    }


def test_the_second_run_changes_nothing(fake, capsys):
    run(capsys, **OPTIONS)
    second = run(capsys, **OPTIONS)
    assert not second["changed"]
    assert second["actions"] == []


def test_absent_returns_no_backstore(fake, capsys):
    run(capsys, **OPTIONS)
    result = run(capsys, name="gpu1", state="absent")
    assert result["changed"]
    assert result["backstore"] is None


def test_a_refusal_is_reported_as_data(fake, capsys):
    result = run(capsys, **{**OPTIONS, "wwn": "models"})
    assert result["failed"]
    assert result["error_details"]["found"] == "models"
    assert not result["changed"]


def test_present_takes_device_and_wwn(fake, capsys):
    assert "missing: wwn" in run(capsys, name="gpu1", device=DISK)["msg"]
    assert "found no device" in run(capsys, name="gpu1", wwn=WWN)["msg"]


def test_a_file_is_predicted_and_made(fake, capsys, tmp_path):
    path = tmp_path / "gpu1.img"
    options = {"name": "gpu1", "type": "fileio", "path": str(path), "size": "1M", "wwn": WWN}
    predicted = run(capsys, **options, check=True)
    assert not path.exists()
    done = run(capsys, **options)
    for key in ("actions", "diff", "backstore"):
        assert predicted[key] == done[key]
    assert (done["backstore"]["plugin"], done["backstore"]["size_bytes"]) == ("fileio", 1024**2)
    assert not run(capsys, **options)["changed"]
    assert run(capsys, name="gpu1", type="fileio", state="absent")["backstore"] is None


def test_check_mode_works_before_anything_is_installed(fake, capsys, monkeypatch):
    monkeypatch.setattr(lio_backstore, "find_rtslib", lambda: None)
    fake.fs.files.clear()
    result = run(capsys, **OPTIONS, check=True)
    assert result["backstore"]["wwid"] == "36001405280b50a7db4a5f0bbf3284145"
    assert "python3-rtslib-fb" in run(capsys, **OPTIONS)["msg"]
