# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what programs print to figures. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Measured(NamedTuple):
    """One run: how long it took, the processes it started, the changes it reported."""

    seconds: float
    processes: int
    changed: int


class Size(NamedTuple):
    """What a target is made of."""

    luns: int
    acls: int
    mapped_luns: int

    @property
    def objects(self) -> int:
        return sum(self)


class Cost(NamedTuple):
    """How long a number of objects took."""

    seconds: float
    objects: int

    @property
    def each(self) -> float:
        return self.seconds / self.objects

    def without(self, floor: float) -> Cost:
        """The part of the time that depends on the objects."""
        return Cost(self.seconds - floor, self.objects)


def growth(few: Cost, many: Cost) -> float:
    """How many times as much an object costs among many as it does among few."""
    return many.each / few.each


def processes(stat: str) -> int:
    """How many processes and threads were started since boot, from ``/proc/stat``."""
    found = re.search(r"^processes (\d+)$", stat, re.MULTILINE)
    if not found:
        raise ValueError(f"no processes in {stat!r}")
    return int(found[1])


def named(text: str) -> dict[str, str]:
    """Lines of a name and a value."""
    parts = (line.partition(" ") for line in text.splitlines())
    return {name: value for name, _blank, value in parts}


def size(found: Mapping[str, str]) -> Size:
    """The size of a target, from what was counted in configfs."""
    return Size(int(found["luns"]), int(found["acls"]), int(found["mapped_luns"]))
