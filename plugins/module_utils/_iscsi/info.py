# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""All that iscsi_info tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.database import (
    database_root,
    load_records,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import target_name
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.plan import public_record
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.settings import SETTINGS
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.resolve import resolve_portals
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.host import (
    INITIATOR_NAME,
    read_initiator_name,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.sysfs import (
    load_sessions,
    parameters,
)

_UNIT = "iscsid.service"


def gather(
    runner: Runner, fs: FileSystem, target: str | None, portals: Sequence[str]
) -> dict[str, Any]:
    """Read the initiator of this host, whole or for one target, and resolve portals."""
    if target is not None:
        target_name(target)
    available = runner.available("iscsiadm")
    version = parse.version(runner.run(["iscsiadm", "--version"]).stdout) if available else ()
    found = load_records(fs, database_root(runner, fs), target)
    return {
        "available": available,
        "version": ".".join(str(part) for part in version) or None,
        "initiator_name": read_initiator_name(fs),
        "iscsid": _iscsid(runner, fs),
        "portals": [
            {"portal": str(portal), "address": portal.address, "port": portal.port}
            for portal in resolve_portals(portals)
        ],
        "records": [public_record(record, tuple(SETTINGS)) for record in found.records],
        "damaged": [record.path for record in found.damaged],
        "sessions": [
            {**session.public(), **_parameters(fs, session.sid)}
            for session in load_sessions(fs, target)
        ],
    }


def _parameters(fs: FileSystem, sid: int) -> dict[str, Any]:
    found = parameters(fs, sid)
    return {"recovery_timeout": found.get("recovery_tmo"), "parameters": found}


def _iscsid(runner: Runner, fs: FileSystem) -> dict[str, bool]:
    """Whether iscsid runs, and whether it still goes by an initiator name of before.

    It reads its name once, when it starts.
    """
    if not runner.available("systemctl"):
        return {"active": False, "outdated": False}
    properties = ["--property", "ActiveState,ExecMainStartTimestamp"]
    answer = runner.run(["systemctl", "show", "--timestamp=us+utc", *properties, _UNIT])
    active, started = parse.unit_start(answer.stdout)
    outdated = (
        started is not None and fs.exists(INITIATOR_NAME) and started < fs.mtime(INITIATOR_NAME)
    )
    return {"active": active, "outdated": active and outdated}
