# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cold sequential reads: the disk on the target server, and the volume on the node."""

from __future__ import annotations

import re
import statistics
import sys

from benchmarks.demo import MOUNT, NODE, STORE, shell

RUNS = 3
MEGABYTES = 128


def run() -> bool:
    """Print both speeds and their ratio."""
    # Alternating, so that whatever else the machine does falls on both.
    pairs = [
        (
            _speed(STORE, f"/dev/disk/by-id/virtio-models-{NODE}"),
            _speed(NODE, f"$(findmnt --noheadings --output SOURCE --mountpoint {MOUNT})"),
        )
        for _ in range(RUNS)
    ]
    local, remote = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"Cold sequential read of {MEGABYTES} MiB, median of {RUNS}:")
    print(f"  disk on the target server       {local:8.1f} MB/s")
    print(f"  volume on the GPU node          {remote:8.1f} MB/s")
    print(f"  ratio                           {remote / local:8.2f}")
    return True


def _speed(host: str, device: str) -> float:
    """MB/s of one cold sequential read from the start of a device."""
    said = shell(
        host,
        "sync; echo 3 > /proc/sys/vm/drop_caches; "
        f"LC_ALL=C dd if={device} of=/dev/null bs=1M count={MEGABYTES} 2>&1",
    )
    taken = re.search(r"(\d+) bytes .* copied, ([\d.e-]+) s", said)
    if not taken:
        sys.exit(f"{host}: found no reading of {device} ({said.strip()}), expected what dd says")
    return int(taken[1]) / float(taken[2]) / 1e6
