# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes of paths, against networks in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from _fakes.memory_fs import MemoryFileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._network.path import host
from ansible_collections.tts.modelstore.plugins.module_utils._network.path.model import (
    Path,
    address,
    faults,
    largest,
    limited,
    limits,
    route,
)
from hypothesis import given
from hypothesis import strategies as st

PORTAL = "10.77.1.10"
SMALL = "at most 1500 bytes pass in one piece both ways"


class Network:
    """One host's view: a route, an interface, and the largest packet that comes back."""

    def __init__(self, mtu: int, limit: int, speed: str = "25000\n") -> None:
        self.limit = limit
        self.sizes: list[int] = []
        folder = "/sys/class/net/enp0s4/"
        self.fs = MemoryFileSystem({folder + "mtu": f"{mtu}\n", folder + "speed": speed})

    def available(self, command: str) -> bool:
        return True

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        if argv[0] == "ip":
            entry = {"dst": argv[-1], "dev": "enp0s4", "prefsrc": "10.77.1.21"}
            return Completed(0, json.dumps([entry]))
        assert list(argv[:5]) == ["ping", "-n", "-q", "-M", "do"]
        headers = 48 if ":" in argv[-1] else 28
        size = int(argv[argv.index("-s") + 1]) + headers
        self.sizes.append(size)
        return Completed(0 if size <= self.limit else 1)


def probe(network: Network, destination: str = PORTAL) -> Path:
    (path,) = host.load(network, network.fs, [destination])
    return path


def test_a_good_path_takes_one_probe() -> None:
    network = Network(9000, 9216)
    assert probe(network) == Path(PORTAL, "enp0s4", "10.77.1.21", 9000, 25000, 9000)
    assert network.sizes == [9000]
    assert probe(network).public()["full_size"]


def test_the_headers_of_ipv6_are_larger() -> None:
    assert probe(Network(9000, 9000), "fd77:1::10").largest == 9000


def test_the_usual_size_is_found_in_few_probes() -> None:
    network = Network(9000, 1500)
    assert probe(network).largest == 1500
    assert network.sizes == [9000, 68, 1500, 1501]
    assert not probe(network).public()["full_size"]


@given(st.integers(68, 12000), st.sampled_from([1500, 9000, 4096]))
def test_any_limit_is_found(limit: int, mtu: int) -> None:
    network = Network(mtu, limit)
    assert probe(network).largest == min(limit, mtu)
    assert len(network.sizes) <= 18


def test_a_path_without_an_answer_is_told_from_one_that_is_too_small() -> None:
    network = Network(9000, 0)
    assert probe(network).largest == 0
    assert network.sizes == [9000, 68]


def test_there_may_be_no_route() -> None:
    class NoRoute(Network):
        def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
            return Completed(2, "", "RTNETLINK answers: Network is unreachable\n")

    assert probe(NoRoute(9000, 9000)) == Path(PORTAL)
    assert route(json.dumps([{"dev": "lo", "prefsrc": "127.0.0.1"}])) == ("", "")


@pytest.mark.parametrize("speed", ["-1\n", "\n"])
def test_a_speed_may_be_unknown(speed: str) -> None:
    assert probe(Network(9000, 9000, speed)).speed is None
    network = Network(9000, 9000)
    del network.fs.files["/sys/class/net/enp0s4/speed"]
    assert probe(network).speed is None


def test_only_addresses_can_be_probed() -> None:
    assert address("FD77:1:0::10") == "fd77:1::10"
    with pytest.raises(ModelStoreError, match="without a port"):
        address("10.77.1.10:3260")


def path(name: str, interface: str, mtu: int, largest_: int, to: str, source: str) -> Any:
    found = Path(to, interface, source, mtu, None, largest_)
    return {**found.public(), "host": name}


def test_a_good_path_has_no_fault() -> None:
    out = path("gpu1", "enp0s4", 9000, 9000, PORTAL, "10.77.1.21")
    back = path("store1", "enp0s5", 9000, 9000, "10.77.1.21", PORTAL)
    assert faults([out], [back]) == []
    assert faults([out], []) == []


def test_a_target_that_was_left_at_1500_is_named_with_both_ends() -> None:
    # Its kernel takes the large packet and answers in one piece: only its own mtu tells.
    out = path("gpu1", "enp0s4", 9000, 9000, PORTAL, "10.77.1.21")
    back = path("store1", "enp0s5", 1500, 1500, "10.77.1.21", PORTAL)
    assert faults([out], [back]) == [
        f"gpu1 enp0s4 (mtu 9000) to portal {PORTAL} on store1 enp0s5 (mtu 1500): {SMALL}"
    ]


def test_a_switch_that_drops_large_packets_is_found_at_equal_ends() -> None:
    out = path("gpu1", "enp0s4", 9000, 4096, PORTAL, "10.77.1.21")
    back = path("store1", "enp0s5", 9000, 9000, "10.77.1.21", PORTAL)
    (text,) = faults([out], [back])
    assert text.endswith("at most 4096 bytes pass in one piece both ways")


def test_no_answer_and_no_route_are_told_as_such() -> None:
    silent = path("gpu1", "enp0s4", 9000, 0, PORTAL, "10.77.1.21")
    nowhere = path("gpu1", "", 0, 0, "10.77.2.10", "")
    assert faults([silent, nowhere], []) == [
        "gpu1 enp0s4 (mtu 9000) to portal 10.77.1.10: no answer",
        "gpu1 has no route to 10.77.2.10",
    ]


def test_the_search_asks_for_no_size_twice() -> None:
    asked: list[int] = []
    assert largest(PORTAL, 9000, lambda size: asked.append(size) or size <= 8999) == 8999  # type: ignore[func-returns-value]
    assert len(set(asked)) == len(asked)


GPU1, GPU2 = "10.77.1.21", "10.77.1.22"


def both_ways(
    source: str, mtu: int, there: int, passes: int, to: str = PORTAL
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A path from a node with an MTU to a portal with another, over something that limits it."""
    out = path("node", "enp0s4", mtu, min(mtu, passes), to, source)
    return out, path("store", "enp0s4", there, min(there, passes), source, to)


def limits_of(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, int]:
    return limits([out for out, _back in pairs], [back for _out, back in pairs])


def test_good_paths_need_no_limit() -> None:
    assert limits_of(both_ways(GPU1, 9000, 9000, 9216)) == {}
    assert limits([both_ways(GPU1, 9000, 9000, 9216)[0]], []) == {}


def test_what_passes_is_the_limit_of_both_ends() -> None:
    assert limits_of(both_ways(GPU1, 9000, 9000, 4000)) == {PORTAL: 4000, GPU1: 4000}
    assert limits_of(both_ways(GPU1, 9000, 1500, 9216)) == {PORTAL: 1500, GPU1: 1500}


def test_all_that_talk_to_a_limited_end_are_limited_with_it() -> None:
    found = limits_of(both_ways(GPU1, 9000, 9000, 1500), both_ways(GPU2, 9000, 9000, 9216))
    assert found == {PORTAL: 1500, GPU1: 1500, GPU2: 1500}


def test_another_network_keeps_its_size() -> None:
    other = both_ways("10.77.2.21", 9000, 9000, 9216, "10.77.2.10")
    assert limits_of(both_ways(GPU1, 9000, 9000, 1500), other) == {PORTAL: 1500, GPU1: 1500}


def test_a_path_without_an_answer_is_not_mended_by_smaller_packets() -> None:
    assert limits_of(both_ways(GPU1, 9000, 9000, 0)) == {}
    assert limits([path("gpu1", "", 0, 0, PORTAL, "")], []) == {}


NODES = [f"10.77.1.{number}" for number in range(20, 26)]
SIZES = st.sampled_from([1500, 4000, 9000])


@given(st.lists(st.tuples(st.sampled_from(NODES), SIZES, SIZES), min_size=1, max_size=12))
def test_with_the_limits_every_path_is_good(drawn: list[tuple[str, int, int]]) -> None:
    # Two portals, and nodes that come to one or both of them; each end has one size.
    portals = (PORTAL, "10.77.1.11")
    mtus = dict.fromkeys(portals, 9000) | {node: mtu for node, mtu, _passes in drawn}
    passes = {
        (node, portals[number % 2]): limit for number, (node, _mtu, limit) in enumerate(drawn)
    }

    def paths() -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [
            both_ways(node, mtus[node], mtus[portal], limit, portal)
            for (node, portal), limit in passes.items()
        ]

    mtus.update(limits_of(*paths()))
    assert faults([out for out, _back in paths()], [back for _out, back in paths()]) == []


def test_an_interface_keeps_to_the_limit_of_its_address() -> None:
    entries = [
        {"interface": "enp0s4", "addresses": [f"{GPU1}/24", "fd77:1::21/64"]},
        {"interface": "enp0s5", "addresses": ["10.77.2.21/24"], "mtu": 1400},
    ]
    found = limited(entries, {GPU1: 1500, "10.77.2.21": 4000, "10.77.1.99": 1280})
    assert [entry["mtu"] for entry in found] == [1500, 1400]
    assert limited(entries, {}) == entries
