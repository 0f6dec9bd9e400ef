# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from _fakes.memory_fs import MemoryFileSystem
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.host import (
    load_device,
    load_mount,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.model import Device

FIXTURES = Path(__file__).parents[4] / "fixtures" / "util-linux-2.38-debian12"
PATH = "/dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145"
NODE = "/dev/dm-0"
SIZE = 64 * 1024**2

LSBLK = ["lsblk", "--json", "--bytes", "--output", "NAME,SIZE,RO,MOUNTPOINTS", PATH]
WIPEFS = ["wipefs", "--no-act", "--json", PATH]
CMP = ["cmp", "--silent", f"--bytes={SIZE}", PATH, "/dev/zero"]
FINDMNT = ["findmnt", "--json", "--output", "SOURCE,FSTYPE,UUID,OPTIONS", "--mountpoint", "/mnt"]


def printed(name: str) -> Completed:
    return Completed(0, (FIXTURES / name).read_text())


FS = MemoryFileSystem({NODE: ""}, {PATH: NODE})
SEEN = (LSBLK, printed("lsblk-read-only.json"))
BLANK = (WIPEFS, printed("wipefs-blank.json"))
FORMATTED = (WIPEFS, printed("wipefs-xfs.json"))


def load(
    *script: tuple[Sequence[str], Completed | Exception], check_zeroes: bool = False
) -> Device:
    with ScriptedRunner(*script) as runner:
        device = load_device(runner, FS, PATH, check_zeroes)
    assert device is not None
    return device


def test_a_device_that_is_not_there_runs_no_command() -> None:
    with ScriptedRunner() as runner:
        assert load_device(runner, MemoryFileSystem(), PATH, True) is None


def test_a_device_is_described_by_what_is_on_it() -> None:
    mounted = (LSBLK, printed("lsblk-mounted.json"))
    assert load(mounted, FORMATTED).public() == {
        "path": PATH,
        "node": NODE,
        "size_bytes": SIZE,
        "read_only": True,
        "signatures": [
            {
                "offset": 0,
                "type": "xfs",
                "uuid": "280b50a7-db4a-5f0b-bf32-84145f727045",
                "label": "models",
            }
        ],
        "mount_points": ["/mnt/again", "/mnt/cache_hub"],
        "blank": False,
        "unfinished": False,
    }


@pytest.mark.parametrize(("byte", "unfinished"), [("   0\n", False), ("   1\n", True)])
def test_an_xfs_that_mkfs_never_finished_is_told_from_a_finished_one(
    byte: str, unfinished: bool
) -> None:
    superblock = (
        ["od", "--address-radix=n", "--format=u1", "-j126", "-N1", PATH],
        Completed(0, byte),
    )
    device = load(SEEN, FORMATTED, superblock, check_zeroes=True)
    assert device.unfinished is unfinished
    assert device.blank is False


def test_without_signature_and_unread_nobody_knows_whether_a_device_is_blank() -> None:
    assert load(SEEN, BLANK).blank is None


@pytest.mark.parametrize(("status", "blank"), [(0, True), (1, False)])
def test_without_signature_the_data_decides(status: int, blank: bool) -> None:
    assert load(SEEN, BLANK, (CMP, Completed(status)), check_zeroes=True).blank is blank


def test_a_device_with_a_signature_is_not_blank_and_is_not_read() -> None:
    table = (WIPEFS, printed("wipefs-gpt-backup-only.json"))
    assert load(SEEN, table, check_zeroes=True).blank is False


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_device_that_cannot_be_read_is_no_blank_device(failing: int) -> None:
    script = [SEEN, BLANK, (CMP, Completed(0))][: failing + 1]
    script[failing] = (script[failing][0], Completed(2, "", "Input/output error\n"))
    with pytest.raises(ModelStoreError) as caught:
        load(*script, check_zeroes=True)
    assert f"device {PATH}: found no way to read it (Input/output error)" in str(caught.value)


def test_a_silent_failure_is_told_by_its_status() -> None:
    with pytest.raises(ModelStoreError, match=r"no way to read it \(32\)"):
        load((LSBLK, Completed(32)))


def test_a_device_that_does_not_answer_is_a_timeout() -> None:
    timeout = CommandTimeout("command lsblk", "no end", "an end", "Look at dmesg.")
    with pytest.raises(CommandTimeout):
        load((LSBLK, timeout))


def test_reading_a_large_device_gets_more_time() -> None:
    timeouts = {}

    class Recorder(ScriptedRunner):
        def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
            timeouts[argv[0]] = timeout
            return super().run(argv, timeout=timeout)

    with Recorder(SEEN, BLANK, (CMP, Completed(0))) as runner:
        load_device(runner, FS, PATH, True)
    # At 1 MB/s.
    assert timeouts == {"lsblk": 60, "wipefs": 60, "cmp": pytest.approx(60 + SIZE / 1e6)}


def test_a_mount_is_shown_with_source_and_options() -> None:
    with ScriptedRunner((FINDMNT, printed("findmnt.json"))) as runner:
        mount = load_mount(runner, "/mnt")
    assert mount is not None
    assert mount.public() == {
        "source": "/dev/loop0",
        "fstype": "ext4",
        "uuid": "280b50a7-db4a-5f0b-bf32-84145f727045",
        "options": "ro,relatime",
    }


def test_a_folder_that_is_no_mount_point_has_no_mount() -> None:
    with ScriptedRunner((FINDMNT, Completed(1))) as runner:
        assert load_mount(runner, "/mnt") is None
