# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the discovery CHAP as it is wanted and what was found to the steps."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._lio.chap import chap_arguments
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.model import (
    WHAT,
    DesiredDiscoveryAuth,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import DiscoveryAuth


def plan_discovery_auth(desired: DesiredDiscoveryAuth, observed: Observed) -> Plan:
    """The steps.

    :raises ModelStoreError: targets of others would change their behaviour.
    """
    running = observed.running.discovery_auth
    saved = observed.saved.discovery_auth if observed.saved else DiscoveryAuth()
    actions = _steps(running, desired.auth)
    if actions or running != saved:
        if not desired.allow_foreign:
            _refuse_foreign(desired, observed)
        actions.append(Action("save", WHAT))
    return Plan(tuple(actions), running.public(), desired.auth.public())


def _steps(running: DiscoveryAuth, wanted: DiscoveryAuth) -> list[Action]:
    """Never does LIO ask for credentials that are set in part."""
    actions = []
    if running.enabled and not wanted.enabled:
        actions.append(Action("disable_discovery_auth", WHAT))
    if running.chap != wanted.chap:
        actions.append(Action("set_discovery_chap", WHAT, chap_arguments(wanted.chap)))
    if wanted.enabled and not running.enabled:
        actions.append(Action("enable_discovery_auth", WHAT))
    return actions


def _refuse_foreign(desired: DesiredDiscoveryAuth, observed: Observed) -> None:
    names = {
        target.name
        for configuration in (observed.running, observed.saved)
        if configuration
        for target in configuration.targets
        if target.fabric == "iscsi"
    }
    foreign = sorted(names - desired.targets)
    if foreign:
        raise ModelStoreError(
            WHAT,
            "targets of others: %s" % ", ".join(foreign),
            "only targets named in targets",
            "Discovery CHAP is one for the whole host: their initiators would be asked for it as "
            "well. Name them in targets, or set allow_foreign: true.",
            {"foreign_targets": foreign},
        )
