# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Output of util-linux 2.38 as it was recorded on Debian 12."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.model import (
    Mount,
    Signature,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.parse import (
    parse_block_device,
    parse_fstab_source,
    parse_mount,
    parse_signatures,
)

FIXTURES = Path(__file__).parents[4] / "fixtures" / "util-linux-2.38-debian12"
UUID = "280b50a7-db4a-5f0b-bf32-84145f727045"


def fixture(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_a_file_system_is_found_with_uuid_and_label() -> None:
    assert parse_signatures(fixture("wipefs-xfs.json")) == (Signature(0, "xfs", UUID, "models"),)


def test_a_partition_table_is_found_at_both_ends() -> None:
    assert parse_signatures(fixture("wipefs-gpt.json")) == (
        Signature(512, "gpt"),
        Signature(64 * 1024**2 - 512, "gpt"),
        Signature(510, "PMBR"),
    )


def test_a_backup_of_a_partition_table_alone_is_a_signature() -> None:
    assert parse_signatures(fixture("wipefs-gpt-backup-only.json")) == (
        Signature(64 * 1024**2 - 512, "gpt"),
    )


@pytest.mark.parametrize("output", [fixture("wipefs-blank.json"), "", "\n"])
def test_a_blank_device_has_no_signature(output: str) -> None:
    assert parse_signatures(output) == ()


def test_a_device_that_is_mounted_nowhere_has_no_mount_point() -> None:
    assert parse_block_device(fixture("lsblk-read-only.json")) == (64 * 1024**2, True, ())


def test_all_mount_points_of_a_device_are_found() -> None:
    mount_points = parse_block_device(fixture("lsblk-mounted.json"))[2]
    assert mount_points == ("/mnt/again", "/mnt/cache_hub")


def test_mount_points_of_what_is_on_top_count() -> None:
    volume = {"name": "vg-lv", "mountpoints": ["/srv", "/srv"]}
    partition = {"name": "vdb1", "mountpoints": [None], "children": [volume]}
    swap = {"name": "vdb2", "mountpoints": ["[SWAP]"]}
    disk = {"name": "vdb", "size": 1, "ro": False, "children": [partition, swap]}
    assert parse_block_device(json.dumps({"blockdevices": [disk]})) == (
        1,
        False,
        ("/srv", "[SWAP]"),
    )


@pytest.mark.parametrize(("value", "read_only"), [("0", False), ("1", True), (False, False)])
def test_older_spellings_of_read_only_are_understood(value: object, read_only: bool) -> None:
    disk = {"name": "vdb", "size": "1024", "ro": value, "mountpoints": [None]}
    assert parse_block_device(json.dumps({"blockdevices": [disk]}))[:2] == (1024, read_only)


def test_a_mount_is_read_whole() -> None:
    assert parse_mount(fixture("findmnt.json")) == Mount("/dev/loop0", "ext4", UUID, "ro,relatime")


def test_of_mounts_on_top_of_each_other_the_visible_one_counts() -> None:
    assert parse_mount(fixture("findmnt-mounted-over.json")) == Mount(
        "over", "tmpfs", "", "rw,relatime"
    )


def test_nothing_is_mounted_where_nothing_is_printed() -> None:
    assert parse_mount("") is None


def test_the_first_of_several_fstab_entries_counts() -> None:
    entries = '{"filesystems": [{"source": "UUID=first"}, {"source": "/dev/sdb"}]}'
    assert parse_fstab_source(entries) == "UUID=first"
