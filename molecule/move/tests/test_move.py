"""A node that is cut off but still writes loses its volume to another node. The tests follow one another."""

from __future__ import annotations

import json
import time
import urllib.request

from molecule.conftest import (
    MOUNT,
    PORTALS,
    STATE,
    TARGET,
    Done,
    Host,
    active_paths,
    changes,
    interruption,
    killed,
    lio_state,
    machine,
    model_sums,
    play,
    rig,
    said,
    site,
    variables,
    volume_uuid,
    volume_wwid,
    wait_until,
)

BEFORE = "tests/rig/inventory-move/before.yml"
BOTH = "tests/rig/inventory-move/both.yml"
AFTER = "tests/rig/inventory-move/after.yml"
CONFIRMED = "--extra-vars=modelstore_move=gpu1"
APP = "indextts2@default"
DISK = "/dev/disk/by-id/virtio-models-gpu1"
ACLS = f"/sys/kernel/config/target/iscsi/{TARGET}/tpgt_1/acls"
# What the old node goes on with, past its page cache: new bytes at the same place, again and again.
WRITTEN = f"{MOUNT}/written.bin"
COUNT = "/var/tmp/written"
REFUSED = "/var/tmp/refused"


def move(*arguments: str, inventory: str = AFTER, at: str = "", after: float = 0) -> Done:
    """Run move, whatever comes of it, or until it is killed *after* seconds into the task *at*."""
    environment = interruption(at, after) if at else None
    return play("move", *arguments, inventory=inventory, environment=environment)


def admitted(store: Host) -> list[str]:
    """The hosts whose initiators have an ACL."""
    return [acl.rpartition(":")[2] for acl in store.check_output(f"ls {ACLS}").split()]


def on_disk(store: Host) -> str:
    """What is on the disk behind the volume, past the page cache."""
    shown: str = store.check_output(
        f"dd if={DISK} bs=1M iflag=direct status=none | sha256sum | cut -d ' ' -f 1"
    )
    return shown


def through_mount(node: Host) -> str:
    """What the new node reads of the old one's file, past the page cache."""
    shown: str = node.check_output(
        f"dd if={WRITTEN} bs=64k iflag=direct status=none | sha256sum | cut -d ' ' -f 1"
    )
    return shown


def writes(node: Host) -> int:
    return int(node.check_output(f"wc -l < {COUNT}"))


def sums(node: Host) -> dict[str, str]:
    node.check_output("sync; echo 3 > /proc/sys/vm/drop_caches")
    lines = node.check_output(
        f"cd {MOUNT} && find * -type f -not -name written.bin -not -name birth -print0 | xargs -0 sha256sum"
    ).splitlines()
    return {line.split()[1]: line.split()[0] for line in lines}


def served(node: Host) -> dict[str, str]:
    """The SHA-256 of what the application has read, as it says itself."""
    port = variables(node.name)["rig_forwards"]["7860"]
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/config", timeout=60) as answer:
        found: dict[str, str] = json.load(answer)["models"]
    return found


def sessions(node: Host) -> int:
    shown = node.run(f"grep -lx {TARGET} /sys/class/iscsi_session/*/targetname").stdout
    return len(shown.split())


def records(node: Host) -> str:
    """The files of the node records, which no node without a volume has."""
    return str(node.run(f"find /etc/iscsi/nodes/{TARGET} -type f").stdout)


def test_the_first_node_serves_its_files() -> None:
    node = machine("gpu1")
    site(f"--extra-vars=indextts2_models_src={STATE}/models", inventory=BEFORE)
    assert sums(node) == model_sums()
    assert served(node) == model_sums()
    # The birth of the root folder is that of the file system.
    node.check_output(f"stat --format %W {MOUNT} > {MOUNT}/birth && sync {MOUNT}")
    assert int(node.check_output(f"cat {MOUNT}/birth")) > 0


def test_nothing_is_moved_without_a_name_or_to_two_nodes() -> None:
    store = machine("store1")
    before = lio_state(store)
    for arguments, inventory, expected in (
        ((), AFTER, "found modelstore_move '' and no node with that volume"),
        (("--extra-vars=modelstore_move=gpu9",), AFTER, "found modelstore_move 'gpu9' and no node"),
        ((CONFIRMED,), BOTH, "found modelstore_move 'gpu1' and gpu1 and gpu2 with that volume"),
        ((CONFIRMED, "--limit=gpu2"), AFTER, "is among gpu2. Nothing was changed"),
    ):
        done = move(*arguments, inventory=inventory)
        assert done.returncode != 0
        assert expected in said(done), done.stdout
        assert "Nothing was changed" in said(done)
    assert lio_state(store) == before


def test_a_node_with_another_volume_is_refused() -> None:
    node, store = machine("gpu2"), machine("store1")
    before = lio_state(store)
    node.check_output(f"mkdir -p {MOUNT} && mount -t tmpfs somebodys {MOUNT}")
    try:
        for arguments in (["--check"], []):
            done = move(CONFIRMED, *arguments)
            assert done.returncode != 0
            assert "gpu2: found somebodys with UUID (none) mounted" in said(done), done.stdout
    finally:
        node.check_output(f"umount {MOUNT} && rmdir {MOUNT}")
    assert lio_state(store) == before


def test_another_device_and_a_volume_that_is_not_there_are_refused() -> None:
    store = machine("store1")
    before = lio_state(store)
    for variable, expected in (
        ("modelstore_disk=/dev/vda", f"found the volume gpu1 on {DISK}, expected /dev/vda"),
        ("modelstore_iqn=iqn.2026-11.com.example:other", "as its unit serial, expected one"),
    ):
        done = move(CONFIRMED, f"--extra-vars={variable}")
        assert done.returncode != 0
        assert expected in said(done), done.stdout
    assert lio_state(store) == before


def test_check_mode_says_what_happens_and_changes_nothing() -> None:
    node, store = machine("gpu2"), machine("store1")
    before = lio_state(store)
    done = move(CONFIRMED, "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert changes(done) > 0
    expected = "is for iqn.2026-11.com.example:gpu2 alone. iqn.2026-11.com.example:gpu1 has access"
    assert expected in said(done), done.stdout
    assert lio_state(store) == before
    assert records(node) == "" and not node.file(MOUNT).exists


def test_a_node_that_still_writes_is_kept_out_before_the_new_one_comes() -> None:
    old, new, store = machine("gpu1"), machine("gpu2"), machine("store1")
    old.check_output(
        "systemd-run --quiet --unit=writer --property=Type=exec bash -c '"
        f"while dd if=/dev/urandom of={WRITTEN} bs=64k count=16 oflag=direct conv=notrunc status=none; "
        f"do echo >> {COUNT}; sleep 0.1; done; touch {REFUSED}'"
    )
    wait_until("the first writes", lambda: old.run(f"wc -l < {COUNT}").stdout.strip() > "0")
    # The measure below shows what is written.
    first, begun = on_disk(store), writes(old)
    wait_until("more writes", lambda: writes(old) > begun + 2)
    assert on_disk(store) != first

    # Killed when access was taken away, and before anything was done on the new node.
    print(killed(move(CONFIRMED, at="fenced | Look at what runs")))
    assert admitted(store) == ["gpu2"]
    assert "gpu1" not in store.check_output(
        "python3 -c \"import json; print([acl['node_wwn'] for target in "
        "json.load(open('/etc/rtslib-fb-target/saveconfig.json'))['targets'] "
        "for tpg in target['tpgs'] for acl in tpg['node_acls']])\""
    )
    assert records(new) == ""
    assert old.service("writer").is_running, "the writer has given up too early to prove anything"
    time.sleep(5)
    count, kept = writes(old), on_disk(store)
    time.sleep(15)
    assert on_disk(store) == kept
    assert writes(old) == count

    # And when the new node has logged in but not mounted yet.
    print(killed(move(CONFIRMED, at="mount | Let systemd know before")))
    assert sessions(new) == len(PORTALS)

    done = move(CONFIRMED)
    assert done.returncode == 0, done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("gpu1 ")], done.stdout
    assert volume_wwid("gpu1") in done.stdout
    found = through_mount(new)
    wait_until("the end of the writer", lambda: old.file(REFUSED).exists, seconds=900)
    time.sleep(15)
    assert through_mount(new) == found
    assert writes(old) == count
    journal = old.check_output("journalctl --no-pager --unit writer --output cat")
    assert "Input/output error" in journal
    assert "LOGGED_IN" not in old.run("cat /sys/class/iscsi_session/*/state").stdout


def test_the_new_node_has_the_same_file_system_and_the_same_files() -> None:
    node = machine("gpu2")
    source, uuid = node.check_output(
        f"findmnt --noheadings --raw --output SOURCE,UUID --mountpoint {MOUNT}"
    ).split()
    assert (source, uuid) == (f"/dev/mapper/{volume_wwid('gpu1')}", volume_uuid("gpu1"))
    assert node.check_output(f"stat --format %W {MOUNT}") == node.check_output(f"cat {MOUNT}/birth")
    # The lost node never unmounted it.
    assert "Starting recovery" in node.check_output("dmesg | grep XFS")
    assert active_paths(node) == len(PORTALS)
    assert sums(node) == model_sums()
    assert node.service(APP).is_running and node.service(APP).is_enabled
    assert model_sums().items() <= served(node).items()


def test_a_second_move_changes_nothing() -> None:
    done = move(CONFIRMED)
    assert done.returncode == 0, done.stdout
    assert changes(done) == 0, done.stdout
    assert "Nobody else has access to it now" in said(done)


def test_the_old_node_comes_back_and_gets_nothing() -> None:
    old, new, store = machine("gpu1"), machine("gpu2"), machine("store1")
    rig("power", "gpu1", "off")
    rig("power", "gpu1", "on")
    wait_until("the end of the boot", lambda: "No jobs" in old.run("systemctl list-jobs").stdout)
    assert sessions(old) == 0
    assert not old.mount_point(MOUNT).exists
    assert not old.service(APP).is_running
    assert old.run(f"systemctl start {APP}").rc != 0
    assert old.check_output(f"ls -A {MOUNT}") == ""
    names = " -o ".join(f"-name {name}" for name in model_sums())
    assert old.check_output(f"find / -xdev -type f \\( {names} \\)") == ""
    assert admitted(store) == ["gpu2"]
    assert new.service(APP).is_running and sessions(new) == len(PORTALS)


def test_the_old_node_is_cleaned_up_without_the_new_one_noticing() -> None:
    old, new, store = machine("gpu1"), machine("gpu2"), machine("store1")
    before = lio_state(store)
    arguments = ("--extra-vars=modelstore_node_hosts=gpu1", "--extra-vars=modelstore_remove=gpu1")
    done = play("remove", *arguments, inventory=AFTER)
    assert done.returncode == 0, done.stdout
    assert records(old) == ""
    assert MOUNT not in old.file("/etc/fstab").content_string
    assert not old.service(APP).is_enabled
    assert lio_state(store) == before
    assert new.service(APP).is_running and sums(new) == model_sums()
