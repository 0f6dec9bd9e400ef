# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Steps on iface records as iscsiadm commands."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action


def new_command(action: Action) -> list[str]:
    """Make a record."""
    return [*_iface(action), "-o", "new"]


def update_command(action: Action) -> list[str]:
    """Set values, in the node records of this iface too: iscsiadm keeps a copy in each."""
    argv = [*_iface(action), "-o", "update"]
    for key, value in action.arguments["values"].items():
        argv += ["-n", key, "-v", value]
    return argv


def delete_command(action: Action) -> list[str]:
    """Delete a record."""
    return [*_iface(action), "-o", "delete"]


def _iface(action: Action) -> list[str]:
    return ["iscsiadm", "-m", "iface", "-I", action.arguments["name"]]
