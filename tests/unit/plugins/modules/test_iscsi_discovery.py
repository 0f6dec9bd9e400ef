# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from _fakes.iscsiadm import FakeIscsiadm
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery import host
from ansible_collections.tts.modelstore.plugins.modules import iscsi_discovery

TARGET = "iqn.2026-11.com.example:store1"
PORTAL = "10.77.1.10:3260"
SECRET = "secret-of-gpu1"
OPTIONS = {"portals": ["10.77.1.10"], "chap_username": "gpu1", "chap_password": SECRET}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeIscsiadm:
    fake = FakeIscsiadm()
    fake.iscsid_active = True
    fake.answers[PORTAL] = f"{PORTAL},1 {TARGET}\n"
    monkeypatch.setattr(iscsi_discovery, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_discovery, "LocalFileSystem", lambda: fake.fs)
    monkeypatch.setattr(host, "Discovery", functools.partial(host.Discovery, lock=fake.lock))
    return fake


def test_check_mode_predicts_the_record_and_asks_nobody(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(fake.fs.files)
    predicted, _text = run_module(iscsi_discovery, capsys, OPTIONS, check=True)
    assert (predicted["changed"], predicted["discovered"]) == (True, False)
    assert predicted["targets"] == []
    assert fake.fs.files == files
    assert not any("--discover" in argv for argv in fake.calls)
    done, _text = run_module(iscsi_discovery, capsys, OPTIONS)
    assert done["actions"] == predicted["actions"]
    assert done["diff"] == predicted["diff"]


def test_check_mode_asks_for_real_where_the_record_is_right(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    run_module(iscsi_discovery, capsys, OPTIONS)
    result, _text = run_module(iscsi_discovery, capsys, OPTIONS, check=True)
    assert (result["changed"], result["discovered"]) == (False, True)
    assert result["targets"][0]["target"] == TARGET


def test_a_second_discovery_finds_the_same_and_changes_nothing(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _text = run_module(iscsi_discovery, capsys, OPTIONS)
    files = dict(fake.fs.files)
    second, text = run_module(iscsi_discovery, capsys, OPTIONS)
    assert (second["changed"], second["actions"]) == (False, [])
    assert second["targets"] == first["targets"]
    assert fake.fs.files == files
    assert SECRET not in text


def test_a_failed_discovery_shows_no_secret(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.credentials[PORTAL] = ("gpu1", "another-secret")
    result, text = run_module(iscsi_discovery, capsys, OPTIONS)
    assert result["failed"] is True
    assert "exit code 24, LOGIN_AUTH_FAILED" in result["msg"]
    assert SECRET not in text


def test_an_unreachable_portal_beside_one_that_answers_is_a_warning(
    fake: FakeIscsiadm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What collects the warnings for the result outlives a module that runs in this process.
    warnings: list[str] = []
    monkeypatch.setattr(
        iscsi_discovery.AnsibleModule, "warn", lambda _module, text: warnings.append(text)
    )
    options = {"portals": ["10.77.1.10", "10.77.2.10"]}
    result, _text = run_module(iscsi_discovery, capsys, options)
    assert result["unreachable_portals"] == ["10.77.2.10:3260"]
    (warning,) = warnings
    assert "10.77.2.10:3260: found no connection" in warning
