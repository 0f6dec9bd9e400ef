"""A disk in use is not exported, and data goes only where its name stands in a permit.

The disks are loop devices of the target server, in a target of their own beside the store's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from molecule.conftest import (
    PORTALS,
    STATE,
    TARGET,
    Done,
    Host,
    ansible,
    changes,
    lio_state,
    machine,
    said,
    site,
)

SCRATCH = "iqn.2026-11.com.example:scratch"
INITIATOR = "iqn.2026-11.com.example:nobody"
WWN = "5c6f4a3e-93b1-5f0e-9a52-0d6e1c7b8a90"
WWID = "36001405" + WWN.replace("-", "")[:25]
CONFIGFS = "/sys/kernel/config/target"


@pytest.fixture(scope="module")
def disks() -> Iterator[dict[str, str]]:
    """Two disks with a swap area each: one to export, and one that is somebody's."""
    store = machine("store1")
    found = {
        name: store.check_output(
            f"truncate --size=32M /var/tmp/{name}.img && mkswap --quiet /var/tmp/{name}.img && "
            f"losetup --find --show /var/tmp/{name}.img"
        )
        for name in ("scratch", "precious")
    }
    yield found
    for name, device in found.items():
        store.run(f"swapoff {device}; losetup --detach {device}; rm /var/tmp/{name}.img")


def role(device: str, entry: str = "main", *arguments: str, **variables: Any) -> Done:
    """Run the role iscsi_target for one volume in the other target."""
    secret = {"name": INITIATOR, "chap_username": INITIATOR, "chap_password": "Scratch-Secret"}
    volume = {
        "name": "scratch",
        "device": device,
        "wwn": WWN,
        "initiators": [{"name": INITIATOR}],
    }
    play = {
        "hosts": "store1",
        "become": True,
        "gather_subset": ["network", "distribution", "!min", "!all"],
        "tasks": [
            {
                "ansible.builtin.include_role": {
                    "name": "tts.modelstore.iscsi_target",
                    "tasks_from": entry,
                },
            }
        ],
        "vars": {
            "iscsi_target_iqn": SCRATCH,
            "iscsi_target_portals": [f"{PORTALS[0]}:3262"],
            "iscsi_target_volumes": [volume],
            "iscsi_target_initiators": [secret],
            **variables,
        },
    }
    path = STATE / "scratch.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps([play]))
    return ansible("ansible-playbook", str(path), *arguments)


def targets(store: Host) -> set[str]:
    return set(store.check_output(f"ls {CONFIGFS}/iscsi | grep ^iqn").split())


def content(store: Host, device: str) -> str:
    shown: str = store.check_output(f"sha256sum {device}")
    return shown


def test_a_disk_in_use_is_not_exported(disks: dict[str, str]) -> None:
    store, device = machine("store1"), disks["precious"]
    store.check_output(f"swapon {device}")
    before = lio_state(store)
    for arguments in (("--check",), ()):
        done = role(device, "main", *arguments)
        assert done.returncode != 0
        assert f"{device.removeprefix('/dev/')} used as swap" in said(done)
        assert lio_state(store) == before
    store.check_output(f"swapoff {device}")


def test_a_target_goes_by_its_name_and_its_data_stays(disks: dict[str, str]) -> None:
    store, device = machine("store1"), disks["scratch"]
    before, others = content(store, device), targets(store)
    made = role(device)
    assert made.returncode == 0, made.stdout
    assert targets(store) == {*others, SCRATCH}
    option = "--extra-vars=" + json.dumps({"iscsi_target_purge": [SCRATCH]})
    assert site("--limit=store1", "--tags=iscsi_target", option) > 0
    assert targets(store) == others
    assert SCRATCH not in store.check_output("cat /etc/rtslib-fb-target/saveconfig.json")
    assert TARGET in others
    assert content(store, device) == before


def test_data_is_destroyed_by_name_only(disks: dict[str, str]) -> None:
    store, device, precious = machine("store1"), disks["scratch"], disks["precious"]
    before = {disk: content(store, disk) for disk in (device, precious)}
    made = role(device)
    assert made.returncode == 0, made.stdout
    confirmed = {"iscsi_target_remove": SCRATCH}

    refused = role(device, "remove", **confirmed, iscsi_target_allow_destroy=[precious])
    assert refused.returncode != 0
    assert f"found {precious} in iscsi_target_allow_destroy" in said(refused)
    assert SCRATCH in targets(store)

    predicted = role(device, "remove", "--check", **confirmed, iscsi_target_allow_destroy=[WWID])
    assert predicted.returncode == 0, predicted.stdout
    assert changes(predicted) > 0
    assert SCRATCH in targets(store)
    assert {disk: content(store, disk) for disk in before} == before

    done = role(device, "remove", **confirmed, iscsi_target_allow_destroy=[WWID])
    assert done.returncode == 0, done.stdout
    assert SCRATCH not in targets(store)
    assert store.check_output(f"wipefs {device}") == ""
    assert content(store, precious) == before[precious]
