# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection needs beside itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
PLAYS = sorted([*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").rglob("*.yml")])
# Gone up to Python 3.13.
DROPPED = {
    "asynchat",
    "asyncore",
    "cgi",
    "crypt",
    "distutils",
    "imp",
    "pipes",
    "smtpd",
    "telnetlib",
}

MODULE = re.compile(r"^ +(\w+\.\w+)\.\w+:$", re.MULTILINE)
FILTER = re.compile(r"\| *(?:map\(')?(\w+\.\w+)\.\w+")


def top_level_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_needs_a_module_that_python_has_dropped(path: Path) -> None:
    assert top_level_imports(path) & DROPPED == set()


def test_every_collection_that_is_used_is_a_dependency() -> None:
    text = "\n".join(path.read_text() for path in PLAYS)
    used = set(MODULE.findall(text) + FILTER.findall(text))
    assert {"ansible.posix", "community.general"} <= used
    declared = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    assert used - {"ansible.builtin", "tts.modelstore"} <= declared.keys()
