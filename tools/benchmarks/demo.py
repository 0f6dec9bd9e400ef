# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running demo: commands on its machines, and runs of Ansible that are timed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vmrig.plays import ROOT, changes, environment
from vmrig.workload import Result, Workload

from benchmarks.figures import Measured, processes

RIG = str(ROOT / "tools" / "rig")
NODE, STORE = "gpu1", "store1"
NETWORKS = ("storage_a", "storage_b")
PORTAL = "10.77.1.10"
PREFIX = "iqn.2026-11.com.example"
MOUNT = "/mnt/cache_hub"

Task = dict[str, Any]


def rig(*arguments: str) -> str:
    done = subprocess.run([RIG, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"tools/rig {' '.join(arguments)}: found status {done.returncode}, expected the demo to "
            "run. Start it with make demo."
        )
    return done.stdout


def shell(host: str, script: str) -> str:
    """What a script prints on a machine, which has to succeed there."""
    return rig("ssh", host, script)


def workload() -> Workload:
    """Verified I/O on the node's volume."""
    return Workload(lambda command: shell(NODE, command), MOUNT)


def remarks(result: Result, bar: float) -> str:
    """What is to be said of a stall and of the I/O itself."""
    notes = ["over the bar"] if result.longest_stall > bar else []
    if result.error:
        notes.append(f"I/O FAILED with error {result.error}")
    return ", ".join(notes)


def wait_for_paths() -> None:
    """Wait until the node has both paths: the next fault must not meet the last one."""
    deadline = time.monotonic() + 300
    command = "multipathd show paths raw format '%t %T'"
    while shell(NODE, command).split("\n").count("active ready") < len(NETWORKS):
        if time.monotonic() > deadline:
            sys.exit(f"{NODE}: found less than two working paths for 300 s, expected both")
        time.sleep(1)


# --- Ansible -----------------------------------------------------------------------------------


def playbook(name: str, *arguments: str, inventories: Sequence[str] = ()) -> int:
    """Run a playbook on the demo; returns how many changes it made."""
    known = ("examples/inventory", "tests/rig/demo.yml", rig("inventory").strip(), *inventories)
    done = subprocess.run(
        ["ansible-playbook", *(f"--inventory={path}" for path in known), name, *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nansible-playbook {name}: found it failed, expected it to succeed")
    return changes(done.stdout)


def play(host: str, *tasks: Task, **keywords: Any) -> int:
    """Run a play of these tasks on a machine; returns how many changes it made."""
    content = {"hosts": host, "gather_facts": False, "tasks": tasks, **keywords}
    # Only its owner can enter the folder: the play may hold secrets.
    with TemporaryDirectory(prefix="modelstore-bench-") as folder:
        path = Path(folder) / "play.json"
        path.write_text(json.dumps([content]))
        return playbook(str(path))


def measured(run: Callable[[], int]) -> Measured:
    """How long a run takes, and how many processes it starts on the target server."""
    first = _processes()
    before = _processes()
    reading = before - first
    start = time.monotonic()
    changed = run()
    seconds = time.monotonic() - start
    return Measured(seconds, _processes() - before - reading, changed)


def _processes() -> int:
    return processes(shell(STORE, "cat /proc/stat"))
