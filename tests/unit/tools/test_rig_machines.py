# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU's command lines and the machines' seeds."""

from __future__ import annotations

from ipaddress import ip_interface
from pathlib import Path

from vmrig import qemu, seed
from vmrig.image import Image
from vmrig.inventory import Disk, Machine

IMAGE = Image(Path("/images/abc"))
STORE = Machine(
    name="store1",
    memory=768,
    cpus=2,
    disks=(Disk("models-gpu1", "512M"),),
    networks={"storage_a": (ip_interface("10.77.1.10/24"),)},
    forward=(7860,),
)
PATHS = qemu.Paths(
    root=Path("/s/store1.root.qcow2"),
    disks={"models-gpu1": Path("/s/a,b.qcow2")},
    seed=Path("/s/store1.seed.tar"),
    console=Path("/s/store1.console.log"),
    qmp=Path("/r/store1.qmp"),
    sockets={"storage_a": Path("/r/storage_a.store1")},
)


def command(*, paused: bool = False) -> list[str]:
    ports = {7860: 40002, 22: 40001}
    return qemu.machine_argv(STORE, IMAGE, PATHS, ports, qemu.TCG, "id", paused=paused)


def values(argv: list[str], option: str) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv) if word == option]


def test_a_machine_gets_its_size_and_boots_the_images_kernel() -> None:
    argv = command()
    assert values(argv, "-m") == ["768M"]
    assert values(argv, "-smp") == ["2"]
    assert values(argv, "-kernel") == ["/images/abc/vmlinuz"]
    assert "root=/dev/vda rw" in values(argv, "-append")[0]


def test_disks_have_serials_and_lose_nothing_that_was_flushed() -> None:
    drives = values(command(), "-drive")
    assert [drive.split(",if=")[0] for drive in drives] == [
        "file=/s/store1.root.qcow2",
        "file=/s/a,,b.qcow2",
    ]
    assert all("cache=writeback" in drive for drive in drives)
    assert "virtio-blk-pci,drive=disk0,serial=models-gpu1" in values(command(), "-device")


def test_only_loopback_ports_lead_into_a_machine() -> None:
    assert values(command(), "-netdev")[0] == (
        "user,id=management,hostfwd=tcp:127.0.0.1:40001-:22,hostfwd=tcp:127.0.0.1:40002-:7860"
    )


def test_a_storage_nic_is_a_unix_socket_and_starts_with_the_usual_mtu() -> None:
    argv = command()
    assert values(argv, "-netdev")[1] == (
        "stream,id=net-storage_a,server=off,addr.type=unix,addr.path=/r/storage_a.store1"
    )
    nic = next(word for word in values(argv, "-device") if "nic-storage_a" in word)
    assert f"mac={qemu.mac('store1', 'storage_a')}" in nic
    assert "host_mtu" not in nic


def test_a_guest_may_reboot_and_starts_paused_only_for_a_restore() -> None:
    assert "-no-reboot" not in command()
    assert "-S" not in command()
    assert command(paused=True)[-1] == "-S"


def test_a_hub_has_one_port_for_each_member() -> None:
    argv = qemu.hub_argv("storage_a", {"store1": Path("/r/a.store1"), "gpu1": Path("/r/a.gpu1")})
    assert values(argv, "-netdev") == [
        "stream,id=wire0,server=on,addr.type=unix,addr.path=/r/a.store1",
        "hubport,id=port0,hubid=0,netdev=wire0",
        "stream,id=wire1,server=on,addr.type=unix,addr.path=/r/a.gpu1",
        "hubport,id=port1,hubid=0,netdev=wire1",
    ]
    assert values(argv, "-machine") == ["none"]


def test_addresses_of_nics_are_stable_and_differ() -> None:
    macs = {qemu.mac(host, net) for host in ("a", "b") for net in ("", "n", "m")}
    assert len(macs) == 6
    assert qemu.mac("a", "n") == qemu.mac("a", "n")
    assert all(mac.startswith("52:54:00:") and len(mac) == 17 for mac in macs)


def test_a_seed_holds_name_keys_and_one_file_for_each_network() -> None:
    files = seed.files(STORE, "public\n", "private\n", "host public\n")
    assert files["etc/hostname"] == (0o644, b"store1\n")
    assert files["etc/ssh/ssh_host_ed25519_key"] == (0o600, b"private\n")
    assert files["root/.ssh/authorized_keys"] == (0o600, b"public\n")
    network = files["etc/systemd/network/20-storage_a.network"][1].decode()
    assert f"MACAddress={qemu.mac('store1', 'storage_a')}" in network
    assert "Address=10.77.1.10/24" in network
    assert "RequiredForOnline=no" in network
    assert "LinkLocalAddressing=no" in network
    assert "MTUBytes" not in network


def test_a_seed_has_every_address_and_ipv6_is_usable_at_once() -> None:
    both = (ip_interface("10.77.1.10/24"), ip_interface("fd77:1::10/64"))
    machine = Machine(name="a", networks={"storage_a": both})
    network = seed.files(machine, "", "", "")["etc/systemd/network/20-storage_a.network"][1]
    sections = network.decode().split("\n[Address]\n")
    assert sections[1:] == [
        f"Address={address}\nDuplicateAddressDetection=none\n" for address in both
    ]
    assert "LinkLocalAddressing=ipv6\n" in sections[0]


def test_a_seed_sets_an_mtu_only_when_one_is_asked_for() -> None:
    jumbo = Machine(name="a", networks=STORE.networks, mtu=9000)
    network = seed.files(jumbo, "", "", "")["etc/systemd/network/20-storage_a.network"][1]
    assert b"MTUBytes=9000\n" in network
