# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LIO is changed through configfs only: what is on no command line is in no list of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[5] / "plugins"
FILES = sorted(
    [*(PLUGINS / "module_utils" / "_lio").rglob("*.py"), *(PLUGINS / "modules").glob("lio_*.py")]
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_no_program_is_started(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for way in ("subprocess", "run_command", "ModuleRunner", "os.system", "os.exec", "popen"):
        assert way not in source
