# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible prints the environment of a task, also of one with no_log, when it is asked to be talkative."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).parents[3] / "roles").iterdir() if path.is_dir())
SECRET = re.compile(r"\w+_(?:password|token|index_url)\b")


def environments(tasks: Any) -> Iterator[str]:
    """The environment of every task, those in blocks as well, as it is written."""
    for task in tasks or []:
        if "environment" in task:
            yield str(task["environment"])
        for part in ("block", "rescue", "always"):
            yield from environments(task.get(part))


def resolved(text: str, variables: dict[str, Any]) -> str:
    """A text, and that of the role's own variables in it."""
    found = [str(variables[name]) for name in re.findall(r"__\w+", text) if name in variables]
    return " ".join([text, *(resolved(each, variables) for each in found)])


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_secret_is_in_the_environment_of_a_task(role: Path) -> None:
    path = role / "vars" / "main.yml"
    variables = yaml.safe_load(path.read_text()) if path.exists() else {}
    for tasks in sorted(role.glob("tasks/*.yml")):
        for text in environments(yaml.safe_load(tasks.read_text())):
            assert not SECRET.findall(resolved(text, variables)), f"{tasks.name}: {text}"
