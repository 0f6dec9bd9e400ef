# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the settings in force to the writes that are left."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.model import (
    TOP_ONLY,
    Observed,
    Queue,
)

SIZE = "max_sectors_kb"
# Another scheduler sets the number of requests anew, so it comes first.
_ORDER = ("scheduler", SIZE, "nr_requests", "read_ahead_kb")


def plan_queue(desired: Mapping[str, str], observed: Observed) -> Plan:
    """The writes that are left.

    :param desired: the settings that are wanted.
    :raises ModelStoreError: a device does not take a value.
    """
    for queue in (observed.top, *observed.paths):
        _refuse(desired, queue)
    actions = []
    # A request that the map lets through must not be too large for a path at any time.
    larger = [path for path in observed.paths if _grows(desired, path)]
    smaller = [path for path in observed.paths if path not in larger]
    for queue in (*larger, observed.top, *smaller):
        for setting in sorted(_wanted(desired, queue, observed), key=_ORDER.index):
            if queue.values.get(setting) != desired[setting]:
                actions.append(
                    Action("write", "%s %s" % (queue.name, setting), {"value": desired[setting]})
                )
    if not actions:
        return Plan()
    queues = (observed.top, *observed.paths)
    return Plan(
        tuple(actions),
        {queue.name: _only(queue.values, _wanted(desired, queue, observed)) for queue in queues},
        {queue.name: _only(desired, _wanted(desired, queue, observed)) for queue in queues},
    )


def show_queues(desired: Mapping[str, str], observed: Observed) -> dict[str, dict[str, str]]:
    """The settings in force, in the form that the user sees."""
    return {
        queue.name: _only(queue.values, set(desired)) for queue in (observed.top, *observed.paths)
    }


def _wanted(desired: Mapping[str, str], queue: Queue, observed: Observed) -> set[str]:
    return set(desired) if queue is observed.top else set(desired) - TOP_ONLY


def _grows(desired: Mapping[str, str], path: Queue) -> bool:
    return SIZE in desired and int(path.values.get(SIZE, 0)) < int(desired[SIZE])


def _only(values: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: values.get(name, "") for name in sorted(names)}


def _refuse(desired: Mapping[str, str], queue: Queue) -> None:
    scheduler = desired.get("scheduler")
    if scheduler and scheduler not in queue.schedulers:
        raise ModelStoreError(
            "scheduler of %s" % queue.name,
            "%s to choose from" % (", ".join(queue.schedulers) or "none"),
            scheduler,
            "Choose one of them, or load the kernel module that brings it.",
        )
    if int(desired.get(SIZE, 0)) > queue.largest_kb:
        raise ModelStoreError(
            "%s of %s" % (SIZE, queue.name),
            "%d as the most that the hardware takes" % queue.largest_kb,
            desired[SIZE],
            "Choose a smaller value.",
        )
