# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from _fakes.iscsi import FakeInitiator
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import iscsi_info

TARGET = "iqn.2026-11.com.example:store1"


def test_records_are_told_without_their_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeInitiator("iqn.2026-11.com.example:gpu1")
    chap = {"session__auth__username": "gpu1", "session__auth__password": "secret-of-gpu1"}
    fake.add_record(TARGET, "10.77.1.10:3260,1", **chap)
    monkeypatch.setattr(iscsi_info, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_info, "LocalFileSystem", lambda: fake.fs)
    result, text = run_module(iscsi_info, capsys, {"target": TARGET}, check=True)
    assert result["changed"] is False
    assert result["records"][0]["chap_username"] == "gpu1"
    assert "secret-of-gpu1" not in text


def test_a_bad_target_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeInitiator("iqn.2026-11.com.example:gpu1")
    monkeypatch.setattr(iscsi_info, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_info, "LocalFileSystem", lambda: fake.fs)
    result, _text = run_module(iscsi_info, capsys, {"target": "../store1"})
    assert result["failed"]
    assert "an iSCSI name" in result["msg"]
