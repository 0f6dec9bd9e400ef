# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device_mapper import (
    open_count,
    parse_active_paths,
)

OPEN = ["dmsetup", "info", "-c", "--noheadings", "-o", "open", "models"]


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("0 8 multipath 2 0 0 0 1 1 A 0 2 2 8:16 A 0 0 1 8:32 A 0 0 1 \n", {"8:16", "8:32"}),
        ("0 8 multipath 2 0 1 0 2 1 A 0 1 2 8:16 A 0 0 1 E 0 1 2 65:0 F 3 0 1\n", {"8:16"}),
        ("0 8 multipath 2 1 0 0 0 0\n", set()),
        ("", set()),
    ],
)
def test_the_paths_that_a_map_sends_to_are_told(status: str, active: set[str]) -> None:
    assert parse_active_paths(status) == active


def test_how_often_a_device_is_open_is_told() -> None:
    with ScriptedRunner((OPEN, Completed(0, "2\n"))) as runner:
        assert open_count(runner, "models") == 2


def test_a_device_that_cannot_be_asked_does_not_count_as_unused() -> None:
    with (
        ScriptedRunner((OPEN, Completed(1, "", "Device does not exist."))) as runner,
        pytest.raises(ModelStoreError, match="found Device does not exist"),
    ):
        open_count(runner, "models")
