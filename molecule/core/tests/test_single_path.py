"""A node with one portal, given by a host name, and without multipath."""

from __future__ import annotations

import pytest

from molecule.conftest import (
    MOUNT,
    PORTALS,
    TARGET,
    changes,
    extra_vars,
    machine,
    play,
    site,
    volume_uuid,
    volume_wwid,
)

NODE = "gpu2"
WWID = volume_wwid(NODE)
PORTAL = "storage-a.store1.example"


@pytest.fixture
def option() -> str:
    return extra_vars(
        "single",
        modelstore_portals=[PORTAL],
        iscsi_initiator_multipath=False,
        model_volume_multipath=False,
    )


def test_one_path_is_used_as_it_is_and_waits_longer(option: str) -> None:
    node = machine(NODE)
    node.check_output(f"echo '{PORTALS[0]} {PORTAL}' >> /etc/hosts")
    here = ("--limit", NODE)
    removed = play("remove", f"--extra-vars=modelstore_remove={NODE}")
    assert removed.returncode == 0, removed.stdout

    site(option, *here)
    (record,) = node.check_output("iscsiadm -m node").splitlines()
    assert record == f"{PORTALS[0]}:3260,1 {TARGET}"
    settings = node.check_output(f"iscsiadm -m node -T {TARGET} -p {PORTALS[0]}").splitlines()
    for setting in (
        "node.session.timeo.replacement_timeout = 120",
        "node.conn[0].timeo.noop_out_timeout = 5",
        "node.startup = automatic",
    ):
        assert setting in settings
    assert node.check_output("cat /sys/class/iscsi_session/session*/recovery_tmo") == "120"

    source, uuid = node.check_output(
        f"findmnt --noheadings --raw --output SOURCE,UUID --mountpoint {MOUNT}"
    ).split()
    assert uuid == volume_uuid(NODE)
    assert node.check_output(f"lsblk --noheadings --nodeps --output TYPE {source}") == "disk"
    assert node.check_output(f"cat /sys/block/{source[5:]}/device/wwid") == f"naa.{WWID[1:]}"
    assert WWID not in node.check_output("dmsetup ls")
    assert node.service("indextts2@default").is_running

    again = play("site", option, *here)
    assert again.returncode == 0, again.stdout
    assert changes(again) == 0, again.stdout


def test_both_paths_are_taken_again() -> None:
    node = machine(NODE)
    removed = play("remove", f"--extra-vars=modelstore_remove={NODE}")
    assert removed.returncode == 0, removed.stdout
    node.check_output("sed -i '/storage-a.store1.example/d' /etc/hosts")
    site("--limit", NODE)
    source = node.check_output(f"findmnt --noheadings --output SOURCE --mountpoint {MOUNT}")
    assert source == f"/dev/mapper/{WWID}"
    assert len(node.check_output(f"lsblk --noheadings --inverse {source}").splitlines()) == 3
