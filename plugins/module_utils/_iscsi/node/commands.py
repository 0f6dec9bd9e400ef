# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Steps on node records as iscsiadm commands and file edits."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import (
    AUTH,
    CREDENTIAL_KEYS,
)

START_ISCSID = ["systemctl", "start", "iscsid.socket"]


def new_command(action: Action) -> list[str]:
    """Make a record. On one that is there it would put everything back to the defaults."""
    return ["iscsiadm", "-m", "node", "-o", "new", *_record(action)]


def update_command(action: Action) -> list[str]:
    """Set all values with one call: iscsiadm writes them together or not at all."""
    argv = ["iscsiadm", "-m", "node", *_record(action), "-o", "update"]
    for key, value in action.arguments["values"].items():
        argv += ["-n", key, "-v", value]
    return argv


def delete_command(action: Action) -> list[str]:
    """Delete a record."""
    return ["iscsiadm", "-m", "node", *_record(action), "-o", "delete"]


def chap_of_action(action: Action) -> Chap:
    """The credentials that a step sets."""
    parts = ("username", "password", "mutual_username", "mutual_password")
    return Chap(**{part: action.arguments[part] for part in parts if part in action.arguments})


def with_chap(text: str, chap: Chap) -> str:
    """The text of a record with these credentials in place of its own."""
    method = AUTH + "authmethod"
    values = (
        chap.username,
        chap.password.value,
        chap.mutual_username,
        chap.mutual_password.value,
    )
    # iscsiadm expects no line for an empty value.
    ours = ["%s = %s" % (method, chap.method)]
    ours += ["%s = %s" % pair for pair in zip(CREDENTIAL_KEYS, values) if pair[1]]
    keys = (method, *CREDENTIAL_KEYS)
    kept = [line for line in text.splitlines() if line.partition(" = ")[0] not in keys]
    end = kept.index("# END RECORD")
    return "\n".join([*kept[:end], *ours, *kept[end:]]) + "\n"


def _record(action: Action) -> list[str]:
    portal, tpgt = action.arguments["portal"], action.arguments["tpgt"]
    return [
        "-T",
        action.arguments["target"],
        "-p",
        portal if tpgt is None else "%s,%d" % (portal, tpgt),
        "-I",
        action.arguments["iface"],
    ]
