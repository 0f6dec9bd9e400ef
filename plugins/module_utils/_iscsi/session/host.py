# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Sessions of a real host: reading them, and doing the steps of a plan."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Protocol, TypeVar

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    AUTH_FAILED,
    NOT_FOUND,
    SESSION_EXISTS,
    failure,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    DEFAULT_IFACE,
    LOGGED_IN,
    Session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import parse_portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session import commands
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.plan import (
    ObservedSessions,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.usage import uses
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.verdict import (
    Verdict,
    verdict,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.sysfs import load_sessions

_Found = TypeVar("_Found")

INITIATOR_NAME = "/etc/iscsi/initiatorname.iscsi"
_POLL = 0.5  # seconds between two looks at sysfs
_JOURNAL_TIMEOUT = 5.0  # seconds: iscsid hands its messages to a logging process of its own


class Clock(Protocol):
    """Time as the standard module has it."""

    def time(self) -> float: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True)
class Timeouts:
    """Bounds in seconds.

    :param login: on one login, logout or rescan command, and on a session's recovery.
    :param device: on the disks of a session to come up.
    """

    login: int
    device: int


def load(fs: FileSystem, target: str) -> ObservedSessions:
    """Read what the host has of one target through the default iface."""
    sessions = _own_sessions(fs, target)
    disks = [device.name for session in sessions for device in session.devices]
    return ObservedSessions(sessions, uses(fs, disks))


def _own_sessions(fs: FileSystem, target: str) -> tuple[Session, ...]:
    """The sessions of the records that iscsi_node makes; those of other ifaces are left alone."""
    return tuple(s for s in load_sessions(fs, target) if s.iface == DEFAULT_IFACE)


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
        self._failures: list[ModelStoreError] = []

    def apply(self, action: Action) -> None:
        """Do one step, or note why it failed."""
        try:
            self._do(action)
        except ModelStoreError as error:
            self._failures.append(error)

    def finish(self) -> None:
        """Raise what failed: a single failure as it is, several in one that tells them all."""
        # What is not about a portal (a missing program) fails each step in the same words.
        failures = list({str(error): error for error in self._failures}.values())
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ModelStoreError(
                "%d failures" % len(failures),
                "; ".join("%s: %s" % (error.what, error.found) for error in failures),
                " and ".join(dict.fromkeys(error.expected for error in failures)),
                " ".join(dict.fromkeys(error.hint for error in failures)),
                {"failures": [error.to_details() for error in failures]},
            )

    def _do(self, action: Action) -> None:
        if action.name == "login":
            self._login(action)
        elif action.name == "wait_for_session":
            self._wait_for_session(action)
        elif action.name == "rescan":
            self._bring_devices(action, action.arguments["sid"])
        elif action.name == "logout":
            self._logout(action)
        else:
            raise ValueError("no such step: %s" % action.name)

    def _login(self, action: Action) -> None:
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
        sessions = self._sessions(action)
        there = completed.returncode == SESSION_EXISTS and bool(sessions)
        if completed.returncode == AUTH_FAILED:
            names = {
                "initiator": read_initiator_name(self._fs),
                "target": action.arguments["target"],
            }
            reason = self._refusal(started)
            raise failure(
                what,
                completed,
                "a session",
                happened=reason and reason.happened,
                advice=reason and reason.advice % names,
            )
        if completed.returncode != 0 and not there:
            raise failure(what, completed, "a session")
        self._wait_for_session(action)

    def _refusal(self, since: float) -> Verdict | None:
        """Why the target refused the login, as far as the journal tells."""
        if not self._runner.available("journalctl"):
            return None
        argv = commands.journal_command(since)
        return self._poll(lambda: verdict(self._runner.run(argv).stdout), _JOURNAL_TIMEOUT)

    def _wait_for_session(self, action: Action) -> None:
        """Wait for the session to work, then for its disks."""

        def working() -> list[Session]:
            return [s for s in self._sessions(action) if s.state == LOGGED_IN]

        sessions = self._poll(working, self._timeouts.login)
        if not sessions:
            states = ", ".join(s.state for s in self._sessions(action)) or "none"
            raise ModelStoreError(
                "iSCSI session to %s" % action.subject,
                "%s after %d s" % (states, self._timeouts.login),
                LOGGED_IN,
                "Check the storage network and the target server; iscsid goes on trying.",
            )
        for session in sessions:
            if session.missing(tuple(action.arguments["wwids"])):
                self._bring_devices(action, session.sid)

    def _bring_devices(self, action: Action, sid: int) -> None:
        """Rescan a session and wait for the disks that it should bring."""
        wwids = tuple(action.arguments["wwids"])
        what = "iSCSI session %d to %s at %s" % (
            sid,
            action.arguments["target"],
            action.arguments["portal"],
        )
        completed = self._runner.run(commands.rescan_command(sid), timeout=self._timeouts.login)
        if completed.returncode != 0:
            raise failure(what, completed, "it to be rescanned")

        def complete() -> bool:
            return any(s.sid == sid and not s.missing(wwids) for s in self._sessions(action))

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

    def _logout(self, action: Action) -> None:
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

    def _sessions(self, action: Action) -> list[Session]:
        portal = parse_portal(action.arguments["portal"])
        sessions = _own_sessions(self._fs, action.arguments["target"])
        return [session for session in sessions if session.portal == portal]

    def _poll(self, probe: Callable[[], _Found], seconds: float) -> _Found:
        """What ``probe`` finds; its empty answer when it finds nothing in time."""
        deadline = self._clock.monotonic() + seconds
        while True:
            found = probe()
            if found or self._clock.monotonic() >= deadline:
                return found
            self._clock.sleep(_POLL)
