# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page that says which tests stand against the weaknesses known from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "docsite" / "rst" / "reference_known_weaknesses.rst"
ROWS = re.findall(r"   \* - ([TOS]\d+)\n(.*?)(?=\n   \* - |\n\n|\Z)", PAGE.read_text(), re.DOTALL)
TESTS = {
    name
    for folder in ("tests", "molecule")
    for path in (ROOT / folder).rglob("test_*.py")
    for name in re.findall(r"^ *def (test_\w+)\(", path.read_text(), re.MULTILINE)
}


def test_the_page_has_every_weakness() -> None:
    assert [number for number, _text in ROWS] == [
        *(f"T{number}" for number in range(1, 25)),
        *(f"O{number}" for number in range(1, 17)),
        *(f"S{number}" for number in range(1, 12)),
    ]


@pytest.mark.parametrize(("number", "text"), ROWS, ids=[number for number, _text in ROWS])
def test_every_weakness_has_tests_and_they_are_there(number: str, text: str) -> None:
    named = set(re.findall(r"``(test_\w+)``", text))
    assert named, f"{number} names no test"
    assert named - TESTS == set()
