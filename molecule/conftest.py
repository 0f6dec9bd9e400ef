"""What the tests of all scenarios use: the rig's machines over ssh, and the rig itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

ROOT = Path(__file__).resolve().parent.parent
RIG = os.environ.get("MODELSTORE_RIG", "molecule")  # another rig, for work by hand
STATE = ROOT / ".rig" / RIG
TARGET = "iqn.2026-11.com.example:store1"
NODES = ("gpu1", "gpu2")
PORTALS = ("10.77.1.10", "10.77.2.10")
MOUNT = "/mnt/cache_hub"

Host = Any  # testinfra has no types


def volume_uuid(node: str) -> str:
    """Worked out here once more, from the documented rule, and not by the collection's code."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{TARGET}/{node}"))


def volume_wwid(node: str) -> str:
    return "36001405" + volume_uuid(node).replace("-", "")[:25]


def model_sums() -> dict[str, str]:
    """SHA-256 of each model file, as the controller has it."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((STATE / "models").iterdir())
    }


def rig(*arguments: str, stdin: str = "") -> str:
    """Run tools/rig on the rig of the scenarios."""
    command = [str(ROOT / "tools" / "rig"), "--name", RIG, *arguments]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def play(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the collection's playbooks on the rig, whatever comes of it."""
    inventories = ("examples/inventory", "tests/rig/demo.yml", str(STATE / "inventory.yml"))
    return subprocess.run(
        [
            "ansible-playbook",
            *(f"--inventory={path}" for path in inventories),
            f"tts.modelstore.{name}",
            *arguments,
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": "tests/rig/ansible.cfg",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def wait_until(what: str, ready: Callable[[], bool], seconds: float = 300) -> float:
    """Wait for something with a generous limit; returns how long it took."""
    start = time.monotonic()
    while not ready():
        assert time.monotonic() - start < seconds, f"{what}: not within {seconds} s"
        time.sleep(1)
    return time.monotonic() - start


def active_paths(node: Host) -> int:
    shown = node.run("multipathd show paths raw format '%w %t %T'").stdout
    return sum(line.split()[1:] == ["active", "ready"] for line in shown.splitlines())


def variables(name: str) -> dict[str, Any]:
    inventory = yaml.safe_load((STATE / "inventory.yml").read_text())
    found: dict[str, Any] = inventory["all"]["hosts"][name]
    return found


def machine(name: str) -> Host:
    known = variables(name)
    host = testinfra.get_host(
        f"ssh://{known['ansible_user']}@{known['ansible_host']}:{known['ansible_port']}",
        ssh_identity_file=known["ansible_ssh_private_key_file"],
        ssh_extra_args=known["ansible_ssh_common_args"],
    )
    host.name = name
    return host


@pytest.fixture(scope="session")
def store() -> Host:
    return machine("store1")


@pytest.fixture(scope="session", params=NODES)
def node(request: pytest.FixtureRequest) -> Host:
    return machine(request.param)


def secrets() -> list[str]:
    """The CHAP secrets of all nodes, as the overlay made them."""
    found = [(STATE / "secrets" / name).read_text().strip() for name in NODES]
    assert all(len(secret) >= 12 for secret in found)
    return found
