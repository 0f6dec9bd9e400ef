"""Each network service in turn: plain cards, VLANs, bonds, and configurations that do not work."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from molecule.conftest import (
    STATE,
    Done,
    Host,
    ansible,
    changes,
    interruption,
    killed,
    machine,
    rig,
    said,
    wait_until,
)

INVENTORY = "tests/rig/inventory-network"
NUMBERS = {"networkd": 31, "manager": 32, "ifupdown": 33, "netplan": 34}
# Other hosts are left out when only some of the machines are there.
HOSTS = os.environ.get("MODELSTORE_HOSTS", ",".join(NUMBERS)).split(",")
MTU = 9000


def role(
    *arguments: str,
    play: str = "converge",
    environment: dict[str, str] | None = None,
    **variables: Any,
) -> Done:
    """Run the role on the machines, with other variables than the inventory's."""
    path = STATE / "network.json"
    path.write_text(json.dumps(variables))
    return ansible(
        "ansible-playbook",
        f"molecule/network/{play}.yml",
        f"--extra-vars=@{path}",
        f"--limit={','.join(HOSTS)}",
        *arguments,
        inventory=INVENTORY,
        environment=environment,
    )


def converge(**variables: Any) -> int:
    done = role(**variables)
    assert done.returncode == 0, done.stdout
    return changes(done)


def links(host: Host) -> dict[str, dict[str, Any]]:
    return {
        link["ifname"]: link
        for link in json.loads(host.check_output("ip -json -details address show"))
    }


def addresses(link: dict[str, Any]) -> set[str]:
    return {
        f"{entry['local']}/{entry['prefixlen']}"
        for entry in link["addr_info"]
        if entry["scope"] == "global"
    }


def reaches(host: Host, address: str) -> bool:
    """Whether a packet of the full size gets there in one piece."""
    size = MTU - (48 if ":" in address else 28)
    done = host.run(f"ping -M do -s {size} -c 3 -W 5 {address}")
    return bool(done.rc == 0)


def neighbour(name: str) -> int:
    return NUMBERS[HOSTS[(HOSTS.index(name) + 1) % len(HOSTS)]]


def check_plain(name: str) -> None:
    host, number, other = machine(name), NUMBERS[name], neighbour(name)
    found = links(host)
    assert [found[card]["mtu"] for card in ("enp0s4", "enp0s5")] == [MTU, MTU]
    assert addresses(found["enp0s4"]) == {f"10.77.1.{number}/24", f"fd77:1::{number}/64"}
    assert addresses(found["enp0s5"]) == {f"10.77.2.{number}/24"}
    assert found["enp0s3"]["mtu"] == 1500
    assert addresses(found["enp0s3"]) == {"10.0.2.15/24"}
    if other != number:
        for address in (f"10.77.1.{other}", f"10.77.2.{other}", f"fd77:1::{other}"):
            assert reaches(host, address), address
    # Nothing waits to put an older configuration back.
    assert host.run("systemctl is-active modelstore-network-rollback.timer").stdout != "active\n"
    assert host.run("ls /etc/systemd/system | grep rollback").stdout == ""


def backend(name: str) -> str:
    state = machine(name).file("/var/lib/modelstore/network/interfaces.json").content_string
    found: str = json.loads(state)["backend"]
    return found


@pytest.mark.parametrize("name", HOSTS)
def test_the_service_in_charge_is_found_and_gives_the_cards_what_they_should_have(
    name: str,
) -> None:
    expected = {"manager": "networkmanager"}.get(name, name)
    assert backend(name) == expected
    check_plain(name)


def test_it_is_still_there_after_a_power_cut() -> None:
    for name in HOSTS:
        rig("power", name, "off")
    for name in HOSTS:
        rig("power", name, "on")
    for name in HOSTS:
        host = machine(name)
        wait_until(
            f"addresses of {name}", lambda host=host: "10.77.2." in host.run("ip address").stdout
        )
    for name in HOSTS:
        check_plain(name)


def test_a_vlan_on_a_card() -> None:
    wanted = [
        {"interface": "enp0s4", "vlan": 77, "addresses": ["10.77.7.{{ host_number }}/24"]},
        {"interface": "enp0s5", "addresses": ["10.77.2.{{ host_number }}/24"]},
    ]
    assert converge(storage_network_interfaces=wanted) > 0
    for name in HOSTS:
        host = machine(name)
        found = links(host)
        assert found["enp0s4.77"]["linkinfo"]["info_data"]["id"] == 77
        assert (found["enp0s4.77"]["mtu"], found["enp0s4"]["mtu"]) == (MTU, MTU)
        assert addresses(found["enp0s4.77"]) == {f"10.77.7.{NUMBERS[name]}/24"}
        assert addresses(found["enp0s4"]) == set()
        if len(HOSTS) > 1:
            assert reaches(host, f"10.77.7.{neighbour(name)}")
    assert converge(storage_network_interfaces=wanted) == 0


def test_a_bond_of_both_cards_goes_on_with_one() -> None:
    members = [{"interface": "enp0s4"}, {"interface": "enp0s5"}]
    wanted = [
        {"bond": "storage", "members": members, "addresses": ["10.77.8.{{ host_number }}/24"]}
    ]
    assert converge(storage_network_interfaces=wanted) > 0
    for name in HOSTS:
        found = links(machine(name))
        assert "enp0s4.77" not in found
        assert found["storage"]["linkinfo"]["info_data"]["mode"] == "active-backup"
        assert [found[card]["master"] for card in ("enp0s4", "enp0s5")] == ["storage"] * 2
        assert [found[link]["mtu"] for link in ("storage", "enp0s4", "enp0s5")] == [MTU] * 3
        assert addresses(found["storage"]) == {f"10.77.8.{NUMBERS[name]}/24"}
    assert converge(storage_network_interfaces=wanted) == 0
    for network in ("storage_a", "storage_b"):
        for name in HOSTS:
            rig("cable", name, network, "down")
        try:
            for name in HOSTS:
                if len(HOSTS) > 1:
                    address = f"10.77.8.{neighbour(name)}"
                    host = machine(name)
                    wait_until(
                        f"the other card of {name}",
                        lambda host=host, address=address: reaches(host, address),
                        seconds=60,
                    )
        finally:
            for name in HOSTS:
                rig("cable", name, network, "up")


def test_back_to_plain_cards_nothing_is_left_of_it() -> None:
    assert converge() > 0
    for name in HOSTS:
        found = links(machine(name))
        assert not {"storage", "enp0s4.77"} & set(found)
        check_plain(name)


def mtus(card: str) -> dict[str, int]:
    return {name: links(machine(name))[card]["mtu"] for name in HOSTS}


@pytest.mark.skipif(len(HOSTS) < len(NUMBERS), reason="needs all of the machines")
def test_packets_are_made_smaller_where_a_policy_allows_it() -> None:
    # Something on the way to one of the clients drops what is larger than 4000 bytes.
    host = machine("manager")
    host.check_output(
        "tc qdisc add dev enp0s4 clsact && tc filter add dev enp0s4 ingress matchall "
        "action police mtu 4014 rate 100gbit burst 100m conform-exceed drop/ok"
    )
    try:
        refused = role(play="paths")
        assert refused.returncode != 0
        assert "at most 4000 bytes pass in one piece both ways" in said(refused)
        done = role(play="paths", storage_network_mtu_policy="fall_back")
        assert done.returncode == 0, done.stdout
        # All that talk over that network, whether their own path was bad or not; netplan does not.
        smaller = {"networkd": 4000, "manager": 4000, "ifupdown": 4000, "netplan": MTU}
        assert mtus("enp0s4") == smaller
        assert mtus("enp0s5") == dict.fromkeys(HOSTS, MTU)
        assert converge(storage_network_mtu_policy="fall_back") == 0
    finally:
        host.check_output("tc qdisc delete dev enp0s4 clsact")
    assert converge(storage_network_mtu_policy="fail") > 0
    for name in HOSTS:
        check_plain(name)


def test_two_cards_in_one_subnet_answer_for_themselves_only() -> None:
    name = HOSTS[-1]
    number = NUMBERS[name]
    wanted = [
        {"interface": "enp0s4", "addresses": [f"10.77.1.{number}/24"]},
        {"interface": "enp0s5", "addresses": [f"10.77.1.{number + 100}/24"]},
    ]

    def run() -> int:
        done = role(f"--limit={name}", storage_network_interfaces=wanted)
        assert done.returncode == 0, done.stdout
        return changes(done)

    assert run() > 0
    keys = ("arp_ignore", "arp_announce", "rp_filter")
    found = machine(name).check_output(
        "sysctl --values " + " ".join(f"net/ipv4/conf/enp0s5/{key}" for key in keys)
    )
    assert found.split() == ["1", "2", "2"]
    assert run() == 0
    assert converge() > 0
    assert not machine(name).file("/etc/sysctl.d/60-modelstore-network.conf").exists


def test_the_card_that_ansible_comes_through_is_refused() -> None:
    wanted = [{"interface": "enp0s3", "addresses": ["10.77.1.99/24"]}]
    done = role(storage_network_interfaces=wanted)
    assert done.returncode != 0
    assert said(done).count("found it with") >= len(HOSTS)
    assert "Nothing was changed" in said(done)


def moments(host: Host, selection: str, word: str) -> list[float]:
    """When lines with a word were written to the journal, in seconds since the epoch."""
    shown = host.check_output(
        f"journalctl --no-pager --boot --output=short-unix {selection} | grep {word}"
    )
    return [float(line.split()[0]) for line in shown.splitlines()]


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_that_is_cut_off_comes_back_within_a_minute(name: str) -> None:
    # A route of its own to where Ansible comes from, over a card where nobody is.
    wanted = [{"interface": "enp0s5", "addresses": ["10.0.2.3/30"]}]
    start = time.monotonic()
    done = role(f"--limit={name}", storage_network_interfaces=wanted, storage_network_rollback=30)
    print(f"the run took {time.monotonic() - start:.0f} s")
    assert done.returncode != 0
    assert "came back by itself" in said(done)
    # From the moment that the timer was started until Ansible was let in again.
    host = machine(name)
    unit = "modelstore-network-rollback"
    armed = moments(host, f"--unit={unit}.timer", "Started")[-1]
    fired = moments(host, f"--unit={unit}.service", "Starting")[-1]
    back = next(at for at in moments(host, "--unit=ssh.service", "Accepted") if at > fired)
    print(
        f"the way back began after {fired - armed:.0f} s, Ansible was back after {back - armed:.0f} s"
    )
    assert back - armed < 60
    wait_until("end of the way back", lambda: host.run("ls /etc/systemd/system/*rollback*").rc != 0)
    check_plain(name)


def test_what_does_not_come_out_as_it_should_is_put_back_at_once() -> None:
    # A file that counts before the role's, as somebody's may.
    host = machine("networkd")
    foreign = "/etc/systemd/network/01-foreign.network"
    host.check_output(f"printf '[Match]\\nName=enp0s5\\n[Link]\\nMTUBytes=1600\\n' > {foreign}")
    wanted = [{"interface": "enp0s5", "addresses": ["10.77.9.31/24"]}]
    try:
        done = role("--limit=networkd", storage_network_interfaces=wanted)
    finally:
        host.check_output(f"rm {foreign} && networkctl reload && networkctl reconfigure enp0s5")
    assert done.returncode != 0
    assert "found enp0s5 with mtu 1600 and no address" in said(done)
    assert "The configuration from before is back" in said(done)
    wait_until("old addresses", lambda: "10.77.2.31/24" in host.run("ip address").stdout)
    check_plain("networkd")


def test_a_run_killed_before_it_comes_back_is_undone_by_the_host() -> None:
    name = HOSTS[0]
    wanted = [{"interface": "enp0s5", "addresses": [f"10.77.9.{NUMBERS[name]}/24"]}]
    done = role(
        f"--limit={name}",
        environment=interruption("confirm | Come back over a new connection"),
        storage_network_interfaces=wanted,
        storage_network_rollback=30,
    )
    print(killed(done))
    host = machine(name)
    wait_until("old addresses", lambda: "10.77.2." in host.run("ip address").stdout)
    assert "10.77.9." not in host.check_output("ip address")
    assert converge() == 0
    check_plain(name)
