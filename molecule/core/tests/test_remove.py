"""A node is taken off the store and comes back to the same data."""

from __future__ import annotations

from molecule.conftest import (
    MOUNT,
    TARGET,
    Host,
    changes,
    machine,
    model_sums,
    mounted_sums,
    play,
    said,
    site,
    volume_uuid,
    volume_wwid,
)

REMOVE = "--extra-vars=modelstore_remove=gpu2"
WWID = volume_wwid("gpu2")


def left(node: Host) -> list[str]:
    """Whatever of the volume is still on a node."""
    traces = {
        "session": f"grep -lx {TARGET} /sys/class/iscsi_session/*/targetname",
        "node record": f"find /etc/iscsi/nodes/{TARGET} -type f",
        "disk": f"grep -l {WWID[1:]} /sys/block/sd*/device/wwid",
        "map": f"dmsetup ls | grep {WWID}",
        "claim for multipath": f"grep {WWID} /etc/multipath/wwids",
        "configuration of multipath": "ls /etc/multipath/conf.d/modelstore-*.conf",
        "mount": f"findmnt --noheadings --mountpoint {MOUNT}",
        "fstab line": f"grep {MOUNT} /etc/fstab",
        "unit": "systemctl is-active indextts2@default",
    }
    return [what for what, command in traces.items() if node.run(command).rc == 0]


def test_nothing_is_removed_without_a_name() -> None:
    for arguments in ((), ("--extra-vars=modelstore_remove=gpu9",)):
        done = play("remove", *arguments)
        assert done.returncode != 0
        assert "Nothing was changed" in said(done)


def test_a_volume_in_use_is_refused_and_its_user_is_named() -> None:
    node = machine("gpu2")
    node.check_output(
        f"systemd-run --quiet --unit=holder --property=WorkingDirectory={MOUNT} sleep infinity"
    )
    try:
        done = play("remove", REMOVE)
        pid = node.check_output("systemctl show --property=MainPID --value holder")
        assert done.returncode != 0
        assert "sleep" in said(done) and pid in said(done)
        assert node.mount_point(MOUNT).exists
        assert {"session", "node record", "map", "mount", "fstab line"} <= set(left(node))
    finally:
        node.check_output("systemctl stop holder")
    site("--limit=gpu2", "--tags=model_volume,indextts2")


def test_a_node_comes_back_to_its_files_and_its_wwid() -> None:
    node, store = machine("gpu2"), machine("store1")
    node.check_output(f"head -c 5M /dev/urandom > {MOUNT}/own.bin && sync")
    before = mounted_sums(node)
    target = store.check_output("sha256sum /etc/rtslib-fb-target/saveconfig.json")

    done = play("remove", REMOVE)
    assert done.returncode == 0, done.stdout
    assert left(node) == []
    # The other node and the target are none of its business.
    assert machine("gpu1").service("indextts2@default").is_running
    assert store.check_output("sha256sum /etc/rtslib-fb-target/saveconfig.json") == target

    again = play("remove", REMOVE)
    assert again.returncode == 0, again.stdout
    assert changes(again) == 0, again.stdout

    site("--limit=gpu2")
    assert mounted_sums(node) == before
    assert model_sums().items() <= before.items()
    source, uuid = node.check_output(
        f"findmnt --noheadings --raw --output SOURCE,UUID --mountpoint {MOUNT}"
    ).split()
    assert (source, uuid) == (f"/dev/mapper/{WWID}", volume_uuid("gpu2"))
    node.check_output(f"rm {MOUNT}/own.bin")
    assert site("--limit=gpu2") == 0
