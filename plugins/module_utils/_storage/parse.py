# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The kernel's lists of mounts and swap (proc_pid_mountinfo(5), proc_swaps(5))."""

from __future__ import annotations

import re


def parse_mounts(mountinfo: str) -> list[tuple[str, str, str]]:
    """``/proc/<pid>/mountinfo`` as (device number, source, mount point)."""
    mounts = []
    for line in mountinfo.splitlines():
        mounted, source = line.split(" - ", 1)
        fields = mounted.split()
        mounts.append((fields[2], _plain(source.split()[1]), _plain(fields[4])))
    return mounts


def parse_swaps(swaps: str) -> list[str]:
    """The devices and files in ``/proc/swaps``."""
    return [_plain(line.split()[0]) for line in swaps.splitlines()[1:] if line.strip()]


def _plain(path: str) -> str:
    # The kernel writes blanks and backslashes as octal numbers.
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), path)
