# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cold sequential reads of a model file on the node, through the whole stack.

Large packets against usual ones, the collection's settings against those that Debian brings, and
all of it against what TCP alone carries between the same two machines. Everything is put back
afterwards, by a snapshot of the whole rig.
"""

from __future__ import annotations

import re
import statistics
import sys
from typing import NamedTuple

from vmrig.process import uninterrupted

from benchmarks.demo import MOUNT, NODE, PORTAL, PREFIX, STORE, rig, shell, wait_for_paths
from benchmarks.figures import CPU, Use, named, used

RUNS = 3
MEGABYTES = 244  # 256 MB, as models are counted
FILE = f"{MOUNT}/bench.bin"
PORTALS = (PORTAL, "10.77.2.10")
# What the article this project starts from reports: 18 % less time to load.
BAR = 1 / (1 - 0.18)

_TPG = f"/sys/kernel/config/target/iscsi/{PREFIX}:store1/tpgt_1"
# What LIO, the kernel and Debian's udev rules have by themselves.
_LIO = {
    "MaxBurstLength": "262144",
    "FirstBurstLength": "65536",
    "MaxRecvDataSegmentLength": "8192",
    "InitialR2T": "Yes",
    "MaxOutstandingR2T": "1",
}
_QUEUE = {"read_ahead_kb": "128", "scheduler": "mq-deadline"}
_TCP_PORT = 5201


class Setup(NamedTuple):
    """How the stack is set up: the size of packets, and whose settings it has."""

    mtu: int
    tuned: bool

    def __str__(self) -> str:
        return f"MTU {self.mtu}, {'the collection' if self.tuned else 'Debian'}'s settings"


SETUPS = [Setup(mtu, tuned) for mtu in (9000, 1500) for tuned in (True, False)]


def run() -> bool:
    """Print all speeds and what they come to; false when larger packets are under the bar."""
    rig("snapshot", "bench")
    try:
        return _report()
    finally:
        with uninterrupted():
            rig("restore", "bench")


def _report() -> bool:
    ours = _Settings(named(shell(STORE, f"cd {_TPG}/param && grep . * | tr : ' '")), _queue())
    shell(NODE, f"dd if=/dev/urandom of={FILE} bs=1M count={MEGABYTES} conv=fsync status=none")
    speeds, tcp = {}, {}
    uses: dict[str, Use] = {}
    for setup in SETUPS:
        _set_up(setup, ours)
        if setup.mtu not in tcp:
            tcp[setup.mtu] = statistics.median(_tcp() for _ in range(RUNS))
        speeds[setup] = statistics.median(_read() for _ in range(RUNS))
        if setup == SETUPS[0]:
            uses = _profile()
    print(f"Cold sequential read of a model file of 256 MB, median of {RUNS}:")
    for setup, speed in speeds.items():
        print(f"  {setup!s:40}{speed:8.1f} MB/s   {speed / tcp[setup.mtu]:5.2f} of raw TCP")
    for mtu, speed in tcp.items():
        print(f"  {f'MTU {mtu}, raw TCP over one network':40}{speed:8.1f} MB/s")
    large, usual = (speeds[Setup(mtu, tuned=True)] for mtu in (9000, 1500))
    tuned, plain = speeds[SETUPS[0]], speeds[Setup(9000, tuned=False)]
    worst = speeds[Setup(1500, tuned=False)]
    right = large / usual >= BAR
    print(f"  large packets against usual ones        {large / usual:8.2f} times (bar {BAR:.2f})")
    print(f"  the collection's settings alone         {tuned / plain:8.2f} times")
    print(f"  both together                           {tuned / worst:8.2f} times")
    print("Where the processors' time went, with large packets and the collection's settings:")
    for host, use in uses.items():
        print(f"  {host}: {use}")
    return right


class _Settings(NamedTuple):
    """What the collection has set: parameters of LIO, and of the queues on the node."""

    lio: dict[str, str]
    queue: dict[str, str]


def _set_up(setup: Setup, ours: _Settings) -> None:
    for host, portals in ((STORE, _sources()), (NODE, PORTALS)):
        for portal in portals:
            card = re.search(r" dev (\S+)", shell(host, f"ip route get {portal}"))
            if not card:
                sys.exit(f"{host}: found no route to {portal}, expected the demo's networks")
            shell(host, f"ip link set dev {card[1]} mtu {setup.mtu}")
    for name, value in _LIO.items():
        wanted = ours.lio[name] if setup.tuned else value
        shell(STORE, f"echo {wanted} > {_TPG}/param/{name}")
    # What was negotiated, and the size of segments, lasts as long as a connection.
    for portal in PORTALS:
        node = f"iscsiadm --mode node --targetname {PREFIX}:store1 --portal {portal}"
        shell(NODE, f"{node} --logout && {node} --login")
        wait_for_paths()
    queue = ours.queue if setup.tuned else _QUEUE
    for name, value in queue.items():
        # Read-ahead is a matter of the map alone.
        devices = "$map" if name == "read_ahead_kb" else "$map $map/slaves/*"
        shell(NODE, f"{_MAP} && for d in {devices}; do echo {value} > $d/queue/{name}; done")


_MAP = f"map=/sys/block/$(basename $(readlink -f $(findmnt --noheadings --output SOURCE {MOUNT})))"


def _sources() -> list[str]:
    """The addresses that the node comes from."""
    shown = shell(NODE, "; ".join(f"ip route get {portal}" for portal in PORTALS))
    return re.findall(r" src (\S+)", shown)


def _queue() -> dict[str, str]:
    shown = shell(
        NODE,
        f"{_MAP} && for name in {' '.join(_QUEUE)}; do echo $name $(cat $map/queue/$name); done",
    )
    # The scheduler in use is the one in brackets.
    return {
        name: (re.findall(r"\[(\S+)\]", value) or [value])[0]
        for name, value in named(shown).items()
    }


def _read() -> float:
    """MB/s of one cold read of the file."""
    shell(STORE, "echo 3 > /proc/sys/vm/drop_caches")
    said = shell(
        NODE,
        f"echo 3 > /proc/sys/vm/drop_caches; LC_ALL=C dd if={FILE} of=/dev/null bs=1M 2>&1",
    )
    taken = re.search(r"(\d+) bytes .* copied, ([\d.e-]+) s", said)
    if not taken:
        sys.exit(f"{NODE}: found no reading of {FILE} ({said.strip()}), expected what dd says")
    return int(taken[1]) / float(taken[2]) / 1e6


def _tcp() -> float:
    """MB/s of one connection from the server to the node, with nothing else in it."""
    sender = (
        f"import socket; s = socket.create_server(('{PORTAL}', {_TCP_PORT})); c = s.accept()[0]; "
        f"b = bytes(1 << 20); [c.sendall(b) for _ in range({MEGABYTES})]"
    )
    receiver = (
        f"import socket, time; c = socket.create_connection(('{PORTAL}', {_TCP_PORT})); "
        "b = bytearray(1 << 20); t = time.monotonic(); n = 0\n"
        "while (k := c.recv_into(b)): n += k\n"
        "print(n / (time.monotonic() - t) / 1e6)"
    )
    shell(
        STORE,
        f'systemd-run --quiet --unit=bench-tcp --collect python3 -c "{sender}"; '
        f"until ss -Hltn 'sport = :{_TCP_PORT}' | grep -q .; do sleep 0.2; done",
    )
    return float(shell(NODE, f'python3 -c "{receiver}"'))


def _profile() -> dict[str, Use]:
    """What the processors of both machines do while the file is read once more."""
    before = {host: shell(host, CPU) for host in (STORE, NODE)}
    _read()
    return {host: used(before[host], shell(host, CPU)) for host in (STORE, NODE)}
