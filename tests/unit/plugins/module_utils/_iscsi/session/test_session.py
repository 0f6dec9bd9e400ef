# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions from options to sysfs, against an initiator in memory."""

from __future__ import annotations

from typing import Any

import pytest
from _fakes.iscsi import FakeInitiator, FakeTarget
from _fakes.memory_fs import MemoryFileSystem
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.info import gather
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    desired_sessions,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.plan import (
    plan_sessions,
    state,
)
from hypothesis import given
from hypothesis import strategies as st

TARGET = "iqn.2026-11.com.example:store1"
GPU1 = "iqn.2026-11.com.example:gpu1"
PORTALS = ["10.77.1.10:3260", "10.77.2.10:3260"]
WWID = "36001405280b50a7db4a5f0bbf3284145"
OTHER_WWID = "36001405111111112222533384445555a"
SECRET = "secret-of-gpu1"


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def options(**changes: Any) -> dict[str, Any]:
    return {
        "target": TARGET,
        "portals": PORTALS,
        "state": "connected",
        "wwids": [WWID],
        "login_timeout": 60,
        "device_timeout": 30,
        **changes,
    }


def initiator(secret: str = SECRET) -> FakeInitiator:
    target = FakeTarget(TARGET, {GPU1: ("gpu1", SECRET)}, {0: WWID})
    fake = FakeInitiator(GPU1, target)
    for portal in PORTALS:
        chap = {"session__auth__username": "gpu1", "session__auth__password": secret}
        fake.add_record(TARGET, portal + ",1", **chap)
    return fake


def plan(fake: FakeInitiator, **changes: Any) -> Plan:
    return plan_sessions(desired_sessions(options(**changes)), host.load(fake.fs, TARGET))


def steps(fake: FakeInitiator, clock: FakeClock | None = None) -> host.SessionSteps:
    return host.SessionSteps(fake, fake.fs, host.Timeouts(60, 30), clock or FakeClock())


def do(done_by: host.SessionSteps, *actions: Action) -> None:
    """Do steps and raise what failed."""
    for action in actions:
        done_by.apply(action)
    done_by.finish()


def run(fake: FakeInitiator, **changes: Any) -> list[str]:
    """Do what the module does; return the names of the steps."""
    first = plan(fake, **changes)
    do(steps(fake), *first.actions)
    assert plan(fake, **changes).actions == ()
    return [action.name for action in first.actions]


def test_each_portal_gets_a_session_with_its_disk() -> None:
    fake = initiator()
    assert run(fake) == ["login", "login"]
    result = state(desired_sessions(options()), host.load(fake.fs, TARGET))
    assert [session["portal"] for session in result["sessions"]] == PORTALS
    assert result["sessions"][0]["devices"] == [
        {"name": "sdb0", "lun": 0, "wwid": WWID, "size_bytes": 2**31, "state": "running"}
    ]
    assert result["devices"] == ["/dev/sdb0", "/dev/sdc0"]
    assert result["wwids"] == [WWID]


def test_a_fresh_machine_gets_a_prediction_with_the_disk() -> None:
    fs = MemoryFileSystem({"/proc/self/mountinfo": "", "/proc/swaps": ""})
    planned = plan_sessions(desired_sessions(options()), host.load(fs, TARGET))
    assert [action.name for action in planned.actions] == ["login", "login"]
    assert planned.after["sessions"][1]["devices"][0]["wwid"] == WWID


def test_only_the_missing_session_is_made() -> None:
    fake = initiator()
    fake.add_session(TARGET, PORTALS[0], "LOGGED_IN")
    assert run(fake) == ["login"]


def test_a_session_without_the_disk_is_rescanned() -> None:
    fake = initiator()
    run(fake)
    fake.targets[TARGET].luns[1] = OTHER_WWID
    assert run(fake, wwids=[WWID, OTHER_WWID]) == ["rescan", "rescan"]


@pytest.mark.parametrize("broken", ["FAILED", "FREE"])
def test_a_recovering_session_is_waited_for_and_not_doubled(broken: str) -> None:
    fake = initiator()
    sid = fake.add_session(TARGET, PORTALS[0], broken)
    (action,) = plan(fake, portals=PORTALS[:1]).actions
    assert action.name == "wait_for_session"

    class Recovering(FakeClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            if self.now >= 1_000_010:
                fake.set_state(sid, "LOGGED_IN")

    do(steps(fake, Recovering()), action)
    assert plan(fake, portals=PORTALS[:1]).actions == ()
    assert not [argv for argv in fake.calls if "--login" in argv]


def test_waiting_for_a_session_ends_in_bounded_time() -> None:
    fake = initiator()
    fake.add_session(TARGET, PORTALS[0], "FAILED")
    clock = FakeClock()
    with pytest.raises(ModelStoreError, match="found FAILED after 60 s, expected LOGGED_IN"):
        do(steps(fake, clock), plan(fake, portals=PORTALS[:1]).actions[0])
    assert clock.now - 1_000_000 <= 61


def test_a_disk_that_does_not_come_is_named_with_what_came_instead() -> None:
    fake = initiator()
    clock = FakeClock()
    with pytest.raises(ModelStoreError) as caught:
        do(steps(fake, clock), plan(fake, wwids=[OTHER_WWID]).actions[0])
    assert f"found {WWID} (sdb0) after 30 s" in str(caught.value)
    assert f"expected the disk with WWID {OTHER_WWID}" in str(caught.value)
    assert clock.now - 1_000_000 <= 31


def test_a_wrong_secret_and_a_missing_acl_are_told_apart() -> None:
    wrong = initiator(secret="not-the-secret")
    with pytest.raises(ModelStoreError) as caught:
        run(wrong)
    assert GPU1 in str(caught.value)
    assert "does not accept its CHAP credentials" in str(caught.value)
    assert "exit code 24" in str(caught.value)

    unknown = initiator()
    unknown.targets[TARGET].secrets.clear()
    with pytest.raises(ModelStoreError) as caught:
        run(unknown)
    assert "no ACL for this initiator" in str(caught.value)
    assert f"Add an ACL for {GPU1} to {TARGET}" in str(caught.value)


def test_several_failures_are_told_in_one_message_with_each_portal() -> None:
    fake = initiator()
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    fake.targets[TARGET].secrets.clear()
    with pytest.raises(ModelStoreError) as caught:
        run(fake)
    login = f"iSCSI login of initiator {GPU1} to {TARGET} at "
    assert str(caught.value).startswith(
        f"2 failures: found {login}{PORTALS[0]}: the portal did not answer in time"
    )
    assert f"; {login}{PORTALS[1]}: the target has no ACL for this initiator" in str(caught.value)
    assert ", expected a session. Check that the storage network" in str(caught.value)
    assert f"Add an ACL for {GPU1} to {TARGET}" in str(caught.value)
    assert [entry["exit_code"] for entry in caught.value.details["failures"]] == [8, 24]


def test_a_failure_that_is_about_no_portal_is_told_once() -> None:
    actions = plan(initiator()).actions
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p"]
    missing = ModelStoreError("command iscsiadm", "no such program", "it", "Install it.")
    script = [([*login, portal, "-I", "default", "--login"], missing) for portal in PORTALS]
    with ScriptedRunner(*script) as runner, pytest.raises(ModelStoreError) as caught:
        do(host.SessionSteps(runner, initiator().fs, host.Timeouts(60, 30), FakeClock()), *actions)
    assert str(caught.value) == str(missing)


def test_sessions_through_other_ifaces_are_neither_counted_nor_ended() -> None:
    fake = initiator()
    fake.add_session(TARGET, PORTALS[0], "LOGGED_IN", iface="eth1")
    assert run(fake) == ["login", "login"]
    assert run(fake, state="disconnected", portals=[]) == ["logout", "logout"]
    (left,) = gather(fake, fake.fs, TARGET)["sessions"]
    assert left["iface"] == "eth1"


@pytest.mark.parametrize("shown", ["", "(null)", None])
def test_a_session_without_the_name_of_its_iface_is_of_the_default_one(shown: str | None) -> None:
    fake = initiator()
    sid = fake.add_session(TARGET, PORTALS[0], "LOGGED_IN")
    path = f"/sys/class/iscsi_session/session{sid}/ifacename"
    if shown is None:
        del fake.fs.files[path]
    else:
        fake.fs.files[path] = shown + "\n"
    (session,) = host.load(fake.fs, TARGET).sessions
    assert session.iface == "default"


def test_without_a_word_in_the_journal_both_reasons_are_named() -> None:
    action = plan(initiator()).actions[0]
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--login"]
    with (
        ScriptedRunner((login, Completed(24)), missing=["journalctl"]) as runner,
        pytest.raises(ModelStoreError, match="Check the CHAP credentials.* has an ACL"),
    ):
        do(host.SessionSteps(runner, initiator().fs, host.Timeouts(60, 30), FakeClock()), action)


def test_the_journal_is_read_from_the_login_on_and_not_for_ever() -> None:
    action = plan(initiator()).actions[0]
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--login"]
    journal = [
        *["journalctl", "-u", "iscsid.service", "--since", "@1000000"],
        *["-o", "cat", "--no-pager"],
    ]
    script = [(login, Completed(24)), *[(journal, Completed(0))] * 11]
    with ScriptedRunner(*script) as runner, pytest.raises(ModelStoreError, match="exit code 24"):
        do(host.SessionSteps(runner, initiator().fs, host.Timeouts(60, 30), FakeClock()), action)


def test_a_login_that_hangs_says_which_portal_does_not_answer() -> None:
    action = plan(initiator()).actions[0]
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--login"]
    timeout = CommandTimeout("command iscsiadm", "no end after 60 s", "it to end", "Look.")
    with (
        ScriptedRunner((login, timeout)) as runner,
        pytest.raises(ModelStoreError, match=r"10\.77\.1\.10:3260: found no answer within 60 s"),
    ):
        do(host.SessionSteps(runner, initiator().fs, host.Timeouts(60, 30), FakeClock()), action)


@pytest.mark.parametrize(
    ("returncode", "message"),
    [(8, "portal did not answer in time"), (19, "no such target"), (21, "node record first")],
)
def test_other_failures_come_from_the_table_of_exit_codes(returncode: int, message: str) -> None:
    action = plan(initiator()).actions[0]
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--login"]
    with (
        ScriptedRunner((login, Completed(returncode))) as runner,
        pytest.raises(ModelStoreError, match=message),
    ):
        do(host.SessionSteps(runner, initiator().fs, host.Timeouts(60, 30), FakeClock()), action)


def test_exit_code_15_is_success_only_with_a_session_there() -> None:
    fake = initiator()
    action = plan(fake, portals=PORTALS[:1]).actions[0]
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--login"]
    with (
        ScriptedRunner((login, Completed(15))) as runner,
        pytest.raises(ModelStoreError, match="exit code 15"),
    ):
        do(host.SessionSteps(runner, fake.fs, host.Timeouts(60, 30), FakeClock()), action)
    fake.add_session(TARGET, PORTALS[0], "LOGGED_IN")
    with ScriptedRunner((login, Completed(15))) as runner:
        do(host.SessionSteps(runner, fake.fs, host.Timeouts(60, 30), FakeClock()), action)


def test_disconnecting_ends_the_named_sessions_only() -> None:
    fake = initiator()
    run(fake)
    assert run(fake, state="disconnected", portals=PORTALS[:1]) == ["logout"]
    assert run(fake, state="disconnected", portals=[]) == ["logout"]
    assert run(fake, state="disconnected", portals=[]) == []


def test_a_session_that_iscsiadm_does_not_find_is_a_failure() -> None:
    fake = initiator()
    run(fake)
    action = plan(fake, state="disconnected").actions[0]
    logout = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--logout"]
    with (
        ScriptedRunner((logout, Completed(21))) as runner,
        pytest.raises(ModelStoreError, match="iscsiadm -m session -r 1 --logout"),
    ):
        do(host.SessionSteps(runner, fake.fs, host.Timeouts(60, 30), FakeClock()), action)


def in_use(fake: FakeInitiator, mountinfo: str = "", swaps: str = "") -> None:
    """Put a multipath map over sdb0 with a mount or swap on it."""
    fake.fs.links["/sys/block/sdb0/holders/dm-0"] = "/sys/devices/virtual/block/dm-0"
    folder = fake.fs.realpath("/sys/block/sdb0")
    fake.fs.links[folder + "/holders/dm-0"] = "/sys/devices/virtual/block/dm-0"
    fake.fs.links["/sys/block/dm-0"] = "/sys/devices/virtual/block/dm-0"
    fake.fs.files["/sys/devices/virtual/block/dm-0/dev"] = "254:0\n"
    fake.fs.files["/proc/self/mountinfo"] = mountinfo
    fake.fs.files["/proc/swaps"] = "Filename\tType\tSize\n" + swaps


def test_a_mounted_map_over_a_disk_forbids_the_logout() -> None:
    fake = initiator()
    run(fake)
    in_use(fake, "36 35 254:0 / /mnt/cache\\040hub rw - xfs /dev/mapper/models rw\n")
    with pytest.raises(ModelStoreError, match=r"sdb0 in use \(mounted at /mnt/cache hub \(through"):
        plan(fake, state="disconnected")


def test_swap_on_a_disk_forbids_the_logout() -> None:
    fake = initiator()
    run(fake)
    fake.fs.links["/dev/mapper/models"] = "/dev/dm-0"
    in_use(fake, swaps="/dev/mapper/models partition 100\n")
    with pytest.raises(ModelStoreError, match=r"swap \(through dm-0\)"):
        plan(fake, state="disconnected")


def test_a_mounted_partition_forbids_the_logout() -> None:
    fake = initiator()
    run(fake)
    folder = fake.fs.realpath("/sys/block/sdb0")
    fake.fs.files |= {folder + "/sdb01/dev": "8:17\n", folder + "/sdb01/partition": "1\n"}
    fake.fs.files["/proc/self/mountinfo"] = "36 35 8:17 / /srv rw - xfs /dev/sdb01 rw\n"
    with pytest.raises(ModelStoreError, match=r"mounted at /srv \(through sdb01\)"):
        plan(fake, state="disconnected")


def test_a_mount_of_something_else_does_not_matter() -> None:
    fake = initiator()
    run(fake)
    in_use(fake, "36 35 254:1 / /mnt rw - xfs /dev/mapper/other rw\n")
    assert [action.name for action in plan(fake, state="disconnected").actions] == ["logout"] * 2


@pytest.mark.parametrize("wwid", ["", "sda", "naa.6001405", "3600140528 ", WWID.upper()])
def test_what_is_no_wwid_is_refused(wwid: str) -> None:
    with pytest.raises(ModelStoreError, match="a WWID as multipath shows it"):
        desired_sessions(options(wwids=[wwid]))


@pytest.mark.parametrize("option", ["login_timeout", "device_timeout"])
def test_a_timeout_that_never_ends_is_refused(option: str) -> None:
    with pytest.raises(ModelStoreError, match=f"{option}: found 0"):
        desired_sessions(options(**{option: 0}))


def test_connecting_needs_portals() -> None:
    with pytest.raises(ModelStoreError, match="portals: found none"):
        desired_sessions(options(portals=[]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["connected", "disconnected"]),
            st.lists(st.sampled_from(PORTALS), min_size=1, max_size=3),
            st.sampled_from([[], [WWID]]),
        ),
        max_size=4,
    )
)
def test_after_any_task_the_next_plan_is_empty(
    tasks: list[tuple[str, list[str], list[str]]],
) -> None:
    fake = initiator()
    for wanted, portals, wwids in tasks:
        run(fake, state=wanted, portals=portals, wwids=wwids)


def test_info_tells_all_but_secrets() -> None:
    fake = initiator()
    fake.damage("iqn.2026-11.com.example:store2", PORTALS[0] + ",1")
    run(fake)
    told = gather(fake, fake.fs, None)
    assert (told["available"], told["version"], told["initiator_name"]) == (True, "2.1.8", GPU1)
    assert [record["chap_username"] for record in told["records"]] == ["gpu1", "gpu1"]
    assert told["damaged"] == [
        "/etc/iscsi/nodes/iqn.2026-11.com.example:store2/10.77.1.10,3260,1/default"
    ]
    assert told["sessions"][0]["parameters"] == {
        "max_xmit_dlength": 8192,
        "header_digest": "None",
        "recovery_tmo": 120,
    }
    assert SECRET not in repr(told)
    assert gather(fake, fake.fs, "iqn.2026-11.com.example:store2")["sessions"] == []


def test_info_of_a_host_without_open_iscsi_is_empty() -> None:
    with ScriptedRunner(missing=["iscsiadm"]) as runner:
        told = gather(runner, MemoryFileSystem(), None)
    assert told == {
        "available": False,
        "version": None,
        "initiator_name": None,
        "records": [],
        "damaged": [],
        "sessions": [],
    }
