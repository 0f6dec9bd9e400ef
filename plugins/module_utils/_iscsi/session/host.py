# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Sessions of a real host: reading them, and doing the steps of a plan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Callable, Protocol, TypeVar

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import (
    Completed,
    FileSystem,
    Runner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.database import (
    database_root,
    load_records,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    AUTH_FAILED,
    FATAL_LOGIN,
    NOT_FOUND,
    REFUSALS,
    SESSION_EXISTS,
    failure,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    LOGGED_IN,
    Session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session import commands
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    DesiredSessions,
    Place,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.model import (
    RUNNING,
    ObservedSessions,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.plan import (
    at,
    disks_of,
    leaving,
    place_of,
    refuse_relogin,
    refuse_use,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.usage import (
    is_working_path,
    map_exists,
    map_with,
    read_usage,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.verdict import (
    Verdict,
    verdict,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.sysfs import (
    SESSIONS,
    live,
    load_sessions,
)

_Found = TypeVar("_Found")

INITIATOR_NAME = "/etc/iscsi/initiatorname.iscsi"
_POLL = 0.5  # seconds between two looks at sysfs
_JOURNAL_TIMEOUT = 5.0  # seconds: iscsid hands its messages to a logging process of its own
# Seconds that multipathd has to take a disk by itself. Long enough that a map which is being made
# on a slow machine is not disturbed, and then between two attempts to help it.
_SETTLE = 5.0
_FLUSH_TIMEOUT = 10.0  # seconds: udev may have a map open for a moment
_REMOVALS = ("flush_map", "delete_disk", "logout")
# Steps that change nothing when they fail.
_ATTEMPTS = ("login", "wait_for_session", "rescan", "add_path")
_STILL_TRYING = "no session yet (iscsid is still trying to log in)"


class Clock(Protocol):
    """Time as the standard module has it."""

    def time(self) -> float: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True)
class Timeouts:
    """Bounds in seconds.

    :param login: on one login, logout or rescan command, and on a session's recovery.
    :param device: on the disks of a session to come up or to go, and on their maps.
    """

    login: int
    device: int


def load(runner: Runner, fs: FileSystem, desired: DesiredSessions) -> ObservedSessions:
    """Read what the host has of one target through the ifaces of the task."""
    sessions = tuple(s for s in load_sessions(fs, desired.target) if s.iface in desired.ifaces)
    known = ObservedSessions(
        sessions,
        records=load_records(fs, database_root(runner, fs), desired.target).records,
        live={session.sid: live(fs, session.sid) for session in sessions},
    )
    taken = disks_of(leaving(desired, known))
    usage = read_usage(runner, fs, disks_of(sessions), desired.wwids, taken=taken)
    return replace(known, uses=usage.uses, maps=usage.maps)


def read_initiator_name(fs: FileSystem) -> str | None:
    """The name of this initiator; None when it has none yet."""
    if not fs.exists(INITIATOR_NAME):
        return None
    return parse.initiator_name(fs.read(INITIATOR_NAME))


class SessionSteps:
    """Does the steps of a plan for sessions.

    A step that fails is put off until :meth:`finish`, so that a dead portal does not keep the
    others from being tried.
    """

    def __init__(
        self, runner: Runner, fs: FileSystem, timeouts: Timeouts, clock: Clock = time
    ) -> None:
        self._runner = runner
        self._fs = fs
        self._timeouts = timeouts
        self._clock = clock
        self._failures: list[tuple[Action, ModelStoreError]] = []
        self._skipped: list[Action] = []
        self._given_up: frozenset[Place] = frozenset()

    def apply(self, action: Action, desired: DesiredSessions) -> None:
        """Do one step, note why it failed, or skip it for what failed before."""
        if self._is_blocked(action, desired):
            self._skipped.append(action)
            return
        try:
            self._do(action)
        except ModelStoreError as error:
            self._failures.append((action, error))

    def in_vain(self, action: Action) -> bool:
        """Whether a step was skipped, or failed and changed nothing."""
        tried = [failed for failed, _error in self._failures if failed.name in _ATTEMPTS]
        return any(action is other for other in (*tried, *self._skipped))

    def finish(self, desired: DesiredSessions, warn: Callable[[str], None]) -> None:
        """Raise what failed: a single failure as it is, several in one that tells them all.

        Where the task permits it and a session works, the portals that failed are given up with a
        warning.
        """
        # What is not about a portal (a missing program) fails each step in the same words.
        failures = list({str(error): error for _action, error in self._failures}.values())
        if failures and self._is_enough(desired):
            self._given_up = frozenset(place_of(action) for action, _error in self._failures)
            for error in failures:
                warn(str(error))
        elif len(failures) == 1:
            raise failures[0]
        elif failures:
            raise ModelStoreError(
                "%d failures" % len(failures),
                "; ".join("%s: %s" % (error.what, error.found) for error in failures),
                " and ".join(dict.fromkeys(error.expected for error in failures)),
                " ".join(dict.fromkeys(error.hint for error in failures)),
                {"failures": [error.to_details() for error in failures]},
            )

    def remaining(self, desired: DesiredSessions) -> DesiredSessions:
        """What the task still asks for, without the portals that were given up."""
        return replace(desired, given_up=self._given_up)

    def _is_blocked(self, action: Action, desired: DesiredSessions) -> bool:
        """Whether a step must not be done after what failed before it."""
        failed = [other for other, _error in self._failures]
        if action.name == "relogin":
            # A session that did not recover may do so yet, as long as iscsid has it.
            return any(
                other.name == "wait_for_session" and place_of(other) == place_of(action)
                for other in failed
            )
        # What is there stays until its replacement works. And from the top down: what lies below
        # something that could not be removed has to stay.
        return action.name in _REMOVALS and bool(failed) and not self._is_enough(desired)

    def _is_enough(self, desired: DesiredSessions) -> bool:
        """Whether one session works, and all that failed is about other portals of the task."""
        if not (desired.connected and desired.partial):
            return False
        if any(action.name in _REMOVALS for action, _error in self._failures):
            return False
        failed = {place_of(action) for action, _error in self._failures}
        working = any(
            session.state == LOGGED_IN and not session.missing(desired.wwids)
            for place in set(desired.places) - failed
            for session in at(place, load_sessions(self._fs, desired.target))
        )
        return working and failed <= set(desired.places)

    def _do(self, action: Action) -> None:
        wwids = action.arguments.get("wwids", ())
        mapped = wwids if action.arguments.get("multipath") else ()
        if action.name == "login":
            self._login(action, wwids, mapped)
        elif action.name == "wait_for_session":
            self._wait_for_session(action, wwids, mapped)
        elif action.name == "rescan":
            self._bring_devices(action, action.arguments["sid"], wwids)
            self._bring_paths(action, mapped)
        elif action.name == "add_path":
            self._bring_path(action.arguments["disk"], action.arguments["wwid"])
        elif action.name == "set_replacement_timeout":
            self._fs.write_attribute(
                "%s/session%d/recovery_tmo" % (SESSIONS, action.arguments["sid"]),
                str(action.arguments["seconds"]),
            )
        elif action.name == "relogin":
            self._relogin(action, wwids, mapped)
        elif action.name == "flush_map":
            self._flush_map(action)
        elif action.name == "delete_disk":
            self._delete_disk(action)
        elif action.name == "logout":
            self._logout(action)
        else:
            raise ValueError("no such step: %s" % action.name)

    def _login(self, action: Action, wwids: Sequence[str], mapped: Sequence[str]) -> None:
        """Log in, and wait until the session has its disks and these are in their maps."""
        started = self._clock.time()
        what = "iSCSI login of initiator %s to %s" % (
            read_initiator_name(self._fs) or "without a name",
            action.subject,
        )
        try:
            completed = self._runner.run(
                commands.login_command(action), timeout=self._timeouts.login
            )
        except CommandTimeout as error:
            raise ModelStoreError(
                what,
                "no answer within %d s" % self._timeouts.login,
                "a session",
                "Check the storage network and the portal, and that login_timeout is longer than "
                "the record's node.conn[0].timeo.login_timeout times "
                "node.session.initial_login_retry_max. iscsid may still be trying.",
                error.details,
            ) from error
        # iscsid may have one that it could not log in yet (at boot), which sysfs does not show.
        if completed.returncode not in (0, SESSION_EXISTS):
            names = {
                "initiator": read_initiator_name(self._fs),
                "target": action.arguments["target"],
            }
            reason = self._refusal(completed, started)
            raise failure(
                what,
                completed,
                "a session",
                happened=reason and reason.happened,
                advice=reason and reason.advice % names,
            )
        self._wait_for_session(action, wwids, mapped)

    def _refusal(self, completed: Completed, since: float) -> Verdict | None:
        """Why the login was refused, as far as the journal tells."""
        if completed.returncode not in REFUSALS or not self._runner.available("journalctl"):
            return None
        argv = commands.journal_command(since)
        # The other codes come late, long after the message if there is one.
        at_once = completed.returncode in (FATAL_LOGIN, AUTH_FAILED)
        patience = _JOURNAL_TIMEOUT if at_once else 0.0
        return self._poll(lambda: verdict(self._runner.run(argv).stdout), patience)

    def _wait_for_session(
        self, action: Action, wwids: Sequence[str], mapped: Sequence[str]
    ) -> None:
        """Wait for the session to work, then for its disks, then for their maps."""

        def working() -> list[Session]:
            return [s for s in self._sessions(action) if s.state == LOGGED_IN]

        sessions = self._poll(working, self._timeouts.login)
        if not sessions:
            states = ", ".join(s.state for s in self._sessions(action)) or _STILL_TRYING
            raise ModelStoreError(
                "iSCSI session to %s" % action.subject,
                "%s after %d s" % (states, self._timeouts.login),
                LOGGED_IN,
                "Check the storage network and the target server; iscsid goes on trying.",
            )
        for session in sessions:
            if session.missing(tuple(wwids)):
                self._bring_devices(action, session.sid, wwids)
        self._bring_paths(action, mapped)

    def _bring_devices(self, action: Action, sid: int, wwids: Sequence[str]) -> None:
        """Rescan a session and wait for the disks that it should bring."""
        what = "iSCSI session %d to %s at %s" % (
            sid,
            action.arguments["target"],
            action.arguments["portal"],
        )
        completed = self._runner.run(commands.rescan_command(sid), timeout=self._timeouts.login)
        if completed.returncode != 0:
            raise failure(what, completed, "it to be rescanned")

        def complete() -> bool:
            return any(s.sid == sid and not s.missing(tuple(wwids)) for s in self._sessions(action))

        if not self._poll(complete, self._timeouts.device):
            seen = [
                "%s (%s)" % (device.wwid or "a disk without WWID", device.name)
                for session in self._sessions(action)
                if session.sid == sid
                for device in session.devices
            ]
            raise ModelStoreError(
                what,
                "%s after %d s" % (", ".join(seen) or "no disk", self._timeouts.device),
                "the disk with WWID " + " and ".join(wwids),
                "Check on the target server that the LUN is mapped to this initiator and that its "
                "backstore has the unit serial that gives this WWID.",
            )

    def _bring_paths(self, action: Action, wwids: Sequence[str]) -> None:
        """Wait until the disks of a session are working paths of their maps."""
        for session in self._sessions(action):
            for device in session.devices:
                if device.wwid in wwids:
                    self._bring_path(device.name, device.wwid)

    def _bring_path(self, disk: str, wwid: str) -> None:
        """Wait for a disk to be a working path of its map; help multipathd if it gave it up."""

        def works() -> bool:
            return is_working_path(self._runner, self._fs, disk, wwid)

        deadline = self._clock.monotonic() + self._timeouts.device
        answer = ""
        while not self._poll(works, min(_SETTLE, self._timeouts.device)):
            mapped = map_with(self._fs, disk, wwid) is not None
            if self._clock.monotonic() >= deadline:
                raise ModelStoreError(
                    "multipath map %s" % wwid,
                    "disk %s %s after %d s"
                    % (disk, "not active" if mapped else "not in it", self._timeouts.device),
                    "the disk as one of its working paths",
                    "Check that multipathd runs, and with 'multipath -v3 -d' that no blacklist "
                    "names the disk.",
                    {"multipathd": answer},
                )
            if not mapped:
                completed = self._runner.run(commands.add_path_command(disk))
                answer = (completed.stderr + completed.stdout).strip()

    def _relogin(self, action: Action, wwids: Sequence[str], mapped: Sequence[str]) -> None:
        """Log out and in again, so that the session takes over what its node record says."""
        if any(failed.name == "relogin" for failed, _error in self._failures):
            raise ModelStoreError(
                "iSCSI session to %s" % action.subject,
                "other %s in force than in its node record"
                % " and ".join(action.arguments["differs"]),
                "the session before it to work again first",
                "Mend that one, then run again.",
            )
        observed = self._observe(action)
        refuse_relogin(action, observed)
        devices = [d for s in at(place_of(action), observed.sessions) for d in s.devices]
        there = [device.wwid for device in devices if device.wwid]
        in_maps = [device.wwid for device in devices if observed.map_of(device.name)]
        for device in devices:
            self._leave_map(device.name, observed)
        self._end_session(action)
        self._login(action, tuple(dict.fromkeys([*wwids, *there])), tuple({*mapped, *in_maps}))

    def _flush_map(self, action: Action) -> None:
        what = "multipath map %s" % action.arguments["wwid"]
        argv = commands.flush_map_command(action.arguments["map"])
        answers = []

        def gone() -> bool:
            completed = self._runner.run(argv, timeout=self._timeouts.login)
            answers.append((completed.stderr + completed.stdout).strip())
            return not map_exists(self._fs, action.arguments["wwid"])

        if map_exists(self._fs, action.arguments["wwid"]) and not self._poll(gone, _FLUSH_TIMEOUT):
            raise ModelStoreError(
                what,
                "it still there after '%s'" % " ".join(argv),
                "it to be removed",
                "Something has it open: look with 'fuser -v /dev/mapper/%s' and "
                "'dmsetup ls --tree', stop it, then run again." % action.arguments["map"],
                {"multipath": answers[-1]},
            )

    def _delete_disk(self, action: Action) -> None:
        """Take a disk out of its map and out of the kernel."""
        disk = action.arguments["disk"]
        observed = self._observe(action)
        sessions = at(place_of(action), observed.sessions)
        device = next((d for s in sessions for d in s.devices if d.name == disk), None)
        if device is None:  # gone meanwhile; its name may be another disk's by now
            return
        refuse_use("disk %s" % action.subject, observed.obstacles([disk]))
        self._leave_map(disk, observed)
        if device.state == RUNNING:
            completed = self._runner.run(
                commands.flush_buffers_command(disk), timeout=self._timeouts.device
            )
            if completed.returncode != 0:
                raise ModelStoreError(
                    "disk %s" % action.subject,
                    completed.stderr.strip() or "exit code %d" % completed.returncode,
                    "its buffers to be written out",
                    "Look for errors of the disk in dmesg.",
                )
        folder = "/sys/block/" + disk
        self._fs.write_attribute(folder + "/device/delete", "1")
        if not self._poll(lambda: not self._fs.exists(folder), self._timeouts.device):
            raise ModelStoreError(
                "disk %s" % action.subject,
                "it still there after %d s" % self._timeouts.device,
                "it to be gone",
                "Look for what has it open (lsblk, fuser) and for errors in dmesg.",
            )

    def _leave_map(self, disk: str, observed: ObservedSessions) -> None:
        """Have multipathd send nothing more to a disk, so that no request has to fail over."""
        over = observed.map_of(disk)
        if over is None:
            return
        completed = self._runner.run(commands.remove_path_command(disk))
        if not self._poll(
            lambda: map_with(self._fs, disk, over.wwid) is None, self._timeouts.device
        ):
            raise ModelStoreError(
                "multipath map %s" % over.wwid,
                "disk %s still a path of it" % disk,
                "multipathd to let go of it",
                "Look at 'systemctl status multipathd' and 'journalctl -u multipathd'.",
                {"multipathd": (completed.stderr + completed.stdout).strip()},
            )

    def _logout(self, action: Action) -> None:
        observed = self._observe(action)
        disks = disks_of(at(place_of(action), observed.sessions))
        refuse_use("iSCSI session to %s" % action.subject, observed.obstacles(disks))
        self._end_session(action)

    def _end_session(self, action: Action) -> None:
        what = "iSCSI logout from %s" % action.subject
        completed = self._runner.run(commands.logout_command(action), timeout=self._timeouts.login)
        if completed.returncode not in (0, NOT_FOUND):
            raise failure(what, completed, "no session")
        if self._sessions(action):
            raise ModelStoreError(
                what,
                "the session still there",
                "no session",
                "Without a node record iscsiadm does not find it: run "
                "'iscsiadm -m session -r %d --logout'." % self._sessions(action)[0].sid,
            )

    def _observe(self, action: Action) -> ObservedSessions:
        """The sessions of the target, and what uses their disks, right now."""
        sessions = load_sessions(self._fs, action.arguments["target"])
        taken = disks_of(at(place_of(action), sessions))
        usage = read_usage(self._runner, self._fs, disks_of(sessions), (), taken=taken)
        return ObservedSessions(sessions, usage.uses, usage.maps)

    def _sessions(self, action: Action) -> tuple[Session, ...]:
        return at(place_of(action), load_sessions(self._fs, action.arguments["target"]))

    def _poll(self, probe: Callable[[], _Found], seconds: float) -> _Found:
        """What ``probe`` finds; its empty answer when it finds nothing in time."""
        deadline = self._clock.monotonic() + seconds
        while True:
            found = probe()
            if found or self._clock.monotonic() >= deadline:
                return found
            self._clock.sleep(_POLL)
