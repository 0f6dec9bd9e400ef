# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What uses a disk: mounts and swap on it, or on anything built on it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem


def uses(fs: FileSystem, disks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each disk (kernel name) that is in use, by what."""
    mounts = _mounts(fs.read("/proc/self/mountinfo"))
    swaps = {fs.realpath(path) for path in _swaps(fs.read("/proc/swaps"))}
    found = {}
    for disk in disks:
        reasons = []
        for name, number in _stack(fs, "/sys/block/" + disk, disk):
            suffix = "" if name == disk else " (through %s)" % name
            reasons += ["mounted at %s%s" % (point, suffix) for point in mounts.get(number, [])]
            if "/dev/" + name in swaps:
                reasons.append("swap" + suffix)
        if reasons:
            found[disk] = tuple(dict.fromkeys(reasons))
    return found


def _stack(fs: FileSystem, path: str, name: str) -> list[tuple[str, str]]:
    """Name and device number of a block device, its partitions, and all that is built on them."""
    if not fs.exists(path + "/dev"):
        return []
    devices = [(name, fs.read(path + "/dev").strip())]
    for partition in fs.listdir(path):
        if fs.exists("%s/%s/partition" % (path, partition)):
            devices += _stack(fs, "%s/%s" % (path, partition), partition)
    for holder in fs.listdir(path + "/holders"):
        devices += _stack(fs, "/sys/block/" + holder, holder)
    return devices


def _mounts(mountinfo: str) -> dict[str, list[str]]:
    """Mount points by device number (proc_pid_mountinfo(5))."""
    points: dict[str, list[str]] = {}
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        points.setdefault(fields[2], []).append(_unescaped(fields[4]))
    return points


def _swaps(text: str) -> list[str]:
    return [_unescaped(line.split()[0]) for line in text.splitlines()[1:]]


def _unescaped(text: str) -> str:
    """The kernel writes blanks in paths as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
