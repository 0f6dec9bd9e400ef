# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Output of multipath-tools 0.9.4, and answers that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._multipath import model
from ansible_collections.tts.modelstore.plugins.module_utils._multipath.model import Disk, orphans
from ansible_collections.tts.modelstore.plugins.module_utils._multipath.parse import (
    parse_maps,
    parse_settings,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "multipath-tools-0.9.4-by-hand"
OURS = "36001405280b50a7db4a5f0bbf3284145"
FOREIGN = "3600a098038303053453f463045727654"


@pytest.fixture
def maps() -> tuple[model.Map, ...]:
    return parse_maps((FIXTURES / "show-maps.json").read_text())


def test_a_map_has_the_paths_of_all_its_groups(maps: tuple[model.Map, ...]) -> None:
    assert maps[0] == model.Map(
        name=OURS,
        wwid=OURS,
        node="dm-0",
        queueing="12 chk",
        write_protected=False,
        paths=(
            model.Path("sda", "active", "ready", "running"),
            model.Path("sdb", "failed", "faulty", "transport-offline"),
        ),
    )


def test_a_map_may_have_no_path_and_refuse_writes(maps: tuple[model.Map, ...]) -> None:
    assert maps[1].paths == ()
    assert maps[1].write_protected


def test_a_host_may_have_no_map() -> None:
    assert parse_maps('{"major_version": 0, "minor_version": 1, "maps": []}') == ()


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("timeout\n", "'timeout'"),
        ("fail\n", "'fail'"),
        ("", "''"),
        ("[]", "'[]'"),
        ("null", "'null'"),
        ("x" * 90, repr("x" * 80)),
    ],
)
def test_an_answer_without_maps_is_an_error_and_not_a_host_without_maps(
    answer: str, shown: str
) -> None:
    with pytest.raises(ModelStoreError) as caught:
        parse_maps(answer)
    assert caught.value.to_details() == {
        "what": "multipathd",
        "found": f"the answer {shown} to show maps json",
        "expected": "a list of maps",
        "hint": "Look at journalctl -u multipathd on this host, then run again.",
    }


def test_settings_are_those_of_single_maps_only() -> None:
    assert parse_settings((FIXTURES / "show-config").read_text()) == {
        OURS: {"path_selector": "service-time 0", "no_path_retry": "12"},
        FOREIGN: {"alias": "mpatha"},
    }


def test_without_a_section_for_maps_there_are_no_settings() -> None:
    assert parse_settings("defaults {\n\tverbosity 2\n}\n") == {}


def disk(name: str, wwid: str) -> Disk:
    return Disk(name, wwid, "running")


def test_a_disk_of_a_map_that_is_no_path_of_it_is_an_orphan(maps: tuple[model.Map, ...]) -> None:
    disks = (disk("sda", OURS), disk("sdc", OURS), disk("sdd", FOREIGN), disk("sde", "3600other"))
    assert [lost.name for lost in orphans(maps, disks, ())] == ["sdc", "sdd"]


def test_a_disk_that_is_asked_for_is_an_orphan_while_there_is_no_map() -> None:
    assert [lost.name for lost in orphans((), (disk("sda", OURS), disk("sdb", "")), (OURS,))] == [
        "sda"
    ]


def test_a_path_of_another_map_is_an_orphan_of_its_own(maps: tuple[model.Map, ...]) -> None:
    # The name sda was given to another disk since the map was made.
    assert [lost.name for lost in orphans(maps, (disk("sda", FOREIGN),), ())] == ["sda"]
