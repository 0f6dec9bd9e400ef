# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verified I/O on a machine: fio writes, reads back and compares checksums until it is stopped."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from vmrig.errors import RigError

_UNIT = "verified-io"
_REPORT = f"/var/tmp/{_UNIT}.json"
_FILE = f"{_UNIT}.bin"
# One request at a time, past the page cache, so that the longest of them is the longest stall. The
# pause leaves a processor to the rest of an emulated machine.
_OPTIONS = (
    "--rw=write", "--size=16M", "--bs=16k", "--ioengine=psync", "--direct=1", "--thinktime=50000",
    "--verify=crc32c", "--verify_backlog=16", "--verify_fatal=1", "--time_based", "--runtime=86400",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What happened to the I/O between start and stop."""

    error: int
    verified_bytes: int
    longest_stall: float


@dataclass(frozen=True)
class Workload:
    """One at a time on a machine. ``run`` runs a shell command there and raises when it fails."""

    run: Callable[[str], str]
    folder: str

    def start(self) -> None:
        """Start it; returns when the first data was verified."""
        self.run(
            "command -v fio >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qy install fio"
        )
        fio = [
            *("fio", f"--name={_UNIT}", f"--filename={self.folder}/{_FILE}", *_OPTIONS),
            *("--output-format=json", f"--output={_REPORT}"),
        ]
        self.run(
            f"systemd-run --quiet --unit={_UNIT} --collect --property=KillSignal=SIGINT "
            f"{shlex.join(fio)}"
        )
        self.run(f"sleep 5; systemctl is-active {_UNIT}")

    def stop(self) -> Result:
        """Stop it, remove its file, and say what happened."""
        # Gone by itself if an error has ended it.
        self.run(f"systemctl stop {_UNIT} || true")
        text = self.run(f"cat {_REPORT}; rm -f {_REPORT} {self.folder}/{_FILE}")
        return parse(text)


def parse(text: str) -> Result:
    """Read fio's report, which its messages may precede."""
    _messages, brace, body = text.partition("{")
    try:
        (job,) = json.loads(brace + body)["jobs"]
    except ValueError as exc:
        raise RigError(f"fio: found {text.strip()[:200]!r}, expected its report") from exc
    return Result(
        error=job["error"],
        verified_bytes=job["read"]["io_bytes"],
        longest_stall=max(job[way]["lat_ns"]["max"] for way in ("read", "write")) / 1e9,
    )
