# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The queue settings of a disk, and of the paths below it when it is a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Of the device that is read from alone; the rest is of its paths as well.
TOP_ONLY = frozenset({"read_ahead_kb"})


@dataclass(frozen=True)
class Queue:
    """One device.

    :param values: the settings in force, as the kernel writes them; without those it does not have.
    :param schedulers: the schedulers that there are to choose from.
    :param largest_kb: the largest request that the hardware takes.
    """

    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    schedulers: tuple[str, ...] = ()
    largest_kb: int = 0


@dataclass(frozen=True)
class Observed:
    """The device that is used, and its paths; none for a plain disk."""

    top: Queue
    paths: tuple[Queue, ...] = ()
