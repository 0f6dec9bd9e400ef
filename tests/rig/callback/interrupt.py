# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill ansible-playbook at a chosen task, as a power cut of the controller would."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: interrupt
type: aggregate
short_description: Kill the run at a chosen task
description:
  - For tests. SIGKILLs ansible-playbook and all of its processes where a task starts, or a while later.
  - What already runs on the managed hosts is not stopped, as in a real crash.
options:
  at:
    description: The number of the task, handlers counted and the first one being 1, or a part of its name.
    type: str
    required: true
    env: [{name: INTERRUPT_AT}]
  after:
    description: Seconds to wait from the start of the task.
    type: float
    default: 0
    env: [{name: INTERRUPT_AFTER}]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "interrupt"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._started = 0

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        self._count(task)

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        self._count(task)

    def _count(self, task: Task) -> None:
        self._started += 1
        at, name = str(self.get_option("at")), task.get_name()
        if str(self._started) != at and (at.isdecimal() or at not in name):
            return
        after = float(self.get_option("after"))
        # Into Ansible's log too: a test can say where it happened.
        self._display.display(f"KILLED {after:g} s into task {self._started}: {name}")
        if after:
            threading.Timer(after, kill).start()
        else:
            kill()


def kill() -> None:
    """Kill this process, and before it its descendants: workers have sessions of their own."""
    me = os.getpid()
    for pid in descendants(me):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.kill(me, signal.SIGKILL)


def descendants(ancestor: int) -> list[int]:
    """All processes below one, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name stands in parentheses, and may hold any character.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(children.get(ancestor, []))
    for pid in found:
        found += children.get(pid, [])
    return found
