# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Probes from a real host."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._network.path.model import (
    Path,
    largest,
    payload,
    route,
)

# One answer of these is enough: a busy machine loses some.
_PACKETS = 3
# Seconds to wait for the last one. A storage network answers in less than a millisecond.
_WAIT = 2


def load(runner: Runner, fs: FileSystem, destinations: Sequence[str]) -> list[Path]:
    """Probe each of the destinations."""
    return [_path(runner, fs, destination) for destination in destinations]


def _path(runner: Runner, fs: FileSystem, destination: str) -> Path:
    found = runner.run(["ip", "-json", "route", "get", destination])
    interface, source = route(found.stdout if found.returncode == 0 else "")
    if not interface:
        return Path(destination)
    folder = "/sys/class/net/%s/" % interface
    mtu = int(fs.read(folder + "mtu"))

    def passes(size: int) -> bool:
        return _answers(runner, destination, size)

    return Path(
        destination,
        interface,
        source,
        mtu,
        _speed(fs, folder + "speed"),
        largest(destination, mtu, passes),
    )


def _answers(runner: Runner, destination: str, size: int) -> bool:
    """Whether a packet of this size that nobody may cut comes back."""
    argv = ["ping", "-n", "-q", "-M", "do", "-s", str(payload(destination, size))]
    argv += ["-c", str(_PACKETS), "-i", "0.2", "-W", str(_WAIT), destination]
    return runner.run(argv).returncode == 0


def _speed(fs: FileSystem, path: str) -> int | None:
    # A card without a link answers with an error, a virtual one with -1.
    with contextlib.suppress(OSError, ValueError):
        speed = int(fs.read(path))
        return speed if speed > 0 else None
    return None
