# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.


"""Who uses a mounted file system: what has a file or a folder of it open."""

from __future__ import annotations

from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner

# The links in /proc/<pid> (cwd, root, exe) and in the folders fd and map_files there. find reads
# links without following them, so that a file system that no longer answers does not stop it.
_LIST_LINKS = [
    *("find", "/proc", "-maxdepth", "3", "-path", "/proc/[!0-9]*", "-prune"),
    *("-o", "-type", "l", "-printf", r"%p\t%l\n"),
]


def load_processes(runner: Runner, fs: FileSystem, mount_point: str) -> list[dict[str, Any]]:
    """The processes that use what is mounted at ``mount_point``, by their number."""
    # Processes that end meanwhile make find's exit status 1.
    listed = runner.run(_LIST_LINKS).stdout
    return [{"pid": pid, "command": _command(fs, pid)} for pid in parse_links(listed, mount_point)]


def parse_links(listed: str, mount_point: str) -> list[int]:
    """The numbers of the processes that have a link to the mount point or below.

    >>> parse_links("/proc/7/cwd\\t/mnt/a\\n/proc/8/fd/3\\t/mnt/a/b\\n/proc/9/cwd\\t/mnt/ab", "/mnt/a")
    [7, 8]
    """
    folder = mount_point.rstrip("/")
    found = set()
    for line in listed.splitlines():
        link, _tab, destination = line.partition("\t")
        if destination == folder or destination.startswith(folder + "/"):
            found.add(int(link.split("/")[2]))
    return sorted(found)


def _command(fs: FileSystem, pid: int) -> str:
    # The short name: a whole command line may have secrets in it.
    try:
        return fs.read("/proc/%d/comm" % pid).strip()
    except OSError:
        return "(ended)"
