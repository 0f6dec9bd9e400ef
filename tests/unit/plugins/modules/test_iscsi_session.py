# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from _fakes.iscsi import FakeInitiator, FakeTarget
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
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
    assert (predicted["changed"], predicted["sessions"], fake.deeds) == (True, [], [])
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


def test_with_on_partial_a_dead_portal_is_a_warning_while_another_one_works(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(
        iscsi_session.AnsibleModule, "warn", lambda _module, text: warnings.append(text)
    )
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    options = {**OPTIONS, "on_partial": "warn"}
    result, _text = run_module(iscsi_session, capsys, options)
    assert (result["changed"], result["failed_portals"]) == (True, PORTALS[:1])
    (warning,) = warnings
    assert warning.startswith(f"iSCSI login of initiator {GPU1} to {TARGET} at {PORTALS[0]}")
    assert [session["portal"] for session in result["sessions"]] == PORTALS[1:]

    again, _text = run_module(iscsi_session, capsys, options)
    assert (again["changed"], again["failed_portals"]) == (False, PORTALS[:1])

    fake.targets[TARGET].dead_portals.clear()
    mended, _text = run_module(iscsi_session, capsys, options)
    assert (mended["changed"], mended["failed_portals"]) == (True, [])


def test_without_any_session_on_partial_does_not_help(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.targets[TARGET].dead_portals.update(PORTALS)
    result, _text = run_module(iscsi_session, capsys, {**OPTIONS, "on_partial": "warn"})
    assert result["failed"]
    assert result["msg"].startswith("2 failures")


def test_a_session_without_the_expected_disk_is_not_enough(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    fake.targets[TARGET].luns.clear()
    options = {**OPTIONS, "on_partial": "warn", "device_timeout": 1}
    result, _text = run_module(iscsi_session, capsys, options)
    assert result["failed"]


def test_removals_are_never_partial(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.multipathd = True
    run_module(iscsi_session, capsys, OPTIONS)
    options = {**OPTIONS, "state": "disconnected", "on_partial": "warn"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iscsi_session.host, "_FLUSH_TIMEOUT", 0.0)
        patch.setattr(fake, "_flush", lambda name: Completed(1, f"{name}: map in use\n"))
        result, _text = run_module(iscsi_session, capsys, options)
    assert result["failed"]
    assert "it still there after 'multipath -f map-4145'" in result["msg"]


def test_a_session_that_cannot_be_ended_is_no_portal_to_pass_over(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_module(iscsi_session, capsys, OPTIONS)
    monkeypatch.setattr(fake, "_logout", lambda *_place: Completed(10))
    options = {**OPTIONS, "portals": PORTALS[:1], "exclusive": True, "on_partial": "warn"}
    result, _text = run_module(iscsi_session, capsys, options)
    assert result["failed"]
    assert result["msg"].startswith(f"iSCSI logout from {TARGET} at {PORTALS[1]}")


def test_a_failed_relogin_with_on_partial_is_a_change(
    fake: FakeInitiator, capsys: pytest.CaptureFixture[str]
) -> None:
    run_module(iscsi_session, capsys, OPTIONS)
    chap = {"session__auth__username": "gpu1", "session__auth__password": "secret-of-gpu1"}
    fake.add_record(
        TARGET,
        PORTALS[0] + ",1",
        **chap,
        **{"conn[0]__timeo__noop_out_interval": "2"},
        **{"conn[0]__timeo__noop_out_timeout": "2"},
    )
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    result, _text = run_module(iscsi_session, capsys, {**OPTIONS, "on_partial": "warn"})
    assert (result["changed"], result["failed_portals"]) == (True, PORTALS[:1])


@pytest.mark.parametrize("check", [True, False])
def test_a_name_that_does_not_resolve_is_a_clear_failure(
    fake: FakeInitiator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    check: bool,
) -> None:
    def unknown(texts: list[str]) -> None:
        raise ModelStoreError("portal " + texts[0], "no address", "a name", "Check the name.")

    monkeypatch.setattr(iscsi_session, "resolve_portals", unknown)
    options = {**OPTIONS, "portals": ["store1-a"]}
    result, _text = run_module(iscsi_session, capsys, options, check=check)
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"].startswith("portal store1-a: found no address")
