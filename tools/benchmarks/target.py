# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a target costs: time, processes, and how both grow with the number of initiators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import change, peers, sample
from benchmarks.demo import PORTAL, STORE, Task, measured, play, shell
from benchmarks.figures import Cost, Measured, growth, size

LUNS, INITIATORS = 8, 4
SCALE = (8, 64, 256)
SCALE_LUNS = 4
# How much more an object may cost among the most initiators than among the fewest.
GROWTH = 1.5

_EXPECTED = {
    "luns": str(LUNS),
    "acls": str(INITIATORS),
    "mapped_luns": str(LUNS * INITIATORS),
    "writable": str(LUNS),
    "secrets": str(INITIATORS),
    "authentication": "1",
    "enabled": "1",
    "portals": f"{PORTAL}:{sample.PORT}",
}


def run() -> bool:
    """Print all tables; whether everything was as it has to be."""
    checkouts = peers.checkouts()
    sample.remove()
    before = sample.all_objects()
    try:
        floor = _twice({"ansible.builtin.ping": {}})
        right = _small(floor, checkouts)
        print(flush=True)
        _scale(floor[1].seconds)
    finally:
        sample.remove()
    print(flush=True)
    right = change.run() and right
    if sample.all_objects() != before:
        print(f"WRONG: found other objects in LIO on {STORE} than before, expected the same")
        right = False
    return right


def _small(floor: tuple[Measured, Measured], checkouts: Path | None) -> bool:
    """A small target, and what others need for the same one."""
    print(f"{LUNS} LUNs for {INITIATORS} initiators with CHAP, in a target of its own on {STORE}:")
    print(f"  {'':32}{'first run':>20}{'second run':>20}")
    print(
        f"  {'':32}{'time':>9}{'processes':>11}{'time':>9}{'processes':>11}{'changed':>9}"
        f"{'in the kernel':>15}  login without CHAP"
    )
    _print("a ping, Ansible's own share", floor)
    names, admitted = sample.backstores(LUNS), sample.initiators(INITIATORS)
    shell(STORE, f"mkdir -p {sample.FOLDER}")
    target = _twice(sample.make_target(names, admitted))
    found = sample.in_the_kernel()
    without, with_it = sample.login(), sample.login(admitted[0])
    _print("lio_target, backstores and all", target, _size(found), without)
    sample.remove()
    if checkouts:
        for peer in peers.PEERS:
            _print_peer(peer, checkouts, names, admitted)
    print("  processes: started on the target server, threads and everybody's included")
    print("  in the kernel: LUNs, ACLs and mapped LUNs that configfs shows")
    print(f"  a login to the target of lio_target with the credentials: {with_it}")
    wrong = []
    if (found, without, with_it) != (_EXPECTED, "refused", "let in"):
        wrong.append(f"found {found}, expected {_EXPECTED} and CHAP to decide")
    if target[1].changed:
        wrong.append(f"found {target[1].changed} changes in the second run, expected none")
    for text in wrong:
        print(f"  WRONG: {text}")
    return not wrong


def _print_peer(
    peer: peers.Peer, folder: Path, names: list[str], admitted: list[sample.Initiator]
) -> None:
    with peers.thrown_away(names):
        runs = _pair(lambda: peers.converge(peer, folder, names, admitted))
        _print(peer.name, runs, _size(sample.in_the_kernel()), sample.login())


def _scale(floor: float) -> None:
    """The same call for more and more initiators."""
    print(f"{SCALE_LUNS} LUNs for each of many initiators, one call of lio_target:")
    print(
        f"  {'initiators':>10}{'objects':>10}{'first run':>12}{'per object':>12}"
        f"{'second run':>12}{'per object':>12}"
    )
    names = sample.backstores(SCALE_LUNS)
    shell(STORE, f"mkdir -p {sample.FOLDER}")
    # The backstores are the same for all of them, so they are made beforehand.
    play(STORE, sample.make_target(names, []))
    sample.remove_target(backstores=False)
    costs = []
    for count in SCALE:
        runs = _twice(sample.make_target(names, sample.initiators(count)))
        objects = size(sample.in_the_kernel()).objects
        first, second = (Cost(one.seconds, objects) for one in runs)
        print(
            f"  {count:10}{objects:10}{first.seconds:10.1f} s{first.each * 1e3:9.1f} ms"
            f"{second.seconds:10.1f} s{second.each * 1e3:9.1f} ms",
            flush=True,
        )
        costs.append((first, second))
        sample.remove_target(backstores=False)
    few, some, many = costs
    ratios = [growth(*pair) for pair in zip(few, many, strict=True)]
    alone = [
        growth(one.without(floor), other.without(floor))
        for one, other in zip(some, many, strict=True)
    ]
    print(f"  an object: a LUN, an ACL or a mapped LUN; of each run a ping takes {floor:.1f} s")
    print(
        f"  cost of an object among {SCALE[2]} initiators, times that among {SCALE[0]}: first run "
        f"{ratios[0]:.2f}, second run {ratios[1]:.2f}, bar {GROWTH:.2f}"
        f"{'  over the bar' if max(ratios) > GROWTH else ''}"
    )
    print(
        f"  times that among {SCALE[1]}, both without the ping: first run {alone[0]:.2f}, "
        f"second run {alone[1]:.2f}"
    )


def _twice(task: Task) -> tuple[Measured, Measured]:
    return _pair(lambda: play(STORE, task))


def _pair(run: Callable[[], int]) -> tuple[Measured, Measured]:
    return measured(run), measured(run)


def _print(name: str, runs: tuple[Measured, Measured], kernel: str = "", chap: str = "") -> None:
    first, second = runs
    print(
        f"  {name:32}{first.seconds:7.1f} s{first.processes:11}{second.seconds:7.1f} s"
        f"{second.processes:11}{second.changed:9}{kernel:>15}  {chap}".rstrip(),
        flush=True,
    )


def _size(found: dict[str, str]) -> str:
    return " ".join(map(str, size(found)))
