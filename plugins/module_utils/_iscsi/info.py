# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""All that iscsi_info tells."""

from __future__ import annotations

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
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.host import (
    read_initiator_name,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.sysfs import (
    load_sessions,
    parameters,
)


def gather(runner: Runner, fs: FileSystem, target: str | None) -> dict[str, Any]:
    """Read the initiator of this host, whole or for one target."""
    if target is not None:
        target_name(target)
    available = runner.available("iscsiadm")
    version = parse.version(runner.run(["iscsiadm", "--version"]).stdout) if available else ()
    found = load_records(fs, database_root(runner, fs), target)
    return {
        "available": available,
        "version": ".".join(str(part) for part in version) or None,
        "initiator_name": read_initiator_name(fs),
        "records": [public_record(record, tuple(SETTINGS)) for record in found.records],
        "damaged": [record.path for record in found.damaged],
        "sessions": [
            {**session.public(), "parameters": parameters(fs, session.sid)}
            for session in load_sessions(fs, target)
        ],
    }
