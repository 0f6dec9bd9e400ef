# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network interfaces from options to what the kernel has, against a host in memory."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from _fakes.network import MAC, PCI, FakeHost
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Plan
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces import (
    host,
    rollback,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.desired import (
    Desired,
    desired_network,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.plan import (
    plan_network,
    state,
)
from hypothesis import given
from hypothesis import strategies as st

BACKENDS = ("networkd", "networkmanager", "ifupdown", "netplan")
PLAIN = [{"interface": "enp0s4", "addresses": ["10.77.1.21/24"]}]
BOTH = [*PLAIN, {"mac": MAC["enp0s5"], "addresses": ["10.77.2.21/24", "fd77:2::21/64"]}]
VLAN = [{"interface": "enp0s4", "vlan": 77, "addresses": ["10.77.1.21/24"]}]
BOND = [
    {
        "bond": "storage",
        "members": [{"interface": "enp0s4"}, {"mac": MAC["enp0s5"].upper()}],
        "addresses": ["10.77.1.21/24"],
    }
]
BOND_VLAN = [{**BOND[0], "vlan": 77}]
CASES = {"plain": PLAIN, "both": BOTH, "vlan": VLAN, "bond": BOND, "bond with vlan": BOND_VLAN}


def desired(interfaces: list[dict[str, Any]], **options: Any) -> Desired:
    defaults = {"backend": "auto", "rollback": 45, "confirm": False}
    return desired_network({"interfaces": interfaces, **defaults, **options})


def plan(fake: FakeHost, interfaces: list[dict[str, Any]], **options: Any) -> Plan:
    return plan_network(desired(interfaces, **options), host.load(fake, fake.fs))


def run(fake: FakeHost, interfaces: list[dict[str, Any]], **options: Any) -> list[str]:
    """Do what the module does; return the names of the steps."""
    first = plan(fake, interfaces, **options)
    for action in first.actions:
        host.apply(action, fake, fake.fs)
    if first:
        host.settle(desired(interfaces, **options), fake, fake.fs, sleep=lambda seconds: None)
    assert plan(fake, interfaces, **options).actions == ()
    return [action.name for action in first.actions]


def has(fake: FakeHost, name: str) -> tuple[int, list[str]]:
    return fake.links[name]["mtu"], fake.links[name]["addresses"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_each_backend_makes_each_kind_of_network(backend: str, case: str) -> None:
    fake = FakeHost(backend)
    steps = run(fake, CASES[case])
    # The way back is there before anything is changed.
    assert steps[0] == "arm_rollback"
    assert fake.timer
    top = {"vlan": "enp0s4.77", "bond": "storage", "bond with vlan": "storage.77"}
    name = top.get(case, "enp0s4")
    assert has(fake, name) == (9000, ["10.77.1.21/24"])
    assert state(desired(CASES[case]), host.load(fake, fake.fs))["backend"] == backend
    assert has(fake, "enp0s3") == (1500, ["10.0.2.15/24"])
    if case == "both":
        assert has(fake, "enp0s5") == (9000, ["10.77.2.21/24", "fd77:2::21/64"])
    if "vlan" in case:
        assert fake.links[name]["vlan"] == 77
        assert has(fake, fake.links[name]["parent"]) == (9000, [])
    if "bond" in case:
        assert fake.links["storage"]["mode"] == "active-backup"
        assert [fake.links[n].get("master") for n in ("enp0s4", "enp0s5")] == ["storage"] * 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_second_run_does_nothing_and_a_confirmation_calls_the_way_back_off(backend: str) -> None:
    fake = FakeHost(backend)
    run(fake, BOTH)
    assert run(fake, BOTH) == []
    assert run(fake, BOTH, confirm=True) == ["disarm_rollback"]
    assert not fake.timer
    assert not fake.fs.exists(rollback.SCRIPT)
    assert run(fake, BOTH, confirm=True) == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("old", CASES)
@pytest.mark.parametrize("new", CASES)
def test_from_each_kind_of_network_to_each_other(backend: str, old: str, new: str) -> None:
    fake = FakeHost(backend)
    run(fake, CASES[old])
    run(fake, CASES[old], confirm=True)
    run(fake, CASES[new])
    other = FakeHost(backend)
    run(other, CASES[new])
    assert {n: has(fake, n)[1] for n in fake.links} == {n: has(other, n)[1] for n in other.links}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_not_wanted_any_more_is_taken_away(backend: str) -> None:
    fake = FakeHost(backend)
    run(fake, BOND_VLAN)
    run(fake, BOND_VLAN, confirm=True)
    run(fake, [])
    assert set(fake.links) == set(MAC)
    assert [path for path in fake.fs.files if "modelstore" in path and "/etc/" in path] == [
        rollback.SERVICE,
        rollback.TIMER,
    ]
    assert run(fake, [], confirm=True) == ["disarm_rollback"]


def test_nothing_at_all_is_done_where_nothing_is_asked_for() -> None:
    fake = FakeHost()
    assert run(fake, []) == []
    assert state(desired([]), host.load(fake, fake.fs)) == {
        "backend": None,
        "interfaces": {},
        "shared_subnets": [],
        "rollback_armed": False,
    }


def test_interfaces_that_share_a_subnet_are_told_before_they_have_it() -> None:
    fake = FakeHost()
    crowded = [
        {"interface": "enp0s4", "vlan": 77, "addresses": ["10.77.1.21/24", "fd77:1::21/64"]},
        {"mac": MAC["enp0s5"], "addresses": ["10.77.1.22/24", "fd77:2::22/64"]},
    ]
    told = state(desired(crowded), host.load(fake, fake.fs))
    assert told["shared_subnets"] == ["enp0s4.77", "enp0s5"]
    assert state(desired(BOTH), host.load(fake, fake.fs))["shared_subnets"] == []


def test_only_the_interface_that_differs_is_touched() -> None:
    fake = FakeHost()
    run(fake, BOTH)
    fake.links["enp0s5"]["mtu"] = 1500  # by hand
    fake.ran.clear()
    run(fake, BOTH)
    assert "networkctl reconfigure enp0s5" in fake.ran
    assert "networkctl reconfigure enp0s4" not in fake.ran


def test_each_way_to_name_a_card_finds_it() -> None:
    for selector in (
        {"interface": "enp0s4"},
        {"mac": MAC["enp0s4"].upper()},
        {"pci": PCI["enp0s4"]},
    ):
        fake = FakeHost()
        run(fake, [{**selector, "addresses": ["10.77.1.21/24"]}])
        assert has(fake, "enp0s4") == (9000, ["10.77.1.21/24"])


def test_a_card_that_is_named_by_its_address_is_found_by_it_at_boot() -> None:
    fake = FakeHost()
    run(fake, [{"mac": MAC["enp0s4"], "addresses": ["10.77.1.21/24"]}])
    text = fake.fs.files["/etc/systemd/network/05-modelstore-enp0s4.network"]
    assert "PermanentMACAddress=" + MAC["enp0s4"] in text
    assert "Name=" not in text


def test_netplan_keeps_the_name_of_a_card_that_it_finds_by_its_address() -> None:
    fake = FakeHost("netplan")
    run(fake, [{"mac": MAC["enp0s4"], "addresses": ["10.77.1.21/24"]}])
    text = fake.fs.files["/etc/netplan/90-modelstore.yaml"]
    assert f"macaddress: '{MAC['enp0s4']}'\n      set-name: enp0s4\n" in text


def test_files_can_be_read_by_those_who_have_to_and_by_nobody_else() -> None:
    for backend, mode in (
        ("networkd", 0o644),
        ("networkmanager", 0o600),
        ("ifupdown", 0o644),
        ("netplan", 0o600),
    ):
        fake = FakeHost(backend)
        run(fake, PLAIN)
        folders = (
            "/etc/systemd/network/",
            "/etc/NetworkManager/",
            "/etc/network/",
            "/etc/netplan/",
        )
        modes = {mode for path, mode in fake.fs.modes.items() if path.startswith(folders)}
        assert modes == {mode}


def test_a_service_that_does_nothing_gets_the_old_configuration_back() -> None:
    fake = FakeHost()
    fake.deaf = True
    with pytest.raises(ModelStoreError) as caught:
        run(fake, PLAIN)
    assert fake.rolled_back
    assert caught.value.to_details() == {
        "what": "storage interfaces",
        "found": "enp0s4 with mtu 1500 and no address",
        "expected": "the mtu and the addresses of the task within 20 s",
        "hint": "The configuration from before is back. Look at the journal of this host, correct "
        "the interfaces and run again.",
    }


def test_a_command_that_fails_gets_the_old_configuration_back() -> None:
    fake = FakeHost()
    fake.failing = ["networkctl reload"]
    with pytest.raises(
        ModelStoreError, match="networkctl reload: found exit status 1 .it does not"
    ):
        run(fake, PLAIN)
    assert fake.rolled_back


def test_a_way_back_that_fails_too_is_told() -> None:
    fake = FakeHost()
    fake.failing = ["networkctl reload", "systemctl start modelstore-network-rollback.service"]
    with pytest.raises(ModelStoreError, match="failed as well"):
        run(fake, PLAIN)


def test_nothing_is_changed_without_a_way_back() -> None:
    fake = FakeHost()
    fake.failing = ["systemctl enable modelstore-network-rollback.timer"]
    with pytest.raises(ModelStoreError, match="systemctl enable"):
        run(fake, PLAIN)
    assert "networkctl reload" not in fake.ran
    assert not any(path.startswith("/etc/systemd/network") for path in fake.fs.files)


def test_what_nobody_confirmed_is_not_confirmed_later() -> None:
    fake = FakeHost()
    run(fake, PLAIN)
    run(fake, PLAIN, confirm=True)
    with pytest.raises(ModelStoreError, match="came back by itself"):
        plan(fake, BOTH, confirm=True)


def test_two_changes_in_a_row_go_back_to_what_was_confirmed() -> None:
    fake = FakeHost()
    run(fake, PLAIN)
    first = fake.fs.files[rollback.SCRIPT]
    run(fake, BOTH)
    assert fake.fs.files[rollback.SCRIPT] == first


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_the_way_back_is_a_script_that_a_shell_takes(backend: str, case: str) -> None:
    fake = FakeHost(backend)
    run(fake, CASES[case])
    run(fake, CASES[case], confirm=True)
    run(fake, PLAIN if case != "plain" else VLAN)
    script = fake.fs.files[rollback.SCRIPT]
    done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # The files as they were are in it to the letter.
    for lines in plan(fake, CASES[case]).after["files"].values():
        assert "\n".join(lines) in script


def test_the_way_back_ends_its_timer_before_the_units_are_gone() -> None:
    # A unit that runs without its file is ended after 90 s, in the middle of whatever it does.
    text = rollback.script("networkd", before={}, after={}, devices=(), made=())
    stop, remove, reload, done = text.splitlines()[-4:]
    assert (stop, reload, done) == (
        f"systemctl stop {rollback.UNIT}.timer",
        "systemctl daemon-reload",
        "exit 0",
    )
    assert remove.startswith("rm -f ")


def test_the_way_back_restores_what_was_set_by_hand() -> None:
    fake = FakeHost()
    fake.links["enp0s4"] |= {"mtu": 1400, "addresses": ["192.0.2.4/24"]}
    run(fake, PLAIN)
    script = fake.fs.files[rollback.SCRIPT]
    assert "ip link set dev enp0s4 mtu 1400" in script
    assert "ip address replace 192.0.2.4/24 dev enp0s4" in script
    assert "rm -f /etc/systemd/network/05-modelstore-enp0s4.network" in script


def refused(fake: FakeHost, interfaces: list[dict[str, Any]], **options: Any) -> str:
    before = dict(fake.fs.files)
    with pytest.raises(ModelStoreError) as caught:
        run(fake, interfaces, **options)
    assert fake.fs.files == before
    return str(caught.value)


def test_the_card_with_the_default_route_is_refused() -> None:
    text = refused(FakeHost(), [{"interface": "enp0s3", "addresses": ["10.77.1.21/24"]}])
    assert "found it with the default route of this host" in text


def test_the_card_that_ansible_comes_through_is_refused_behind_sudo_too() -> None:
    fake = FakeHost()
    fake.links["enp0s4"]["addresses"] = ["192.0.2.9/24"]
    fake.fs.files |= {
        "/proc/self/environ": "SUDO_USER=admin\0",
        "/proc/self/status": "Name:\tpython3\nPPid:\t40\n",
        "/proc/40/environ": "SSH_CONNECTION=192.0.2.1 50000 192.0.2.9 22\0",
        "/proc/40/status": "PPid:\t1\n",
    }
    text = refused(fake, PLAIN)
    assert "found it with 192.0.2.9, which Ansible is connected to" in text


def test_a_card_that_carries_such_a_vlan_is_refused() -> None:
    fake = FakeHost()
    fake.links["enp0s4.9"] = {
        "kind": "vlan", "vlan": 9, "parent": "enp0s4", "mac": "", "mtu": 1500,
        "addresses": ["192.0.2.9/24"],
    }  # fmt: skip
    fake.fs.files["/proc/self/environ"] = "SSH_CONNECTION=192.0.2.1 50000 192.0.2.9 22\0"
    assert "192.0.2.9" in refused(fake, PLAIN)


def test_a_card_that_is_not_there_is_told_with_those_that_are() -> None:
    text = refused(FakeHost(), [{"mac": "52:54:00:ff:ff:ff", "addresses": ["10.77.1.21/24"]}])
    assert "interface mac 52:54:00:ff:ff:ff: found none of the cards enp0s3 (mac" in text


def test_a_card_of_somebody_elses_bond_is_refused() -> None:
    fake = FakeHost()
    fake.links["enp0s4"]["master"] = "br0"
    assert "found it part of br0" in refused(fake, PLAIN)


def test_an_mtu_that_the_card_cannot_have_is_refused() -> None:
    fake = FakeHost()
    fake.max_mtu = 4000
    assert "found a largest mtu of 4000" in refused(fake, PLAIN)


@pytest.mark.parametrize(
    ("backend", "path", "text"),
    [
        ("ifupdown", "/etc/network/interfaces.d/storage", "iface enp0s4 inet dhcp\n"),
        ("netplan", "/etc/netplan/20-storage.yaml", "network:\n  ethernets:\n    enp0s4:\n"),
    ],
)
def test_a_file_of_somebody_else_for_the_card_is_named(backend: str, path: str, text: str) -> None:
    fake = FakeHost(backend)
    fake.fs.files[path] = text
    assert f"found it configured in {path}" in refused(fake, PLAIN)
    run(fake, [{"interface": "enp0s5", "addresses": ["10.77.2.21/24"]}])


def test_ifupdown_has_to_read_our_file() -> None:
    fake = FakeHost("ifupdown")
    fake.fs.files["/etc/network/interfaces"] = "auto lo\n"
    assert "source /etc/network/interfaces.d/*" in refused(fake, PLAIN)


def test_who_is_in_charge_is_found_and_can_be_named() -> None:
    fake = FakeHost("networkmanager")
    fake.active.add("systemd-networkd.service")
    fake.unmanaged = {"enp0s4"}
    fake.backend = "networkd"
    run(fake, PLAIN)
    assert state(desired(PLAIN), host.load(fake, fake.fs))["backend"] == "networkd"
    assert "found networkd in charge" in refused(fake, VLAN, backend="ifupdown")
    fake.active.clear()
    assert "found nothing that is known here" in refused(fake, VLAN)


def test_the_prediction_is_what_comes_out() -> None:
    fake = FakeHost()
    predicted = plan(fake, BOND_VLAN)
    run(fake, BOND_VLAN)
    observed = host.load(fake, fake.fs)
    files = {path: text.splitlines() for path, text in observed.files.items()}
    assert predicted.after["files"] == files
    assert predicted.after["interfaces"] == state(desired(BOND_VLAN), observed)["interfaces"]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"addresses": ["10.77.1.21/24"]}, "exactly one of interface, mac and pci"),
        ({"interface": "enp0s4", "mac": MAC["enp0s4"], "addresses": ["10.77.1.21/24"]}, "and mac"),
        ({"interface": "enp0s4", "addresses": []}, "no address"),
        ({"interface": "enp0s4", "addresses": ["10.77.1.21"]}, "an address with its prefix"),
        ({"interface": "enp0s4", "addresses": ["nonsense"]}, "an address with its prefix"),
        ({"interface": "a-name-much-too-long", "addresses": ["10.77.1.21/24"]}, "eth1"),
        ({"mac": "52:54", "addresses": ["10.77.1.21/24"]}, "six pairs"),
        ({"pci": "00:04.0", "addresses": ["10.77.1.21/24"]}, "with its domain"),
        ({"interface": "enp0s4", "vlan": 0, "addresses": ["10.77.1.21/24"]}, "1 to 4094"),
        ({"interface": "enp0s4", "vlan": 4095, "addresses": ["10.77.1.21/24"]}, "1 to 4094"),
        ({"interface": "enp0s4", "mtu": 0, "addresses": ["10.77.1.21/24"]}, "1280 to 65535"),
        ({"interface": "enp0s4", "mtu": 900, "addresses": ["10.77.1.21/24"]}, "1280 to 65535"),
        ({"bond": "storage", "addresses": ["10.77.1.21/24"]}, "with 0 members"),
        ({"bond": "a b", "members": [{"interface": "enp0s4"}], "addresses": ["10.77.1.21/24"]}, "eth1"),
    ],
)  # fmt: skip
def test_bad_entries_are_refused(entry: dict[str, Any], text: str) -> None:
    assert text in refused(FakeHost(), [entry])


def test_entries_that_contradict_each_other_are_refused() -> None:
    fake = FakeHost()
    assert "address 10.77.1.21/24 more than once" in refused(
        fake, [*PLAIN, {"interface": "enp0s5", "addresses": ["10.77.1.21/24"]}]
    )
    assert "for the same VLAN" in refused(
        fake, [*PLAIN, {"interface": "enp0s4", "addresses": ["10.77.3.21/24"]}]
    )
    assert "other members" in refused(
        fake, [*BOND, {**BOND_VLAN[0], "bond_mode": "balance-alb", "addresses": ["10.77.9.1/24"]}]
    )
    assert "rollback" in refused(fake, PLAIN, rollback=1)
    assert "of 16 characters" in refused(
        fake, [{**BOND_VLAN[0], "bond": "a-longer-one", "vlan": 777}]
    )


def test_several_vlans_share_a_card() -> None:
    fake = FakeHost()
    second = {"interface": "enp0s4", "vlan": 78, "mtu": 1500, "addresses": ["10.77.3.21/24"]}
    run(fake, [*VLAN, second])
    assert has(fake, "enp0s4.77") == (9000, ["10.77.1.21/24"])
    assert has(fake, "enp0s4.78") == (1500, ["10.77.3.21/24"])
    assert has(fake, "enp0s4") == (9000, [])


@given(
    st.sampled_from(BACKENDS),
    st.sampled_from(list(CASES)),
    st.sampled_from(list(CASES)),
    st.integers(0, 12),
)
def test_interrupted_anywhere_the_next_run_converges(
    backend: str, old: str, new: str, steps: int
) -> None:
    fake = FakeHost(backend)
    run(fake, CASES[old])
    run(fake, CASES[old], confirm=True)
    for action in plan(fake, CASES[new]).actions[:steps]:
        host.apply(action, fake, fake.fs)
    run(fake, CASES[new])
