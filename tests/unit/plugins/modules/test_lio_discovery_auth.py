# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lio_discovery_auth as Ansible calls it."""

from __future__ import annotations

import pytest
from _fakes.lio import FakeLio
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import lio_discovery_auth

SECRET = "secret-to-ask"
MUTUAL = "secret-of-store"
OPTIONS = {
    "chap_username": "discovery",
    "chap_password": SECRET,
    "chap_mutual_username": "store1",
    "chap_mutual_password": MUTUAL,
}


@pytest.fixture
def fake(monkeypatch):
    lio = FakeLio()
    monkeypatch.setattr(lio_discovery_auth, "find_rtslib", lambda: lio.rtslib)
    monkeypatch.setattr(lio_discovery_auth, "LocalFileSystem", lambda: lio.fs)
    return lio


def run(capsys, check=False, **options):
    result, text = run_module(lio_discovery_auth, capsys, options, check=check)
    assert SECRET not in text
    assert MUTUAL not in text
    return result


def test_check_mode_says_what_the_run_does_and_changes_nothing(fake, capsys):
    predicted = run(capsys, **OPTIONS, check=True)
    assert not fake.discovery["enable"]
    done = run(capsys, **OPTIONS)
    for key in ("changed", "actions", "diff", "discovery_auth"):
        assert predicted[key] == done[key]
    assert done["discovery_auth"] == {"enabled": True, "chap": True, "mutual_chap": True}


def test_the_second_run_changes_nothing(fake, capsys):
    run(capsys, **OPTIONS)
    second = run(capsys, **OPTIONS)
    assert not second["changed"]
    assert second["actions"] == []


def test_absent_lets_everybody_ask(fake, capsys):
    run(capsys, **OPTIONS)
    result = run(capsys, state="absent")
    assert result["changed"]
    assert result["discovery_auth"] == {"enabled": False, "chap": False, "mutual_chap": False}


def test_present_takes_credentials(fake, capsys):
    assert "chap_password" in run(capsys, chap_username="discovery")["msg"]


def test_check_mode_works_before_anything_is_installed(fake, capsys, monkeypatch):
    monkeypatch.setattr(lio_discovery_auth, "find_rtslib", lambda: None)
    assert run(capsys, **OPTIONS, check=True)["discovery_auth"]["enabled"]
    assert "python3-rtslib-fb" in run(capsys, **OPTIONS)["msg"]
