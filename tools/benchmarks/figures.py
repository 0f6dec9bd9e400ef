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


# What used() takes: the processors' time, then that of each thread. A name may hold anything, so
# that the fields are counted from the closing parenthesis.
CPU = "head -n 1 /proc/stat; cat /proc/[0-9]*/task/[0-9]*/stat 2>/dev/null; true"
_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class Use(NamedTuple):
    """Shares of the time of a machine's processors: by state, and of the busiest threads."""

    states: dict[str, float]
    threads: dict[str, float]

    def __str__(self) -> str:
        states = ", ".join(f"{name} {share:.0%}" for name, share in self.states.items())
        threads = ", ".join(f"{name} {share:.0%}" for name, share in self.threads.items())
        return f"{states}; threads {threads}"


def used(before: str, after: str, count: int = 5) -> Use:
    """What was done between two looks, each what :data:`CPU` prints.

    :param count: how many threads to name at most.
    """
    old, new = (_ticks(text.partition("\n")[0]) for text in (before, after))
    spent = {name: new[name] - old[name] for name in _STATES}
    total = sum(spent.values()) or 1
    known = _threads(before)
    threads: dict[str, int] = {}
    for key, ticks in _threads(after).items():
        name = re.sub(r"[/:_-]?\d+.*$", "", key[1]) or key[1]
        threads[name] = threads.get(name, 0) + ticks - known.get(key, 0)
    busiest = sorted(threads, key=lambda name: -threads[name])[:count]
    return Use(
        {name: ticks / total for name, ticks in spent.items() if ticks / total >= 0.01},
        {name: threads[name] / total for name in busiest if threads[name] / total >= 0.01},
    )


def _ticks(line: str) -> dict[str, int]:
    return dict(zip(_STATES, map(int, line.split()[1:9]), strict=True))


def _threads(text: str) -> dict[tuple[str, str], int]:
    """Ticks of each thread so far, by its number and name."""
    found = {}
    for line in text.splitlines()[1:]:
        head, _parenthesis, tail = line.rpartition(")")
        number, _parenthesis, name = head.partition(" (")
        fields = tail.split()
        found[number, name] = int(fields[11]) + int(fields[12])
    return found
