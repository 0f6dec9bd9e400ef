# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From rtslib's dump, which is also the form of the saved configuration, to the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Acl,
    Backstore,
    Chap,
    Configuration,
    DiscoveryAuth,
    Lun,
    MappedLun,
    Portal,
    Target,
    Tpg,
    backstore_key,
)

_BACKSTORES = "/backstores/"


@dataclass(frozen=True)
class Session:
    """A session that LIO reports.

    :param session_id: LIO's own number; None, and nothing else told but the type, in demo mode.
    :param type: "Normal" or "Discovery".
    :param state: "LOGGED_IN", "FAILED", …
    :param alias: what the initiator calls itself.
    :param addresses: the initiator's addresses, one for each connection.
    """

    session_id: int | None
    type: str
    state: str = ""
    alias: str = ""
    addresses: tuple[str, ...] = ()

    def public(self) -> dict[str, Any]:
        return {
            "id": self.session_id,
            "type": self.type,
            "state": self.state,
            "alias": self.alias,
            "addresses": list(self.addresses),
        }


def parse_configuration(dump: Mapping[str, Any]) -> Configuration:
    """All backstores and targets, in an order that does not depend on configfs."""
    return Configuration(
        backstores=tuple(
            sorted(
                (_backstore(entry) for entry in dump.get("storage_objects", [])),
                key=lambda backstore: backstore.key,
            )
        ),
        targets=tuple(
            sorted(
                (_target(entry) for entry in dump.get("targets", [])),
                key=lambda target: (target.fabric, target.name),
            )
        ),
        discovery_auth=_discovery_auth(dump.get("fabric_modules", [])),
    )


def parse_portal(address: str, port: int) -> Portal:
    """A portal with its address in the one canonical spelling.

    :raises ValueError: the address is neither IPv4 nor IPv6.

    >>> parse_portal("[FD00::0001]", 3260)
    Portal(address='fd00::1', port=3260)
    """
    return Portal(str(ip_address(address.strip("[]"))), int(port))


def parse_session(info: str) -> Session | None:
    """The ``info`` file of an ACL; None when the initiator is not logged in."""
    session_id = re.search(r"^LIO Session ID:\s*(\d+)", info, re.MULTILINE)
    if not session_id:
        return None
    return Session(
        session_id=int(session_id.group(1)),
        type=_first(r"SessionType:\s*(\S+)", info),
        state=_first(r"TARG_SESS_(?:STATE_)?(\S+)", info),
        alias=_first(r"^InitiatorAlias:[ \t]*(\S*)", info),
        addresses=tuple(re.findall(r"^\s*Address\s+(\S+)", info, re.MULTILINE)),
    )


def parse_dynamic_sessions(names: str) -> tuple[str, ...]:
    """The initiators that are logged in to a TPG without an ACL, in demo mode."""
    # The kernel ends each name with a line break and a NUL.
    return tuple(names.replace("\0", "\n").split())


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1) if found else ""


def _backstore(entry: Mapping[str, Any]) -> Backstore:
    return Backstore(
        plugin=entry["plugin"],
        name=entry["name"],
        device=entry.get("dev") or "",
        wwn=entry.get("wwn") or "",
        attributes=_settings(entry.get("attributes")),
        write_protect=bool(entry.get("readonly")),
        write_back=bool(entry.get("write_back")),
        size=entry.get("size"),
    )


def _discovery_auth(fabrics: Iterable[Mapping[str, Any]]) -> DiscoveryAuth:
    for entry in fabrics:
        if entry.get("name") == "iscsi":
            return DiscoveryAuth(
                bool(entry.get("discovery_enable_auth")), _chap(entry, "discovery_")
            )
    return DiscoveryAuth()


def _target(entry: Mapping[str, Any]) -> Target:
    tpgs = sorted((_tpg(tpg) for tpg in entry.get("tpgs", [])), key=lambda tpg: tpg.tag)
    return Target(entry["wwn"], entry["fabric"], tuple(tpgs))


def _tpg(entry: Mapping[str, Any]) -> Tpg:
    return Tpg(
        tag=entry["tag"],
        enabled=bool(entry.get("enable", True)),
        portals=tuple(
            sorted(parse_portal(np["ip_address"], np["port"]) for np in entry.get("portals", []))
        ),
        luns=tuple(
            sorted(
                Lun(lun["index"], _backstore_key(lun.get("storage_object")))
                for lun in entry.get("luns", [])
            )
        ),
        acls=tuple(
            sorted((_acl(acl) for acl in entry.get("node_acls", [])), key=lambda acl: acl.initiator)
        ),
        attributes=_settings(entry.get("attributes")),
        parameters=_settings(entry.get("parameters")),
    )


def _acl(entry: Mapping[str, Any]) -> Acl:
    return Acl(
        initiator=entry["node_wwn"],
        chap=_chap(entry, "chap_"),
        mapped_luns=tuple(
            sorted(
                MappedLun(lun["index"], lun.get("tpg_lun"), bool(lun.get("write_protect")))
                for lun in entry.get("mapped_luns", [])
            )
        ),
        authentication=_own_authentication(entry.get("attributes") or {}),
    )


def _own_authentication(attributes: Mapping[str, Any]) -> bool | None:
    # Before Linux 6.0 an ACL has no such attribute. After that -1 means what the TPG says.
    return {"0": False, "1": True}.get(str(attributes.get("authentication")))


def _chap(entry: Mapping[str, Any], prefix: str) -> Chap:
    return Chap(
        username=entry.get(prefix + "userid") or "",
        password=Secret(entry.get(prefix + "password") or ""),
        mutual_username=entry.get(prefix + "mutual_userid") or "",
        mutual_password=Secret(entry.get(prefix + "mutual_password") or ""),
    )


def _backstore_key(storage_object: str | None) -> str:
    if storage_object is None:
        return ""
    plugin, name = storage_object[len(_BACKSTORES) :].split("/", 1)
    return backstore_key(plugin, name)


def _settings(entry: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value).strip() for name, value in (entry or {}).items()}
