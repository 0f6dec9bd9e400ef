# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Steps on sessions as commands."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action


def login_command(action: Action) -> list[str]:
    """Log in at one portal."""
    return [*_node(action), "--login"]


def logout_command(action: Action) -> list[str]:
    """End the sessions at one portal."""
    return [*_node(action), "--logout"]


def rescan_command(sid: int) -> list[str]:
    """Look for new LUNs in one session."""
    return ["iscsiadm", "-m", "session", "-r", str(sid), "--rescan"]


def add_path_command(disk: str) -> list[str]:
    """Have multipathd take a disk as a path, also one that it gave up."""
    return ["multipathd", "add", "path", disk]


def remove_path_command(disk: str) -> list[str]:
    """Take a disk out of its map. Nothing is lost while another path works."""
    return ["multipathd", "del", "path", disk]


def flush_map_command(name: str) -> list[str]:
    """Remove a multipath map; refused while something has it open."""
    return ["multipath", "-f", name]


def flush_buffers_command(disk: str) -> list[str]:
    """Write out what the kernel holds back for a disk."""
    return ["blockdev", "--flushbufs", "/dev/" + disk]


def journal_command(since: float) -> list[str]:
    """What iscsid logged since a time (seconds since the epoch)."""
    return [
        "journalctl",
        "-u",
        "iscsid.service",
        "--since",
        "@%.6f" % since,
        "-o",
        "cat",
        "--no-pager",
    ]


def _node(action: Action) -> list[str]:
    return [
        "iscsiadm",
        "-m",
        "node",
        "-T",
        action.arguments["target"],
        "-p",
        action.arguments["portal"],
        "-I",
        action.arguments["iface"],
    ]
