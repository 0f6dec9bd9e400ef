"""Volumes from a blank disk on the server to the files on the nodes. The tests follow one another."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

from molecule.conftest import (
    MOUNT,
    Done,
    Host,
    active_paths,
    changes,
    machine,
    play,
    rig,
    running,
    said,
    volume_uuid,
    volume_wwid,
    wait_until,
)

INVENTORY = "tests/rig/inventory-layout"
LOCAL = "/opt/index-tts/cache_hub"
KEPT = LOCAL + ".before-modelstore"
STORAGE = "--tags=iscsi_target,iscsi_initiator,model_volume"
# gpu2 comes later: what it gets is a clone of the volume of gpu1.
ALONE = '--extra-vars={"modelstore_clients": ["gpu1"]}'
MIB = 1024 * 1024


def layout(*arguments: str, environment: dict[str, str] | None = None, **variables: Any) -> Done:
    """Run site, whatever comes of it."""
    return play(
        "site",
        *arguments,
        f"--extra-vars={json.dumps(variables)}",
        inventory=INVENTORY,
        environment=environment,
    )


def converge(*arguments: str, **variables: Any) -> int:
    done = layout(*arguments, **variables)
    assert done.returncode == 0, done.stdout
    return changes(done)


def volumes(store: Host) -> dict[str, dict[str, str]]:
    shown = store.check_output(
        "lvs --reportformat json --units b --nosuffix --options lv_name,lv_size,pool_lv,origin models"
    )
    return {lv["lv_name"]: lv for lv in json.loads(shown)["report"][0]["lv"]}


def sums(host: Host, folder: str) -> str:
    shown: str = host.check_output(
        f"cd {folder} && find . -type f -not -name '.modelstore*' -print0 | sort -z | xargs -0 sha256sum"
    )
    return shown


def room(host: Host) -> int:
    """Size of the file system in bytes, as df has it."""
    shown = host.check_output(f"df --block-size=1 --output=size {MOUNT}")
    return int(shown.splitlines()[1])


def queues(host: Host) -> dict[str, str]:
    """Read-ahead of the map, and the schedulers of its paths."""
    shown = host.check_output(
        f"cd /sys/block/$(basename $(readlink -f /dev/mapper/{volume_wwid(host.name)})) && "
        "echo ahead $(cat queue/read_ahead_kb) && "
        "for path in slaves/*; do echo $(basename $path) $(cat $path/queue/scheduler); done"
    )
    return dict(line.split(maxsplit=1) for line in shown.splitlines())


def tuned(host: Host) -> bool:
    found = queues(host)
    ahead = found.pop("ahead")
    return ahead == "8192" and len(found) == 2 and all("[none]" in s for s in found.values())


def test_a_disk_that_holds_something_is_not_made_part_of_a_group() -> None:
    store = machine("store1")
    device = "/dev/disk/by-id/virtio-precious"
    store.check_output(f"mkswap --quiet {device}")
    before = store.check_output(f"sha256sum {device}")
    for arguments in (["--check"], []):
        done = layout(
            STORAGE,
            ALONE,
            "--limit=store1",
            *arguments,
            modelstore_volume_group_disks=["/dev/disk/by-id/virtio-pool", device],
        )
        assert done.returncode != 0
        assert f"found swap on {device}" in said(done)
    assert store.check_output(f"sha256sum {device}") == before
    assert store.run("vgs --noheadings models").rc != 0


def test_a_blank_disk_becomes_a_thin_pool_with_a_volume_for_the_node() -> None:
    node = machine("gpu1")
    # What the node has before the first run: 200 files, some of them with more than one name.
    node.check_output(
        f"mkdir -p {LOCAL}/hub && cd {LOCAL} && "
        "for n in $(seq 1 200); do head -c $((n * 4001)) /dev/urandom > hub/model-$n.bin; done && "
        "head -c 60M /dev/urandom > gpt.pth && ln gpt.pth hub/blob && ln -s hub/model-1.bin current"
    )
    copied = f"find {MOUNT} -type f -name 'model-*.bin' 2>/dev/null | wc -l"
    with running("site", STORAGE, ALONE, "--limit=store1,gpu1", inventory=INVENTORY) as run:
        wait_until(
            "half of the files",
            lambda: int(node.check_output(copied)) >= 60 or run.poll() is not None,
            seconds=1800,
        )
    # What still runs on the node is killed as well, as it would be with the node.
    node.run("pkill -KILL python3")
    assert run.returncode == -signal.SIGKILL, "the run was over before half of the files were there"
    found = volumes(machine("store1"))
    assert found["gpu1"]["pool_lv"] == "pool"
    assert int(found["gpu1"]["lv_size"]) == 400 * MIB
    # The folder is still the one that is used.
    assert node.file(LOCAL).is_directory and not node.file(LOCAL).is_symlink
    print(f"{node.check_output(copied)} of 200 files were on the volume when the run was killed")
    assert int(node.check_output(copied)) < 200


def test_a_local_folder_is_adopted_whole_and_kept() -> None:
    node = machine("gpu1")
    before = sums(node, LOCAL)
    assert before.count("\n") >= 201
    predicted = layout(STORAGE, ALONE, "--limit=store1,gpu1", "--check")
    assert predicted.returncode == 0, predicted.stdout
    assert changes(predicted) > 0
    assert converge(STORAGE, ALONE, "--limit=store1,gpu1") > 0
    assert node.check_output(f"readlink {LOCAL}") == MOUNT
    node.check_output("sync; echo 3 > /proc/sys/vm/drop_caches")
    assert sums(node, MOUNT) == before
    assert sums(node, KEPT) == before
    assert node.check_output(f"stat --format=%h {MOUNT}/gpt.pth") == "2"
    assert node.check_output(f"readlink {MOUNT}/current") == "hub/model-1.bin"
    assert converge(STORAGE, ALONE, "--limit=store1,gpu1") == 0


def test_the_volume_is_laid_out_for_reading_models() -> None:
    node = machine("gpu1")
    assert node.check_output(f"stat --format '%U %G %a' {MOUNT}") == "modelstore modelstore 755"
    assert node.check_output(f"stat --format '%U %a' {MOUNT}/gpt.pth") == "modelstore 644"
    assert tuned(node), queues(node)
    geometry = node.check_output(f"xfs_info {MOUNT}")
    assert "sunit=0" in geometry.replace(" ", "")
    options = node.check_output(f"findmnt --noheadings --output OPTIONS {MOUNT}").split(",")
    assert {"noatime", "allocsize=65536k"} <= set(options)
    assert node.check_output(f"findmnt --noheadings --output UUID {MOUNT}") == volume_uuid("gpu1")


def test_verify_fails_before_a_pool_is_full() -> None:
    arguments = (ALONE, "--limit=store1", "--extra-vars=modelstore_verify_network=false")
    done = play("verify", *arguments, inventory=INVENTORY)
    assert done.returncode == 0, done.stdout
    store = machine("store1")
    full = store.check_output("lvs --noheadings --options=data_percent models/pool").strip()
    limit = "--extra-vars={iscsi_target_pool_fill_limit: 1}"
    done = play("verify", *arguments, limit, inventory=INVENTORY)
    assert done.returncode != 0
    assert f"store1: found the thin pool models/pool full to {full} % of its data" in said(done)


def test_read_ahead_and_queues_survive_a_path_that_goes_and_comes() -> None:
    node = machine("gpu1")
    portal = "10.77.2.10"
    node.check_output(f"iscsiadm -m node -p {portal} --logout")
    wait_until("one path", lambda: active_paths(node) == 1)
    node.check_output(f"iscsiadm -m node -p {portal} --login")
    wait_until("two paths", lambda: active_paths(node) == 2)
    wait_until("the settings", lambda: tuned(node), seconds=60)


def test_growth_reaches_the_node_while_it_reads() -> None:
    node = machine("gpu1")
    before = sums(node, MOUNT)
    old = room(node)
    node.check_output(
        "systemd-run --quiet --unit=reader --collect bash -c "
        f"'while :; do dd if={MOUNT}/gpt.pth of=/dev/null bs=1M iflag=direct status=none || exit 1; done'"
    )
    arguments = (STORAGE, ALONE, "--limit=store1,gpu1")
    larger = {"golden_size": "600M"}
    predicted = layout(*arguments, "--check", **larger)
    assert predicted.returncode == 0 and changes(predicted) > 0, predicted.stdout
    assert room(node) == old
    assert converge(*arguments, **larger) > 0
    assert node.service("reader").is_running
    node.check_output("systemctl stop reader")
    assert room(node) - old == 200 * MIB
    disk = f"/dev/mapper/{volume_wwid('gpu1')}"
    sizes = node.check_output(f"lsblk --noheadings --bytes --output SIZE --inverse {disk}").split()
    assert sizes == [str(600 * MIB)] * 3
    assert sums(node, MOUNT) == before
    assert converge(*arguments, **larger) == 0


def test_a_volume_is_not_shrunk() -> None:
    store, node = machine("store1"), machine("gpu1")
    before = room(node)
    for arguments in (["--check"], []):
        done = layout(STORAGE, ALONE, "--limit=store1,gpu1", *arguments, golden_size="500M")
        assert done.returncode != 0
        assert f"found /dev/models/gpu1 with {600 * MIB} bytes, expected at most 500M" in said(done)
    # Somebody does it by hand: the node says so and takes no part in it.
    store.check_output("lvreduce --yes --force --size 560M models/gpu1")
    try:
        done = layout("--tags=model_volume", "--limit=gpu1")
        assert done.returncode != 0
        assert f"found {560 * MIB} bytes, which sd" in said(done)
    finally:
        store.check_output("lvextend --size 600M models/gpu1")
    assert room(node) == before
    assert converge("--tags=model_volume", "--limit=gpu1") == 0


def test_a_clone_starts_with_the_files_of_the_golden_volume_and_goes_its_own_way() -> None:
    golden, clone = machine("gpu1"), machine("gpu2")
    golden.check_output(f"sync {MOUNT}")
    before = sums(golden, MOUNT)
    assert converge(STORAGE, golden_size="600M") > 0
    found = volumes(machine("store1"))
    assert found["gpu2"]["origin"] == "gpu1"
    assert sums(clone, MOUNT) == before
    source = clone.check_output(f"findmnt --noheadings --output SOURCE {MOUNT}")
    assert source == f"/dev/mapper/{volume_wwid('gpu2')}"
    clone.check_output(f"rm {MOUNT}/hub/model-7.bin && echo new > {MOUNT}/new && sync {MOUNT}")
    golden.check_output("echo 3 > /proc/sys/vm/drop_caches")
    assert sums(golden, MOUNT) == before
    assert converge(STORAGE, golden_size="600M") == 0
    assert clone.check_output(f"cat {MOUNT}/new") == "new"


def test_nothing_is_mounted_over_the_mount_or_over_files_of_somebody_else() -> None:
    node = machine("gpu1")
    node.check_output(f"mount -t tmpfs somebodys {MOUNT}")
    try:
        done = layout("--tags=model_volume", "--limit=gpu1")
        assert done.returncode != 0
        assert "found somebodys with UUID (none) mounted at" in said(done)
    finally:
        node.check_output(f"umount {MOUNT}")
    node.check_output(f"umount {MOUNT} && echo somebodys > {MOUNT}/file")
    try:
        done = layout("--tags=model_volume", "--limit=gpu1")
        assert done.returncode != 0
        assert f"found these files: file at {MOUNT}" in said(done)
    finally:
        node.check_output(f"rm {MOUNT}/file && mount {MOUNT}")


def test_a_mount_unit_serves_as_well_as_a_line_in_fstab() -> None:
    node = machine("gpu1")
    unit = {"model_volume_mount_by": "unit"}
    # A short line is as good as a long one for mount, and has to go as well.
    node.check_output(r"sed -i '/cache_hub/s/\( xfs [^ ]*\) 0 0$/\1/' /etc/fstab")
    assert not node.file("/etc/fstab").content_string.rstrip().endswith(" 0 0")
    assert converge("--tags=model_volume", "--limit=gpu1", **unit) > 0
    assert MOUNT not in node.file("/etc/fstab").content_string
    assert converge("--tags=model_volume", "--limit=gpu1", **unit) == 0


def test_all_of_it_is_back_after_a_power_cut_everywhere() -> None:
    for name in ("gpu1", "gpu2", "store1"):
        rig("power", name, "off")
    for name in ("store1", "gpu1", "gpu2"):
        rig("power", name, "on")
    for name in ("gpu1", "gpu2"):
        host = machine(name)
        wait_until(f"mount of {name}", lambda host=host: host.mount_point(MOUNT).exists)
        wait_until(f"paths of {name}", lambda host=host: active_paths(host) == 2)
        wait_until(f"settings of {name}", lambda host=host: tuned(host), seconds=60)
    assert machine("gpu1").file("/etc/systemd/system/mnt-cache_hub.mount").exists


def test_a_node_shuts_down_within_the_bound_while_the_target_is_dead() -> None:
    node = machine("gpu1")
    # Something that the shutdown would have to write.
    node.check_output(f"dd if=/dev/zero of={MOUNT}/unwritten bs=1M count=20 status=none")
    rig("power", "store1", "off")
    start = time.monotonic()
    node.run("systemctl poweroff --no-block")
    wait_until("the end of the shutdown", lambda: not powered("gpu1"), seconds=600)
    seconds = time.monotonic() - start
    print(f"off after {seconds:.0f} s")
    assert seconds < 300
    rig("power", "store1", "on")
    rig("power", "gpu1", "off")
    rig("power", "gpu1", "on")
    wait_until("mount", lambda: machine("gpu1").mount_point(MOUNT).exists)


def powered(name: str) -> bool:
    """Whether the machine's process runs."""
    for line in rig("status").splitlines():
        if line.split()[:1] == [name]:
            return "off" not in line.split()
    raise AssertionError(f"no {name} in the rig's status")
