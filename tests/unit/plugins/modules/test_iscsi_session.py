# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from _fakes.iscsi import FakeInitiator, FakeTarget
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import iscsi_session

TARGET = "iqn.2026-11.com.example:store1"
GPU1 = "iqn.2026-11.com.example:gpu1"
PORTALS = ["10.77.1.10:3260", "10.77.2.10:3260"]
WWID = "36001405280b50a7db4a5f0bbf3284145"
OPTIONS = {"target": TARGET, "portals": PORTALS, "wwids": [WWID]}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeInitiator:
    target = FakeTarget(TARGET, {GPU1: ("gpu1", "secret-of-gpu1")}, {0: WWID})
    fake = FakeInitiator(GPU1, target)
    for portal in PORTALS:
        chap = {"session__auth__username": "gpu1", "session__auth__password": "secret-of-gpu1"}
        fake.add_record(TARGET, portal + ",1", **chap)
    monkeypatch.setattr(iscsi_session, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_session, "LocalFileSystem", lambda: fake.fs)
    return fake


def test_check_mode_predicts_the_logins_and_makes_none(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    predicted, _text = run_module(iscsi_session, capsys, OPTIONS, check=True)
    assert (predicted["changed"], predicted["sessions"], fake.calls) == (True, [], [])
    done, _text = run_module(iscsi_session, capsys, OPTIONS)
    assert done["actions"] == predicted["actions"]
    assert done["wwids"] == [WWID]


def test_a_second_run_changes_nothing(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    run_module(iscsi_session, capsys, OPTIONS)
    result, _text = run_module(iscsi_session, capsys, OPTIONS)
    assert (result["changed"], len(result["sessions"])) == (False, 2)


def test_a_dead_first_portal_does_not_keep_the_second_from_its_session(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    result, _text = run_module(iscsi_session, capsys, OPTIONS)
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["msg"].startswith(f"iSCSI login of initiator {GPU1} to {TARGET} at {PORTALS[0]}")
    again, _text = run_module(iscsi_session, capsys, {**OPTIONS, "portals": PORTALS[1:]})
    assert (again["changed"], len(again["sessions"])) == (False, 1)


def test_a_failed_second_login_reports_the_first_one_as_a_change(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.targets[TARGET].dead_portals.add(PORTALS[1])
    result, _text = run_module(iscsi_session, capsys, OPTIONS)
    assert (result["failed"], result["changed"]) == (True, True)
    assert PORTALS[1] in result["msg"]
    assert result["error_details"]["exit_code"] == 8
