"""What the tests of all scenarios use: the rig's machines over ssh, and the rig itself."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import testinfra
import yaml
from vmrig import plays
from vmrig.workload import Workload

ROOT = Path(__file__).resolve().parent.parent
RIG = os.environ.get("MODELSTORE_RIG", "molecule")  # another rig, for work by hand
STATE = ROOT / ".rig" / RIG
TARGET = "iqn.2026-11.com.example:store1"
NODES = ("gpu1", "gpu2")
PORTALS = ("10.77.1.10", "10.77.2.10")
MOUNT = "/mnt/cache_hub"
# The part of site that an iSCSI change is about.
ISCSI = "--tags=iscsi_target,iscsi_initiator"
# Relative to the checkout, as tools/rig takes it.
MACHINES = os.environ.get("RIG_MACHINES", "tests/rig/demo.yml")

Host = Any  # testinfra has no types
Done = subprocess.CompletedProcess[str]


def volume_uuid(node: str) -> str:
    """Worked out here once more, from the documented rule, and not by the collection's code."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{TARGET}/{node}"))


def volume_wwid(node: str) -> str:
    return "36001405" + volume_uuid(node).replace("-", "")[:25]


def model_sums() -> dict[str, str]:
    """SHA-256 of each model file by its path, as the controller has it."""
    models = STATE / "models"
    return {
        str(path.relative_to(models)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(models.rglob("*"))
        if path.is_file()
    }


def mounted_sums(node: Host) -> dict[str, str]:
    """SHA-256 of each file on the mounted volume by its path, hidden ones left out."""
    lines = node.check_output(f"cd {MOUNT} && find * -type f -print0 | xargs -0 sha256sum")
    return {line.split()[1]: line.split()[0] for line in lines.splitlines()}


def rig(*arguments: str, stdin: str = "") -> str:
    """Run tools/rig on the rig of the scenarios."""
    command = [str(ROOT / "tools" / "rig"), "--name", RIG, *arguments]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def inventories(inventory: str | Path = "examples/inventory") -> list[str]:
    """The options that name an inventory and what the rig adds to it."""
    return [f"--inventory={path}" for path in (inventory, MACHINES, STATE / "inventory.yml")]


@contextmanager
def running(name: str, *arguments: str, inventory: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of the collection's playbooks, in a group of processes of its own that is killed at the end."""
    process = subprocess.Popen(
        ["ansible-playbook", *inventories(inventory), f"tts.modelstore.{name}", *arguments],
        cwd=ROOT,
        env=plays.environment(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ansible(
    program: str,
    *arguments: str,
    inventory: str | Path = "examples/inventory",
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Run one of Ansible's programs on the rig, whatever comes of it."""
    return subprocess.run(
        [program, *inventories(inventory), *arguments],
        cwd=ROOT,
        env={**plays.environment(), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def play(
    name: str,
    *arguments: str,
    inventory: str | Path = "examples/inventory",
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Run one of the collection's playbooks on the rig, whatever comes of it."""
    return ansible(
        "ansible-playbook",
        f"tts.modelstore.{name}",
        *arguments,
        inventory=inventory,
        environment=environment,
    )


def site(*arguments: str, inventory: str | Path = "examples/inventory") -> int:
    """Run site to its good end; returns how many changes it made on all hosts."""
    done = play("site", *arguments, inventory=inventory)
    assert done.returncode == 0, done.stdout
    return changes(done)


def changes(done: Done) -> int:
    """What the recap counts, over all hosts."""
    return plays.changes(done.stdout)


def said(done: Done) -> str:
    """The output on one line, as messages are wrapped anywhere."""
    return " ".join(done.stdout.split())


def tasks_of(name: str) -> list[str]:
    """The names of a playbook's tasks that belong to roles, in their order."""
    listed = play(name, "--list-tasks")
    assert listed.returncode == 0, listed.stdout
    return re.findall(r"^ +(tts\.modelstore\.\w+ : .*?)\tTAGS:", listed.stdout, re.MULTILINE)


def interrupted_play(name: str, at: str, *arguments: str, after: float = 0) -> str:
    """Run a playbook that is killed where the task *at* starts, or *after* seconds; says where.

    *at* is a part of the task's name, or its number.
    """
    return killed(play(name, *arguments, environment=interruption(at, after)))


def interruption(at: str, after: float = 0) -> dict[str, str]:
    """The environment in which a run is killed there, see :func:`interrupted_play`."""
    return {
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "rig" / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "interrupt",
        "INTERRUPT_AT": at,
        "INTERRUPT_AFTER": str(after),
    }


def killed(done: Done) -> str:
    """Where a run was killed, which it must have been."""
    assert done.returncode == -signal.SIGKILL, f"not killed:\n{done.stdout}"
    return re.findall(r"^KILLED .*", done.stdout, re.MULTILINE)[0]


def module(host: str, name: str, **options: Any) -> Done:
    """Run one of the collection's modules on a machine, whatever comes of it."""
    return ansible(
        "ansible", host, f"--module-name=tts.modelstore.{name}", f"--args={json.dumps(options)}"
    )


def extra_vars(name: str, **values: Any) -> str:
    """The option that gives a playbook these variables; in a file, as they may be secret."""
    path = STATE / f"{name}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(values))
    return f"--extra-vars=@{path}"


def credentials(node: Host) -> list[dict[str, str]]:
    """What each session of a node has logged in with; what is not set is left out."""
    shown = node.check_output(
        "cd /sys/class/iscsi_session && grep -H '' session*/username session*/password "
        "session*/username_in session*/password_in || true"
    )
    found: dict[str, dict[str, str]] = {}
    for session, key, value in re.findall(r"^(\w+)/(\w+):(.*)$", shown, re.MULTILINE):
        found.setdefault(session, {})
        if value not in ("", "(null)"):
            found[session][key] = value
    return list(found.values())


def check_command_lines(host: Host, expected: str) -> None:
    """No secret is on a command line that the audit daemon has recorded.

    :param expected: a program that was started, as the record has to be there for its silence to
        mean something.
    """
    log = host.check_output("cat /var/log/audit/audit.log*")
    assert f'"{expected}"' in log or f'/{expected}"' in log
    for secret in secrets():
        assert secret not in log
        assert secret.encode().hex().upper() not in log


def new_secret(node: str) -> str:
    """Give a node another CHAP secret, as somebody does who edits the vault."""
    secret = token_hex(8)
    (STATE / "secrets" / node).write_text(secret + "\n")
    return secret


def workload(name: str) -> Workload:
    """Verified I/O on the volume of a node."""
    return Workload(lambda command: rig("ssh", name, command), MOUNT)


def wait_until(what: str, ready: Callable[[], bool], seconds: float = 300) -> float:
    """Wait for something with a generous limit; returns how long it took."""
    start = time.monotonic()
    while not ready():
        assert time.monotonic() - start < seconds, f"{what}: not within {seconds} s"
        time.sleep(1)
    return time.monotonic() - start


def lio_state(store: Host) -> str:
    """All that LIO runs and has saved."""
    shown: str = store.check_output(
        "cd /sys/kernel/config/target && "
        "find core iscsi \\( -type d -o -type l \\) -not -path '*statistics*' | sort; "
        "sha256sum /etc/rtslib-fb-target/saveconfig.json"
    )
    return shown


def connects(node: Host, portal: str, card: str) -> bool:
    """Whether a portal answers what a node sends through one of its cards, whatever its routes are."""
    script = (
        "import socket; s = socket.socket(); s.settimeout(10); "
        f"s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'{card}'); "
        f"s.connect(('{portal}', 3260))"
    )
    return bool(node.run(f'python3 -c "{script}"').rc == 0)


def active_paths(node: Host) -> int:
    shown = node.run("multipathd show paths raw format '%w %t %T'").stdout
    return sum(line.split()[1:] == ["active", "ready"] for line in shown.splitlines())


def connection_errors(node: Host) -> int:
    """How often a connection broke; its session keeps its number when it recovers."""
    return int(node.check_output("dmesg | grep -c 'detected conn error' || true"))


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
