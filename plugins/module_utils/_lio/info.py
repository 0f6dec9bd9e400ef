# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What lio_info reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Configuration,
    Target,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import compare_saved


def read_info(lio: Lio, wanted: Iterable[str]) -> dict[str, Any]:
    """Everything in the form of the module's return values.

    :param wanted: names of targets; none means all of them.
    """
    names = set(wanted)
    running = lio.running()
    targets = [
        target
        for target in running.targets
        if target.fabric == "iscsi" and (not names or target.name in names)
    ]
    return {
        "available": lio.available,
        "backstores": [
            backstore.public(lio.size_bytes(backstore.device), running.exports(backstore.key))
            for backstore in running.backstores
        ],
        "targets": [target.public() for target in targets],
        "discovery_auth": running.discovery_auth.public(),
        "sessions": [session for target in targets for session in _sessions(lio, target)],
        "saved": _saved(lio, running, names),
    }


def _sessions(lio: Lio, target: Target) -> list[dict[str, Any]]:
    return [
        {"target": target.name, "tpg": tag, "initiator": initiator, **session.public()}
        for tag, initiator, session in lio.sessions(target)
    ]


def _saved(lio: Lio, running: Configuration, names: set[str]) -> dict[str, Any]:
    saved = lio.saved()
    compared = compare_saved(running, saved or Configuration(), names)
    return {
        "path": lio.saved_path,
        "exists": saved is not None,
        "matches_running": not any(compared.values()),
        **compared,
    }
