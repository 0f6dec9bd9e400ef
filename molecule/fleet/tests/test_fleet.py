"""Two targets, IPv6, a node that joins and a node that leaves; the tests build on each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from molecule.conftest import (
    ROOT,
    Host,
    connection_errors,
    machine,
    model_sums,
    mounted_sums,
    site,
    workload,
)

INVENTORY = ROOT / "tests" / "rig" / "inventory-fleet" / "hosts.yml"
# Who uses which target server, over which portals.
FLEET = {
    "gpu1": ("store1", ("[fd77:1::10]:3260", "[fd77:2::10]:3260")),
    "gpu2": ("store2", ("[fd77:1::11]:3260", "[fd77:2::11]:3260")),
}
PREFIX = "iqn.2026-11.com.example"


def inventory(folder: Path, **nodes: dict[str, str] | None) -> Path:
    """The fleet's inventory with one line more, or without one."""
    data: dict[str, Any] = yaml.safe_load(INVENTORY.read_text())
    hosts = data["all"]["children"]["gpu_nodes"]["hosts"]
    for name, line in nodes.items():
        hosts.pop(name, None)
        if line is not None:
            hosts[name] = line
    path = folder / "hosts.yml"
    path.write_text(yaml.safe_dump(data))
    return path


def sessions(node: Host) -> set[tuple[str, str, str]]:
    """Number, portal and target of each session."""
    lines = node.check_output("iscsiadm -m session").splitlines()
    return {
        (number.strip("[]"), portal.partition(",")[0], target)
        for _tcp, number, portal, target, *_flash in map(str.split, lines)
    }


def acls(store: str) -> list[str]:
    tpg = f"/sys/kernel/config/target/iscsi/{PREFIX}:{store}/tpgt_1"
    names: str = machine(store).check_output(f"ls {tpg}/acls")
    return names.split()


def assert_serves(node: Host) -> None:
    assert mounted_sums(node) == model_sums()
    assert node.service("indextts2@default").is_running


def test_each_node_uses_its_own_target_over_both_ipv6_portals() -> None:
    for name, (store, portals) in FLEET.items():
        node = machine(name)
        found = {(portal, target) for _number, portal, target in sessions(node)}
        assert found == {(portal, f"{PREFIX}:{store}") for portal in portals}
        assert acls(store) == [f"{PREFIX}:{name}"]
        assert_serves(node)


def test_records_hold_one_spelling_of_an_address() -> None:
    shown = machine("gpu1").check_output("iscsiadm -m node")
    assert sorted(shown.splitlines()) == [
        f"[fd77:1::10]:3260,1 {PREFIX}:store1",
        f"[fd77:2::10]:3260,1 {PREFIX}:store1",
    ]


def test_a_third_node_joins_by_one_line_while_the_others_work(tmp_path: Path) -> None:
    nodes = {name: machine(name) for name in FLEET}
    before = {name: (sessions(node), connection_errors(node)) for name, node in nodes.items()}
    jobs = {name: workload(name) for name in FLEET}
    for job in jobs.values():
        job.start()
    line = {
        "modelstore_target": "store1",
        "modelstore_disk": "/dev/disk/by-id/virtio-models-gpu3",
    }
    try:
        site(inventory=inventory(tmp_path, gpu3=line))
    finally:
        results = {name: job.stop() for name, job in jobs.items()}
    for name, result in results.items():
        print(f"{name}: longest stall {result.longest_stall:.1f} s, {result}")
        assert result.error == 0
        assert result.verified_bytes > 0
    after = {name: (sessions(node), connection_errors(node)) for name, node in nodes.items()}
    assert after == before
    assert_serves(machine("gpu3"))
    assert acls("store1") == [f"{PREFIX}:gpu1", f"{PREFIX}:gpu3"]


def test_nodes_that_are_taken_out_lose_access(tmp_path: Path) -> None:
    before = sessions(machine("gpu1"))
    # gpu3, which has joined, is not in the file either.
    # Nobody is left to use store2.
    site("-e", "iscsi_target_allow_empty=true", inventory=inventory(tmp_path, gpu2=None))
    assert sessions(machine("gpu1")) == before
    assert_serves(machine("gpu1"))
    assert acls("store1") == [f"{PREFIX}:gpu1"]
    assert acls("store2") == []
    for name, store in {"gpu2": "store2", "gpu3": "store1"}.items():
        node = machine(name)
        states = node.check_output("cat /sys/class/iscsi_session/session*/state || true")
        assert "LOGGED_IN" not in states
        record = f"iscsiadm -m node -T {PREFIX}:{store}"
        node.run(f"{record} --logout")
        assert node.run(f"{record} --login").rc == 24
