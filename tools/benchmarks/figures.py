# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what programs print to the figures of a table. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Measured(NamedTuple):
    """One run: how long it took, the processes it started, the changes it reported."""

    seconds: float
    processes: int
    changed: int


class Size(NamedTuple):
    """What a target is made of."""

    luns: int
    initiators: int
    mapped: int

    @property
    def objects(self) -> int:
        return sum(self)


def changes(output: str) -> int:
    """What the recap of ansible-playbook counts, over all hosts."""
    counts = re.findall(r"^\S+ +: ok=\d+ +changed=(\d+) ", output, re.MULTILINE)
    if not counts:
        raise ValueError(f"no recap in {output!r}")
    return sum(map(int, counts))


def processes(stat: str) -> int:
    """How many processes and threads were started since boot, from ``/proc/stat``."""
    found = re.search(r"^processes (\d+)$", stat, re.MULTILINE)
    if not found:
        raise ValueError(f"no processes in {stat!r}")
    return int(found[1])


def facts(text: str) -> dict[str, str]:
    """Lines of a name and what is known of it."""
    return dict(line.partition(" ")[::2] for line in text.splitlines())  # type: ignore[arg-type]


def size_of(found: Mapping[str, str]) -> Size:
    """The size of a target, counted in configfs."""
    return Size(int(found["luns"]), int(found["acls"]), int(found["mapped"]))


def growth(small: tuple[float, int], large: tuple[float, int], floor: float = 0.0) -> float:
    """How many times as much an object costs among many as it does among few.

    Each of the two is the time of a run and the number of its objects.

    :param floor: the part of the time that does not depend on the objects.
    """
    (few_seconds, few), (many_seconds, many) = small, large
    return ((many_seconds - floor) / many) / ((few_seconds - floor) / few)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side: the first one to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  " + "  ".join(_cells(line, widths)).rstrip() for line in lines
    )


def _cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]
