# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Node records of a real host: reading them, and doing the steps of a plan."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
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
    iface_path,
    load_records,
    record_path,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    NOT_FOUND,
    failure,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.lock import (
    COMMAND_TIMEOUT,
    Lock,
    database_lock,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import SPECIAL_IFACES
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node import commands
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.plan import ObservedNode
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import parse_portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.service import (
    iscsid_answers,
    no_iscsid,
    start_iscsid,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.sysfs import load_sessions


def load(runner: Runner, fs: FileSystem, target: str) -> ObservedNode:
    """Read what the host has of one target; nothing at all where open-iscsi is not installed."""
    return ObservedNode(
        records=load_records(fs, database_root(runner, fs), target),
        sessions=load_sessions(fs, target),
        default_chap=default_chap(fs),
        iscsid_active=iscsid_answers(runner),
    )


def apply(action: Action, runner: Runner, fs: FileSystem, lock: Lock = database_lock) -> None:
    """Do one step."""
    if action.name == "start_iscsid":
        start_iscsid(runner)
    elif action.name == "create_record":
        _create(action, runner, fs)
    elif action.name == "replace_damaged_record":
        _remove(action, fs, lock)
        _create(action, runner, fs)
    elif action.name == "remove_damaged_record":
        _remove(action, fs, lock)
    elif action.name == "update_record":
        _iscsiadm(action, runner, commands.update_command(action), "the values to be set")
    elif action.name == "delete_record":
        _iscsiadm(action, runner, commands.delete_command(action), "it to be deleted", NOT_FOUND)
    elif action.name in ("set_chap", "clear_chap"):
        _write_chap(action, runner, fs, lock)
    else:
        raise ValueError("no such step: %s" % action.name)


def _create(action: Action, runner: Runner, fs: FileSystem) -> None:
    iface = action.arguments["iface"]
    if iface not in SPECIAL_IFACES and not fs.exists(iface_path(database_root(runner, fs), iface)):
        raise ModelStoreError(
            "iface record %s" % iface,
            "none",
            "it to be there before its node records",
            "Make it with tts.modelstore.iscsi_iface.",
        )
    messages = _iscsiadm(action, runner, commands.new_command(action), "it to be created")
    # Without iscsid the record is made all the same, but with compiled-in values in place of
    # those in iscsid.conf. Nobody would ever correct them, so it must not stay.
    if "daemon" in messages:
        runner.run(commands.delete_command(action))
        raise no_iscsid("node record %s" % action.subject, messages)


def _iscsiadm(
    action: Action, runner: Runner, argv: list[str], expected: str, *also_fine: int
) -> str:
    """Run iscsiadm and return its messages."""
    completed = runner.run(argv, timeout=COMMAND_TIMEOUT)
    if completed.returncode not in (0, *also_fine):
        raise failure("node record %s" % action.subject, completed, expected)
    return completed.stderr.strip()


def _remove(action: Action, fs: FileSystem, lock: Lock) -> None:
    with lock():
        fs.remove(action.arguments["path"])


def _write_chap(action: Action, runner: Runner, fs: FileSystem, lock: Lock) -> None:
    """Write the credentials into the record's file.

    iscsiadm takes secrets on its command line only, where every user of the host can read them.
    """
    root = database_root(runner, fs)
    path = record_path(
        root,
        action.arguments["target"],
        parse_portal(action.arguments["portal"]),
        action.arguments["tpgt"],
        action.arguments["iface"],
    )
    with lock():
        text = with_chap(fs.read(path), chap_of_action(action), parse.AUTH)
        # Staged in the root: iscsiadm takes every file beside the record for another iface's.
        fs.write_private(path, text, staging=root)
