# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Discoveries, and steps on their records, as iscsiadm commands."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import DEFAULT_IFACE
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import AUTH


def new_command(action: Action) -> list[str]:
    """Make a record. On one that is there it would put everything back to the defaults."""
    return [*_record(action.arguments["portal"]), "-o", "new"]


def algorithms_command(action: Action) -> list[str]:
    """Set the digests. Their key is that of node records in discovery records too."""
    return [
        *_record(action.arguments["portal"]),
        *["-o", "update", "-n", AUTH + "chap_algs", "-v", action.arguments["chap_algorithms"]],
    ]


def delete_command(action: Action) -> list[str]:
    """Delete a record - and all node records that it links to."""
    return [*_record(action.arguments["portal"]), "-o", "delete"]


def discover_command(portal: str) -> list[str]:
    """Ask a portal for its targets and write nothing.

    A plain discovery puts the node records that are there back to the defaults. Without an iface
    named, iscsiadm would go through all of them and take each unreachable one for no answer.
    """
    return [*_record(portal), "--discover", "-o", "nonpersistent", "-I", DEFAULT_IFACE]


def _record(portal: str) -> list[str]:
    return ["iscsiadm", "-m", "discoverydb", "-t", "sendtargets", "-p", portal]
