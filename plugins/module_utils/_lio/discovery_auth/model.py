# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The discovery CHAP of a target server as it is wanted: the module's options, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.chap import desired_chap
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Configuration,
    DiscoveryAuth,
)

WHAT = "discovery authentication"


@dataclass(frozen=True)
class DesiredDiscoveryAuth:
    """What the module's options ask for.

    :param targets: the IQNs that are known to be served under these credentials.
    :param allow_foreign: other targets may be there as well.
    """

    auth: DiscoveryAuth
    targets: frozenset[str]
    allow_foreign: bool


@dataclass(frozen=True)
class Observed:
    """What was found.

    :param saved: None when nothing was ever saved.
    """

    running: Configuration
    saved: Configuration | None


def desired_discovery_auth(params: Mapping[str, Any]) -> DesiredDiscoveryAuth:
    """The module's options, checked.

    :raises ModelStoreError: credentials that LIO would not take, or that are not safe.
    """
    auth = DiscoveryAuth()
    if params["state"] == "present":
        chap = desired_chap(WHAT, params)
        if not chap.is_set:
            raise ModelStoreError(
                WHAT,
                "no chap_username and chap_password",
                "CHAP credentials",
                "Give them, or switch discovery CHAP off with state absent.",
            )
        auth = DiscoveryAuth(enabled=True, chap=chap)
    return DesiredDiscoveryAuth(auth, frozenset(params["targets"]), params["allow_foreign"])
