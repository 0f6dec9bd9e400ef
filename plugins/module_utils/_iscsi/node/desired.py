# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What an iscsi_node task asks for."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.chap import desired_chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    DEFAULT_IFACE,
    NO_CHAP,
    Chap,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import (
    iface_name,
    target_name,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.settings import (
    canonical_settings,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import AUTH
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.resolve import (
    Lookup,
    resolve_portals,
)


@dataclass(frozen=True)
class DesiredNode:
    """The records of one target as they should be.

    :param ifaces: those that the records belong to; none stands for all (in absent only).
    :param exclusive: records of these ifaces at other portals are to go.
    :param values: keys and values that each record should have, secrets apart.
    :param settings: those of ``values`` that the user named under ``settings``.
    """

    target: str
    portals: tuple[Portal, ...]
    tpgt: int
    present: bool
    ifaces: tuple[str, ...] = (DEFAULT_IFACE,)
    exclusive: bool = False
    chap: Chap = NO_CHAP
    values: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()


def desired_node(params: Mapping[str, Any], lookup: Lookup = socket.getaddrinfo) -> DesiredNode:
    """Check the options of the module, and look up the portals that are host names."""
    if not 0 <= params["tpgt"] <= 65535:
        raise ModelStoreError(
            "tpgt",
            str(params["tpgt"]),
            "a number from 0 to 65535",
            "Take the tag of the target's portal group (LIO: 1 for tpg1).",
        )
    settings = canonical_settings(params["settings"])
    values = {"node.startup": params["startup"], **settings}
    if params["chap_algorithms"]:
        values[AUTH + "chap_algs"] = ",".join(params["chap_algorithms"])
    present = params["state"] == "present"
    ifaces = tuple(dict.fromkeys(iface_name(name) for name in params["ifaces"] or ()))
    return DesiredNode(
        target=target_name(params["target"]),
        portals=resolve_portals(params["portals"], lookup),
        tpgt=params["tpgt"],
        present=present,
        ifaces=ifaces or ((DEFAULT_IFACE,) if present else ()),
        exclusive=params["exclusive"],
        chap=desired_chap(params),
        values=values,
        settings=tuple(settings),
    )
