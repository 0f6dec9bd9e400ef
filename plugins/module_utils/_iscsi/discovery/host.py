# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Discovery on a real host: reading the records, doing the steps of a plan, asking the portals."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.chap import (
    chap_of_action,
    with_chap,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.database import (
    database_root,
    default_chap,
    discovery_path,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery import commands
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.desired import (
    DesiredDiscovery,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.model import (
    DiscoveryRecord,
    OfferedPortal,
    public_targets,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.parse import (
    complaints,
    offers,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.plan import (
    ObservedDiscovery,
    plan_discovery,
    state,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    AUTH_FAILED,
    EXIT_CODES,
    NO_CONNECTION,
    NOT_FOUND,
    failure,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.lock import (
    COMMAND_TIMEOUT,
    Lock,
    database_lock,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import (
    Portal,
    parse_portal,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.service import (
    iscsid_answers,
    no_iscsid,
    start_iscsid,
)

_NETWORK = "Check the storage network and that the target server listens on the portal."


def load(runner: Runner, fs: FileSystem, portals: tuple[Portal, ...]) -> ObservedDiscovery:
    """Read the discovery records of some portals."""
    root = database_root(runner, fs)
    records, damaged, links = [], [], {}
    for portal in portals:
        folder, _slash, name = discovery_path(root, portal).rpartition("/")
        files = fs.listdir(folder)
        if name not in files:
            continue
        links[portal] = tuple("%s/%s" % (folder, file) for file in files if file != name)
        values = parse.whole_record(fs.read("%s/%s" % (folder, name)))
        if values is None:
            damaged.append(portal)
        else:
            records.append(
                DiscoveryRecord(
                    portal=portal,
                    chap=parse.chap_of(values, parse.DISCOVERY_AUTH),
                    method=values.get(parse.DISCOVERY_AUTH + "authmethod", ""),
                    chap_algorithms=values.get(parse.AUTH + "chap_algs", ""),
                )
            )
    return ObservedDiscovery(
        records=tuple(records),
        damaged=tuple(damaged),
        links=links,
        default_chap=default_chap(fs, parse.DISCOVERY_AUTH),
        iscsid_active=iscsid_answers(runner),
    )


class Discovery:
    """Does the steps of a plan, then asks the portals.

    Records that it made are taken back when they turn out to be of no use.

    :param timeout: seconds for each portal.
    :param warn: takes what is to be known of a discovery that is good enough all the same.
    """

    def __init__(
        self,
        runner: Runner,
        fs: FileSystem,
        timeout: int,
        warn: Callable[[str], None],
        lock: Lock = database_lock,
    ) -> None:
        self._runner = runner
        self._fs = fs
        self._timeout = timeout
        self._warn = warn
        self._lock = lock
        self._made: list[Action] = []

    def apply(self, action: Action) -> None:
        """Do one step."""
        try:
            self._do(action)
        except ModelStoreError:
            self._take_back()
            raise

    def result(self, desired: DesiredDiscovery, observed: ObservedDiscovery) -> dict[str, Any]:
        """The records, and what the portals answer when the records are as they should be."""
        answers: tuple[OfferedPortal, ...] = ()
        unreachable: tuple[Portal, ...] = ()
        missing: tuple[Portal, ...] = ()
        discovered = desired.present and not plan_discovery(desired, observed)
        if discovered:
            answers, unreachable = self._ask(desired)
            missing = self._missing(desired, answers)
        return {
            **state(observed.records),
            "discovered": discovered,
            "targets": public_targets(answers),
            "missing_portals": [str(portal) for portal in missing],
            "unreachable_portals": [str(portal) for portal in unreachable],
        }

    def _do(self, action: Action) -> None:
        if action.name == "start_iscsid":
            start_iscsid(self._runner)
        elif action.name == "create_record":
            self._create(action)
        elif action.name in ("set_chap", "clear_chap"):
            self._write_chap(action)
        elif action.name == "set_chap_algorithms":
            self._iscsiadm(action, commands.algorithms_command(action), "the digests to be set")
        elif action.name == "delete_record":
            self._delete(action)
        else:
            raise ValueError("no such step: %s" % action.name)

    def _create(self, action: Action) -> None:
        # Links without a whole record belong to an earlier one.
        fresh = not self._files(action)
        messages = self._iscsiadm(action, commands.new_command(action), "a record to be made")
        if fresh:
            self._made.append(action)
        if "daemon" in messages:
            raise no_iscsid(action.subject, messages)

    def _write_chap(self, action: Action) -> None:
        """Write the credentials into the record's file: iscsiadm takes them as arguments only."""
        root = database_root(self._runner, self._fs)
        path = discovery_path(root, parse_portal(action.arguments["portal"]))
        with self._lock():
            text = with_chap(self._fs.read(path), chap_of_action(action), parse.DISCOVERY_AUTH)
            self._fs.write_private(path, text, staging=root)

    def _delete(self, action: Action) -> None:
        if action.arguments["damaged"]:
            # iscsiadm takes the address from the record, and says that all is well without one.
            self._iscsiadm(action, commands.new_command(action), "its record to be made whole")
        # iscsiadm follows the links and deletes the node records, even those of live sessions.
        with self._lock():
            for link in action.arguments["links"]:
                self._fs.remove(link)
        self._iscsiadm(action, commands.delete_command(action), "its record to be deleted")

    def _iscsiadm(self, action: Action, argv: list[str], expected: str) -> str:
        """Run iscsiadm and return its messages."""
        completed = self._runner.run(argv, timeout=COMMAND_TIMEOUT)
        if completed.returncode != 0:
            raise failure(action.subject, completed, expected)
        return completed.stderr.strip()

    def _take_back(self) -> None:
        for action in self._made:
            # Not with links: iscsiadm follows them and deletes the node records.
            if len(self._files(action)) == 1:
                self._runner.run(commands.delete_command(action))
        self._made.clear()

    def _files(self, action: Action) -> list[str]:
        """The record of a portal, and the links to the node records that came from it."""
        root = database_root(self._runner, self._fs)
        path = discovery_path(root, parse_portal(action.arguments["portal"]))
        return self._fs.listdir(path.rpartition("/")[0])

    def _ask(
        self, desired: DesiredDiscovery
    ) -> tuple[tuple[OfferedPortal, ...], tuple[Portal, ...]]:
        """What all portals answer, and the portals that do not."""
        found: list[OfferedPortal] = []
        failures: dict[Portal, ModelStoreError] = {}
        for portal in desired.portals:
            try:
                found += self._offers(portal)
            except _Unreachable as error:
                failures[portal] = error
            except ModelStoreError:
                self._take_back()
                raise
        if failures and (desired.require_all or len(failures) == len(desired.portals)):
            self._take_back()
            raise _all_of(list(failures.values()))
        for failed in failures.values():
            self._warn(str(failed))
        wanted = (offer for offer in found if desired.target in (None, offer.target))
        return tuple(dict.fromkeys(wanted)), tuple(failures)

    def _offers(self, portal: Portal) -> tuple[OfferedPortal, ...]:
        what = "discovery at %s" % portal
        expected = "the names of its targets"
        try:
            completed = self._runner.run(
                commands.discover_command(str(portal)), timeout=self._timeout
            )
        except CommandTimeout as error:
            raise _Unreachable(
                what, "no answer within %d s" % self._timeout, expected, _NETWORK
            ) from error
        if completed.returncode == 0:
            return offers(completed.stdout)
        messages = complaints(completed.stderr)
        if completed.returncode == NOT_FOUND and not messages:
            return ()
        if completed.returncode in (*NO_CONNECTION, NOT_FOUND):
            # The first message has the cause; the last one is the text of the exit code.
            cause = messages[0] if messages else EXIT_CODES[completed.returncode].happened
            raise _Unreachable(
                what,
                "no connection (%s)" % cause,
                expected,
                _NETWORK,
                {"exit_code": completed.returncode, "stderr": completed.stderr.strip()},
            )
        if completed.returncode == AUTH_FAILED:
            raise failure(
                what,
                completed,
                expected,
                advice="Make the discovery CHAP credentials of this task and of the target "
                "server the same.",
            )
        raise failure(what, completed, expected)

    def _missing(
        self, desired: DesiredDiscovery, answers: tuple[OfferedPortal, ...]
    ) -> tuple[Portal, ...]:
        """The portals that the target should have and does not name."""
        named = [offer.portal for offer in answers]
        missing = tuple(portal for portal in desired.expected if portal not in named)
        if missing or (desired.target and not answers):
            error = ModelStoreError(
                "target %s" % desired.target,
                ", ".join(str(portal) for portal in named) or "no portal",
                ", ".join(str(portal) for portal in desired.expected) or "at least one portal",
                "Check on the target server that its portal group is enabled, has these portals, "
                "and has an ACL for this initiator.",
                {"missing_portals": [str(portal) for portal in missing]},
            )
            if desired.strict:
                raise error
            self._warn(str(error))
        return missing


class _Unreachable(ModelStoreError):
    """A portal that does not answer."""


def _all_of(errors: list[ModelStoreError]) -> ModelStoreError:
    """One error that tells them all."""
    if len(errors) == 1:
        return errors[0]
    return ModelStoreError(
        "%d portals" % len(errors),
        "; ".join("%s: %s" % (error.what, error.found) for error in errors),
        errors[0].expected,
        errors[0].hint,
        {"failures": [error.to_details() for error in errors]},
    )
