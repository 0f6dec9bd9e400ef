# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback that kills a run at a chosen task."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CALLBACKS = Path(__file__).resolve().parents[2] / "rig" / "callback"


def run(folder: Path, at: str, after: float = 0) -> subprocess.CompletedProcess[str]:
    """A play of two tasks, each of which makes a file; the second one then sleeps."""
    tasks = [
        {"name": name, "ansible.builtin.shell": f"touch {folder}/{name}; {then}"}
        for name, then in (("first", "true"), ("second", f"exec sleep 60.{os.getpid()}"))
    ]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
    (folder / "play.yml").write_text(json.dumps([play]))
    return subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", "--inventory=localhost,"),
            *("--connection=local", f"--extra-vars=ansible_python_interpreter={sys.executable}"),
            str(folder / "play.yml"),
        ],
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "interrupt",
            "INTERRUPT_AT": at,
            "INTERRUPT_AFTER": str(after),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("at", ["2", "seco"])
def test_a_run_is_killed_before_the_chosen_task_does_anything(at: str, tmp_path: Path) -> None:
    done = run(tmp_path, at)
    assert done.returncode == -signal.SIGKILL
    assert "KILLED 0 s into task 2: second" in done.stdout
    assert (tmp_path / "first").exists()
    assert not (tmp_path / "second").exists()


def test_a_run_that_is_killed_within_a_task_leaves_no_process(tmp_path: Path) -> None:
    done = run(tmp_path, "second", after=3)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "second").exists()
    sleeping = subprocess.run(["pgrep", "-f", f"sleep 60.{os.getpid()}"], check=False)
    assert sleeping.returncode == 1
