# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long I/O stalls when parts of the demo fail.

The faults are real: cables are pulled out of gpu1, and store1 loses its power. Files that are there
stay as they are.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

from vmrig.workload import Result

from benchmarks.demo import (
    NETWORKS,
    NODE,
    PORTAL,
    RIG,
    STORE,
    remarks,
    rig,
    wait_for_paths,
    workload,
)

# What a stall may be longer than the outage that caused it.
MARGIN = 10.0


class Fault(NamedTuple):
    """A fault: ``cause`` brings it about, mends it, and returns for how long nothing could work."""

    name: str
    cause: Callable[[], float]
    published: float


def one_path() -> float:
    rig("cable", NODE, NETWORKS[0], "down")
    try:
        time.sleep(15)
    finally:
        rig("cable", NODE, NETWORKS[0], "up")
    return 0.0


def both_paths() -> float:
    for network in NETWORKS:
        rig("cable", NODE, network, "down")
    start = time.monotonic()
    try:
        time.sleep(8)
    finally:
        rig("cable", NODE, NETWORKS[0], "up")
        outage = time.monotonic() - start
        rig("cable", NODE, NETWORKS[1], "up")
    return outage


def target() -> float:
    rig("power", STORE, "off")
    start = time.monotonic()
    # Asked from the node: until then no login could have succeeded.
    probe = f"until timeout 1 bash -c '</dev/tcp/{PORTAL}/3260'; do sleep 0.2; done 2>/dev/null"
    with subprocess.Popen([RIG, "ssh", NODE, probe]) as waiting:
        rig("power", STORE, "on", "--no-wait")
        waiting.wait()
    return time.monotonic() - start


# The last figures are the best published ones for such faults, on virtual machines and with verified
# I/O: github.com/joaquinv98/zfs-iscsi-multipath.
FAULTS = (
    Fault("one of two cables out for 15 s", one_path, 7.1),
    Fault("both cables out for 8 s", both_paths, 12.7),
    Fault("target server without power", target, 25.7),
)


def run() -> bool:
    """Print the longest stall of each fault; whether all I/O was right."""
    print("Longest stall of verified I/O (fio, one request at a time, CRC32C):")
    print(f"  {'':32}{'outage':>9}{'stall':>9}{'bar':>9}{'published':>11}")
    right = True
    for fault in FAULTS:
        outage, result = _stalled(fault)
        # With a path left there is no outage to wait for.
        bar = outage + MARGIN if outage else fault.published
        right = right and not result.error
        print(
            f"  {fault.name:32}{outage:7.1f} s{result.longest_stall:7.1f} s{bar:7.1f} s"
            f"{fault.published:9.1f} s  {remarks(result, bar)}".rstrip(),
            flush=True,
        )
    return right


def _stalled(fault: Fault) -> tuple[float, Result]:
    """Bring a fault about under verified I/O."""
    wait_for_paths()
    io = workload()
    io.start()
    try:
        outage = fault.cause()
        wait_for_paths()
    finally:
        result = io.stop()
    return outage, result
