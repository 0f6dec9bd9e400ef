# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions from options to sysfs, against an initiator in memory."""

from __future__ import annotations

import contextlib
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
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    NO_CHAP,
    Live,
    NodeRecord,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import parse_portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.resolve import resolve_portals
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    DesiredSessions,
    desired_sessions,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.model import (
    ObservedSessions,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.plan import (
    differences,
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
END = ["delete_disk", "logout"]  # the end of a session with one disk


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
        "ifaces": ["default"],
        "multipath": False,
        "exclusive": False,
        "relogin": True,
        "on_partial": "fail",
        "login_timeout": 60,
        "device_timeout": 30,
        **changes,
    }


def initiator(secret: str = SECRET, root: str = "/etc/iscsi") -> FakeInitiator:
    target = FakeTarget(TARGET, {GPU1: ("gpu1", SECRET)}, {0: WWID})
    fake = FakeInitiator(GPU1, target)
    fake.root = root
    for portal in PORTALS:
        chap = {"session__auth__username": "gpu1", "session__auth__password": secret}
        fake.add_record(TARGET, portal + ",1", **chap)
    return fake


def desired(**changes: Any) -> DesiredSessions:
    asked = options(**changes)
    return desired_sessions(asked, resolve_portals(asked["portals"]))


def observe(fake: FakeInitiator, **changes: Any) -> ObservedSessions:
    return host.load(fake, fake.fs, desired(**changes))


def plan(fake: FakeInitiator, **changes: Any) -> Plan:
    return plan_sessions(desired(**changes), observe(fake, **changes))


def steps(fake: FakeInitiator, clock: FakeClock | None = None) -> host.SessionSteps:
    return host.SessionSteps(fake, fake.fs, host.Timeouts(60, 30), clock or FakeClock())


def do(done_by: host.SessionSteps, *actions: Action, **changes: Any) -> None:
    """Do steps and raise what failed."""
    for action in actions:
        done_by.apply(action, desired(**changes))
    done_by.finish(desired(**changes), pytest.fail)


def run(fake: FakeInitiator, **changes: Any) -> list[str]:
    """Do what the module does; return the names of the steps."""
    first = plan(fake, **changes)
    do(steps(fake), *first.actions, **changes)
    assert plan(fake, **changes).actions == ()
    return [action.name for action in first.actions]


def test_each_portal_gets_a_session_with_its_disk() -> None:
    fake = initiator()
    assert run(fake) == ["login", "login"]
    result = state(desired(), observe(fake))
    assert [session["portal"] for session in result["sessions"]] == PORTALS
    assert result["sessions"][0]["devices"] == [
        {"name": "sdb0", "lun": 0, "wwid": WWID, "size_bytes": 2**31, "state": "running"}
    ]
    assert result["devices"] == ["/dev/sdb0", "/dev/sdc0"]
    assert result["wwids"] == [WWID]


def test_a_fresh_machine_gets_a_prediction_with_the_disk() -> None:
    fs = MemoryFileSystem({"/proc/self/mountinfo": "", "/proc/swaps": ""})
    with ScriptedRunner(missing=["iscsiadm"]) as runner:
        wanted = desired(multipath=True)
        planned = plan_sessions(wanted, host.load(runner, fs, wanted))
    assert [action.name for action in planned.actions] == ["login", "login"]
    assert planned.after["sessions"][1]["devices"][0]["wwid"] == WWID
    assert planned.after["maps"] == [{"wwid": WWID, "device": None, "paths": []}]


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


def test_a_target_that_cannot_prove_itself_is_told_from_one_without_the_settings() -> None:
    fake = initiator()
    fake.targets[TARGET].proves_itself = False
    with pytest.raises(ModelStoreError) as caught:
        run(fake)
    assert "could not prove itself (mutual CHAP)" in str(caught.value)
    assert "exit code 19" in str(caught.value)
    assert f"of the ACL for {GPU1} on the target server the same" in str(caught.value)


@pytest.mark.parametrize("returncode", [5, 8])
def test_a_target_that_the_portal_does_not_serve_is_no_dead_portal(returncode: int) -> None:
    action = plan(initiator()).actions[0]
    fake = initiator()
    fake.targets.clear()
    fake.unknown_target = returncode
    with pytest.raises(ModelStoreError) as caught:
        do(steps(fake), action)
    assert "the portal does not serve this target" in str(caught.value)
    assert f"exit code {returncode}" in str(caught.value)
    assert f"Check on the target server that it has {TARGET}" in str(caught.value)


def test_a_portal_that_is_dead_is_not_waited_for_in_the_journal() -> None:
    fake, clock = initiator(), FakeClock()
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    with pytest.raises(ModelStoreError, match="did not answer in time"):
        do(steps(fake, clock), plan(fake).actions[0])
    assert clock.now == 1_000_000


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
    assert run(fake, state="disconnected", portals=[]) == END * 2
    (left,) = gather(fake, fake.fs, TARGET, ())["sessions"]
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
    (session,) = observe(fake).sessions
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
        *["journalctl", "-u", "iscsid.service", "--since", "@1000000.000000"],
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
        ScriptedRunner((login, Completed(returncode)), missing=["journalctl"]) as runner,
        pytest.raises(ModelStoreError, match=message),
    ):
        do(host.SessionSteps(runner, initiator().fs, host.Timeouts(60, 30), FakeClock()), action)


def test_a_login_that_iscsid_is_already_at_is_waited_for() -> None:
    fake = initiator()
    action = plan(fake, portals=PORTALS[:1]).actions[0]
    login = ["iscsiadm", "-m", "node", "-T", TARGET, "-p", PORTALS[0], "-I", "default", "--login"]

    class Booting(FakeClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            if self.now == 1_000_010:
                fake.add_session(TARGET, PORTALS[0], "LOGGED_IN")

    with ScriptedRunner((login, Completed(15))) as runner:
        do(host.SessionSteps(runner, fake.fs, host.Timeouts(60, 30), Booting()), action)
    run(fake, state="disconnected", portals=PORTALS[:1])
    with (
        ScriptedRunner((login, Completed(15))) as runner,
        pytest.raises(ModelStoreError, match="no session yet .iscsid is still trying.* after 60 s"),
    ):
        do(host.SessionSteps(runner, fake.fs, host.Timeouts(60, 30), FakeClock()), action)


def test_disconnecting_ends_the_named_sessions_only() -> None:
    fake = initiator()
    run(fake)
    assert run(fake, state="disconnected", portals=PORTALS[:1]) == END
    assert run(fake, state="disconnected", portals=[]) == END
    assert run(fake, state="disconnected", portals=[]) == []


def test_a_session_that_iscsiadm_does_not_find_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = initiator()
    run(fake)
    _disk, action, *_others = plan(fake, state="disconnected").actions
    monkeypatch.setattr(fake, "_logout", lambda *_place: Completed(21))
    with pytest.raises(ModelStoreError, match="iscsiadm -m session -r 1 --logout"):
        do(steps(fake), action)


def multipath_initiator() -> FakeInitiator:
    """Two sessions whose disks are the paths of a map."""
    fake = initiator()
    fake.multipathd = True
    run(fake, multipath=True)
    assert fake.maps() == {WWID: ["sdb0", "sdc0"]}
    return fake


def test_a_mounted_map_forbids_the_logout() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/mnt/cache\\040hub")
    with pytest.raises(ModelStoreError, match=r"in use \(mounted at /mnt/cache hub \(through dm-0"):
        plan(fake, state="disconnected")


def test_swap_on_a_map_forbids_the_logout() -> None:
    fake = multipath_initiator()
    fake.fs.links["/dev/mapper/models"] = "/dev/dm-0"
    fake.fs.files["/proc/swaps"] += "/dev/mapper/models partition 100\n"
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


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"dm/uuid": "LVM-abc\n", "dm/name": "vg-models\n"}, "held by logical volume vg-models"),
        ({"dm/uuid": "CRYPT-LUKS2-a\n", "dm/name": "c\n"}, "held by encrypted volume c"),
        ({"md/level": "raid1\n"}, "held by RAID top0"),
        ({}, "held by device top0"),
    ],
)
@pytest.mark.parametrize("below", ["sdb0", "dm-0"])
def test_what_is_built_on_a_disk_or_its_map_forbids_the_logout_also_unmounted(
    below: str, files: dict[str, str], told: str
) -> None:
    fake = multipath_initiator()
    build_on(fake, below, "top0", files)
    with pytest.raises(ModelStoreError, match=told):
        plan(fake, state="disconnected")


def test_a_mount_of_a_volume_above_the_map_is_named() -> None:
    fake = multipath_initiator()
    build_on(fake, "dm-0", "top0", {"dm/uuid": "LVM-abc\n"})
    fake.mount("top0", "/srv")
    with pytest.raises(ModelStoreError, match=r"mounted at /srv \(through top0\)"):
        plan(fake, state="disconnected")


def test_an_unused_partition_of_a_map_goes_with_it() -> None:
    fake = multipath_initiator()
    build_on(fake, "dm-0", "dm-1", {"dm/uuid": f"part1-mpath-{WWID}\n", "dm/name": "part\n"})
    assert plan(fake, state="disconnected").actions[0].name == "flush_map"
    fake.mount("dm-1", "/srv")
    with pytest.raises(ModelStoreError, match=r"mounted at /srv \(through dm-1\)"):
        plan(fake, state="disconnected")


def build_on(fake: FakeInitiator, below: str, name: str, files: dict[str, str]) -> None:
    """Put a block device on top of another one."""
    folder = f"/sys/devices/virtual/block/{name}"
    fake.fs.links["/sys/block/" + name] = folder
    fake.fs.links[fake.fs.realpath("/sys/block/" + below) + "/holders/" + name] = folder
    fake.fs.files |= {f"{folder}/{file}": text for file, text in files.items()}
    fake.fs.files[folder + "/dev"] = "253:9\n"


def test_a_mount_of_something_else_does_not_matter() -> None:
    fake = multipath_initiator()
    fake.fs.files["/proc/self/mountinfo"] = "36 35 254:1 / /mnt rw - xfs /dev/mapper/other rw\n"
    assert run(fake, state="disconnected") == ["flush_map", *END, *END]


def test_a_refusal_names_the_processes_that_have_files_open() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv/models")
    fake.fs.files |= {
        "/proc/41/comm": "tts-server\n",
        "/proc/42/comm": "bash\n",
        "/proc/43/comm": "other\n",
        "/proc/44/comm": "tail\n",
    }
    fake.fs.links |= {
        "/proc/41/map_files/7f-8f": "/srv/models/voice one.bin",
        "/proc/42/cwd": "/srv/models",
        "/proc/43/cwd": "/srv/models-old",
        "/proc/44/fd/3": "/srv/models/log",
    }
    with pytest.raises(ModelStoreError) as caught:
        plan(fake, state="disconnected")
    expected = (
        "mounted at /srv/models (through dm-0) and used by tts-server (41), bash (42), tail (44)"
    )
    assert expected in str(caught.value)
    assert "other" not in str(caught.value)


def test_a_refusal_names_a_bounded_number_of_processes() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    fake.fs.links |= {f"/proc/{pid}/cwd": "/srv" for pid in range(100, 150)}
    with pytest.raises(ModelStoreError, match=r" \(109\) and others"):
        plan(fake, state="disconnected")


def test_a_mount_that_lives_on_in_another_namespace_forbids_the_logout() -> None:
    fake = multipath_initiator()
    fake.fs.links |= {
        "/proc/self/ns/mnt": "/proc/self/ns/mnt:[1]",
        "/proc/7/ns/mnt": "/proc/7/ns/mnt:[2]",
    }
    fake.fs.files |= {
        "/proc/7/comm": "podman\n",
        "/proc/7/mountinfo": "36 35 254:0 / /models rw - xfs /dev/dm-0 rw\n",
    }
    message = r"mounted at /models in the mount namespace of podman \(7\) \(through dm-0\)"
    with pytest.raises(ModelStoreError, match=message):
        plan(fake, state="disconnected")


def test_maps_disks_and_sessions_go_from_the_top_down() -> None:
    fake = multipath_initiator()
    assert run(fake, state="disconnected", portals=[]) == ["flush_map", *END, *END]
    commands = [argv[:3] for argv in fake.deeds if argv[0] in ("multipath", "blockdev", "iscsiadm")]
    assert commands[-5:] == [
        ["multipath", "-f", "map-4145"],
        ["blockdev", "--flushbufs", "/dev/sdb0"],
        ["iscsiadm", "-m", "node"],
        ["blockdev", "--flushbufs", "/dev/sdc0"],
        ["iscsiadm", "-m", "node"],
    ]


def test_one_path_of_a_mounted_map_can_be_taken_away_and_not_the_last() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    assert run(fake, state="disconnected", portals=PORTALS[:1]) == END
    assert fake.maps() == {WWID: ["sdc0"]}
    with pytest.raises(ModelStoreError, match="disk sdc0 the last working path of a map in use"):
        plan(fake, state="disconnected", portals=PORTALS[1:])


def test_a_path_that_does_not_work_is_no_reason_to_take_the_other_one_away() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    fake.fs.files[fake.fs.realpath("/sys/block/sdc0/device") + "/state"] = "transport-offline\n"
    with pytest.raises(ModelStoreError, match="disk sdb0 the last working path"):
        plan(fake, state="disconnected", portals=PORTALS[:1])


def test_a_mount_that_comes_after_planning_is_seen_before_each_disk_goes() -> None:
    fake = multipath_initiator()
    fake.lost_by_multipathd = {1, 2}
    actions = plan(fake, state="disconnected").actions
    done_by = steps(fake)
    done_by.apply(actions[0], desired(state="disconnected"))
    fake.mount("sdb0", "/srv")
    with pytest.raises(ModelStoreError, match=r"disk sdb0 in use \(mounted at /srv\)"):
        do(done_by, *actions[1:3])
    assert fake.fs.exists("/sys/block/sdb0")


@pytest.mark.parametrize("interrupted_after", range(6))
def test_a_removal_can_be_interrupted_after_each_step_and_repeated(interrupted_after: int) -> None:
    fake = multipath_initiator()
    actions = plan(fake, state="disconnected", portals=[]).actions
    assert len(actions) == 5
    do(steps(fake), *actions[:interrupted_after])
    assert len(run(fake, state="disconnected", portals=[])) == 5 - min(interrupted_after, 5)
    assert (fake.maps(), gather(fake, fake.fs, TARGET, ())["sessions"]) == ({}, [])


def test_a_map_that_lost_its_paths_is_flushed() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    for disk in ("sdb0", "sdc0"):
        fake._unmap(disk)
    with pytest.raises(ModelStoreError, match=rf"multipath map {WWID}: found mounted at /srv"):
        plan(fake, state="disconnected")
    fake.fs.files["/proc/self/mountinfo"] = ""
    assert run(fake, state="disconnected") == ["flush_map", *END, *END]


def test_a_map_that_something_has_open_keeps_its_disks() -> None:
    fake = multipath_initiator()
    actions = plan(fake, state="disconnected").actions
    fake.open_maps.add("map-4145")
    clock = FakeClock()
    with pytest.raises(ModelStoreError) as caught:
        do(steps(fake, clock), actions[0])
    assert "it still there after 'multipath -f map-4145'" in str(caught.value)
    assert caught.value.details["multipath"] == "map-4145: map in use"
    assert clock.now - 1_000_000 <= 11


def test_after_a_map_that_cannot_be_flushed_nothing_is_taken_away() -> None:
    fake = multipath_initiator()
    actions = plan(fake, state="disconnected").actions
    fake.open_maps.add("map-4145")
    with pytest.raises(ModelStoreError):
        do(steps(fake), *actions)
    assert fake.maps() == {WWID: ["sdb0", "sdc0"]}


def test_a_disk_whose_buffers_cannot_be_written_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = initiator()
    run(fake)
    action = plan(fake, state="disconnected").actions[0]
    monkeypatch.setattr(fake, "_flush_buffers", lambda _disk: Completed(1, "", "I/O error"))
    with pytest.raises(ModelStoreError, match="found I/O error"):
        do(steps(fake), action)
    assert fake.fs.exists("/sys/block/sdb0")


@pytest.mark.parametrize("wwid", ["", "sda", "naa.6001405", "3600140528 ", WWID.upper()])
def test_what_is_no_wwid_is_refused(wwid: str) -> None:
    with pytest.raises(ModelStoreError, match="a WWID as multipath shows it"):
        desired(wwids=[wwid])


@pytest.mark.parametrize("option", ["login_timeout", "device_timeout"])
def test_a_timeout_that_never_ends_is_refused(option: str) -> None:
    with pytest.raises(ModelStoreError, match=f"{option}: found 0"):
        desired(**{option: 0})


def test_connecting_needs_portals() -> None:
    with pytest.raises(ModelStoreError, match="portals: found none"):
        desired(portals=[])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "state": st.sampled_from(["connected", "disconnected"]),
                "portals": st.lists(st.sampled_from(PORTALS), min_size=1, max_size=3),
                "multipath": st.booleans(),
                "exclusive": st.booleans(),
                "relogin": st.booleans(),
                "ifaces": st.sampled_from([["default"], ["eth1"], ["default", "eth1"]]),
            }
        ),
        max_size=4,
    ),
    st.lists(st.sampled_from(["secret-number-1", "secret-number-2"]), min_size=4, max_size=4),
    st.sets(st.integers(1, 6)),
)
def test_after_any_task_the_next_plan_is_empty(
    tasks: list[dict[str, Any]], secrets: list[str], lost: set[int]
) -> None:
    fake = initiator()
    fake.multipathd = True
    fake.lost_by_multipathd = lost
    for task, secret in zip(tasks, secrets, strict=False):
        rotate(fake, secret=secret)
        run(fake, **task)


@given(
    st.lists(st.sampled_from(PORTALS), min_size=1, max_size=2, unique=True),
    st.sampled_from(["connected", "disconnected"]),
    st.booleans(),
    st.booleans(),
    st.sets(st.sampled_from(["sdb0", "sdc0"])),
    st.sampled_from(["dm-0", "sdb0", "sdc0", None]),
)
def test_no_task_takes_the_last_working_path_of_a_mount(
    portals: list[str],
    wanted: str,
    exclusive: bool,
    fresh: bool,
    dead: set[str],
    mounted: str | None,
) -> None:
    fake = multipath_initiator()
    for disk in dead:
        fake.fs.files[fake.fs.realpath(f"/sys/block/{disk}/device") + "/state"] = "blocked\n"
    if mounted:
        fake.mount(mounted, "/srv")
    if fresh:
        rotate(fake)
    working = {"sdb0", "sdc0"} - dead
    # The initiator in memory itself refuses to drop the last path of a mount.
    with contextlib.suppress(ModelStoreError):
        run(fake, portals=portals, state=wanted, exclusive=exclusive, multipath=True)
    if mounted == "dm-0" and working:
        assert fake.maps()[WWID]


def rotate(fake: FakeInitiator, *portals: str, secret: str = "another-secret") -> None:
    """Give the target a new secret, and the node records of some portals."""
    fake.targets[TARGET].secrets[GPU1] = ("gpu1", secret)
    for portal in portals or PORTALS:
        chap = {"session__auth__username": "gpu1", "session__auth__password": secret}
        for iface in ("default", "eth1"):
            fake.add_record(TARGET, portal + ",1", iface=iface, **chap)


def logins(fake: FakeInitiator) -> list[tuple[str, str]]:
    """The logouts and logins, with their portals."""
    return [(argv[-1], argv[6]) for argv in fake.calls if argv[-1] in ("--login", "--logout")]


def test_after_a_rotation_each_session_logs_in_anew_one_after_the_other() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    rotate(fake)
    fake.calls.clear()
    assert run(fake, multipath=True) == ["relogin", "relogin"]
    assert logins(fake) == [
        ("--logout", PORTALS[0]),
        ("--login", PORTALS[0]),
        ("--logout", PORTALS[1]),
        ("--login", PORTALS[1]),
    ]
    assert fake.maps() == {WWID: ["sdd0", "sde0"]}


@pytest.mark.parametrize("root", ["/etc/iscsi", "/var/lib/iscsi"])
def test_the_node_records_are_found_where_each_distribution_keeps_them(root: str) -> None:
    fake = initiator(root=root)
    run(fake)
    rotate(fake)
    assert run(fake) == ["relogin", "relogin"]


def test_only_the_session_whose_record_changed_logs_in_anew() -> None:
    fake = multipath_initiator()
    rotate(fake, PORTALS[1], secret="another-secret")
    (action,) = plan(fake, multipath=True).actions
    assert (action.name, action.subject) == ("relogin", f"{TARGET} at {PORTALS[1]}")


def test_a_disk_leaves_its_map_before_its_session_ends() -> None:
    fake = multipath_initiator()
    rotate(fake)
    fake.calls.clear()
    do(steps(fake), plan(fake, multipath=True).actions[0])
    commands = [argv for argv in fake.calls if argv[0] == "multipathd" or argv[-1] == "--logout"]
    assert commands[0] == ["multipathd", "del", "path", "sdb0"]
    assert commands[1][-1] == "--logout"


def test_the_steps_of_a_relogin_show_what_differs_and_no_secret() -> None:
    fake = multipath_initiator()
    rotate(fake)
    planned = plan(fake, multipath=True)
    shown = repr([action.public() for action in planned.actions]) + repr(planned)
    assert planned.actions[0].arguments["differs"] == ["credentials"]
    assert SECRET not in shown
    assert "another-secret" not in shown


def test_a_removed_mutual_chap_is_a_difference() -> None:
    fake = initiator()
    for portal in PORTALS:
        chap = {"session__auth__username": "gpu1", "session__auth__password": SECRET}
        mutual = {"session__auth__username_in": "s", "session__auth__password_in": "mutual-secret"}
        fake.add_record(TARGET, portal + ",1", **chap, **mutual)
    run(fake)
    rotate(fake, secret=SECRET)
    assert run(fake) == ["relogin", "relogin"]


def test_other_timers_are_taken_over_by_a_relogin() -> None:
    fake = initiator()
    run(fake)
    for portal in PORTALS:
        values = {
            "session__auth__username": "gpu1",
            "session__auth__password": SECRET,
            "conn[0]__timeo__noop_out_interval": "2",
            "conn[0]__timeo__noop_out_timeout": "3",
        }
        fake.add_record(TARGET, portal + ",1", **values)
    (first, _second) = plan(fake).actions
    assert (first.name, first.arguments["differs"]) == ("relogin", ["timers"])
    assert run(fake) == ["relogin", "relogin"]


@pytest.mark.parametrize(
    ("interval", "timeout", "live", "told"),
    [
        ("5", "5", Live(noop_out_interval=5, noop_out_timeout=5), ()),
        ("5", "5", Live(), ()),
        ("5", "5", Live(noop_out_interval=5, noop_out_timeout=6), ("timers",)),
        ("5", "5", Live(noop_out_interval=4, noop_out_timeout=5), ("timers",)),
        ("0", "0", Live(noop_out_interval=5, noop_out_timeout=5), ("timers",)),
        # iscsid would never run with these.
        ("0", "5", Live(noop_out_interval=5, noop_out_timeout=5), ()),
        ("5", "", Live(noop_out_interval=6, noop_out_timeout=6), ()),
        ("5", None, Live(noop_out_interval=6, noop_out_timeout=6), ()),
        (None, "5", Live(noop_out_interval=6, noop_out_timeout=6), ()),
    ],
)
def test_timers_are_compared_where_both_sides_tell_them(
    interval: str | None, timeout: str | None, live: Live, told: tuple[str, ...]
) -> None:
    timers = {"noop_out_interval": interval, "noop_out_timeout": timeout}
    values = {
        "node.conn[0].timeo." + name: value for name, value in timers.items() if value is not None
    }
    record = NodeRecord(TARGET, parse_portal(PORTALS[0]), 1, "default", "", NO_CHAP, values)
    assert differences(record, live) == told


def test_credentials_that_the_kernel_does_not_tell_are_no_difference() -> None:
    fake = initiator()
    fake.add_session(TARGET, PORTALS[0], "LOGGED_IN")
    assert plan(fake, portals=PORTALS[:1]).actions == ()


def test_a_relogin_that_would_take_away_the_only_path_is_refused() -> None:
    fake = initiator()
    run(fake)
    fake.mount("sdb0", "/srv")
    rotate(fake)
    with pytest.raises(ModelStoreError) as caught:
        plan(fake)
    assert "other credentials in force than in its node record" in str(caught.value)
    assert "disk sdb0 in use (mounted at /srv)" in str(caught.value)
    assert "relogin=false (iscsi_initiator_relogin in the role)" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert plan(fake, relogin=False).actions == ()


def test_the_path_that_makes_a_relogin_safe_can_come_with_the_same_task() -> None:
    fake = initiator()
    fake.multipathd = True
    run(fake, multipath=True, portals=PORTALS[:1])
    fake.mount("dm-0", "/srv")
    rotate(fake)
    with pytest.raises(ModelStoreError, match="the last working path of a map in use"):
        plan(fake, multipath=True, portals=PORTALS[:1])
    assert run(fake, multipath=True) == ["login", "relogin"]


def test_a_path_that_fails_after_planning_stops_the_relogin() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    rotate(fake)
    action = plan(fake, multipath=True).actions[0]
    fake.fs.files[fake.fs.realpath("/sys/block/sdc0/device") + "/state"] = "transport-offline\n"
    fake.calls.clear()
    with pytest.raises(ModelStoreError, match="disk sdb0 the last working path"):
        do(steps(fake), action)
    assert fake.deeds == []


def test_after_a_failed_relogin_the_next_session_is_left_alone() -> None:
    fake = multipath_initiator()
    rotate(fake)
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    fake.calls.clear()
    with pytest.raises(ModelStoreError, match="the session before it to work again first"):
        do(steps(fake), *plan(fake, multipath=True).actions)
    assert logins(fake) == [("--logout", PORTALS[0]), ("--login", PORTALS[0])]


def test_a_session_that_cannot_recover_with_its_old_credentials_logs_in_anew() -> None:
    fake = multipath_initiator()
    rotate(fake)
    fake.set_state(1, "FAILED")
    assert run(fake, multipath=True) == ["relogin", "relogin"]


def test_a_disk_that_multipathd_lost_is_handed_to_it_again() -> None:
    fake = initiator()
    fake.multipathd = True
    fake.lost_by_multipathd = {1}
    run(fake)
    assert fake.maps() == {WWID: ["sdc0"]}
    assert run(fake, multipath=True) == ["add_path"]
    assert fake.maps() == {WWID: ["sdb0", "sdc0"]}


def test_a_login_waits_for_the_map_and_leaves_multipathd_time_to_make_it() -> None:
    fake = initiator()
    fake.multipathd = True
    fake.lost_by_multipathd = {1}
    clock = FakeClock()
    do(steps(fake, clock), *plan(fake, multipath=True).actions)
    assert clock.now - 1_000_000 >= 5
    assert ["multipathd", "add", "path", "sdb0"] in fake.calls
    assert ["multipathd", "add", "path", "sdc0"] not in fake.calls
    assert plan(fake, multipath=True).actions == ()


def test_a_map_that_does_not_come_is_named_in_bounded_time() -> None:
    fake = initiator()
    clock = FakeClock()
    with pytest.raises(ModelStoreError, match=f"multipath map {WWID}: found disk sdb0 not in it"):
        do(steps(fake, clock), plan(fake, multipath=True).actions[0])
    assert clock.now - 1_000_000 <= 36


def test_the_map_of_another_disk_does_not_count() -> None:
    fake = multipath_initiator()
    fake.fs.files["/sys/devices/virtual/block/dm-0/dm/uuid"] = f"mpath-{OTHER_WWID}\n"
    assert [action.name for action in plan(fake, multipath=True).actions] == ["add_path"] * 2


def test_maps_are_told_with_their_paths() -> None:
    fake = multipath_initiator()
    told = state(desired(), observe(fake))["maps"]
    assert told == [{"wwid": WWID, "device": "/dev/dm-0", "paths": ["sdb0", "sdc0"]}]


def test_multipath_needs_to_know_the_disks() -> None:
    with pytest.raises(ModelStoreError, match="wwids: found none, with multipath=true"):
        desired(multipath=True, wwids=[])


def test_sessions_at_undeclared_portals_stay_unless_the_task_is_exclusive() -> None:
    fake = multipath_initiator()
    assert plan(fake, portals=PORTALS[:1]).actions == ()
    assert run(fake, portals=PORTALS[:1], exclusive=True) == END
    assert fake.maps() == {WWID: ["sdb0"]}


def test_an_exclusive_task_keeps_a_mount_on_its_way_to_new_portals() -> None:
    fake = initiator()
    fake.multipathd = True
    run(fake, portals=PORTALS[:1], multipath=True)
    fake.mount("dm-0", "/srv")
    assert run(fake, portals=PORTALS[1:], multipath=True, exclusive=True) == ["login", *END]
    assert fake.maps() == {WWID: ["sdc0"]}


def test_an_exclusive_task_does_not_take_the_disk_of_a_mount() -> None:
    fake = initiator()
    run(fake)
    fake.mount("sdc0", "/srv")
    with pytest.raises(ModelStoreError, match=r"disk sdc0 in use \(mounted at /srv\)"):
        plan(fake, portals=PORTALS[:1], exclusive=True)


def test_each_portal_gets_a_session_through_each_iface() -> None:
    fake = initiator()
    chap = {"session__auth__username": "gpu1", "session__auth__password": SECRET}
    for portal in PORTALS:
        fake.add_record(TARGET, portal + ",1", iface="eth1", **chap)
    assert run(fake, ifaces=["default", "eth1"]) == ["login"] * 4
    ifaces = [session.iface for session in observe(fake, ifaces=["default", "eth1"]).sessions]
    assert ifaces == ["default", "eth1"] * 2
    assert run(fake, ifaces=["eth1"], state="disconnected") == END * 2
    assert run(fake) == []


def test_what_is_no_name_of_an_iface_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="iface"):
        desired(ifaces=["default", "../eth1"])


def test_an_empty_list_of_ifaces_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="ifaces: found none"):
        desired(ifaces=[])


def test_an_exclusive_task_shows_the_sessions_that_it_ends() -> None:
    fake = initiator()
    run(fake)
    planned = plan(fake, portals=PORTALS[:1], exclusive=True)
    assert [session["portal"] for session in planned.before["sessions"]] == PORTALS
    assert [session["portal"] for session in planned.after["sessions"]] == PORTALS[:1]


def test_without_multipath_a_new_session_does_not_make_a_removal_safe() -> None:
    fake = initiator()
    fake.multipathd = True
    run(fake, portals=PORTALS[:1])
    fake.mount("dm-0", "/srv")
    with pytest.raises(ModelStoreError, match="the last working path of a map in use"):
        plan(fake, portals=PORTALS[1:], exclusive=True)


def test_each_iface_has_a_node_record_of_its_own() -> None:
    fake = initiator()
    both = ["default", "eth1"]
    rotate(fake, secret=SECRET)
    run(fake, ifaces=both)
    chap = {"session__auth__username": "gpu1", "session__auth__password": "another-secret"}
    fake.add_record(TARGET, PORTALS[0] + ",1", iface="eth1", **chap)
    (action,) = plan(fake, ifaces=both).actions
    assert action.subject == f"{TARGET} at {PORTALS[0]} through iface eth1"


def test_of_two_sessions_at_one_portal_the_recovering_one_is_left_to_iscsid() -> None:
    fake = initiator()
    run(fake, portals=PORTALS[:1])
    sid = fake.add_session(TARGET, PORTALS[0], "FAILED")
    fake._drop_disk(f"sd{chr(ord('a') + sid)}0")
    assert plan(fake, portals=PORTALS[:1]).actions == ()


def test_a_mounted_partition_of_a_map_does_not_hold_one_of_two_paths() -> None:
    fake = multipath_initiator()
    build_on(fake, "dm-0", "dm-1", {"dm/uuid": f"part1-mpath-{WWID}\n", "dm/name": "part\n"})
    fake.mount("dm-1", "/srv")
    fake.calls.clear()
    assert run(fake, state="disconnected", portals=PORTALS[:1]) == END
    assert fake.deeds[0] == ["multipathd", "del", "path", "sdb0"]


def test_a_logout_is_refused_while_a_disk_that_came_back_is_mounted() -> None:
    fake = initiator()
    run(fake)
    action = plan(fake, state="disconnected").actions[1]
    fake.mount("sdb0", "/srv")
    with pytest.raises(ModelStoreError, match=r"disk sdb0 in use \(mounted at /srv\)"):
        do(steps(fake), action)


def test_a_disk_that_is_gone_already_is_not_looked_for_under_its_old_name() -> None:
    fake = initiator()
    run(fake)
    action = plan(fake, state="disconnected").actions[0]
    fake._drop_disk("sdb0")
    fake.fs.files["/sys/block/sdb0/device/delete"] = ""  # another disk's by now
    fake.calls.clear()
    do(steps(fake), action)
    assert (fake.calls, fake.fs.exists("/sys/block/sdb0")) == ([], True)


def test_nothing_is_written_out_to_a_disk_that_does_not_answer() -> None:
    fake = initiator()
    run(fake)
    fake.fs.files[fake.fs.realpath("/sys/block/sdb0/device") + "/state"] = "transport-offline\n"
    assert run(fake, state="disconnected") == END * 2
    flushed = [argv[2] for argv in fake.calls if argv[0] == "blockdev"]
    assert flushed == ["/dev/sdc0"]


def test_a_relogin_waits_for_the_disks_that_the_session_had() -> None:
    fake = initiator()
    run(fake)
    rotate(fake)
    fake.targets[TARGET].luns.clear()
    with pytest.raises(ModelStoreError, match=f"expected the disk with WWID {WWID}"):
        do(steps(fake), plan(fake, wwids=[]).actions[0])


def test_a_relogin_brings_its_disks_back_into_the_maps_they_were_in() -> None:
    fake = multipath_initiator()
    rotate(fake)
    fake.lost_by_multipathd = {3, 4}
    assert run(fake, multipath=False) == ["relogin", "relogin"]
    assert fake.maps() == {WWID: ["sdd0", "sde0"]}


def test_a_mount_is_told_once_when_other_namespaces_have_it_too() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    fake.fs.links |= {
        "/proc/self/ns/mnt": "/proc/self/ns/mnt:[1]",
        "/proc/7/ns/mnt": "/proc/7/ns/mnt:[2]",
    }
    fake.fs.files["/proc/7/mountinfo"] = "36 35 254:0 / /srv rw - xfs /dev/dm-0 rw\n"
    (over,) = observe(fake).maps
    assert over.uses == ("mounted at /srv (through dm-0)",)


def test_info_tells_all_but_secrets() -> None:
    fake = initiator()
    fake.damage("iqn.2026-11.com.example:store2", PORTALS[0] + ",1")
    run(fake)
    told = gather(fake, fake.fs, None, ())
    assert (told["available"], told["version"], told["initiator_name"]) == (True, "2.1.8", GPU1)
    assert [record["chap_username"] for record in told["records"]] == ["gpu1", "gpu1"]
    assert told["damaged"] == [
        "/etc/iscsi/nodes/iqn.2026-11.com.example:store2/10.77.1.10,3260,1/default"
    ]
    assert told["sessions"][0]["parameters"] == {
        "max_xmit_dlength": 8192,
        "header_digest": "None",
        "recovery_tmo": 120,
        "ping_tmo": 5,
        "recv_tmo": 5,
    }
    assert told["sessions"][0]["recovery_timeout"] == 120
    assert SECRET not in repr(told)
    assert gather(fake, fake.fs, "iqn.2026-11.com.example:store2", ())["sessions"] == []


def test_info_of_a_host_without_open_iscsi_is_empty() -> None:
    with ScriptedRunner(missing=["iscsiadm", "systemctl"]) as runner:
        told = gather(runner, MemoryFileSystem(), None, ())
    assert told == {
        "available": False,
        "version": None,
        "initiator_name": None,
        "iscsid": {"active": False, "outdated": False},
        "portals": [],
        "records": [],
        "damaged": [],
        "sessions": [],
    }


def test_info_resolves_portals_on_the_host() -> None:
    fake = initiator()
    told = gather(fake, fake.fs, None, ["[FD00:0::10]", "10.77.1.10:3261", "fd00::10"])
    assert told["portals"] == [
        {"portal": "[fd00::10]:3260", "address": "fd00::10", "port": 3260},
        {"portal": "10.77.1.10:3261", "address": "10.77.1.10", "port": 3261},
    ]


@pytest.mark.parametrize(
    ("active", "written", "outdated"),
    [(True, 1795341600.0, False), (True, 1795341601.0, True), (False, 1795341601.0, False)],
)
def test_info_tells_whether_iscsid_knows_the_initiator_name(
    active: bool, written: float, outdated: bool
) -> None:
    fake = initiator()
    fake.iscsid_active = active
    fake.fs.mtimes["/etc/iscsi/initiatorname.iscsi"] = written
    told = gather(fake, fake.fs, None, ())["iscsid"]
    assert told == {"active": active, "outdated": outdated}


@pytest.mark.parametrize("mounted", [True, False])
@pytest.mark.parametrize("partial", ["fail", "warn"])
def test_an_exclusive_task_ends_nothing_while_the_new_portals_are_dead(
    mounted: bool, partial: str
) -> None:
    fake = initiator()
    fake.multipathd = True
    run(fake, portals=PORTALS[:1], multipath=True)
    if mounted:
        fake.mount("dm-0", "/srv")
    fake.targets[TARGET].dead_portals.add(PORTALS[1])
    changes = {"portals": PORTALS[1:], "exclusive": True, "on_partial": partial}
    with pytest.raises(ModelStoreError, match="did not answer in time"):
        run(fake, multipath=True, **changes)
    assert fake.maps() == {WWID: ["sdb0"]}
    assert [session.state for session in observe(fake).sessions] == ["LOGGED_IN"]


@pytest.mark.parametrize(("partial", "left"), [("fail", 2), ("warn", 1)])
def test_old_sessions_end_although_a_login_failed_only_where_that_is_permitted(
    partial: str, left: int
) -> None:
    third = "10.77.3.10:3260"
    fake = initiator()
    chap = {"session__auth__username": "gpu1", "session__auth__password": SECRET}
    fake.add_record(TARGET, third + ",1", **chap)
    run(fake, portals=[third])
    fake.targets[TARGET].dead_portals.add(PORTALS[0])
    changes = {"exclusive": True, "on_partial": partial}
    done_by = steps(fake)
    for action in plan(fake, **changes).actions:
        done_by.apply(action, desired(**changes))
    assert len(observe(fake).sessions) == left


def raw(fake: FakeInitiator, device: str) -> None:
    """Have a process open a block device."""
    fake.fs.files["/proc/77/comm"] = "qemu\n"
    fake.fs.links["/proc/77/fd/5"] = "/dev/" + device


def test_a_disk_that_a_process_has_open_is_in_use() -> None:
    fake = initiator()
    run(fake)
    raw(fake, "sdb0")
    with pytest.raises(ModelStoreError, match=r"disk sdb0 in use \(open in qemu \(77\)\)"):
        plan(fake, state="disconnected")


def test_the_checks_of_multipathd_are_no_use() -> None:
    fake = initiator()
    run(fake)
    raw(fake, "sdb0")
    fake.fs.files["/proc/77/comm"] = "multipathd\n"
    assert run(fake, state="disconnected") == END * 2


def test_a_disk_that_the_kernel_holds_is_in_use_at_planning_and_right_before_it_goes() -> None:
    fake = initiator()
    run(fake)
    action = plan(fake, state="disconnected").actions[0]
    fake.fs.claimed.add("/dev/sdb0")
    with pytest.raises(ModelStoreError, match=r"disk sdb0 in use \(open in the kernel"):
        plan(fake, state="disconnected")
    with pytest.raises(ModelStoreError, match=r"found disk sdb0 in use \(open in the kernel"):
        do(steps(fake), action)
    rotate(fake)
    with pytest.raises(ModelStoreError, match=r"and disk sdb0 in use \(open in the kernel"):
        plan(fake)


def test_a_loop_device_over_a_disk_is_named() -> None:
    fake = initiator()
    run(fake)
    fake.fs.files["/sys/block/loop3/loop/backing_file"] = "/dev/sdb0\n"
    with pytest.raises(ModelStoreError, match="held by loop device loop3"):
        plan(fake, state="disconnected")


def test_a_mount_with_a_number_that_is_no_devices_is_found_by_its_source() -> None:
    fake = multipath_initiator()
    fake.fs.links["/dev/mapper/models"] = "/dev/dm-0"
    fake.fs.files["/proc/self/mountinfo"] = (
        "36 35 0:45 / /srv rw shared:1 - btrfs /dev/mapper/models rw\n"
        "37 35 0:46 / /run rw - tmpfs tmpfs rw\n"
    )
    with pytest.raises(ModelStoreError, match=r"in use \(mounted at /srv \(through dm-0\)\)"):
        plan(fake, state="disconnected")


def test_the_last_path_of_a_map_that_is_open_without_a_trace_stays() -> None:
    fake = multipath_initiator()
    assert run(fake, state="disconnected", portals=PORTALS[:1]) == END
    action = plan(fake, state="disconnected", portals=PORTALS[1:]).actions[1]
    fake.open_maps.add("map-4145")
    message = r"disk sdc0 the last working path of a map in use \(open in the kernel"
    with pytest.raises(ModelStoreError, match=message):
        plan(fake, state="disconnected", portals=PORTALS[1:])
    with pytest.raises(ModelStoreError, match=message):
        do(steps(fake), action)
    rotate(fake)
    with pytest.raises(ModelStoreError, match=message):
        plan(fake, portals=PORTALS[1:])


def test_what_udev_has_open_for_a_moment_is_waited_for() -> None:
    fake = multipath_initiator()
    fake.open_maps.add("map-4145")
    fake.settles.add("map-4145")
    assert run(fake, state="disconnected") == ["flush_map", *END, *END]


def test_a_path_that_its_map_does_not_send_to_is_none_to_live_on() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    fake.failed_paths.add("sdc0")
    with pytest.raises(ModelStoreError, match="disk sdb0 the last working path"):
        plan(fake, state="disconnected", portals=PORTALS[:1])


def test_a_relogin_waits_until_its_map_sends_to_the_new_disk() -> None:
    fake = multipath_initiator()
    fake.mount("dm-0", "/srv")
    rotate(fake)
    fake.failed_paths.add("sdd0")
    fake.calls.clear()
    with pytest.raises(ModelStoreError, match="disk sdd0 not active after 30 s"):
        run(fake, multipath=True)
    assert logins(fake) == [("--logout", PORTALS[0]), ("--login", PORTALS[0])]
    assert fake.maps() == {WWID: ["sdc0", "sdd0"]}


def retime(fake: FakeInitiator, secret: str = SECRET, **timers: str) -> None:
    """Give the node records other timers."""
    for portal in PORTALS:
        chap = {"session__auth__username": "gpu1", "session__auth__password": secret}
        fake.add_record(TARGET, portal + ",1", **chap, **timers)


NOOP = {"conn[0]__timeo__noop_out_interval": "2", "conn[0]__timeo__noop_out_timeout": "3"}


def test_a_recovering_session_is_not_given_up_for_its_timers() -> None:
    fake = initiator()
    run(fake)
    retime(fake, **NOOP)
    fake.set_state(1, "FAILED")
    names = [action.name for action in plan(fake, portals=PORTALS[:1]).actions]
    assert names == ["wait_for_session", "relogin"]
    fake.calls.clear()
    with pytest.raises(ModelStoreError, match="found FAILED after 60 s"):
        run(fake, portals=PORTALS[:1])
    assert logins(fake) == []

    class Recovering(FakeClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            fake.set_state(1, "LOGGED_IN")

    do(steps(fake, Recovering()), *plan(fake, portals=PORTALS[:1]).actions)
    assert plan(fake, portals=PORTALS[:1]).actions == ()


def test_the_replacement_timeout_is_set_in_place() -> None:
    fake = initiator()
    run(fake)
    fake.mount("sdb0", "/srv")
    retime(fake, session__timeo__replacement_timeout="15")
    fake.calls.clear()
    assert plan(fake, relogin=False).actions == ()
    assert run(fake) == ["set_replacement_timeout"] * 2
    assert logins(fake) == []
    told = gather(fake, fake.fs, TARGET, ())["sessions"]
    assert [session["recovery_timeout"] for session in told] == [15, 15]


def test_the_replacement_timeout_of_paths_is_left_to_multipathd() -> None:
    fake = multipath_initiator()
    retime(fake, session__timeo__replacement_timeout="15")
    assert plan(fake).actions == ()


@pytest.mark.parametrize(
    ("recorded", "names"),
    [("1", ["set_replacement_timeout"]), ("120", []), ("0", []), ("-1", []), ("", [])],
)
def test_the_replacement_timeout_is_set_where_the_record_has_another_time(
    recorded: str, names: list[str]
) -> None:
    fake = initiator()
    fake.add_session(TARGET, PORTALS[0], "LOGGED_IN")
    retime(fake, session__timeo__replacement_timeout=recorded)
    planned = plan(fake, portals=PORTALS[:1])
    assert [action.name for action in planned.actions] == names


def subjects(planned: Plan) -> list[tuple[str, str]]:
    return [(action.name, action.subject) for action in planned.actions]


def test_each_step_names_the_session_disk_or_map_that_it_is_about() -> None:
    at = [f"{TARGET} at {portal}" for portal in PORTALS]
    fake = initiator()
    assert subjects(plan(fake)) == [("login", at[0]), ("login", at[1])]
    fake.add_session(TARGET, PORTALS[0], "FAILED")
    assert subjects(plan(fake)) == [("wait_for_session", at[0]), ("login", at[1])]
    fake.set_state(1, "LOGGED_IN")
    fake.add_session(TARGET, PORTALS[1], "LOGGED_IN")
    retime(fake, session__timeo__replacement_timeout="15")
    assert subjects(plan(fake, wwids=[OTHER_WWID], portals=PORTALS[1:])) == [
        ("rescan", f"session 2 ({at[1]})"),
        ("set_replacement_timeout", f"session 2 ({at[1]})"),
    ]
    assert subjects(plan(fake, multipath=True)) == [
        ("add_path", f"sdb0 to multipath map {WWID}"),
        ("add_path", f"sdc0 to multipath map {WWID}"),
    ]
    for disk in ("sdb0", "sdc0"):
        fake._map(disk)
    assert subjects(plan(fake, state="disconnected")) == [
        ("flush_map", f"multipath map {WWID}"),
        ("delete_disk", f"sdb0 ({at[0]})"),
        ("logout", at[0]),
        ("delete_disk", f"sdc0 ({at[1]})"),
        ("logout", at[1]),
    ]


def test_a_predicted_session_is_the_one_that_comes_but_for_what_the_host_decides() -> None:
    fake = initiator()
    predicted = plan(fake).after["sessions"]
    run(fake)
    for before, after in zip(predicted, state(desired(), observe(fake))["sessions"], strict=True):
        unknown = dict.fromkeys(("sid", "tpgt"))
        devices = [{**dict.fromkeys(device), "wwid": device["wwid"]} for device in after["devices"]]
        assert before == {**after, **unknown, "devices": devices}


def test_a_session_is_predicted_to_work_with_the_disks_that_it_has_and_those_it_lacks() -> None:
    fake = initiator()
    fake.add_session(TARGET, PORTALS[0], "FAILED")
    planned = plan(fake, portals=PORTALS[:1], wwids=[WWID, OTHER_WWID])
    (before,) = planned.before["sessions"]
    (after,) = planned.after["sessions"]
    missing = {**dict.fromkeys(before["devices"][0]), "wwid": OTHER_WWID}
    assert after == {**before, "state": "LOGGED_IN", "devices": [*before["devices"], missing]}


def test_of_two_sessions_at_one_portal_the_working_one_is_rescanned() -> None:
    fake = initiator()
    for broken in ("FAILED", "LOGGED_IN"):
        fake.add_session(TARGET, PORTALS[0], broken)
    (action,) = plan(fake, portals=PORTALS[:1], wwids=[WWID, OTHER_WWID]).actions
    assert (action.name, action.arguments["sid"]) == ("rescan", 2)


def test_a_refusal_to_end_sessions_says_which_and_what_to_do() -> None:
    fake = initiator()
    run(fake)
    for disk in ("sdb0", "sdc0"):
        fake.mount(disk, "/srv/" + disk)
    with pytest.raises(ModelStoreError) as caught:
        plan(fake, state="disconnected")
    assert caught.value.what == f"iSCSI sessions to {TARGET} at {PORTALS[0]}, {PORTALS[1]}"
    assert caught.value.found == (
        "disk sdb0 in use (mounted at /srv/sdb0), disk sdc0 in use (mounted at /srv/sdc0)"
    )
    assert caught.value.expected == "no use of its disks"
    assert caught.value.hint == "Unmount them and stop what uses them first, on purpose."


def test_a_refusal_of_a_relogin_says_which_session_it_is_and_all_that_differs() -> None:
    fake = initiator()
    run(fake)
    fake.mount("sdb0", "/srv")
    rotate(fake)
    retime(fake, "another-secret", **NOOP)
    with pytest.raises(ModelStoreError) as caught:
        plan(fake)
    assert caught.value.what == f"iSCSI session to {TARGET} at {PORTALS[0]}"
    assert caught.value.found == (
        "other credentials and timers in force than in its node record, "
        "and disk sdb0 in use (mounted at /srv)"
    )
    assert caught.value.expected == (
        "its disks free, or another working path in each of their multipath maps"
    )
    assert "Unmount the disk or add a second path, then run again" in caught.value.hint


def test_the_prediction_of_the_maps_is_what_comes_out() -> None:
    fake = multipath_initiator()
    whole = {"wwid": WWID, "device": "/dev/dm-0", "paths": ["sdb0", "sdc0"]}
    planned = plan(fake, multipath=True, wwids=[WWID, OTHER_WWID])
    assert planned.after["maps"] == [whole, {"wwid": OTHER_WWID, "device": None, "paths": []}]
    for portals, left in ((PORTALS[:1], [{**whole, "paths": ["sdc0"]}]), ([], [])):
        changes = {"state": "disconnected", "portals": portals, "multipath": True}
        planned = plan(fake, **changes)
        run(fake, **changes)
        assert planned.after["maps"] == state(desired(), observe(fake))["maps"] == left


def test_sessions_at_portals_that_are_not_named_are_shown_to_an_exclusive_task_only() -> None:
    fake = initiator()
    run(fake)
    for exclusive, portals in ((False, PORTALS[:1]), (True, PORTALS)):
        told = state(desired(portals=PORTALS[:1], exclusive=exclusive), observe(fake))["sessions"]
        assert [session["portal"] for session in told] == portals
