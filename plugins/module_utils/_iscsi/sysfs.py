# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Sessions as the kernel shows them in sysfs."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    DEFAULT_IFACE,
    Device,
    Live,
    Session,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal
from ansible_collections.tts.modelstore.plugins.module_utils._storage.block import SECTOR, attribute

SESSIONS = "/sys/class/iscsi_session"
CONNECTIONS = "/sys/class/iscsi_connection"

_SESSION_PARAMETERS = (
    "initial_r2t",
    "immediate_data",
    "first_burst_len",
    "max_burst_len",
    "max_outstanding_r2t",
    "recovery_tmo",
)
_CONNECTION_PARAMETERS = (
    "max_recv_dlength",
    "max_xmit_dlength",
    "header_digest",
    "data_digest",
    "ping_tmo",
    "recv_tmo",
)


def load_sessions(fs: FileSystem, target: str | None = None) -> tuple[Session, ...]:
    """All sessions of this host, or those to one target, by their number."""
    sids = [name[len("session") :] for name in fs.listdir(SESSIONS)]
    found = [_session(fs, int(sid)) for sid in sids if sid.isdigit()]
    return tuple(
        sorted(
            (session for session in found if target in (None, session.target)),
            key=lambda session: session.sid,
        )
    )


def parameters(fs: FileSystem, sid: int) -> dict[str, Any]:
    """What the two sides negotiated, and the timeouts in force, under the kernel's names."""
    session = "%s/session%d/" % (SESSIONS, sid)
    connection = "%s/connection%d:0/" % (CONNECTIONS, sid)
    paths = {name: session + name for name in _SESSION_PARAMETERS}
    paths.update({name: connection + name for name in _CONNECTION_PARAMETERS})
    values = {name: _attribute(fs, path) for name, path in paths.items()}
    return {name: _number(value) for name, value in values.items() if value}


def live(fs: FileSystem, sid: int) -> Live:
    """The credentials and timers that a session runs with."""
    session = "%s/session%d/" % (SESSIONS, sid)
    connection = "%s/connection%d:0/" % (CONNECTIONS, sid)
    names = ("username", "password", "username_in", "password_in")
    return Live(
        tuple(
            Secret(_attribute(fs, session + name)) if fs.exists(session + name) else None
            for name in names
        ),
        # The kernel's names: recv_tmo is the time without an answer before it pings.
        _optional_number(_attribute(fs, connection + "recv_tmo")),
        _optional_number(_attribute(fs, connection + "ping_tmo")),
        _optional_number(_attribute(fs, session + "recovery_tmo")),
    )


def _session(fs: FileSystem, sid: int) -> Session:
    session = "%s/session%d/" % (SESSIONS, sid)
    connection = "%s/connection%d:0/" % (CONNECTIONS, sid)
    return Session(
        sid=sid,
        target=_attribute(fs, session + "targetname"),
        portal=Portal(
            _attribute(fs, connection + "persistent_address"),
            int(_attribute(fs, connection + "persistent_port") or 0),
        ),
        tpgt=int(_attribute(fs, session + "tpgt") or 0),
        iface=_attribute(fs, session + "ifacename") or DEFAULT_IFACE,
        state=_attribute(fs, session + "state"),
        devices=_devices(fs, fs.realpath(session + "device")),
    )


def _devices(fs: FileSystem, folder: str) -> tuple[Device, ...]:
    devices = []
    for target in fs.listdir(folder):
        if not target.startswith("target"):
            continue
        for address in fs.listdir("%s/%s" % (folder, target)):
            if not re.fullmatch(r"\d+:\d+:\d+:\d+", address):
                continue
            path = "%s/%s/%s/" % (folder, target, address)
            devices += [
                Device(
                    name=name,
                    lun=int(address.rpartition(":")[2]),
                    wwid=parse.wwid(_attribute(fs, path + "wwid")),
                    size_bytes=int(_attribute(fs, path + "block/" + name + "/size") or 0) * SECTOR,
                    state=_attribute(fs, path + "state"),
                )
                for name in fs.listdir(path + "block")
            ]
    return tuple(sorted(devices, key=lambda device: device.lun))


def _attribute(fs: FileSystem, path: str) -> str:
    """One attribute; empty when the object just went or has no value yet."""
    value = attribute(fs, path)
    return "" if value in ("(null)", "<NULL>") else value


def _optional_number(value: str) -> int | None:
    return int(value) if value.isdigit() else None


def _number(value: str) -> int | str:
    return int(value) if re.fullmatch(r"-?\d+", value) else value
