# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node records from options to files, against an initiator in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _fakes.iscsi import FakeInitiator
from _fakes.iscsiadm import FakeIscsiadm13
from _fakes.memory_fs import MemoryFileSystem
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan, public
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.desired import desired_node
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.plan import (
    plan_node,
    state,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal
from hypothesis import given
from hypothesis import strategies as st

FIXTURES = Path(__file__).parents[4] / "fixtures" / "open-iscsi-2.1.8-debian12"
TARGET = "iqn.2026-11.com.example:store1"
PORTALS = ["10.77.1.10:3260", "10.77.2.10:3260", "[fd00::10]:3260"]
SECRET, OTHER_SECRET = "secret-of-gpu1", "proof-of-store1"
CHAP = {"chap_username": "gpu1", "chap_password": SECRET}
MUTUAL = {**CHAP, "chap_mutual_username": "store1", "chap_mutual_password": OTHER_SECRET}


def options(**changes: Any) -> dict[str, Any]:
    return {
        "target": TARGET,
        "portals": PORTALS[:2],
        "tpgt": 1,
        "state": "present",
        "ifaces": None,
        "exclusive": False,
        "startup": "automatic",
        "chap_username": None,
        "chap_password": None,
        "chap_mutual_username": None,
        "chap_mutual_password": None,
        "chap_algorithms": None,
        "settings": {},
        **changes,
    }


def initiator() -> FakeInitiator:
    return FakeInitiator("iqn.2026-11.com.example:gpu1")


def plan(fake: FakeInitiator, **changes: Any) -> Plan:
    return plan_node(desired_node(options(**changes)), host.load(fake, fake.fs, TARGET))


def run(fake: FakeInitiator, **changes: Any) -> list[str]:
    """Do what the module does; return the names of the steps."""
    first = plan(fake, **changes)
    for action in first.actions:
        host.apply(action, fake, fake.fs, fake.lock)
    assert plan(fake, **changes).actions == ()
    return [action.name for action in first.actions]


def session(fake: FakeInitiator, iface: str = "default") -> None:
    """Put session 3 at the first portal into sysfs."""
    folder = "/sys/class/iscsi_session/session3/"
    connection = "/sys/class/iscsi_connection/connection3:0/"
    fake.fs.files |= {
        folder + "targetname": TARGET,
        folder + "ifacename": iface,
        folder + "state": "LOGGED_IN",
        connection + "persistent_address": "10.77.1.10",
        connection + "persistent_port": "3260",
    }


def nodes(fake: FakeInitiator) -> list[str]:
    """The files of all node records, without the folder of the target."""
    folder = f"{fake.root}/nodes/{TARGET}/"
    return sorted(path.removeprefix(folder) for path in fake.fs.files if path.startswith(folder))


def with_ifaces(fake: FakeInitiator, *names: str) -> FakeInitiator:
    """The same initiator with these iface records."""
    for name in names:
        fake.fs.files[f"{fake.root}/ifaces/{name}"] = "# BEGIN RECORD 2.1.8\n# END RECORD\n"
    return fake


def test_new_records_are_made_with_iscsid_running_then_get_chap_then_startup() -> None:
    fake = initiator()
    assert run(fake, **CHAP, chap_algorithms=["SHA3-256", "SHA256"]) == [
        "start_iscsid",
        *["create_record", "set_chap", "update_record"],
        *["create_record", "set_chap", "update_record"],
    ]
    for portal in PORTALS[:2]:
        values = fake.record(TARGET, portal + ",1")
        assert values["node.startup"] == "automatic"
        assert values["node.session.auth.password"] == SECRET
        assert values["node.session.auth.chap_algs"] == "SHA3-256,SHA256"


def test_a_record_that_is_there_is_never_made_anew() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1", session__queue_depth="77")
    assert run(fake, portals=PORTALS[:1]) == ["update_record"]
    assert fake.record(TARGET, PORTALS[0] + ",1")["node.session.queue_depth"] == "77"


def test_only_what_differs_is_updated() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1", startup="automatic", session__queue_depth="64")
    settings = {"node.session.queue_depth": 64, "node.conn[0].timeo.login_timeout": 5}
    (action,) = plan(fake, portals=PORTALS[:1], settings=settings).actions
    assert action.arguments["values"] == {"node.conn[0].timeo.login_timeout": "5"}


def test_secrets_are_on_no_command_line_and_in_no_action() -> None:
    fake = initiator()
    shown = public([action.public() for action in plan(fake, **MUTUAL).actions])
    run(fake, **MUTUAL)
    for text in (repr(shown), repr(fake.calls), repr(plan(initiator(), **MUTUAL))):
        assert SECRET not in text
        assert OTHER_SECRET not in text


def test_secrets_are_written_privately_under_the_lock_and_staged_outside_of_nodes() -> None:
    fake = initiator()
    run(fake, **CHAP)
    assert set(fake.fs.private.values()) == {"/etc/iscsi"}
    assert len(fake.fs.private) == fake.locked == 2


def test_a_new_secret_changes_nothing_but_the_credentials() -> None:
    fake = initiator()
    run(fake, **CHAP)
    assert run(fake, **{**CHAP, "chap_password": "another-secret"}) == ["set_chap"] * 2


def test_credentials_that_are_switched_off_are_switched_on() -> None:
    fake = initiator()
    run(fake, portals=PORTALS[:1], **CHAP)
    (path,) = [path for path in fake.fs.files if "/nodes/" in path]
    fake.fs.files[path] = fake.fs.files[path].replace("authmethod = CHAP", "authmethod = None")
    assert run(fake, portals=PORTALS[:1], **CHAP) == ["set_chap"]


def test_leaving_mutual_chap_out_removes_it() -> None:
    fake = initiator()
    run(fake, **MUTUAL)
    assert run(fake, **CHAP) == ["set_chap"] * 2
    assert "node.session.auth.username_in" not in fake.record(TARGET, PORTALS[0] + ",1")


def test_leaving_chap_out_removes_it() -> None:
    fake = initiator()
    run(fake, **MUTUAL)
    assert run(fake) == ["clear_chap"] * 2
    assert not any("word" in key for key in fake.record(TARGET, PORTALS[0] + ",1"))


def test_chap_of_iscsid_conf_is_taken_out_of_new_records() -> None:
    fake = initiator()
    fake.fs.files["/etc/iscsi/iscsid.conf"] = (
        "node.session.auth.username = all\nnode.session.auth.password = secret-for-all\n"
    )
    names = [action.name for action in plan(fake, portals=PORTALS[:1]).actions]
    assert names == ["start_iscsid", "create_record", "clear_chap", "update_record"]


def test_a_damaged_record_is_replaced() -> None:
    fake = initiator()
    fake.damage(TARGET, PORTALS[0] + ",1")
    fake.iscsid_active = True
    assert run(fake, portals=PORTALS[:1]) == ["replace_damaged_record", "update_record"]


def test_records_that_are_not_named_stay_as_they_are() -> None:
    fake = initiator()
    other = "iqn.2026-11.com.example:store2"
    fake.add_record(TARGET, PORTALS[2] + ",1", session__auth__password="kept")
    fake.add_record(other, PORTALS[0] + ",1", startup="onboot")
    before = dict(fake.fs.files)
    run(fake, **CHAP)
    run(fake, portals=PORTALS[:2], state="absent")
    assert {path: fake.fs.files.get(path) for path in before} == before


def test_records_of_other_ifaces_stay_when_records_are_made() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1")
    folder = f"/etc/iscsi/nodes/{TARGET}/10.77.1.10,3260,1/"
    text = fake.fs.files.pop(folder + "default")
    fake.fs.files[folder + "storage_a"] = text
    run(fake, portals=PORTALS[:1], **CHAP)
    assert fake.fs.files[folder + "storage_a"] == text


def test_absent_deletes_all_records_of_the_target_damaged_ones_too() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1")
    fake.add_record(TARGET, PORTALS[2] + ",1")
    fake.damage(TARGET, PORTALS[1] + ",1")
    steps = run(fake, portals=[], state="absent")
    assert sorted(steps) == ["delete_record", "delete_record", "remove_damaged_record"]
    assert not [path for path in fake.fs.files if "/nodes/" in path]


def test_a_record_in_use_is_not_deleted() -> None:
    fake = FakeInitiator("iqn.2026-11.com.example:gpu1")
    fake.add_record(TARGET, PORTALS[0] + ",1")
    session(fake)
    with pytest.raises(ModelStoreError, match=r"session 3 that uses it.*iscsi_session"):
        plan(fake, state="absent")
    assert plan(fake, state="absent", portals=PORTALS[1:2]).actions == ()


def test_a_target_whose_name_begins_with_that_of_another_is_another() -> None:
    fake = initiator()
    fake.add_record(TARGET + "2", PORTALS[0] + ",1")
    assert run(fake, state="absent", portals=[]) == []
    assert "create_record" in run(fake, portals=PORTALS[:1])


def test_an_ipv6_portal_has_one_record_whatever_its_spelling() -> None:
    fake = initiator()
    run(fake, portals=["[FD00:0:0::10]", "fd00::10", "[fd00::10]:3260"])
    assert nodes(fake) == ["fd00::10,3260,1/default"]
    assert run(fake, portals=["fd00:0::0010"]) == []


def test_each_record_is_compared_and_changed_on_its_own() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1", startup="automatic")
    fake.add_record(TARGET, PORTALS[1] + ",1", startup="manual")
    (action,) = plan(fake).actions
    assert (action.name, action.arguments["portal"]) == ("update_record", PORTALS[1])


def test_records_go_to_the_database_of_debian_13_as_well() -> None:
    fake = FakeIscsiadm13()
    run(fake, **CHAP)
    assert nodes(fake) == ["10.77.1.10,3260,1/default", "10.77.2.10,3260,1/default"]
    assert set(fake.fs.private.values()) == {"/var/lib/iscsi"}
    run(fake, state="absent")
    assert nodes(fake) == []


def test_records_that_debian_13_does_not_look_at_do_not_count() -> None:
    fake, backup = FakeIscsiadm13(), initiator()
    run(backup)
    fake.fs.files.update({p: text for p, text in backup.fs.files.items() if "/nodes/" in p})
    run(fake)
    assert f"/var/lib/iscsi/nodes/{TARGET}/10.77.1.10,3260,1/default" in fake.fs.files


def test_a_stale_lock_is_named() -> None:
    fake = FakeIscsiadm13()
    fake.stale_lock = True
    with pytest.raises(
        ModelStoreError, match="record database .* stale /run/lock/iscsi/lock.write"
    ):
        run(fake)


def test_each_portal_has_a_record_for_each_iface() -> None:
    fake = with_ifaces(initiator(), "storage_a", "storage_b")
    run(fake, ifaces=["storage_a", "storage_b"], **CHAP)
    assert nodes(fake) == [
        "10.77.1.10,3260,1/storage_a",
        "10.77.1.10,3260,1/storage_b",
        "10.77.2.10,3260,1/storage_a",
        "10.77.2.10,3260,1/storage_b",
    ]
    wanted = desired_node(options(ifaces=["storage_a", "storage_b"], **CHAP))
    records = state(wanted, host.load(fake, fake.fs, TARGET))["records"]
    assert [record["iface"] for record in records] == ["storage_a", "storage_b"] * 2
    assert all(record["chap_username"] == "gpu1" for record in records)


def test_an_iface_without_a_record_is_told_before_a_node_record_is_made() -> None:
    fake = initiator()
    names = [action.name for action in plan(fake, ifaces=["storage_a"]).actions]
    assert names[:2] == ["start_iscsid", "create_record"]
    with pytest.raises(ModelStoreError, match=r"iface record storage_a.*iscsi_iface"):
        run(fake, ifaces=["storage_a"])
    assert nodes(fake) == []


def test_absent_with_ifaces_leaves_the_records_of_the_others() -> None:
    fake = with_ifaces(initiator(), "storage_a")
    run(fake, portals=PORTALS[:1], ifaces=["default", "storage_a"])
    run(fake, portals=[], state="absent", ifaces=["storage_a"])
    assert nodes(fake) == ["10.77.1.10,3260,1/default"]


def test_absent_without_ifaces_deletes_the_records_of_all() -> None:
    fake = with_ifaces(initiator(), "storage_a")
    run(fake, portals=PORTALS[:1], ifaces=["default", "storage_a"])
    run(fake, portals=[], state="absent")
    assert nodes(fake) == []


def test_absent_deletes_records_of_the_old_form() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1")
    folder = f"{fake.root}/nodes/{TARGET}/10.77.1.10,3260"
    fake.fs.files[folder] = fake.fs.files.pop(folder + ",1/default")
    (action,) = plan(fake, portals=[], state="absent").actions
    assert (action.name, action.arguments["tpgt"]) == ("delete_record", None)


def test_absent_removes_a_damaged_record_of_the_old_form() -> None:
    fake = initiator()
    fake.fs.files[f"{fake.root}/nodes/{TARGET}/10.77.1.10,3260"] = ""
    assert run(fake, portals=[], state="absent") == ["remove_damaged_record"]
    assert nodes(fake) == []


def test_present_removes_a_damaged_record_of_the_old_form_first() -> None:
    # iscsiadm ends with exit code 6 as long as it is there.
    fake = initiator()
    fake.fs.files[f"{fake.root}/nodes/{TARGET}/10.77.1.10,3260"] = ""
    fake.fs.files[f"{fake.root}/nodes/{TARGET}/10.77.9.10,3260"] = ""
    fake.iscsid_active = True
    steps = run(fake, portals=PORTALS[:1])
    assert steps == ["remove_damaged_record", "create_record", "update_record"]
    assert nodes(fake) == ["10.77.1.10,3260,1/default", "10.77.9.10,3260"]


def test_exclusive_deletes_the_records_at_other_portals_at_the_end() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[2] + ",1")
    fake.damage(TARGET, PORTALS[1] + ",1")
    steps = run(fake, portals=PORTALS[:1], exclusive=True)
    assert steps[-2:] == ["delete_record", "remove_damaged_record"]
    assert nodes(fake) == ["10.77.1.10,3260,1/default"]


def test_exclusive_shows_what_goes_in_the_diff() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[2] + ",1")
    planned = plan(fake, portals=PORTALS[:1], exclusive=True)
    assert [record["portal"] for record in planned.before["records"]] == [PORTALS[2]]
    assert [record["portal"] for record in planned.after["records"]] == PORTALS[:1]


def test_exclusive_leaves_other_ifaces_and_other_targets() -> None:
    fake = with_ifaces(initiator(), "storage_a")
    run(fake, portals=PORTALS[1:2], ifaces=["storage_a"])
    fake.add_record("iqn.2026-11.com.example:store2", PORTALS[1] + ",1")
    before = {path: text for path, text in fake.fs.files.items() if "/nodes/" in path}
    run(fake, portals=PORTALS[:1], exclusive=True)
    assert {path: fake.fs.files.get(path) for path in before} == before


def test_exclusive_is_refused_while_a_session_uses_a_record_that_would_go() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1")
    session(fake)
    with pytest.raises(ModelStoreError, match=r"session 3 that uses it.*iscsi_session"):
        plan(fake, portals=PORTALS[1:2], exclusive=True)


def test_a_session_of_another_iface_keeps_no_record() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1")
    session(fake, iface="storage_a")
    assert run(fake, portals=[], state="absent") == ["delete_record"]


def test_a_host_name_becomes_a_record_for_each_of_its_addresses() -> None:
    answers = [(2, 1, 6, "", ("10.77.1.10", 3261)), (10, 1, 6, "", ("FD00::10", 3261, 0, 0))]
    desired = desired_node(
        options(portals=["store1.example.com:3261"]), lambda *_arguments, **_options: answers
    )
    assert desired.portals == (Portal("10.77.1.10", 3261), Portal("fd00::10", 3261))


def test_a_host_name_without_an_address_is_refused() -> None:
    def lookup(*_arguments: Any, **_options: Any) -> list[Any]:
        raise OSError("Name or service not known")

    with pytest.raises(ModelStoreError, match="no address for store1"):
        desired_node(options(portals=["store1.example.com"]), lookup)


def test_a_fresh_machine_gets_a_prediction_and_runs_nothing() -> None:
    with ScriptedRunner(missing=["iscsiadm", "systemctl"]) as runner:
        observed = host.load(runner, MemoryFileSystem(), TARGET)
    desired = desired_node(options(**CHAP))
    planned = plan_node(desired, observed)
    assert [action.name for action in planned.actions[:4]] == [
        "start_iscsid",
        "create_record",
        "set_chap",
        "update_record",
    ]
    assert planned.before == {"records": []}
    assert planned.after["records"][0]["chap_username"] == "gpu1"


def test_the_prediction_is_what_comes_out() -> None:
    fake = initiator()
    changes = {**MUTUAL, "settings": {"node.session.queue_depth": 64}}
    predicted = plan(fake, **changes).after
    run(fake, **changes)
    desired = desired_node(options(**changes))
    assert state(desired, host.load(fake, fake.fs, TARGET)) == predicted


def test_a_record_made_without_iscsid_does_not_stay() -> None:
    where = {"target": TARGET, "portal": PORTALS[0], "tpgt": 1, "iface": "default"}
    fake = initiator()
    with pytest.raises(ModelStoreError, match=r"iscsid to answer"):
        host.apply(Action("create_record", "x", where), fake, fake.fs, fake.lock)
    assert not [path for path in fake.fs.files if "/nodes/" in path]


def test_the_words_of_a_real_iscsiadm_without_iscsid_are_recognised() -> None:
    where = {"target": TARGET, "portal": PORTALS[0], "tpgt": 1, "iface": "default"}
    record = ["-T", TARGET, "-p", PORTALS[0] + ",1", "-I", "default"]
    stderr = (FIXTURES / "node-new-no-iscsid.stderr").read_text()
    with (
        ScriptedRunner(
            (["iscsiadm", "-m", "node", "-o", "new", *record], Completed(0, "", stderr)),
            (["iscsiadm", "-m", "node", *record, "-o", "delete"], Completed(0)),
        ) as runner,
        pytest.raises(ModelStoreError, match="can not connect to iSCSI daemon"),
    ):
        host.apply(Action("create_record", "x", where), runner, MemoryFileSystem())


def test_a_failing_command_tells_its_exit_code() -> None:
    where = {"target": TARGET, "portal": PORTALS[0], "tpgt": 1, "iface": "default"}
    argv = [
        *["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0] + ",1", "-I", "default"],
        *["-o", "delete"],
    ]
    with (
        ScriptedRunner((argv, Completed(6, "", "iscsiadm: Could not lock"))) as runner,
        pytest.raises(ModelStoreError, match=r"exit code 6, IDBM.*lock\.write"),
    ):
        host.apply(Action("delete_record", "x", where), runner, MemoryFileSystem())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"portals": []}, "portals: found none"),
        ({"chap_username": "gpu1"}, "both or none"),
        ({"chap_password": SECRET}, "both or none"),
        ({**CHAP, "chap_password": "short"}, "12 to 16"),
        ({**CHAP, "chap_password": "x" * 17}, "12 to 16"),
        ({**CHAP, "chap_password": " blank-before"}, "12 to 16"),
        ({**CHAP, "chap_password": "with-newline\n"}, "12 to 16"),
        ({**CHAP, "chap_password": "smörgås-smörgås"}, "12 to 16"),
        ({**CHAP, "chap_username": "a\nb"}, "Choose another name"),
        ({**MUTUAL, "chap_username": None, "chap_password": None}, "found it without"),
        ({**MUTUAL, "chap_mutual_password": SECRET}, "Choose two secrets"),
        ({"tpgt": 65536}, "0 to 65535"),
    ],
)
def test_bad_options_are_refused_without_showing_a_secret(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelStoreError, match=message) as caught:
        plan(initiator(), **changes)
    for value in (changes.get("chap_password"), changes.get("chap_mutual_password")):
        assert not value or value not in str(caught.value)


def test_each_step_names_its_record() -> None:
    record = f"{TARGET} at {PORTALS[0]},1"
    fake = with_ifaces(initiator(), "storage_a")
    fake.damage(TARGET, PORTALS[0] + ",1")
    ifaces = ["default", "storage_a"]
    chap = {**CHAP, "portals": PORTALS[:1], "ifaces": ifaces}
    assert [(action.name, action.subject) for action in plan(fake, **chap).actions] == [
        ("start_iscsid", "iscsid.socket"),
        ("replace_damaged_record", record),
        ("set_chap", record),
        ("update_record", record),
        ("create_record", record + " (storage_a)"),
        ("set_chap", record + " (storage_a)"),
        ("update_record", record + " (storage_a)"),
    ]
    run(fake, **chap)
    planned = plan(fake, portals=PORTALS[:1], ifaces=ifaces)
    assert [(action.name, action.subject) for action in planned.actions] == [
        ("clear_chap", record),
        ("clear_chap", record + " (storage_a)"),
    ]
    fake.damage(TARGET, PORTALS[1] + ",1")
    planned = plan(fake, portals=[], state="absent")
    assert [(action.name, action.subject) for action in planned.actions] == [
        ("delete_record", record),
        ("delete_record", record + " (storage_a)"),
        (
            "remove_damaged_record",
            f"/etc/iscsi/nodes/{TARGET}/{PORTALS[1].replace(':', ',')},1/default",
        ),
    ]


def test_a_record_is_shown_with_its_credentials_names_and_the_settings_that_were_asked_for() -> (
    None
):
    fake = initiator()
    changes = {**MUTUAL, "portals": PORTALS[2:], "settings": {"node.session.queue_depth": 64}}
    run(fake, **changes)
    shown = state(desired_node(options(**changes)), host.load(fake, fake.fs, TARGET))
    assert shown["records"] == [
        {
            "target": TARGET,
            "portal": PORTALS[2],
            "address": "fd00::10",
            "port": 3260,
            "tpgt": 1,
            "iface": "default",
            "startup": "automatic",
            "chap": True,
            "chap_username": "gpu1",
            "mutual_chap": True,
            "settings": {"node.session.queue_depth": "64"},
        }
    ]
    planned = plan(fake, portals=[], state="absent")
    assert [record["portal"] for record in planned.before["records"]] == PORTALS[2:]
    assert planned.after == {"records": []}
    run(fake, portals=PORTALS[2:])
    (record,) = state(desired_node(options(**changes)), host.load(fake, fake.fs, TARGET))["records"]
    assert (record["chap"], record["chap_username"], record["mutual_chap"]) == (False, None, False)


def refusal(fake: FakeInitiator, **changes: Any) -> dict[str, Any]:
    with pytest.raises(ModelStoreError) as caught:
        plan(fake, **changes)
    return caught.value.to_details()


@pytest.mark.parametrize(
    ("tag", "found"), [(",2", "portal group tag 2"), ("", "no portal group tag")]
)
def test_a_record_of_another_portal_group_is_refused(tag: str, found: str) -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",2")
    if not tag:
        (path,) = [path for path in fake.fs.files if "/nodes/" in path]
        fake.fs.files[path.removesuffix(",2/default")] = fake.fs.files.pop(path)
    assert refusal(fake) == {
        "what": f"node record {TARGET} at {PORTALS[0]}{tag}",
        "found": found,
        "expected": "portal group tag 1",
        "hint": "Set tpgt to what the target has, or remove this record first with state=absent.",
    }


def test_a_refusal_to_delete_a_record_names_it_and_its_session() -> None:
    fake = initiator()
    fake.add_record(TARGET, PORTALS[0] + ",1")
    session(fake)
    assert refusal(fake, state="absent") == {
        "what": f"node record {TARGET} at {PORTALS[0]},1",
        "found": "session 3 that uses it",
        "expected": "no session",
        "hint": "End the session first: tts.modelstore.iscsi_session with state=disconnected.",
    }


def test_a_refusal_of_a_task_without_portals_says_what_they_are_for() -> None:
    assert refusal(initiator(), portals=[]) == {
        "what": "portals",
        "found": "none",
        "expected": "at least one",
        "hint": "Name the portals that the records are for.",
    }


chap_options = st.sampled_from([{}, CHAP, {**CHAP, "chap_password": "another-secret"}, MUTUAL])
wanted = st.fixed_dictionaries(
    {
        "portals": st.lists(st.sampled_from(PORTALS), min_size=1, max_size=4),
        "state": st.sampled_from(["present", "present", "absent"]),
        "startup": st.sampled_from(["manual", "automatic", "onboot"]),
        "chap_algorithms": st.sampled_from([None, ["SHA256", "MD5"]]),
        "settings": st.sampled_from([{}, {"node.session.queue_depth": 64}]),
        "ifaces": st.sampled_from([None, ["storage_a"], ["default", "storage_a"]]),
        "exclusive": st.booleans(),
    }
)


@given(
    st.lists(st.tuples(wanted, chap_options), min_size=1, max_size=3),
    st.sets(st.sampled_from(PORTALS)),
)
def test_after_any_tasks_the_last_one_has_nothing_left_to_do(
    tasks: list[tuple[dict[str, Any], dict[str, str]]], damaged: set[str]
) -> None:
    fake = with_ifaces(initiator(), "storage_a")
    for portal in damaged:
        fake.damage(TARGET, portal + ",1")
    for changes, chap in tasks:
        run(fake, **changes, **chap)  # asserts that the next plan is empty


@given(wanted, chap_options, st.integers(0, 12))
def test_interrupted_anywhere_the_next_run_converges(
    changes: dict[str, Any], chap: dict[str, str], steps: int
) -> None:
    fake = with_ifaces(initiator(), "storage_a")
    for action in plan(fake, **changes, **chap).actions[:steps]:
        host.apply(action, fake, fake.fs, fake.lock)
    run(fake, **changes, **chap)
