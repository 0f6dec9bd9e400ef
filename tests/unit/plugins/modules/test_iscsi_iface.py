# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from _fakes.iscsiadm import FakeIscsiadm
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import iscsi_iface

OPTIONS = {"name": "storage_a", "net_ifacename": "eth1"}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeIscsiadm:
    fake = FakeIscsiadm()
    monkeypatch.setattr(iscsi_iface, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_iface, "LocalFileSystem", lambda: fake.fs)
    return fake


def test_check_mode_predicts_the_steps_and_changes_nothing(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(fake.fs.files)
    predicted, _text = run_module(iscsi_iface, capsys, OPTIONS, check=True)
    assert (predicted["changed"], predicted["iface"]) == (True, None)
    assert fake.fs.files == files
    done, _text = run_module(iscsi_iface, capsys, OPTIONS)
    assert done["actions"] == predicted["actions"]
    assert done["diff"] == predicted["diff"]
    assert done["iface"]["net_ifacename"] == "eth1"


def test_a_second_run_changes_nothing(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    run_module(iscsi_iface, capsys, OPTIONS)
    result, _text = run_module(iscsi_iface, capsys, OPTIONS)
    assert (result["changed"], result["actions"]) == (False, [])


def test_a_binding_by_name_and_by_address_at_once_is_refused(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {**OPTIONS, "hwaddress": "52:54:00:12:34:56"}
    result, _text = run_module(iscsi_iface, capsys, options)
    assert "mutually exclusive" in result["msg"]
    assert fake.calls == []
