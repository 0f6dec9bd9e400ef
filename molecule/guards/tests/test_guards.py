"""A start without what the application needs fails, says why, and writes nothing to the system disk."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from molecule.conftest import (
    MOUNT,
    Host,
    changes,
    machine,
    model_sums,
    play,
    said,
    site,
    wait_until,
)

APP = "indextts2@default"
UNIT = "/etc/systemd/system/indextts2@.service"
ENVIRONMENT = "/etc/indextts2/default.env"
# The paths of the network have tests of their own.
VERIFY = ("--limit=gpu1", "--extra-vars=modelstore_verify_network=false")


@pytest.fixture
def node() -> Iterator[Host]:
    host = machine("gpu1")
    yield host
    # Whatever a test left: the volume and the application are there for the next one.
    host.run(f"umount {MOUNT}; systemctl start $(systemd-escape --path --suffix=mount {MOUNT})")
    host.run(f"systemctl reset-failed {APP}")
    host.check_output(f"systemctl start {APP}")


def start(node: Host) -> str:
    """Start the application, which must not come up; what the journal says of it."""
    node.run(f"systemctl reset-failed {APP}")
    since = node.check_output("date +%s")
    done = node.run(f"systemctl start {APP}")
    assert done.rc != 0, "it started"
    assert not node.service(APP).is_running
    node.check_output(f"systemctl stop {APP}")
    journal = node.check_output(f"journalctl --unit {APP} --since @{since} --output cat --no-pager")
    return str(done.stderr) + str(journal)


def verified(*reasons: str) -> None:
    """The playbook verify fails on the node and says the same in one line."""
    done = play("verify", *VERIFY)
    assert done.returncode != 0
    for reason in reasons:
        assert reason in said(done), done.stdout


@contextmanager
def changed(node: Host, name: str, command: str) -> Iterator[None]:
    """A model file that is not what it was, and is again afterwards."""
    path = f"{MOUNT}/{name}"
    node.check_output(f"systemctl stop {APP} && cp --archive {path} /root/kept")
    node.check_output(command.format(path=path))
    try:
        yield
    finally:
        node.check_output(f"cp --archive /root/kept {path} && rm /root/kept")


def test_nothing_starts_without_the_mount_and_nothing_is_written_in_its_place(node: Host) -> None:
    node.check_output(f"systemctl stop {APP} && umount {MOUNT}")
    # Without its line in fstab, so that no mount unit would bring the volume back.
    node.check_output(
        "cp --archive /etc/fstab /root/fstab && sed -i /cache_hub/d /etc/fstab && systemctl daemon-reload"
    )
    before = node.check_output("df --output=used --block-size=1 / | tail -n 1")
    try:
        assert "ssertion failed" in start(node)
        assert node.check_output(f"find {MOUNT}") == MOUNT
        after = node.check_output("df --output=used --block-size=1 / | tail -n 1")
        assert int(after) - int(before) < 2**20
    finally:
        node.check_output(
            "cp --archive /root/fstab /etc/fstab && rm /root/fstab && systemctl daemon-reload"
        )


def test_another_volume_in_its_place_is_refused(node: Host) -> None:
    node.check_output(f"systemctl stop {APP} && umount {MOUNT}")
    node.check_output(
        "truncate --size=320M /root/other.img && mkfs.xfs -q /root/other.img && "
        f"mount -o loop /root/other.img {MOUNT} && echo somebodys > {MOUNT}/gpt.pth"
    )
    try:
        text = start(node)
        assert "volume: found /dev/loop" in text
        assert f"mounted at {MOUNT}, expected /dev/disk/by-id/dm-uuid-mpath-" in text
        assert node.check_output(f"ls {MOUNT}") == "gpt.pth"
    finally:
        node.check_output(f"umount {MOUNT} && rm /root/other.img")


@pytest.mark.parametrize(
    ("name", "command", "reason"),
    [
        ("gpt.pth", "truncate --size=-1000 {path}", "gpt.pth truncated (found"),
        ("s2mel.pth", "truncate --size=0 {path}", "found no s2mel.pth in"),
        (
            "codec.pth",
            "dd if=/dev/zero of={path} bs=4096 count=1 conv=notrunc status=none",
            "codec.pth zero-filled (found zeroes at its start",
        ),
        (
            "hf_cache/bigvgan/bigvgan_generator.pt",
            "rm {path}",
            "found no hf_cache/bigvgan/bigvgan_generator.pt in",
        ),
        (
            "hf_cache/w2v-bert-2.0/model.safetensors",
            "truncate --size=-1 {path}",
            "hf_cache/w2v-bert-2.0/model.safetensors truncated",
        ),
    ],
)
def test_a_damaged_or_missing_file_ends_the_start(
    node: Host, name: str, command: str, reason: str
) -> None:
    with changed(node, name, command):
        assert reason in start(node)


def test_verify_says_in_one_line_why_it_does_not_serve(node: Host) -> None:
    with changed(node, "gpt.pth", "truncate --size=-1000 {path}"):
        verified("gpu1: found indextts2@default.service not serving", "gpt.pth truncated (found")


def test_a_file_with_other_content_of_the_same_size_is_found_on_demand(node: Host) -> None:
    full = "--extra-vars=indextts2_verify_level=full"
    change = "printf modified | dd of={path} bs=1 seek=5000 conv=notrunc status=none"
    with changed(node, "gpt.pth", change):
        node.check_output(f"systemctl start {APP}")  # which looks at sizes and ends
        done = play("verify", *VERIFY, full)
        assert done.returncode != 0
        assert "gpt.pth different (found SHA-256" in said(done), done.stdout
    done = play("verify", *VERIFY, full)
    assert done.returncode == 0, done.stdout
    assert f"{len(model_sums())} files verified" in said(done)


def test_verify_reports_what_serves_and_when_it_last_made_a_sound(node: Host) -> None:
    spoken = play("verify", *VERIFY, "--extra-vars={indextts2_verify_synthesis: true}")
    assert spoken.returncode == 0, spoken.stdout
    report = json.loads(node.check_output("cat /var/lib/indextts/default/synthesis.json"))
    assert report["ok"] is True and report["audio_seconds"] == 1.0
    done = play("verify", *VERIFY)
    assert done.returncode == 0, done.stdout
    row = next(line for line in done.stdout.splitlines() if "upstream-2.5" in line)
    assert f"{len(model_sums())} files of the right size" in said(done)
    assert f"well {report['time']}" in said(done), row


def test_the_service_goes_when_the_volume_goes(node: Host) -> None:
    assert node.service(APP).is_running
    node.check_output(f"umount --lazy {MOUNT}")
    wait_until("the end of the service", lambda: not node.service(APP).is_running, seconds=120)
    assert node.check_output(f"find {MOUNT}") == MOUNT


def test_a_second_instance_on_a_busy_port_does_not_start(node: Host) -> None:
    node.check_output(f"sed s/XX/XX/ {ENVIRONMENT} > /etc/indextts2/second.env")
    try:
        done = node.run("systemctl start indextts2@second")
        assert done.rc != 0
        shown = node.check_output("journalctl --unit indextts2@second --output cat --no-pager")
        assert "port: found 0.0.0.0:7860 not to be had (address already in use)" in shown
        assert node.service(APP).is_running
    finally:
        node.check_output("systemctl stop indextts2@second; rm /etc/indextts2/second.env")


def test_a_gpu_that_is_required_and_absent_ends_the_start(node: Host) -> None:
    done = play(
        "site", "--limit=gpu1", "--tags=indextts2", "--extra-vars={indextts2_gpu_required: true}"
    )
    try:
        assert done.returncode != 0
        shown = node.check_output(f"journalctl --unit {APP} --output cat --no-pager")
        assert "gpu: found no NVIDIA driver (libcuda.so.1: cannot open" in shown
        assert not node.service(APP).is_running
    finally:
        node.run(f"systemctl reset-failed {APP}")
        assert site("--limit=gpu1", "--tags=indextts2") > 0


def test_models_that_are_read_only_serve_as_well(node: Host) -> None:
    node.check_output(f"systemctl stop {APP} && mount -o remount,ro {MOUNT}")
    try:
        node.check_output(f"systemctl start {APP}")
        assert node.service(APP).is_running
    finally:
        node.check_output(f"systemctl stop {APP}; mount -o remount,rw {MOUNT}")


def test_two_instances_serve_and_one_that_leaves_the_list_is_stopped(node: Host) -> None:
    two = "--extra-vars={indextts2_instances: [{name: default}, {name: other, port: 7861}]}"
    assert site("--limit=gpu1", "--tags=indextts2", two) > 0
    for port in (7860, 7861):
        url = f"http://127.0.0.1:{port}/gradio_api/startup-events"
        node.check_output(f"python3 -c 'import urllib.request as u; u.urlopen(\"{url}\")'")
    assert site("--limit=gpu1", "--tags=indextts2") > 0
    assert not node.service("indextts2@other").is_running
    assert not node.service("indextts2@other").is_enabled
    assert node.service(APP).is_running


def test_options_that_the_release_does_not_know_are_refused(node: Host) -> None:
    before = node.check_output(f"sha256sum {UNIT} {ENVIRONMENT}")
    for arguments in (("--check",), ()):
        done = play(
            "site",
            "--limit=gpu1",
            "--tags=indextts2",
            "--extra-vars={indextts2_profile: upstream-2.0, indextts2_arguments: [--accel]}",
            *arguments,
        )
        assert done.returncode != 0
        assert "found --accel in the arguments of instance default" in said(done)
    assert node.check_output(f"sha256sum {UNIT} {ENVIRONMENT}") == before


def test_old_uploads_are_removed_and_what_was_spoken_stays(node: Host) -> None:
    uploads, spoken = "/var/cache/indextts/default/gradio", "/var/lib/indextts/default/outputs"
    node.check_output(
        f"install -D --owner=indextts /dev/null {uploads}/old/voice.wav; touch {spoken}/old.wav"
    )
    # A time of the last change cannot be set, so the clock is.
    node.check_output(
        f"date --set='+8 days' && touch {uploads}/new.wav; systemd-tmpfiles --clean indextts2.conf; "
        "date --set='-8 days'"
    )
    try:
        assert not node.file(f"{uploads}/old").exists
        assert node.file(f"{uploads}/new.wav").exists
        assert node.file(f"{spoken}/old.wav").exists
    finally:
        node.check_output(f"rm --force {uploads}/new.wav {spoken}/old.wav")


def test_the_start_script_starts_it_or_says_why_not(node: Host) -> None:
    script = "/root/start_app.sh"
    option = f"--extra-vars=indextts2_start_script={script}"
    assert site("--limit=gpu1", "--tags=indextts2", option) == 1
    try:
        node.check_output(f"systemctl stop {APP}")
        assert "active (running)" in node.check_output(f"sh {script}")
        assert node.service(APP).is_running
        with changed(node, "gpt.pth", "truncate --size=-1000 {path}"):
            done = node.run(f"sh {script}")
            assert done.rc != 0
            assert "gpt.pth truncated (found" in done.stdout
            node.check_output(f"systemctl stop {APP}")
    finally:
        node.check_output(f"rm {script}")


def test_it_stops_cleanly(node: Host) -> None:
    began = time.monotonic()
    node.check_output(f"systemctl stop {APP}")
    assert time.monotonic() - began < 60
    shown = node.check_output(
        f"systemctl show --property Result --property ExecMainCode --property ExecMainStatus {APP}"
    )
    assert sorted(shown.split()) == ["ExecMainCode=1", "ExecMainStatus=0", "Result=success"]


def test_the_unit_is_exposed_little(node: Host) -> None:
    shown = node.check_output(f"systemd-analyze security --no-pager {APP}.service | tail -n 1")
    level = float(shown.split("exposure level for")[1].split(":")[1].split()[0])
    print(shown)
    assert level <= 2.0, shown


def test_a_further_run_changes_nothing(node: Host) -> None:
    assert changes(play("site", "--limit=gpu1", "--tags=indextts2")) == 0
