# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines file."""

from __future__ import annotations

from ipaddress import ip_interface
from pathlib import Path

import pytest
from vmrig import inventory
from vmrig.errors import RigError
from vmrig.inventory import Disk

MACHINES = Path(__file__).resolve().parents[3] / "tests" / "rig"
DEMO = MACHINES / "demo.yml"
FLEET = MACHINES / "fleet.yml"


def one(rig_machine: str, host: str = "store1") -> str:
    return f"all: {{hosts: {{{host}: {{rig_machine: {rig_machine}}}}}}}"


def test_the_demo_has_one_store_with_a_disk_per_node_and_two_networks() -> None:
    machines = inventory.load(DEMO)
    assert list(machines) == ["store1", "gpu1", "gpu2"]
    assert machines["store1"].disks == (Disk("models-gpu1", "400M"), Disk("models-gpu2", "320M"))
    assert machines["gpu2"].networks["storage_b"] == (ip_interface("10.77.2.22/24"),)
    assert machines["gpu1"].guest_ports == (22, 7860)
    assert inventory.networks(machines) == {
        "storage_a": ["store1", "gpu1", "gpu2"],
        "storage_b": ["store1", "gpu1", "gpu2"],
    }


def test_the_fleet_has_two_stores_three_nodes_and_both_kinds_of_addresses() -> None:
    machines = inventory.load(FLEET)
    assert list(machines) == ["store1", "store2", "gpu1", "gpu2", "gpu3"]
    assert machines["store2"].networks == {
        "storage_a": (ip_interface("10.77.1.11/24"), ip_interface("fd77:1::11/64")),
        "storage_b": (ip_interface("10.77.2.11/24"), ip_interface("fd77:2::11/64")),
    }


def test_an_empty_rig_machine_takes_the_defaults() -> None:
    machine = inventory.parse(one("{}"), "f")["store1"]
    assert (machine.memory, machine.cpus, machine.disks, machine.mtu) == (1024, 1, (), None)


def test_hosts_are_found_in_nested_groups_and_others_are_left_out() -> None:
    text = """
all:
  children:
    stores:
      children:
        east: {hosts: {a: {rig_machine: {memory: 512}}}}
    nodes: {hosts: {a: , b: {other: 1}}}
"""
    assert list(inventory.parse(text, "f")) == ["a"]


def test_tags_that_only_ansible_knows_are_read_over() -> None:
    text = "all: {hosts: {a: {rig_machine: {}, secret: !vault x, list: !unsafe [1]}}}"
    assert list(inventory.parse(text, "f")) == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all: [", "f: not YAML"),
        ("all: {hosts: {a: {}}}", "f: no machines"),
        (one("[1]"), r"store1: rig_machine: found \[1\], expected a mapping"),
        (one("{ram: 1}"), "unknown ram; there are cpus, disks, forward, memory, mtu, networks"),
        (one("{memory: 1G}"), r"memory: found '1G', expected a number from 256"),
        (one("{cpus: true}"), r"cpus: found True, expected a number"),
        (one("{disks: [{size: 1G}]}"), r"disks\[0\]: .* expected serial and size"),
        (one("{disks: [{serial: s, size: 1T}]}"), r"disks\[0\].size: found '1T'"),
        (one(f"{{disks: [{{serial: {'s' * 21}, size: 1G}}]}}"), "expected 1 to 20 of"),
        (one("{disks: [{serial: s, size: 1G}, {serial: s, size: 2G}]}"), "the same serial"),
        (one("{disks: 3}"), "disks: found 3, expected a list"),
        (one("{forward: 80}"), "forward: found 80, expected a list"),
        (one("{forward: [22]}"), "forward: 22 is forwarded anyway"),
        (one("{networks: [a]}"), r"networks: found \['a'\], expected a mapping"),
        (one("{networks: {A: 10.0.0.1/24}}"), "a network's name"),
        (one("{networks: {a: 10.0.0.1}}"), "networks.a: found '10.0.0.1', expected an address"),
        (one("{networks: {a: 10.0.0.300/24}}"), "networks.a: found '10.0.0.300/24'"),
        (one("{networks: {a: [10.0.0.1/24, 'fd77::1']}}"), "networks.a: found 'fd77::1', expected"),
        (one("{}", host="Store_1"), "host's name"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(RigError, match=message):
        inventory.parse(text, "f")


def test_one_address_for_two_machines_is_refused() -> None:
    text = """
all:
  hosts:
    a: {rig_machine: {networks: {net: 10.0.0.1/24}}}
    b: {rig_machine: {networks: {net: 10.0.0.1/24}}}
"""
    with pytest.raises(RigError, match="a and b both have 10.0.0.1 on net"):
        inventory.parse(text, "f")


def test_one_ipv6_address_for_two_machines_is_refused_however_it_is_spelled() -> None:
    text = """
all:
  hosts:
    a: {rig_machine: {networks: {net: [10.0.0.1/24, "fd77::1/64"]}}}
    b: {rig_machine: {networks: {net: "FD77:0::0001/64"}}}
"""
    with pytest.raises(RigError, match="a and b both have fd77::1 on net"):
        inventory.parse(text, "f")


def test_a_host_described_twice_in_different_ways_is_refused() -> None:
    text = """
all:
  hosts: {a: {rig_machine: {memory: 512}}}
  children: {g: {hosts: {a: {rig_machine: {memory: 1024}}}}}
"""
    with pytest.raises(RigError, match="a: two different rig_machine"):
        inventory.parse(text, "f")


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(RigError, match="--machines FILE"):
        inventory.load(tmp_path / "none.yml")
