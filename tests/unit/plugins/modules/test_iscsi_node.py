# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from _fakes.iscsi import FakeInitiator
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node import host
from ansible_collections.tts.modelstore.plugins.modules import iscsi_node

TARGET = "iqn.2026-11.com.example:store1"
SECRET = "secret-of-gpu1"
OPTIONS = {
    "target": TARGET,
    "portals": ["10.77.1.10"],
    "chap_username": "gpu1",
    "chap_password": SECRET,
    "settings": {"node.session.queue_depth": 64},
}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeInitiator:
    fake = FakeInitiator("iqn.2026-11.com.example:gpu1")
    monkeypatch.setattr(iscsi_node, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_node, "LocalFileSystem", lambda: fake.fs)
    monkeypatch.setattr(host, "apply", functools.partial(host.apply, lock=fake.lock))
    return fake


def test_check_mode_predicts_the_steps_and_changes_nothing(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(fake.fs.files)
    predicted, _text = run_module(iscsi_node, capsys, OPTIONS, check=True)
    assert (predicted["changed"], predicted["records"]) == (True, [])
    assert fake.fs.files == files
    done, _text = run_module(iscsi_node, capsys, OPTIONS)
    assert done["actions"] == predicted["actions"]
    assert done["diff"] == predicted["diff"]


def test_a_second_run_changes_nothing(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    run_module(iscsi_node, capsys, OPTIONS)
    result, _text = run_module(iscsi_node, capsys, OPTIONS)
    assert (result["changed"], result["actions"]) == (False, [])


def test_the_record_is_returned_without_its_secret(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    result, text = run_module(iscsi_node, capsys, OPTIONS)
    assert result["records"] == [
        {
            "target": TARGET,
            "portal": "10.77.1.10:3260",
            "address": "10.77.1.10",
            "port": 3260,
            "tpgt": 1,
            "iface": "default",
            "startup": "automatic",
            "chap": True,
            "chap_username": "gpu1",
            "mutual_chap": False,
            "settings": {"node.session.queue_depth": "64"},
        }
    ]
    assert SECRET not in text


def test_a_bad_setting_fails_before_anything_is_touched(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(fake.fs.files)
    result, _text = run_module(iscsi_node, capsys, {**OPTIONS, "settings": {"x": 1}})
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["error_details"]["found"] == "the key 'x'"
    assert fake.fs.files == files
    assert fake.calls == []
