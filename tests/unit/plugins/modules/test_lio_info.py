# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lio_info as Ansible calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
from _fakes.lio import CONFIGFS, SAVE_FILE, UNFINISHED, FakeLio, empty_acl, empty_tpg
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import lio_info

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rtslib-2.1.75-by-hand"
STORE = "iqn.2026-11.com.example:store1"
OTHER = "iqn.2026-11.com.example:other"
GPU1 = "iqn.2026-11.com.example:gpu1"
GPU2 = "iqn.2026-11.com.example:gpu2"
SECRET = "secret-of-gpu1"


@pytest.fixture
def fake(monkeypatch):
    lio = FakeLio()
    monkeypatch.setattr(lio_info, "find_rtslib", lambda: lio.rtslib)
    monkeypatch.setattr(lio_info, "LocalFileSystem", lambda: lio.fs)
    return lio


@pytest.fixture
def serving(fake):
    fake.add_backstore("gpu1", "/dev/vdb", "280b50a7-db4a-5f0b-bf32-84145f727045")
    fake.fs.files["/sys/class/block/vdb/size"] = "1048576"
    acls = {GPU1: empty_acl(chap_userid="gpu1", chap_password=SECRET), GPU2: empty_acl()}
    fake.add_target(STORE, {1: empty_tpg(luns={0: "gpu1"}, acls=acls)})
    fake.add_target(OTHER, {1: empty_tpg()})
    folder = CONFIGFS + "/iscsi/%s/tpgt_1/acls" % STORE
    for initiator, file in ((GPU1, "acl-info.txt"), (GPU2, "acl-info-none.txt")):
        fake.fs.files["%s/%s/info" % (folder, initiator)] = (FIXTURES / file).read_text()
    return fake


def run(capsys, **options):
    result, text = run_module(lio_info, capsys, options)
    assert SECRET not in text
    return result


def test_a_host_without_lio_has_nothing(fake, capsys, monkeypatch):
    monkeypatch.setattr(lio_info, "find_rtslib", lambda: None)
    result = run(capsys)
    assert not result["available"]
    assert result["targets"] == result["backstores"] == result["sessions"] == []
    assert result["saved"]["path"] is None


def test_all_that_runs_is_returned(serving, capsys):
    result = run(capsys)
    assert result["available"]
    assert not result["changed"]
    assert [target["name"] for target in result["targets"]] == [OTHER, STORE]
    assert result["backstores"][0]["exported_by"] == [STORE + " tpg1 lun0"]
    assert result["backstores"][0]["size_bytes"] == 536870912
    assert [(entry["initiator"], entry["id"]) for entry in result["sessions"]] == [(GPU1, 3)]


def test_a_session_in_demo_mode_is_told_without_details(serving, capsys):
    serving.fs.files[CONFIGFS + "/iscsi/%s/tpgt_1/dynamic_sessions" % OTHER] = GPU2 + "\n\0"
    (session,) = run(capsys, targets=[OTHER])["sessions"]
    assert session == {
        "target": OTHER,
        "tpg": 1,
        "initiator": GPU2,
        "id": None,
        "type": "Normal",
        "state": "",
        "alias": "",
        "addresses": [],
    }


def test_targets_can_be_chosen(serving, capsys):
    result = run(capsys, targets=[OTHER])
    assert [target["name"] for target in result["targets"]] == [OTHER]
    assert result["sessions"] == []
    assert result["saved"]["missing"] == ["target " + OTHER]


def test_what_is_not_saved_is_named(serving, capsys):
    saved = run(capsys)["saved"]
    assert not saved["exists"]
    assert saved["missing"] == ["backstore gpu1", "target " + OTHER, "target " + STORE]


def test_a_file_that_says_what_runs_matches(fake, capsys):
    fake.load()
    fake.fs.files[SAVE_FILE] = '{"storage_objects": [], "targets": []}'
    saved = run(capsys)["saved"]
    assert saved == {
        "path": SAVE_FILE,
        "exists": True,
        "matches_running": True,
        "missing": [],
        "different": [],
        "not_running": [],
    }


def test_a_saved_backstore_that_does_not_run_is_named(fake, capsys):
    fake.fs.files[SAVE_FILE] = '{"storage_objects": [{"plugin": "block", "name": "gpu2"}]}'
    assert run(capsys)["saved"]["not_running"] == ["backstore gpu2"]


def test_what_was_never_finished_has_no_backstore(serving, capsys):
    tpg = serving.targets[STORE][1]
    tpg["luns"][1] = UNFINISHED
    tpg["acls"][GPU1]["mapped"][0] = UNFINISHED
    (found,) = run(capsys, targets=[STORE])["targets"][0]["tpgs"]
    assert found["luns"][1] == {"lun": 1, "backstore": None}
    assert found["acls"][0]["luns"] == [{"lun": 0, "backstore": None, "write_protect": False}]


def test_discovery_chap_is_shown_without_its_secret_and_compared(serving, capsys):
    serving.discovery.update(enable=True, discovery_userid="d", discovery_password=SECRET)
    result = run(capsys)
    assert result["discovery_auth"] == {"enabled": True, "chap": True, "mutual_chap": False}
    assert result["saved"]["different"] == ["discovery authentication"]
