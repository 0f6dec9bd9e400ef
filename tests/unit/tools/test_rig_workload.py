# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verified I/O: how it is started and what is read out of fio's report."""

from __future__ import annotations

import json

import pytest
from vmrig.errors import RigError
from vmrig.workload import Result, Workload, parse


def report(error: int = 0) -> str:
    job = {
        "error": error,
        "read": {"io_bytes": 4096, "lat_ns": {"max": 2_500_000_000}},
        "write": {"io_bytes": 8192, "lat_ns": {"max": 7_000_000}},
    }
    return "\nfio: terminating on signal 2\n" + json.dumps({"jobs": [job]})


def test_the_longest_request_of_both_kinds_is_the_stall() -> None:
    assert parse(report()) == Result(error=0, verified_bytes=4096, longest_stall=2.5)


def test_an_io_error_is_kept() -> None:
    assert parse(report(error=5)).error == 5


def test_a_missing_report_shows_what_was_there() -> None:
    with pytest.raises(RigError, match="fio: found 'cannot open', expected its report"):
        parse("cannot open")


def test_what_is_written_is_read_back_past_the_cache_and_compared() -> None:
    commands: list[str] = []

    def run(command: str) -> str:
        commands.append(command)
        return report()

    workload = Workload(run, "/mnt/cache_hub")
    workload.start()
    (started,) = [command for command in commands if "systemd-run" in command]
    for option in ("--verify=crc32c", "--verify_fatal=1", "--direct=1", "--time_based"):
        assert option in started.split()
    assert "--filename=/mnt/cache_hub/verified-io.bin" in started
    assert workload.stop().verified_bytes == 4096
    assert "rm -f" in commands[-1] and "/mnt/cache_hub/verified-io.bin" in commands[-1]
