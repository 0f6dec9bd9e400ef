# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads and sets the discovery CHAP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._lio.chap import set_credentials
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.model import (
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio, apply_action
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import Ours


def load_discovery_auth(lio: Lio) -> Observed:
    """The discovery CHAP, and all targets."""
    return Observed(running=lio.running(), saved=lio.saved())


def apply_discovery_auth(lio: Lio, action: Action) -> None:
    """Do one step of the plan."""

    def set_chap(arguments: Mapping[str, Any]) -> None:
        lio.start()
        set_credentials(lio.rtslib.FabricModule("iscsi"), "discovery_", arguments)

    def enable(_arguments: Mapping[str, Any]) -> None:
        lio.rtslib.FabricModule("iscsi").discovery_enable_auth = True

    def disable(_arguments: Mapping[str, Any]) -> None:
        lio.rtslib.FabricModule("iscsi").discovery_enable_auth = False

    def save(_arguments: Mapping[str, Any]) -> None:
        lio.save(Ours(discovery_auth=True))

    handlers = {
        "set_discovery_chap": set_chap,
        "enable_discovery_auth": enable,
        "disable_discovery_auth": disable,
        "save": save,
    }
    apply_action(lio, handlers, action)
