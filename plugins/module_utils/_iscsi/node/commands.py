# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Steps on node records as iscsiadm commands."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action


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
