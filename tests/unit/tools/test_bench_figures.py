# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what programs print to the figures of make bench."""

from __future__ import annotations

import pytest
from benchmarks.figures import (
    Cost,
    Size,
    growth,
    named,
    processes,
    size,
)


def test_the_processes_since_boot_are_read() -> None:
    assert processes("cpu  1 2 3\nctxt 99\nprocesses 4711\nprocs_running 2\n") == 4711


def test_a_stat_without_processes_is_an_error() -> None:
    with pytest.raises(ValueError, match="no processes"):
        processes("procs_running 2\n")


def test_the_size_of_a_target_is_the_number_of_its_objects() -> None:
    found = named("luns 4\nacls 256\nmapped_luns 1024\nportals 10.77.1.10:3261 [fd77::1]:3261\n")
    assert size(found) == Size(luns=4, acls=256, mapped_luns=1024)
    assert size(found).objects == 1284
    assert found["portals"] == "10.77.1.10:3261 [fd77::1]:3261"


def test_a_cost_that_grows_with_the_square_is_seen() -> None:
    few, many = Cost(8**2, 8), Cost(256**2, 256)
    assert growth(few, many) == 32


def test_what_every_run_needs_hides_growth_until_it_is_taken_away() -> None:
    floor = 100.0
    few, many = Cost(floor + 8**2, 8), Cost(floor + 256**2, 256)
    assert growth(few, many) < 32
    assert growth(few.without(floor), many.without(floor)) == 32
