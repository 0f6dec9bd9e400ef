# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What the initiator knows: node records, sessions and their devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal

LOGGED_IN = "LOGGED_IN"
DEFAULT_IFACE = "default"


_NO_SECRET = Secret("")


@dataclass(frozen=True)
class Chap:
    """CHAP credentials. The mutual ones are those the target proves itself with."""

    username: str = ""
    password: Secret = _NO_SECRET
    mutual_username: str = ""
    mutual_password: Secret = _NO_SECRET

    @property
    def method(self) -> str:
        """The value of ``node.session.auth.authmethod``."""
        return "CHAP" if self.username else "None"


NO_CHAP = Chap()


@dataclass(frozen=True)
class NodeRecord:
    """One record of the database: a target at one portal through one iface.

    :param tpgt: the target portal group tag; None in a record of the old form without one.
    :param values: all keys but the names and secrets of CHAP, as they are in the file.
    """

    target: str
    portal: Portal
    tpgt: int | None
    iface: str
    path: str
    chap: Chap = NO_CHAP
    values: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        tag = "" if self.tpgt is None else ",%d" % self.tpgt
        return "%s at %s%s" % (self.target, self.portal, tag)


@dataclass(frozen=True)
class DamagedRecord:
    """A file of the record database that is not a whole record."""

    target: str
    portal: Portal
    tpgt: int | None
    iface: str
    path: str


@dataclass(frozen=True)
class Records:
    """What the database holds."""

    records: tuple[NodeRecord, ...] = ()
    damaged: tuple[DamagedRecord, ...] = ()


NO_RECORDS = Records()


@dataclass(frozen=True)
class Live:
    """What a session runs with; None where the kernel does not tell.

    :param credentials: in the order of :class:`Chap`.
    """

    credentials: tuple[Secret | None, ...] = (None, None, None, None)
    noop_out_interval: int | None = None
    noop_out_timeout: int | None = None
    recovery_timeout: int | None = None


@dataclass(frozen=True)
class Device:
    """A disk that a session brings."""

    name: str
    lun: int
    wwid: str
    size_bytes: int
    state: str

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {
            "name": self.name,
            "lun": self.lun,
            "wwid": self.wwid,
            "size_bytes": self.size_bytes,
            "state": self.state,
        }


@dataclass(frozen=True)
class Session:
    """A session as the kernel has it.

    :param portal: the persistent portal: the one logged in to, before any redirection.
    :param state: LOGGED_IN; FAILED while it recovers; FREE after the replacement timeout
        (still recovering) or while it ends.
    """

    sid: int
    target: str
    portal: Portal
    tpgt: int
    iface: str
    state: str
    devices: tuple[Device, ...] = ()

    def missing(self, wwids: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``wwids`` that the session does not bring."""
        seen = {device.wwid for device in self.devices}
        return tuple(wwid for wwid in wwids if wwid not in seen)

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        return {
            "sid": self.sid,
            "target": self.target,
            "portal": str(self.portal),
            "address": self.portal.address,
            "port": self.portal.port,
            "tpgt": self.tpgt,
            "iface": self.iface,
            "state": self.state,
            "devices": [device.public() for device in self.devices],
        }
