# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers of the collection's Python; docs/architecture.md explains them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
MODULE_UTILS = PLUGINS / "module_utils"
MODULES = sorted((PLUGINS / "modules").glob("*.py"))

PURE_NAMES = {"model.py", "parse.py", "plan.py", "commands.py"}
PURE = sorted(
    {path for path in MODULE_UTILS.rglob("*.py") if path.name in PURE_NAMES}
    | set((MODULE_UTILS / "_core").glob("*.py"))
    | {MODULE_UTILS / "_storage" / "wwid.py"}
)
IMPURE = {"ansible", "os", "rtslib", "rtslib_fb", "subprocess"}
IO_FILES = {"host", "entry", "command"}

LONGEST_MAIN = 30


def imported(tree: ast.AST) -> set[str]:
    """The full names of all modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # Both are imported by "from package import module".
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def label(path: Path) -> str:
    return str(path.relative_to(PLUGINS))


@pytest.mark.parametrize("path", PURE, ids=label)
def test_pure_files_do_no_io(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(parse(path))}.isdisjoint(IMPURE)


@pytest.mark.parametrize("path", PURE, ids=label)
def test_pure_files_import_no_io_file_of_the_collection(path: Path) -> None:
    own = [name for name in imported(parse(path)) if name.startswith("ansible_collections.")]
    assert [name for name in own if IO_FILES & set(name.split("."))] == []


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_main_of_a_module_is_short(path: Path) -> None:
    (main,) = (
        node
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    assert main.end_lineno is not None
    assert main.end_lineno - main.lineno + 1 <= LONGEST_MAIN


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_prefix_of_a_module_is_its_folder_in_module_utils(path: Path) -> None:
    folder = "_" + path.stem.split("_")[0]
    assert (MODULE_UTILS / folder).is_dir()
    assert any(f".module_utils.{folder}." in name for name in imported(parse(path)))


def test_action_group_holds_all_modules() -> None:
    runtime = (PLUGINS.parent / "meta" / "runtime.yml").read_text(encoding="utf-8")
    group = yaml.safe_load(runtime)["action_groups"]["modelstore"]
    assert group == [path.stem for path in MODULES]
