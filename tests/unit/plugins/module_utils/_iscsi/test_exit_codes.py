# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exit codes of iscsiadm, as a user of a module meets them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from _fakes.iscsi import FakeInitiator, FakeTarget
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    EXIT_CODES,
    SESSION_EXISTS,
    failure,
)
from ansible_collections.tts.modelstore.plugins.modules import iscsi_session

TARGET = "iqn.2026-11.com.example:store1"
GPU1 = "iqn.2026-11.com.example:gpu1"


class LoginEndsWith(FakeInitiator):
    """An initiator whose logins all end with one exit code."""

    code: int

    def available(self, command: str) -> bool:
        return command != "journalctl"

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        if argv[-1] == "--login":
            return Completed(self.code, "", "iscsiadm: as it happens")
        return super().run(argv, timeout=timeout)


def test_each_documented_code_has_a_text() -> None:
    assert list(EXIT_CODES) == list(range(1, 34))
    names = [code.name for code in EXIT_CODES.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_text_says_what_happened_and_what_to_do(number: int) -> None:
    code = EXIT_CODES[number]
    assert code.happened[0].islower() or code.happened.startswith("iscsid")
    assert not code.happened.endswith(".")
    assert code.advice[0].isupper()
    assert code.advice.endswith(".")
    assert code.happened not in code.advice


@pytest.mark.parametrize("number", [code for code in EXIT_CODES if code != SESSION_EXISTS])
def test_a_login_that_fails_tells_code_cause_and_next_step(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = LoginEndsWith(GPU1, FakeTarget(TARGET, {}))
    fake.code = number
    monkeypatch.setattr(iscsi_session, "ModuleRunner", lambda module: fake)
    monkeypatch.setattr(iscsi_session, "LocalFileSystem", lambda: fake.fs)
    options = {"target": TARGET, "portals": ["10.77.1.10"]}
    result, _text = run_module(iscsi_session, capsys, options)
    code = EXIT_CODES[number]
    assert result["failed"] is True
    assert f"(iscsiadm: exit code {number}, {code.name})" in result["msg"]
    assert f"{TARGET} at 10.77.1.10:3260" in result["msg"]
    assert code.happened in result["error_details"]["found"]
    assert result["error_details"]["hint"] == code.advice
    assert result["error_details"]["exit_code"] == number
    assert result["error_details"]["stderr"] == "iscsiadm: as it happens"


def test_a_code_that_nobody_documents_is_told_as_such() -> None:
    error = failure("x", Completed(255), "y")
    assert "does not document (iscsiadm: exit code 255, unknown)" in str(error)
