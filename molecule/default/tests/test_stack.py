"""The finished stack, looked at with the systems' own tools."""

from __future__ import annotations

import json
import re
import urllib.request

from molecule.conftest import (
    MOUNT,
    PORTALS,
    TARGET,
    Host,
    check_command_lines,
    connects,
    model_sums,
    mounted_sums,
    rig,
    secrets,
    variables,
    volume_uuid,
    volume_wwid,
)

TPG = f"/sys/kernel/config/target/iscsi/{TARGET}/tpgt_1"


def test_target_listens_on_the_storage_addresses_only(store: Host) -> None:
    listening = store.check_output("ss -Hltn 'sport = :3260'")
    addresses = {line.split()[3] for line in listening.splitlines()}
    assert addresses == {f"{portal}:3260" for portal in PORTALS}


def test_a_portal_is_closed_on_the_card_of_the_other_network(store: Host, node: Host) -> None:
    first, second = PORTALS
    assert connects(node, second, "enp0s5")
    assert not connects(node, first, "enp0s5")


def test_packets_of_9000_bytes_pass_in_one_piece_both_ways(store: Host, node: Host) -> None:
    for portal in PORTALS:
        shown = json.loads(node.check_output(f"ip -json route get {portal}"))[0]
        for host, there in ((node, portal), (store, shown["prefsrc"])):
            card = json.loads(host.check_output(f"ip -json route get {there}"))[0]["dev"]
            assert host.file(f"/sys/class/net/{card}/mtu").content_string == "9000\n"
            host.check_output(f"ping -M do -s 8972 -c 3 -W 5 {there}")


def test_target_requires_chap_and_admits_nobody_else(store: Host) -> None:
    assert store.file(f"{TPG}/attrib/authentication").content_string.strip() == "1"
    assert store.file(f"{TPG}/attrib/generate_node_acls").content_string.strip() == "0"
    assert store.file(f"{TPG}/attrib/demo_mode_discovery").content_string.strip() == "0"


def test_each_initiator_sees_its_own_volume_only(store: Host) -> None:
    acls = store.check_output(f"ls {TPG}/acls").split()
    assert acls == ["iqn.2026-11.com.example:gpu1", "iqn.2026-11.com.example:gpu2"]
    for acl in acls:
        name = acl.rpartition(":")[2]
        links = store.check_output(
            f"readlink -f {TPG}/acls/{acl}/lun_*/*_lun*/* ; "
            f"readlink -f {TPG}/acls/{acl}/lun_*/* | grep -c tpgt_1/lun/"
        )
        assert links.splitlines()[-1] == "1"
        serial = store.check_output(
            f"cat /sys/kernel/config/target/core/iblock_*/{name}/wwn/vpd_unit_serial"
        )
        assert serial.endswith(volume_uuid(name))


def test_saved_configuration_is_private(store: Host) -> None:
    saved = store.file("/etc/rtslib-fb-target/saveconfig.json")
    assert saved.mode == 0o600
    assert secrets()[0] in saved.content_string


def test_node_has_one_session_for_each_storage_network(node: Host) -> None:
    sessions = node.check_output("iscsiadm -m session").splitlines()
    found = {re.match(r"tcp: \[\d+\] (\S+):3260,1 (\S+) ", line).groups() for line in sessions}
    assert found == {(portal, TARGET) for portal in PORTALS}
    assert len(sessions) == len(PORTALS)


def test_node_records_start_automatically_and_are_private(node: Host) -> None:
    records = node.check_output(f"find /etc/iscsi/nodes/{TARGET} -type f").splitlines()
    assert len(records) == len(PORTALS)
    for path in records:
        record = node.file(path)
        assert record.mode == 0o600
        assert "node.startup = automatic\n" in record.content_string


def test_node_has_one_map_with_two_paths(node: Host) -> None:
    maps = json.loads(node.check_output("multipathd show maps json"))["maps"]
    assert [entry["uuid"] for entry in maps] == [volume_wwid(node.name)]
    paths = [path for group in maps[0]["path_groups"] for path in group["paths"]]
    assert [path["dm_st"] for path in paths] == ["active", "active"]
    assert maps[0]["queueing"] != "on"


def test_volume_is_mounted_by_uuid_through_the_map(node: Host) -> None:
    mounted = json.loads(
        node.check_output(f"findmnt --json --output SOURCE,FSTYPE,UUID --mountpoint {MOUNT}")
    )["filesystems"]
    assert mounted == [
        {
            "source": f"/dev/mapper/{volume_wwid(node.name)}",
            "fstype": "xfs",
            "uuid": volume_uuid(node.name),
        }
    ]


def test_fstab_orders_the_mount_behind_the_network_and_never_blocks_a_boot(node: Host) -> None:
    lines = [line.split() for line in node.file("/etc/fstab").content_string.splitlines()]
    line = next(line for line in lines if line[1:2] == [MOUNT])
    assert line[0] == f"UUID={volume_uuid(node.name)}"
    options = set(line[3].split(","))
    assert {"_netdev", "nofail", "x-systemd.device-timeout=90s"} <= options
    assert not any(option.startswith("x-systemd.requires") for option in options)


def test_model_files_are_whole_through_the_mount(node: Host) -> None:
    node.check_output("sync; echo 3 > /proc/sys/vm/drop_caches")
    assert mounted_sums(node) == model_sums()


def test_the_manifest_on_the_volume_has_the_files_that_the_controller_has(node: Host) -> None:
    manifest = json.loads(node.check_output(f"cat {MOUNT}/.modelstore-manifest.json"))
    assert manifest["profile"] == "upstream-2.5"
    assert {name: file["sha256"] for name, file in manifest["files"].items()} == model_sums()


def test_application_runs_as_its_own_user_and_serves_what_is_on_the_volume(node: Host) -> None:
    service = node.service("indextts2@default")
    assert service.is_running and service.is_enabled
    pid = node.check_output("systemctl show --property MainPID --value indextts2@default")
    assert node.check_output(f"stat --format %U /proc/{pid}") == "indextts"
    port = variables(node.name)["rig_forwards"]["7860"]
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/config", timeout=60) as answer:
        assert json.load(answer) == {"models": model_sums()}


def test_cache_hub_is_a_link_to_the_mount(node: Host) -> None:
    assert node.check_output("readlink /opt/index-tts/cache_hub") == MOUNT


def test_no_secret_was_ever_on_a_command_line(store: Host, node: Host) -> None:
    check_command_lines(store, "python3")
    check_command_lines(node, "iscsiadm")


def test_no_secret_is_in_a_journal(store: Host, node: Host) -> None:
    for host in (store, node):
        journal = host.check_output("journalctl --no-pager --output cat")
        assert "systemd" in journal
        assert not [secret for secret in secrets() if secret in journal]


def test_files_with_secrets_are_private(store: Host, node: Host) -> None:
    for host in (store, node):
        # Not on a command line: these are recorded, and searched above.
        rig("ssh", host.name, "umask 077; cat > /root/patterns", stdin="\n".join(secrets()) + "\n")
        found = host.run(
            "grep -rlsF -f /root/patterns /etc /var/lib /var/log /run /tmp /root /opt"
        ).stdout.splitlines()
        host.check_output("rm /root/patterns")
        found.remove("/root/patterns")
        assert found
        for path in found:
            assert host.file(path).mode == 0o600, path
