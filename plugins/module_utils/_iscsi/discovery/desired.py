# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What an iscsi_discovery task asks for."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.chap import desired_chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_CHAP, Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import target_name
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.resolve import (
    Lookup,
    resolve_portals,
)


@dataclass(frozen=True)
class DesiredDiscovery:
    """The discovery records of some portals as they should be, and what the answers must hold.

    :param chap_algorithms: the digests to offer; empty leaves the records with theirs.
    :param target: the only target looked for; None stands for all.
    :param expected: portals that the target must have.
    :param require_all: each portal must answer; else one that does is enough.
    :param strict: what is missing is an error; else a warning.
    """

    portals: tuple[Portal, ...]
    present: bool
    chap: Chap = NO_CHAP
    chap_algorithms: str = ""
    target: str | None = None
    expected: tuple[Portal, ...] = ()
    require_all: bool = False
    strict: bool = True


def desired_discovery(
    params: Mapping[str, Any], lookup: Lookup = socket.getaddrinfo
) -> DesiredDiscovery:
    """Check the options of the module, and look up the portals that are host names."""
    if not params["portals"]:
        raise ModelStoreError(
            "portals", "none", "at least one", "Name the portals that are asked for their targets."
        )
    if params["timeout"] < 1:
        raise ModelStoreError(
            "timeout", str(params["timeout"]), "1 second or more", "Nothing here waits for ever."
        )
    if params["expected_portals"] and params["target"] is None:
        raise ModelStoreError(
            "expected_portals", "it without target", "both", "Name the target that has them."
        )
    return DesiredDiscovery(
        portals=resolve_portals(params["portals"], lookup),
        present=params["state"] == "present",
        chap=desired_chap(params),
        chap_algorithms=",".join(params["chap_algorithms"] or ()),
        target=None if params["target"] is None else target_name(params["target"]),
        expected=resolve_portals(params["expected_portals"], lookup),
        require_all=params["require_all"],
        strict=params["on_missing"] == "fail",
    )
