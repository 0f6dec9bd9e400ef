# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Discovery from options to files and answers, against an initiator in memory."""

from __future__ import annotations

from typing import Any

import pytest
from _fakes.iscsiadm import FakeIscsiadm, FakeIscsiadm13
from _fakes.memory_fs import MemoryFileSystem
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan, public
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.desired import (
    DesiredDiscovery,
    desired_discovery,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.plan import (
    plan_discovery,
    state,
)
from hypothesis import given
from hypothesis import strategies as st

TARGET = "iqn.2026-11.com.example:store1"
PORTALS = ["10.77.1.10:3260", "10.77.2.10:3260", "[fd00::10]:3260"]
SECRET, OTHER_SECRET = "secret-of-gpu1", "proof-of-store1"
CHAP = {"chap_username": "gpu1", "chap_password": SECRET}
MUTUAL = {**CHAP, "chap_mutual_username": "store1", "chap_mutual_password": OTHER_SECRET}
AUTH = "discovery.sendtargets.auth."
ANSWER = "".join(f"{portal},1 {TARGET}\n" for portal in PORTALS[:2])


def desired(**changes: Any) -> DesiredDiscovery:
    options = {
        "portals": PORTALS[:1],
        "state": "present",
        "target": None,
        "expected_portals": [],
        "on_missing": "fail",
        "require_all": False,
        "timeout": 30,
        "chap_username": None,
        "chap_password": None,
        "chap_mutual_username": None,
        "chap_mutual_password": None,
        "chap_algorithms": None,
        **changes,
    }
    return desired_discovery(options, lookup=lambda *_arguments, **_options: LOOKED_UP)


LOOKED_UP = [(2, 1, 6, "", ("10.77.1.10", 3260)), (2, 1, 6, "", ("10.77.2.10", 3260))]


def initiator(kind: type[FakeIscsiadm] = FakeIscsiadm) -> FakeIscsiadm:
    fake = kind()
    fake.iscsid_active = True
    fake.answers = dict.fromkeys(PORTALS[:2], ANSWER)
    return fake


def plan(fake: FakeIscsiadm, **changes: Any) -> Plan:
    wanted = desired(**changes)
    return plan_discovery(wanted, host.load(fake, fake.fs, wanted.portals))


def run(
    fake: FakeIscsiadm, warnings: list[str] | None = None, **changes: Any
) -> tuple[list[str], dict[str, Any]]:
    """Do what the module does; return the names of the steps and the result."""
    wanted, first = desired(**changes), plan(fake, **changes)
    discovery = host.Discovery(
        fake, fake.fs, 30, [].append if warnings is None else warnings.append, fake.lock
    )
    for action in first.actions:
        discovery.apply(action)
    assert plan(fake, **changes).actions == ()
    result = discovery.result(wanted, host.load(fake, fake.fs, wanted.portals))
    return [action.name for action in first.actions], result


@pytest.mark.parametrize("kind", [FakeIscsiadm, FakeIscsiadm13])
def test_a_discovery_names_targets_and_portals_and_keeps_its_record(
    kind: type[FakeIscsiadm],
) -> None:
    fake = initiator(kind)
    names, result = run(fake)
    assert names == ["create_record"]
    assert result["discovered"] is True
    assert result["targets"] == [
        {
            "target": TARGET,
            "portals": [
                {"portal": "10.77.1.10:3260", "address": "10.77.1.10", "port": 3260, "tpgt": 1},
                {"portal": "10.77.2.10:3260", "address": "10.77.2.10", "port": 3260, "tpgt": 1},
            ],
        }
    ]
    assert [record["portal"] for record in result["records"]] == PORTALS[:1]
    assert fake.discovery_file(PORTALS[0]) in fake.fs.files
    assert run(fake)[0] == []


def test_a_stale_lock_is_named() -> None:
    fake = FakeIscsiadm13()
    fake.stale_lock = True
    with pytest.raises(
        ModelStoreError, match="record database .* stale /run/lock/iscsi/lock.write"
    ):
        run(fake)


def test_node_records_keep_their_chap_and_startup() -> None:
    fake = initiator()
    chap = {"session__auth__authmethod": "CHAP", "session__auth__username": "gpu1"}
    fake.add_record(TARGET, PORTALS[0] + ",1", startup="onboot", **chap)
    before = {path: text for path, text in fake.fs.files.items() if "/nodes/" in path}
    run(fake, **CHAP)
    assert {path: text for path, text in fake.fs.files.items() if "/nodes/" in path} == before
    asked = [argv for argv in fake.calls if "--discover" in argv]
    assert asked == [
        [
            *["iscsiadm", "-m", "discoverydb", "-t", "sendtargets", "-p", PORTALS[0]],
            *["--discover", "-o", "nonpersistent", "-I", "default"],
        ]
    ]


def test_deleting_a_discovery_record_leaves_the_node_records_that_came_from_it() -> None:
    fake = initiator()
    run(fake)
    node = fake.link(PORTALS[0], TARGET)
    names, result = run(fake, state="absent")
    assert names == ["delete_record"]
    assert node in fake.fs.files
    assert not fake.fs.links
    assert fake.discovery_file(PORTALS[0]) not in fake.fs.files
    assert (result["discovered"], result["records"]) == (False, [])


def test_a_damaged_record_is_replaced() -> None:
    fake = initiator()
    fake.fs.files[fake.discovery_file(PORTALS[0])] = ""
    assert run(fake)[0] == ["create_record"]


def test_a_damaged_record_is_deleted() -> None:
    fake = initiator()
    fake.fs.files[fake.discovery_file(PORTALS[0])] = ""
    assert run(fake, state="absent")[0] == ["delete_record"]


def test_chap_one_way_and_mutual_is_set_changed_and_taken_out() -> None:
    fake = initiator()
    fake.credentials[PORTALS[0]] = ("gpu1", SECRET)
    path = fake.discovery_file(PORTALS[0])
    assert run(fake, **CHAP)[0] == ["create_record", "set_chap"]
    assert fake.values(path)[AUTH + "authmethod"] == "CHAP"
    assert run(fake, **MUTUAL)[0] == ["set_chap"]
    assert fake.values(path)[AUTH + "password_in"] == OTHER_SECRET
    assert run(fake, **CHAP)[0] == ["set_chap"]
    assert AUTH + "password_in" not in fake.values(path)
    del fake.credentials[PORTALS[0]]
    assert run(fake)[0] == ["clear_chap"]
    assert not any("word" in key or "user" in key for key in fake.values(path))
    assert fake.values(path)[AUTH + "authmethod"] == "None"


def test_the_digests_are_set_under_the_key_that_discovery_records_have() -> None:
    fake = initiator()
    names, _result = run(fake, **CHAP, chap_algorithms=["SHA3-256", "SHA256"])
    assert names == ["create_record", "set_chap", "set_chap_algorithms"]
    values = fake.values(fake.discovery_file(PORTALS[0]))
    assert values["node.session.auth.chap_algs"] == "SHA3-256,SHA256"


def test_chap_of_iscsid_conf_is_taken_out_of_new_records() -> None:
    fake = initiator()
    fake.fs.files["/etc/iscsi/iscsid.conf"] = f"{AUTH}username = a\n{AUTH}password = secret\n"
    assert [action.name for action in plan(fake).actions] == ["create_record", "clear_chap"]


def test_other_digests_are_set_in_a_record_that_is_there() -> None:
    fake = initiator()
    run(fake, chap_algorithms=["SHA256", "MD5"])
    assert run(fake, chap_algorithms=["SHA256"])[0] == ["set_chap_algorithms"]
    assert run(fake)[0] == []


def test_the_prediction_is_what_comes_out_and_each_step_names_its_portal() -> None:
    fake = initiator()
    fake.iscsid_active = False
    fake.fs.files["/etc/iscsi/iscsid.conf"] = (
        f"{AUTH}username = all\n{AUTH}password = secret-for-all\n"
    )
    subject = "discovery at " + PORTALS[0]
    before: dict[str, Any] = {"records": []}
    for changes, steps in (
        (
            {},
            [
                ("start_iscsid", "iscsid.socket"),
                ("create_record", subject),
                ("clear_chap", subject),
            ],
        ),
        (
            {**MUTUAL, "chap_algorithms": ["SHA256"]},
            [("set_chap", subject), ("set_chap_algorithms", subject)],
        ),
        ({"state": "absent"}, [("delete_record", subject)]),
    ):
        if "chap_username" in changes:
            fake.credentials[PORTALS[0]] = ("gpu1", SECRET)
        planned = plan(fake, **changes)
        assert [(action.name, action.subject) for action in planned.actions] == steps
        run(fake, **changes)
        after = state(host.load(fake, fake.fs, desired().portals).records)
        assert (planned.before, planned.after) == (before, after)
        before = after


def test_secrets_are_on_no_command_line_in_no_action_and_in_no_result() -> None:
    fake = initiator()
    shown = public([action.public() for action in plan(fake, **MUTUAL).actions])
    _names, result = run(fake, **MUTUAL)
    for text in (repr(shown), repr(fake.calls), repr(result), repr(plan(initiator(), **MUTUAL))):
        assert SECRET not in text
        assert OTHER_SECRET not in text


def test_secrets_are_written_privately_under_the_lock_and_staged_in_the_root() -> None:
    fake = initiator()
    run(fake, **CHAP)
    assert fake.fs.private == {fake.discovery_file(PORTALS[0]): fake.root}
    assert fake.locked == 1


def test_refused_credentials_say_so_and_no_record_of_ours_stays() -> None:
    fake = initiator()
    fake.credentials[PORTALS[0]] = ("gpu1", "another-secret")
    with pytest.raises(ModelStoreError, match=r"refused this initiator.*discovery CHAP"):
        run(fake, **CHAP)
    assert fake.discovery_file(PORTALS[0]) not in fake.fs.files


def test_refused_credentials_are_an_error_even_when_another_portal_answers() -> None:
    fake = initiator()
    fake.credentials[PORTALS[1]] = ("gpu1", "another-secret")
    with pytest.raises(ModelStoreError, match=r"discovery at 10\.77\.2\.10:3260"):
        run(fake, portals=PORTALS[:2])


@pytest.mark.parametrize("answer", ["refused", "silent"])
def test_an_unreachable_portal_is_an_error_and_no_record_of_ours_stays(answer: str) -> None:
    fake = initiator()
    fake.answers.clear()
    if answer == "silent":
        fake.silent.add(PORTALS[0])
    expected = {"refused": "cannot make connection", "silent": "no answer within 30 s"}
    with pytest.raises(ModelStoreError, match=expected[answer]):
        run(fake)
    assert fake.discovery_file(PORTALS[0]) not in fake.fs.files


def test_a_record_that_was_there_before_stays_when_the_discovery_fails() -> None:
    fake = initiator()
    run(fake)
    fake.answers.clear()
    with pytest.raises(ModelStoreError, match="no connection"):
        run(fake)
    assert fake.discovery_file(PORTALS[0]) in fake.fs.files


def test_one_portal_that_answers_is_enough_and_the_other_is_named() -> None:
    fake, warnings = initiator(), list[str]()
    del fake.answers[PORTALS[0]]
    _names, result = run(fake, warnings, portals=PORTALS[:2])
    assert result["unreachable_portals"] == PORTALS[:1]
    assert [target["target"] for target in result["targets"]] == [TARGET]
    (warning,) = warnings
    assert "discovery at 10.77.1.10:3260: found no connection" in warning


def test_all_portals_must_answer_when_that_is_asked_for() -> None:
    fake = initiator()
    del fake.answers[PORTALS[0]]
    with pytest.raises(ModelStoreError, match=r"discovery at 10\.77\.1\.10:3260: found no conn"):
        run(fake, portals=PORTALS[:2], require_all=True)


def test_all_unreachable_portals_are_told_at_once() -> None:
    fake = initiator()
    fake.answers.clear()
    with pytest.raises(ModelStoreError, match=r"2 portals: .*10\.77\.1\.10.*10\.77\.2\.10"):
        run(fake, portals=PORTALS[:2])


def test_a_portal_without_a_target_for_this_host_is_an_answer() -> None:
    fake = initiator()
    fake.answers[PORTALS[0]] = ""
    _names, result = run(fake)
    assert (result["discovered"], result["targets"]) == (True, [])
    assert result["unreachable_portals"] == []


def test_only_the_target_that_is_looked_for_is_returned() -> None:
    fake = initiator()
    fake.answers[PORTALS[0]] += f"{PORTALS[0]},1 {TARGET}2\n"
    _names, result = run(fake, target=TARGET)
    assert [target["target"] for target in result["targets"]] == [TARGET]


def test_a_target_with_fewer_portals_than_expected_is_an_error() -> None:
    with pytest.raises(ModelStoreError, match=r"expected .*fd00::10") as caught:
        run(initiator(), target=TARGET, expected_portals=PORTALS)
    assert caught.value.details["missing_portals"] == PORTALS[2:]


def test_a_missing_portal_is_a_warning_when_that_is_asked_for() -> None:
    warnings = list[str]()
    changes = {"target": TARGET, "expected_portals": PORTALS, "on_missing": "warn"}
    _names, result = run(initiator(), warnings, **changes)
    assert result["missing_portals"] == PORTALS[2:]
    assert len(warnings) == 1


def test_a_target_that_no_portal_names_is_missing() -> None:
    with pytest.raises(ModelStoreError, match="found no portal, expected at least one portal"):
        run(initiator(), target=TARGET + "2")


def test_a_host_name_stands_for_all_its_addresses() -> None:
    fake = initiator()
    assert run(fake, portals=["store1.example.com"])[0] == ["create_record"] * 2
    assert {portal for argv in fake.calls for portal in argv[6:7]} == set(PORTALS[:2])


def test_iscsid_is_started_first() -> None:
    fake = initiator()
    fake.iscsid_active = False
    assert run(fake)[0] == ["start_iscsid", "create_record"]


def test_a_record_made_without_iscsid_does_not_stay() -> None:
    fake = initiator()
    fake.iscsid_active = False
    discovery = host.Discovery(fake, fake.fs, 30, [].append, fake.lock)
    with pytest.raises(ModelStoreError, match="iscsid to answer"):
        discovery.apply(Action("create_record", "x", {"portal": PORTALS[0]}))
    assert fake.discovery_file(PORTALS[0]) not in fake.fs.files


def test_a_fresh_machine_gets_a_prediction_and_runs_nothing() -> None:
    wanted, fs = desired(**CHAP), MemoryFileSystem()
    with ScriptedRunner(missing=["iscsiadm", "systemctl"]) as runner:
        observed = host.load(runner, fs, wanted.portals)
        result = host.Discovery(runner, fs, 30, [].append).result(wanted, observed)
    names = [action.name for action in plan_discovery(wanted, observed).actions]
    assert names == ["start_iscsid", "create_record", "set_chap"]
    assert (result["discovered"], result["targets"]) == (False, [])


def test_an_unreachable_portal_is_told_from_one_without_a_target_by_the_messages() -> None:
    fake = initiator()
    run(fake)
    wanted = desired()
    observed = host.load(fake, fake.fs, wanted.portals)
    argv = ["iscsiadm", "-m", "discoverydb", "-t", "sendtargets", "-p", PORTALS[0]]
    argv += ["--discover", "-o", "nonpersistent", "-I", "default"]
    stderr = "iscsiadm: connect to 10.77.1.10 timed out\niscsiadm: No portals found\n"
    with (
        ScriptedRunner((argv, Completed(21, "", stderr))) as runner,
        pytest.raises(ModelStoreError, match=r"no connection \(connect to 10.77.1.10 timed out\)"),
    ):
        host.Discovery(runner, fake.fs, 30, [].append).result(wanted, observed)


def test_any_other_failure_tells_its_exit_code() -> None:
    fake = initiator()
    run(fake)
    wanted = desired()
    observed = host.load(fake, fake.fs, wanted.portals)
    argv = ["iscsiadm", "-m", "discoverydb", "-t", "sendtargets", "-p", PORTALS[0]]
    argv += ["--discover", "-o", "nonpersistent", "-I", "default"]
    with (
        ScriptedRunner((argv, Completed(20))) as runner,
        pytest.raises(ModelStoreError, match="exit code 20, ISCSID_NOTCONN"),
    ):
        host.Discovery(runner, fake.fs, 30, [].append).result(wanted, observed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"portals": []}, "portals: found none"),
        ({"timeout": 0}, "1 second or more"),
        ({"expected_portals": PORTALS}, "it without target"),
        ({"target": "store1"}, "an iSCSI name"),
        ({"chap_username": "gpu1"}, "only one of user name and password"),
    ],
)
def test_bad_options_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelStoreError, match=message):
        desired(**changes)


tasks = st.fixed_dictionaries(
    {
        "portals": st.lists(st.sampled_from(PORTALS[:2]), min_size=1, max_size=3),
        "state": st.sampled_from(["present", "present", "absent"]),
        "chap_algorithms": st.sampled_from([None, ["SHA256", "MD5"]]),
    }
)
chap_options = st.sampled_from([{}, CHAP, {**CHAP, "chap_password": "another-secret"}, MUTUAL])
wanted_tasks = st.lists(st.tuples(tasks, chap_options), min_size=1, max_size=3)


@given(wanted_tasks, st.sets(st.sampled_from(PORTALS[:2])), st.booleans())
def test_after_any_tasks_the_last_one_has_nothing_left_to_do(
    wanted: list[tuple[dict[str, Any], dict[str, str]]], damaged: set[str], active: bool
) -> None:
    fake = initiator()
    fake.iscsid_active = active
    for portal in damaged:
        fake.fs.files[fake.discovery_file(portal)] = ""
    for changes, chap in wanted:
        run(fake, **changes, **chap)  # asserts that the next plan is empty


@given(tasks, chap_options, st.integers(0, 6))
def test_interrupted_anywhere_the_next_run_converges(
    changes: dict[str, Any], chap: dict[str, str], steps: int
) -> None:
    fake = initiator()
    discovery = host.Discovery(fake, fake.fs, 30, [].append, fake.lock)
    for action in plan(fake, **changes, **chap).actions[:steps]:
        discovery.apply(action)
    run(fake, **changes, **chap)


@pytest.mark.parametrize("record", ["damaged", "missing"])
def test_node_records_that_a_lost_record_links_to_outlive_a_failed_discovery(record: str) -> None:
    fake = initiator()
    run(fake)
    node = fake.link(PORTALS[0], TARGET)
    fake.fs.files[fake.discovery_file(PORTALS[0])] = ""
    if record == "missing":
        del fake.fs.files[fake.discovery_file(PORTALS[0])]
    fake.answers.clear()
    with pytest.raises(ModelStoreError, match="no connection"):
        run(fake)
    assert node in fake.fs.files
    assert fake.fs.links


def test_a_record_that_got_links_meanwhile_is_not_taken_back() -> None:
    fake = initiator()
    discovery = host.Discovery(fake, fake.fs, 30, [].append, fake.lock)
    for action in plan(fake).actions:
        discovery.apply(action)
    node = fake.link(PORTALS[0], TARGET)
    fake.answers.clear()
    wanted = desired()
    with pytest.raises(ModelStoreError, match="no connection"):
        discovery.result(wanted, host.load(fake, fake.fs, wanted.portals))
    assert node in fake.fs.files
