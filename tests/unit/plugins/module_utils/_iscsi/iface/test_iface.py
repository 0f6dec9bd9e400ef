# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Iface records from options to files, against an initiator in memory."""

from __future__ import annotations

from typing import Any

import pytest
from _fakes.iscsiadm import FakeIscsiadm, FakeIscsiadm13
from _fakes.memory_fs import MemoryFileSystem
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.desired import (
    desired_iface,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.plan import (
    plan_iface,
    state,
)
from hypothesis import given
from hypothesis import strategies as st

NAME = "storage_a"
TARGET = "iqn.2026-11.com.example:store1"


def options(**changes: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "state": "present",
        "net_ifacename": None,
        "hwaddress": None,
        "initiatorname": None,
        **changes,
    }


def plan(fake: FakeIscsiadm, **changes: Any) -> Plan:
    desired = desired_iface(options(**changes))
    return plan_iface(desired, host.load(fake, fake.fs, desired.name))


def run(fake: FakeIscsiadm, **changes: Any) -> list[str]:
    """Do what the module does; return the names of the steps."""
    first = plan(fake, **changes)
    for action in first.actions:
        host.apply(action, fake)
    assert plan(fake, **changes).actions == ()
    return [action.name for action in first.actions]


@pytest.mark.parametrize("kind", [FakeIscsiadm, FakeIscsiadm13])
def test_a_record_is_made_and_bound(kind: type[FakeIscsiadm]) -> None:
    fake = kind()
    assert run(fake, net_ifacename="eth1") == ["create_iface", "update_iface"]
    assert fake.values(fake.iface_file(NAME))["iface.net_ifacename"] == "eth1"
    assert state(host.load(fake, fake.fs, NAME).record) == {
        "iface": {
            "name": NAME,
            "transport": "tcp",
            "net_ifacename": "eth1",
            "hwaddress": None,
            "initiatorname": None,
        }
    }


def test_a_record_that_is_there_is_not_made_anew_and_only_changes_where_it_differs() -> None:
    fake = FakeIscsiadm()
    run(fake, net_ifacename="eth1", initiatorname="iqn.2026-11.com.example:gpu1-a")
    (action,) = plan(
        fake, net_ifacename="eth2", initiatorname="iqn.2026-11.com.example:gpu1-a"
    ).actions
    assert action.arguments["values"] == {"iface.net_ifacename": "eth2"}


def test_a_stale_lock_is_named() -> None:
    fake = FakeIscsiadm13()
    fake.stale_lock = True
    with pytest.raises(
        ModelStoreError, match="record database .* stale /run/lock/iscsi/lock.write"
    ):
        run(fake, net_ifacename="eth1")


def test_what_is_left_out_is_taken_out() -> None:
    fake = FakeIscsiadm()
    run(fake, net_ifacename="eth1", initiatorname="iqn.2026-11.com.example:gpu1-a")
    assert run(fake, hwaddress="52:54:00:12:34:56") == ["update_iface"] * 2
    values = fake.values(fake.iface_file(NAME))
    assert values["iface.hwaddress"] == "52:54:00:12:34:56"
    assert not {"iface.net_ifacename", "iface.initiatorname"} & values.keys()


def test_a_hardware_address_has_one_spelling() -> None:
    fake = FakeIscsiadm()
    run(fake, hwaddress="52:54:00:AB:CD:EF")
    assert run(fake, hwaddress="52:54:00:ab:cd:ef") == []


@pytest.mark.parametrize("text", ["", "# BEGIN RECORD 2.1.8\niface.iscsi_ifacename = stor"])
def test_a_damaged_record_is_replaced_or_deleted(text: str) -> None:
    fake = FakeIscsiadm()
    fake.fs.files[fake.iface_file(NAME)] = text
    assert run(fake, net_ifacename="eth1") == ["create_iface", "update_iface"]
    fake.fs.files[fake.iface_file(NAME)] = text
    assert run(fake, state="absent") == ["delete_iface"]


def test_a_record_that_a_node_record_uses_is_not_deleted() -> None:
    fake = FakeIscsiadm()
    run(fake, net_ifacename="eth1")
    fake.add_record(TARGET, "10.77.1.10:3260,1")
    (path,) = [path for path in fake.fs.files if "/nodes/" in path]
    fake.fs.files[path.replace("/default", "/" + NAME)] = fake.fs.files.pop(path)
    with pytest.raises(ModelStoreError) as caught:
        plan(fake, state="absent")
    assert caught.value.to_details() == {
        "what": "iface record " + NAME,
        "found": f"it used by node record {TARGET} at 10.77.1.10:3260,1",
        "expected": "no session and no node record that uses it",
        "hint": "End the sessions with tts.modelstore.iscsi_session and delete the node records "
        "with tts.modelstore.iscsi_node first.",
    }


def test_a_record_that_a_session_uses_is_not_deleted() -> None:
    fake = FakeIscsiadm()
    run(fake, net_ifacename="eth1")
    session = "/sys/class/iscsi_session/session3/"
    fake.fs.files |= {session + "targetname": TARGET, session + "ifacename": NAME}
    with pytest.raises(ModelStoreError, match="session 3"):
        plan(fake, state="absent")


def test_deleting_leaves_the_node_records_of_other_ifaces() -> None:
    fake = FakeIscsiadm()
    run(fake, net_ifacename="eth1")
    fake.add_record(TARGET, "10.77.1.10:3260,1")
    assert run(fake, state="absent") == ["delete_iface"]
    assert fake.record(TARGET, "10.77.1.10:3260,1")


def test_a_record_of_a_card_is_left_alone() -> None:
    fake = FakeIscsiadm()
    run(fake)
    path = fake.iface_file(NAME)
    fake.fs.files[path] = fake.fs.files[path].replace("= tcp", "= cxgb4i")
    with pytest.raises(ModelStoreError) as caught:
        plan(fake, net_ifacename="eth1")
    assert caught.value.to_details() == {
        "what": "iface record " + NAME,
        "found": "transport cxgb4i",
        "expected": "transport tcp",
        "hint": "Choose another name: records of iSCSI cards are left alone.",
    }


def test_a_fresh_machine_gets_a_prediction_and_runs_nothing() -> None:
    with ScriptedRunner(missing=["iscsiadm"]) as runner:
        observed = host.load(runner, MemoryFileSystem(), NAME)
    planned = plan_iface(desired_iface(options(net_ifacename="eth1")), observed)
    assert [action.name for action in planned.actions] == ["create_iface", "update_iface"]
    assert planned.before == {"iface": None}
    assert planned.after["iface"]["net_ifacename"] == "eth1"


def test_the_prediction_is_what_comes_out_and_each_step_names_the_record() -> None:
    fake = FakeIscsiadm()
    before: dict[str, Any] = {"iface": None}
    bound: dict[str, Any] = {"net_ifacename": "eth1"}
    for changes, steps in (
        (bound, ["create_iface", "update_iface"]),
        ({**bound, "initiatorname": "iqn.2026-11.com.example:gpu1-a"}, ["update_iface"]),
        ({"state": "absent"}, ["delete_iface"]),
    ):
        planned = plan(fake, **changes)
        assert [(action.name, action.subject) for action in planned.actions] == [
            (step, NAME) for step in steps
        ]
        run(fake, **changes)
        after = state(host.load(fake, fake.fs, NAME).record)
        assert (planned.before, planned.after) == (before, after)
        before = after


def test_a_missing_kernel_module_is_told_as_such() -> None:
    values = {"iface.net_ifacename": "eth1"}
    argv = ["iscsiadm", "-m", "iface", "-I", NAME, "-o", "update"]
    argv += ["-n", "iface.net_ifacename", "-v", "eth1"]
    # The misspelling is iscsiadm's own.
    stderr = "iscsiadm: Cound not locate transport for iface storage_a"
    with (
        ScriptedRunner((argv, Completed(7, "", stderr))) as runner,
        pytest.raises(ModelStoreError, match=r"no such iSCSI transport.*modprobe iscsi_tcp"),
    ):
        host.apply(Action("update_iface", NAME, {"name": NAME, "values": values}), runner)


def test_an_update_that_is_refused_with_exit_code_0_is_an_error() -> None:
    fake = FakeIscsiadm()
    run(fake, net_ifacename="eth1")
    values = {"iface.hwaddress": "52:54:00:12:34:56"}
    with pytest.raises(ModelStoreError, match="Could not update iface storage_a.*make it anew"):
        host.apply(Action("update_iface", NAME, {"name": NAME, "values": values}), fake)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "default"},
        {"name": "iser"},
        {"name": "../nodes"},
        {"name": "a" * 65},
        {"net_ifacename": "a-name-much-too-long"},
        {"net_ifacename": "eth 1"},
        {"hwaddress": "nonsense"},
        {"initiatorname": "gpu1"},
    ],
)
def test_bad_options_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ModelStoreError):
        desired_iface(options(**changes))


wanted = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["present", "present", "absent"]),
        "net_ifacename": st.sampled_from([None, "eth1", "eth2"]),
        "hwaddress": st.sampled_from([None, "52:54:00:12:34:56"]),
        "initiatorname": st.sampled_from([None, "iqn.2026-11.com.example:gpu1-a"]),
    }
).filter(lambda task: not (task["net_ifacename"] and task["hwaddress"]))


@given(st.lists(wanted, min_size=1, max_size=4), st.booleans())
def test_after_any_tasks_the_last_one_has_nothing_left_to_do(
    tasks: list[dict[str, Any]], damaged: bool
) -> None:
    fake = FakeIscsiadm()
    if damaged:
        fake.fs.files[fake.iface_file(NAME)] = ""
    for changes in tasks:
        run(fake, **changes)  # asserts that the next plan is empty


@given(wanted, st.integers(0, 3))
def test_interrupted_anywhere_the_next_run_converges(changes: dict[str, Any], steps: int) -> None:
    fake = FakeIscsiadm()
    for action in plan(fake, **changes).actions[:steps]:
        host.apply(action, fake)
    run(fake, **changes)
