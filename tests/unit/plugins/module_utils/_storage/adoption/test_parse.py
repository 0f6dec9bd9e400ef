# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import Copied
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.parse import (
    format_line,
    parse_record,
)

ONE = Copied(10, 1795798796810324047, "506231ddb6f6")


@pytest.mark.parametrize("path", ["gpt.pth", "a/b c", "\u00e9", "not UTF-8 \udcff", 'quote"\n'])
def test_what_is_written_is_read(path: str) -> None:
    assert parse_record(format_line(path, ONE)) == {path: ONE}


def test_the_last_of_several_lines_for_a_file_counts() -> None:
    newer = Copied(11, 2, "aa")
    assert parse_record(format_line("a", ONE) + format_line("a", newer)) == {"a": newer}


@pytest.mark.parametrize("length", range(0, len(format_line("b", ONE)) - 1, 5))
def test_a_line_that_was_cut_off_is_no_record(length: int) -> None:
    torn = format_line("b", ONE)[:length]
    assert parse_record(format_line("a", ONE) + torn) == {"a": ONE}
    assert parse_record(torn + "\n" + format_line("a", ONE)) == {"a": ONE}


@pytest.mark.parametrize("line", ["[]", "3", '{"path": "a"}', '{"path": "a", "size": null}'])
def test_other_json_is_no_record(line: str) -> None:
    assert parse_record(line + "\n") == {}
