# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Iface records of a real host: reading them, and doing the steps of a plan."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.database import (
    database_root,
    iface_path,
    load_records,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    EXIT_CODES,
    INVALID,
    NO_TRANSPORT,
    failure,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface import commands
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.model import IfaceRecord
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.plan import ObservedIface
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.lock import COMMAND_TIMEOUT
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.sysfs import load_sessions

_REFUSED = "Could not update iface"  # the exit code is 0 all the same

_COMMANDS = {
    "create_iface": (commands.new_command, "it to be created"),
    "update_iface": (commands.update_command, "the values to be set"),
    "delete_iface": (commands.delete_command, "it to be deleted"),
}


def load(runner: Runner, fs: FileSystem, name: str) -> ObservedIface:
    """Read one iface record and who uses it."""
    root = database_root(runner, fs)
    path = iface_path(root, name)
    if not fs.exists(path):
        return ObservedIface()
    values = parse.whole_record(fs.read(path))
    found = load_records(fs, root)
    users = [
        *("session %d to %s" % (s.sid, s.target) for s in load_sessions(fs) if s.iface == name),
        *("node record %s" % record for record in found.records if record.iface == name),
        *("damaged node record %s" % file.path for file in found.damaged if file.iface == name),
    ]
    return ObservedIface(
        record=None if values is None else IfaceRecord(name, values),
        damaged=values is None,
        users=tuple(users),
    )


def apply(action: Action, runner: Runner) -> None:
    """Do one step."""
    command, expected = _COMMANDS[action.name]
    what = "iface record %s" % action.subject
    completed = runner.run(command(action), timeout=COMMAND_TIMEOUT)
    if completed.returncode == 0 and _REFUSED in completed.stderr:
        raise ModelStoreError(
            what,
            completed.stderr.strip().splitlines()[0],
            expected,
            "Delete the record with state=absent, then make it anew.",
        )
    if completed.returncode != 0:
        # An update looks for the transport in the kernel, and calls it an argument when it is not
        # there.
        no_transport = completed.returncode == INVALID and "transport" in completed.stderr
        known = EXIT_CODES[NO_TRANSPORT] if no_transport else None
        raise failure(
            what,
            completed,
            expected,
            happened=known and known.happened,
            advice=known and known.advice,
        )
