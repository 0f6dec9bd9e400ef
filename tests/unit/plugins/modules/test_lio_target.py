# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lio_target as Ansible calls it."""

from __future__ import annotations

import pytest
from _fakes.lio import FakeLio
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import lio_target

STORE = "iqn.2026-11.com.example:store1"
GPU1 = "iqn.2026-11.com.example:gpu1"
SECRET = "secret-of-gpu1"
MUTUAL = "secret-of-store"
OPTIONS = {
    "name": STORE,
    "tpgs": [
        {
            "portals": [{"address": "10.77.1.10"}],
            "luns": [{"backstore": "gpu1"}],
            "acls": [
                {
                    "initiator": GPU1,
                    "chap_username": "gpu1",
                    "chap_password": SECRET,
                    "chap_mutual_username": "store1",
                    "chap_mutual_password": MUTUAL,
                    "luns": [{"backstore": "gpu1"}],
                }
            ],
        }
    ],
}


@pytest.fixture
def fake(monkeypatch):
    lio = FakeLio()
    lio.add_backstore("gpu1", "/dev/vdb", "280b50a7-db4a-5f0b-bf32-84145f727045")
    monkeypatch.setattr(lio_target, "find_rtslib", lambda: lio.rtslib)
    monkeypatch.setattr(lio_target, "LocalFileSystem", lambda: lio.fs)
    return lio


def run(capsys, check=False, **options):
    result, text = run_module(lio_target, capsys, options, check=check)
    assert SECRET not in text
    assert MUTUAL not in text
    return result


def test_check_mode_says_what_the_run_does_and_changes_nothing(fake, capsys):
    predicted = run(capsys, **OPTIONS, check=True)
    assert fake.targets == {}
    done = run(capsys, **OPTIONS)
    for key in ("changed", "actions", "diff", "target"):
        assert predicted[key] == done[key]
    assert done["target"]["tpgs"][0]["acls"] == [
        {
            "initiator": GPU1,
            "chap": True,
            "mutual_chap": True,
            "authentication": None,
            "luns": [{"lun": 0, "backstore": "gpu1", "write_protect": False}],
        }
    ]


def test_the_second_run_changes_nothing(fake, capsys):
    run(capsys, **OPTIONS)
    second = run(capsys, **OPTIONS)
    assert not second["changed"]
    assert second["actions"] == []


WWN = "280b50a7-db4a-5f0b-bf32-84145f727045"
WITH_BACKSTORES = {
    **OPTIONS,
    "backstores": [{"name": "gpu1", "device": "/dev/vdb", "wwn": WWN, "attributes": {}}],
}


@pytest.fixture
def bare(fake):
    fake.storage.clear()
    fake.fs.files.update(
        {
            "/dev/vdb": "",
            "/sys/class/block/vdb/dev": "254:16",
            "/sys/class/block/vdb/size": "1048576",
            "/proc/self/mountinfo": "",
            "/proc/swaps": "",
        }
    )
    return fake


def test_backstores_and_target_are_predicted_and_made_in_one_call(bare, capsys):
    predicted = run(capsys, **WITH_BACKSTORES, check=True)
    assert (bare.storage, bare.targets) == ({}, {})
    done = run(capsys, **WITH_BACKSTORES)
    for key in ("changed", "actions", "diff", "target", "backstores"):
        assert predicted[key] == done[key]
    assert done["backstores"] == [
        {
            "name": "gpu1",
            "plugin": "block",
            "device": "/dev/vdb",
            "wwn": WWN,
            "wwid": "36001405280b50a7db4a5f0bbf3284145",
            "size_bytes": 536870912,
            "write_protect": False,
            "write_back": False,
            "exported_by": [STORE + " tpg1 lun0"],
            "attributes": {},
        }
    ]
    second = run(capsys, **WITH_BACKSTORES)
    assert not second["changed"]
    assert second["backstores"] == done["backstores"]


def test_a_backstore_takes_a_wwn(bare, capsys):
    backstore = {"name": "gpu1", "device": "/dev/vdb"}
    assert "wwn" in run(capsys, **{**OPTIONS, "backstores": [backstore]})["msg"]


def test_absent_takes_no_backstores(bare, capsys):
    result = run(capsys, **{**WITH_BACKSTORES, "state": "absent"})
    assert result["error_details"]["found"] == "backstores together with state absent"


def test_absent_returns_no_target(fake, capsys):
    run(capsys, **OPTIONS)
    result = run(capsys, name=STORE, state="absent")
    assert result["changed"]
    assert result["target"] is None


def test_a_step_that_fails_counts_as_a_change_and_hides_secrets(fake, capsys, monkeypatch):
    def refuse(*_args):
        raise fake.rtslib.RTSLibError("Could not create NetworkPortal in configFS")

    monkeypatch.setattr(fake.rtslib, "NetworkPortal", refuse)
    result = run(capsys, **OPTIONS)
    assert result["failed"]
    assert result["changed"]
    assert result["error_details"]["what"] == "add_portal of %s tpg1 10.77.1.10:3260" % STORE


def test_a_target_with_sessions_goes_only_with_disconnect(fake, capsys):
    run(capsys, **OPTIONS)
    fake.log_in(STORE, 1, GPU1)
    refused = run(capsys, name=STORE, state="absent")
    assert refused["error_details"]["logged_in"] == [GPU1]
    assert STORE in fake.targets
    assert run(capsys, name=STORE, state="absent", disconnect=True)["changed"]
    assert fake.sessions == set()


def test_check_mode_works_before_anything_is_installed(fake, capsys, monkeypatch):
    monkeypatch.setattr(lio_target, "find_rtslib", lambda: None)
    fake.fs.files.clear()
    predicted = run(capsys, **OPTIONS, check=True)
    assert predicted["target"]["tpgs"][0]["luns"] == [{"lun": 0, "backstore": "gpu1"}]
    assert "python3-rtslib-fb" in run(capsys, **OPTIONS)["msg"]
    predicted = run(capsys, **WITH_BACKSTORES, check=True)
    assert predicted["actions"][0]["action"] == "create_backstore"
    assert predicted["backstores"][0]["size_bytes"] is None
