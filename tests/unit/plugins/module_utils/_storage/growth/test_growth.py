# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth.model import (
    SMALLEST_GROUP,
    Disk,
    FileSystem,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth.plan import (
    plan_growth,
)
from hypothesis import given
from hypothesis import strategies as st

MIB = 1024 * 1024
BLOCK = 4096


def volume(
    *paths: tuple[int, int | None], map_size: int | None = None, xfs: int | None = None
) -> Observed:
    """A map with a path for each pair of known and reported size, all in MiB."""
    disks = tuple(
        Disk(f"sd{letter}", known * MIB, None if says is None else says * MIB)
        for letter, (known, says) in zip("abcd", paths, strict=False)
    )
    size = min(disk.size for disk in disks) if map_size is None else map_size * MIB
    file_system = None if xfs is None else FileSystem("/mnt/cache_hub", BLOCK, xfs * MIB // BLOCK)
    return Observed("/dev/mapper/x", "mpatha", size, disks, file_system)


def steps(observed: Observed) -> list[tuple[str, str]]:
    return [(action.name, action.subject) for action in plan_growth(observed).actions]


def test_growth_goes_from_the_paths_over_the_map_to_the_file_system() -> None:
    assert steps(volume((320, 512), (320, 512), xfs=320)) == [
        ("rescan", "sda"),
        ("rescan", "sdb"),
        ("resize_map", "mpatha"),
        ("grow_file_system", "/mnt/cache_hub"),
    ]


def test_nothing_is_done_to_a_volume_that_is_used_whole() -> None:
    assert not plan_growth(volume((320, 320), (320, 320), xfs=320))


def test_what_an_interrupted_run_left_is_finished() -> None:
    assert steps(volume((512, 512), (320, 512), map_size=320, xfs=320))[0] == ("rescan", "sdb")
    assert steps(volume((512, 512), (512, 512), map_size=320, xfs=320))[0][0] == "resize_map"
    assert steps(volume((512, 512), (512, 512), xfs=320)) == [
        ("grow_file_system", "/mnt/cache_hub")
    ]


def test_a_single_disk_has_no_map() -> None:
    grown = dataclasses.replace(volume((320, 512), xfs=320), map="")
    assert [name for name, _subject in steps(grown)] == ["rescan", "grow_file_system"]


def test_a_device_without_a_mounted_file_system_grows_alone() -> None:
    assert [name for name, _subject in steps(volume((320, 512)))] == ["rescan", "resize_map"]


@pytest.mark.parametrize(
    "shrunk",
    [
        volume((320, 256), (320, 256), xfs=320),
        volume((320, 320), (320, 256), xfs=320),
        # The kernel has seen it already; only the file system still counts on the old size.
        volume((256, 256), (256, 256), xfs=320),
        volume((320, 256)),
    ],
)
def test_a_volume_that_shrank_is_refused(shrunk: Observed) -> None:
    with pytest.raises(ModelStoreError, match=f"found {256 * MIB} bytes") as refused:
        plan_growth(shrunk)
    assert f"expected {320 * MIB} bytes or more" in str(refused.value)


def test_growth_waits_for_a_path_that_does_not_answer() -> None:
    with pytest.raises(ModelStoreError, match="no answer from sdb"):
        plan_growth(volume((320, 512), (320, None), xfs=320))


def test_a_path_that_does_not_answer_is_no_matter_without_growth() -> None:
    assert not plan_growth(volume((320, 320), (320, None), xfs=320))
    assert not plan_growth(volume((320, None), (320, None), xfs=320))


def test_room_that_xfs_may_not_use_is_left_alone() -> None:
    def left(blocks: int) -> Observed:
        size = 320 * MIB + blocks * BLOCK
        disk = Disk("sda", size, size)
        return Observed("/dev/sda", "", size, (disk,), FileSystem("/m", BLOCK, 320 * MIB // BLOCK))

    assert not plan_growth(left(SMALLEST_GROUP - 1))
    assert steps(left(SMALLEST_GROUP)) == [("grow_file_system", "/m")]


SIZES = st.integers(min_value=300, max_value=2000)


@given(SIZES, SIZES, st.lists(st.booleans(), min_size=1, max_size=4))
def test_after_the_steps_nothing_is_left(old: int, new: int, seen: list[bool]) -> None:
    old, new = sorted((old, new))
    observed = volume(*((new if each else old, new) for each in seen), map_size=old, xfs=old)
    for action in plan_growth(observed).actions:
        if action.name == "rescan":
            disks = tuple(
                dataclasses.replace(disk, size=disk.reported)
                if disk.name == action.subject and disk.reported
                else disk
                for disk in observed.disks
            )
            observed = dataclasses.replace(observed, disks=disks)
        elif action.name == "resize_map":
            # A map is not larger than its smallest path.
            size = min(disk.size for disk in observed.disks)
            observed = dataclasses.replace(observed, size=size)
        else:
            grown = FileSystem("/mnt/cache_hub", BLOCK, observed.size // BLOCK)
            observed = dataclasses.replace(observed, file_system=grown)
    assert not plan_growth(observed)
    assert observed.size == new * MIB
