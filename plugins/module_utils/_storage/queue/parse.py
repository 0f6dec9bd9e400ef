# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the text of sysfs to the model."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.model import Queue


def parse_queue(name: str, attributes: Mapping[str, str]) -> Queue:
    """A device from its attributes in ``queue``; empty ones are not there.

    >>> parse_queue("sda", {"scheduler": "[none] mq-deadline"}).values
    {'scheduler': 'none'}
    """
    values = {key: text for key, text in attributes.items() if text}
    largest = int(values.pop("max_hw_sectors_kb", "0"))
    schedulers = values.get("scheduler", "").split()
    for scheduler in schedulers:
        if scheduler.startswith("[") or len(schedulers) == 1:
            values["scheduler"] = scheduler.strip("[]")
    return Queue(name, values, tuple(entry.strip("[]") for entry in schedulers), largest)
