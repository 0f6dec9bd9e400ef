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
    used,
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


def look(user: int, idle: int, threads: dict[str, int]) -> str:
    lines = [f"cpu  {user} 0 0 {idle} 0 0 0 0 0 0"]
    for number, (name, ticks) in enumerate(threads.items(), start=100):
        lines.append(f"{number} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0")
    return "\n".join(lines) + "\n"


def test_threads_are_named_by_what_they_took_between_two_looks() -> None:
    before = look(100, 900, {"iscsi_ttx": 50, "kworker/0:1-x": 10, "odd) name": 0, "sshd": 7})
    after = look(160, 940, {"iscsi_ttx": 90, "kworker/0:1-x": 20, "odd) name": 5, "sshd": 7})
    found = used(before, after)
    assert found.states == {"user": 0.6, "idle": 0.4}
    assert found.threads == {"iscsi_ttx": 0.4, "kworker": 0.1, "odd) name": 0.05}
    assert str(found).endswith("threads iscsi_ttx 40%, kworker 10%, odd) name 5%")


def test_threads_that_start_meanwhile_count_whole() -> None:
    found = used(look(0, 0, {}), look(100, 0, {"dd": 80}))
    assert found.threads == {"dd": 0.8}
