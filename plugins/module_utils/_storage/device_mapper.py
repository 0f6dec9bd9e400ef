# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What device-mapper itself knows of a device. It changes nothing."""

from __future__ import annotations

import re

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Runner

# A path in the status of a multipath target: its device number, then A (active) or F (failed).
_ACTIVE_PATH = re.compile(r"(?<!\S)(\d+:\d+) A(?!\S)")


def open_count(runner: Runner, name: str) -> int:
    """How many times a device is open: by processes, mounts and what is built on it."""
    argv = ["dmsetup", "info", "-c", "--noheadings", "-o", "open", name]
    completed = runner.run(argv)
    if completed.returncode != 0:
        raise ModelStoreError(
            "device-mapper device %s" % name,
            completed.stderr.strip() or "exit code %d" % completed.returncode,
            "how many times it is open",
            "Run again, if it went meanwhile; else look at 'dmsetup info %s'." % name,
        )
    return int(completed.stdout)


def active_paths(runner: Runner, name: str) -> frozenset[str]:
    """Device numbers of the paths that a multipath map sends to; none when it just went."""
    return parse_active_paths(runner.run(["dmsetup", "status", name]).stdout)


def parse_active_paths(status: str) -> frozenset[str]:
    """Device numbers of the active paths in the status of a multipath map.

    >>> sorted(parse_active_paths("0 8 multipath 2 0 0 0 1 1 A 0 2 0 8:16 A 0 8:32 F 1"))
    ['8:16']
    """
    return frozenset(_ACTIVE_PATH.findall(status))
