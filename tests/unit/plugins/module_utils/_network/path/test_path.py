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
