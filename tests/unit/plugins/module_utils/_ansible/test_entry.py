# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module runs, told with a host that is one number and steps that add one to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge, report
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import (
    MASK,
    Action,
    Plan,
    Secret,
)

WANTED = 2
PASSWORD = "not-to-be-shown"


class Left(SystemExit):
    """The module was left, like a real one by SystemExit."""


class FakeModule:
    def __init__(self, check: bool = False, diff: bool = False) -> None:
        self.check_mode = check
        self._diff = diff
        self.result: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> None:
        self._leave(result)

    def fail_json(self, **result: Any) -> None:
        self._leave({"failed": True, **result})

    def _leave(self, result: dict[str, Any]) -> None:
        assert not self.result, "left twice"
        self.result = result
        raise Left


class Host:
    """
    :param apply: what step 1 does instead of adding one.
    """

    def __init__(
        self,
        number: int = 0,
        apply: Callable[[Host], None] | None = None,
        wanted: int = WANTED,
    ) -> None:
        self.number = number
        self.wanted = wanted
        self.loads = 0
        self.applied: list[str] = []
        self._apply = apply

    def load(self) -> int:
        self.loads += 1
        return self.number

    def plan(self, observed: int) -> Plan:
        secret = {"secret": Secret(PASSWORD)}
        return Plan(
            tuple(Action("add", str(number), secret) for number in range(observed, self.wanted)),
            {"number": observed, **secret},
            {"number": self.wanted, **secret},
        )

    def apply(self, action: Action) -> None:
        self.applied.append(action.subject)
        if self._apply and action.subject == "1":
            self._apply(self)
        else:
            self.number += 1

    def result(self, observed: int) -> dict[str, Any]:
        return {"number": observed, "secret": Secret(PASSWORD)}


def run(host: Host, *, check: bool = False, diff: bool = False) -> dict[str, Any]:
    module = FakeModule(check, diff)
    with pytest.raises(Left):
        converge(module, host.load, host.plan, host.apply, host.result)
    assert PASSWORD not in json.dumps(module.result)
    return module.result


def steps(result: dict[str, Any]) -> list[str]:
    return [action["subject"] for action in result["actions"]]


def refuse(host: Host) -> None:
    raise ModelStoreError("step 1", "a refusal", "none", "Try again.", {"secret": Secret(PASSWORD)})


def crash(host: Host) -> None:
    raise OSError("no space left")


def do_nothing(host: Host) -> None:
    pass


FAILING = pytest.mark.parametrize("apply", [refuse, crash, do_nothing])


@pytest.mark.parametrize("check", [False, True])
def test_a_host_that_is_as_wanted_is_read_once_and_left_alone(check: bool) -> None:
    host = Host(WANTED)
    result = run(host, check=check)
    assert result == {"changed": False, "actions": [], "number": WANTED, "secret": MASK}
    assert (host.loads, host.applied) == (1, [])


def test_check_mode_tells_the_steps_and_does_none() -> None:
    host = Host()
    result = run(host, check=True)
    assert result["changed"]
    assert steps(result) == ["0", "1"]
    assert (host.number, host.applied) == (0, [])


@FAILING
def test_check_mode_cannot_fail_on_a_step(apply: Callable[[Host], None]) -> None:
    assert "failed" not in run(Host(apply=apply), check=True)


def test_the_steps_are_done_in_order_and_the_result_is_what_was_read_after_them() -> None:
    host = Host()
    result = run(host)
    assert host.applied == steps(result) == ["0", "1"]
    assert result["changed"]
    assert "failed" not in result
    assert result["number"] == WANTED


@FAILING
def test_a_failure_counts_the_steps_begun_as_a_change(apply: Callable[[Host], None]) -> None:
    result = run(Host(apply=apply))
    assert result["failed"]
    assert result["changed"]
    assert steps(result) == ["0", "1"]


@pytest.mark.parametrize("check", [False, True])
def test_what_was_put_off_is_raised_after_the_last_step_and_not_in_check_mode(check: bool) -> None:
    host, module = Host(), FakeModule(check)
    with pytest.raises(Left):
        converge(module, host.load, host.plan, host.apply, host.result, finish=lambda: refuse(host))
    assert module.result.get("failed", False) is not check
    assert host.applied == ([] if check else ["0", "1"])
    assert host.loads == 1


@pytest.mark.parametrize(("in_vain", "changed"), [(("0",), True), (("0", "1"), False)])
def test_steps_taken_in_vain_are_no_change(in_vain: tuple[str, ...], changed: bool) -> None:
    host, module = Host(), FakeModule()
    with pytest.raises(Left):
        converge(
            module,
            host.load,
            host.plan,
            host.apply,
            host.result,
            in_vain=lambda action: action.subject in in_vain,
        )
    assert module.result["changed"] is changed
    assert steps(module.result) == ["0", "1"]


def test_nothing_is_done_after_a_step_that_fails() -> None:
    host = Host(apply=refuse, wanted=4)
    assert steps(run(host)) == host.applied == ["0", "1"]
    assert (host.number, host.loads) == (1, 1)


@pytest.mark.parametrize("stage", ["load", "plan"])
@pytest.mark.parametrize("failure", [refuse, crash])
def test_a_failure_before_the_first_step_is_no_change(
    stage: str, failure: Callable[[Host], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host()
    monkeypatch.setattr(host, stage, lambda *_arguments: failure(host))
    result = run(host)
    assert result["failed"]
    assert not result["changed"]
    assert result["actions"] == []


def test_a_refusal_comes_with_its_parts() -> None:
    result = run(Host(apply=refuse))
    assert result["msg"] == "step 1: found a refusal, expected none. Try again."
    assert result["error_details"]["hint"] == "Try again."
    assert result["error_details"]["secret"] == MASK
    assert "exception" not in result


def test_a_surprise_says_what_was_being_done_and_where() -> None:
    result = run(Host(apply=crash))
    assert result["msg"] == "OSError while working on 1: no space left"
    assert "in crash" in result["exception"]


def test_a_surprise_on_loading_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    monkeypatch.setattr(host, "load", lambda: crash(host))
    assert run(host)["msg"] == "OSError while working on reading the host: no space left"


def test_steps_without_effect_fail_with_what_is_left_to_do() -> None:
    result = run(Host(apply=do_nothing))
    assert "still to do after all steps: add 1" in result["msg"]
    assert result["error_details"]["remaining"] == [
        {"action": "add", "subject": "1", "secret": MASK}
    ]


@pytest.mark.parametrize("check", [False, True])
def test_a_diff_is_given_when_asked_for_and_the_same_in_check_mode(check: bool) -> None:
    diff = run(Host(), check=check, diff=True)["diff"]
    assert json.loads(diff["before"]) == {"number": 0, "secret": MASK}
    assert json.loads(diff["after"]) == {"number": WANTED, "secret": MASK}


def test_no_diff_is_given_unasked() -> None:
    assert "diff" not in run(Host())


def test_the_diff_of_what_is_not_there_is_empty_text(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(WANTED)
    monkeypatch.setattr(host, "plan", lambda _observed: Plan(before={}, after={"number": 1}))
    diff = run(host, diff=True)["diff"]
    assert diff["before"] == ""
    assert diff["after"].endswith("}\n")


def test_an_info_module_returns_what_was_read_and_never_a_change() -> None:
    module = FakeModule()
    with pytest.raises(Left):
        report(module, lambda: {"targets": ("one",), "secret": Secret(PASSWORD)})
    assert module.result == {"changed": False, "targets": ["one"], "secret": MASK}


def test_an_info_module_fails_with_the_parts_of_the_error() -> None:
    module = FakeModule()
    with pytest.raises(Left):
        report(module, lambda: refuse(Host()))
    assert module.result["failed"]
    assert not module.result["changed"]
    assert module.result["error_details"]["what"] == "step 1"
    assert PASSWORD not in json.dumps(module.result)


def test_an_info_module_tells_of_a_surprise_where_it_was() -> None:
    module = FakeModule()
    with pytest.raises(Left):
        report(module, lambda: crash(Host()))
    assert module.result["failed"]
    assert not module.result["changed"]
    assert module.result["msg"] == "OSError while working on reading the host: no space left"
    assert "in crash" in module.result["exception"]
