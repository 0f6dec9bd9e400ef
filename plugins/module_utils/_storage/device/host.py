# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Looks at block devices and mount points. It changes nothing."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import (
    Completed,
    FileSystem,
    Runner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.model import (
    Device,
    Mount,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.parse import (
    parse_block_device,
    parse_fstab_source,
    parse_mount,
    parse_signatures,
)

# A device that delivers less than this is broken rather than slow. In software emulation on a
# machine with other work, two paths at MTU 1500 went down to 2.5 MB/s.
_SLOWEST_BYTES_PER_SECOND = 1_000_000


def load_device(runner: Runner, fs: FileSystem, path: str, check_zeroes: bool) -> Device | None:
    """The device at ``path``, or None when there is none.

    :param check_zeroes: read the device until something is not zero, when it has no signature,
        and see whether a lone XFS was finished.
    """
    if not fs.exists(path):
        return None
    lsblk = _checked(
        runner,
        ["lsblk", "--json", "--bytes", "--output", "NAME,SIZE,RO,MOUNTPOINTS", path],
        path,
    )
    size, read_only, mount_points = parse_block_device(lsblk.stdout)
    # wipefs looks at both ends of the device for partition tables, where blkid stops at the first
    # thing it knows.
    signatures = parse_signatures(
        _checked(runner, ["wipefs", "--no-act", "--json", path], path).stdout
    )
    zeroes = unfinished = None
    if check_zeroes and not signatures:
        zeroes = _is_zero(runner, path, size)
    if check_zeroes and [signature.type for signature in signatures] == ["xfs"]:
        unfinished = _is_unfinished(runner, path)
    return Device(
        path=path,
        node=fs.realpath(path),
        size_bytes=size,
        read_only=read_only,
        signatures=signatures,
        mount_points=mount_points,
        zeroes=zeroes,
        unfinished=unfinished,
    )


def load_mount(runner: Runner, mount_point: str) -> Mount | None:
    """What is mounted exactly at ``mount_point``."""
    found = runner.run(
        [
            "findmnt",
            "--json",
            "--output",
            "SOURCE,FSTYPE,UUID,OPTIONS",
            "--mountpoint",
            mount_point,
        ]
    )
    return parse_mount(found.stdout)


def load_fstab_source(runner: Runner, mount_point: str) -> str | None:
    """What /etc/fstab mounts at ``mount_point``, as it is written there."""
    found = runner.run(
        ["findmnt", "--fstab", "--json", "--output", "SOURCE", "--mountpoint", mount_point]
    )
    return parse_fstab_source(found.stdout)


def _is_zero(runner: Runner, path: str, size: int) -> bool:
    compared = runner.run(
        ["cmp", "--silent", "--bytes=%d" % size, path, "/dev/zero"],
        timeout=60 + size / _SLOWEST_BYTES_PER_SECOND,
    )
    if compared.returncode > 1:
        raise _unreadable(path, compared)
    return compared.returncode == 0


def _is_unfinished(runner: Runner, path: str) -> bool:
    # The field sb_inprogress of the superblock: mkfs.xfs clears it as the last thing it does, and
    # the kernel does not mount a file system that has it set.
    read = _checked(runner, ["od", "--address-radix=n", "--format=u1", "-j126", "-N1", path], path)
    return read.stdout.strip() != "0"


def _checked(runner: Runner, argv: list[str], path: str) -> Completed:
    completed = runner.run(argv)
    if completed.returncode != 0:
        raise _unreadable(path, completed)
    return completed


def _unreadable(path: str, completed: Completed) -> ModelStoreError:
    return ModelStoreError(
        "device %s" % path,
        "no way to read it (%s)" % (completed.stderr.strip() or completed.returncode),
        "a readable block device",
        "Look at dmesg on this host; all paths may be down.",
    )
