# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that outlive the program that started them, found again by more than their pid."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vmrig.errors import RigError

_PROC = Path("/proc")
# Where Debian keeps mke2fs; not in every user's PATH.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Identity:
    """A pid is reused; with its start time and the host's boot it is not."""

    pid: int
    started: int
    boot: str


def boot_id() -> str:
    """The running boot of the host."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_time(stat: str) -> int | None:
    """The start time in the text of ``/proc/PID/stat``; none for a process that has ended."""
    # The name before the last bracket may hold spaces and brackets itself.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def identify(pid: int) -> Identity | None:
    """The identity of a running process."""
    try:
        started = start_time((_PROC / str(pid) / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if started is None else Identity(pid, started, boot_id())


def recorded(record: Path) -> Identity | None:
    """The process of a record, if exactly that one still runs."""
    try:
        identity = Identity(**json.loads(record.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return identity if identify(identity.pid) == identity else None


def need_tools(packages: Mapping[str, str], purpose: str) -> None:
    """Refuse when a program is missing; *packages* are program → Debian package."""
    missing = sorted(
        {package for tool, package in packages.items() if not shutil.which(tool, path=PATH)}
    )
    if missing:
        raise RigError(
            f"{purpose}: {', '.join(missing)} not installed.",
            f"Run: sudo apt-get install {' '.join(missing)}",
        )


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(argv: Sequence[str], record: Path, log: Path) -> None:
    """Start *argv* in a session of its own, its output in *log*, and write the record."""
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Without its record nobody would ever stop it, so nothing comes between.
    with uninterrupted():
        pid = os.posix_spawnp(
            argv[0], list(argv), os.environ, file_actions=streams, setsid=True, setsigmask=()
        )
        identity = identify(pid)
        if identity is None:
            return
        try:
            partial = record.with_suffix(".new")
            partial.write_text(json.dumps(asdict(identity)))
            partial.rename(record)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            raise


def stop(record: Path) -> bool:
    """Kill the recorded process at once, as a pulled plug does; whether there was one."""
    identity = recorded(record)
    if identity is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while identify(identity.pid) == identity:
            if time.monotonic() > deadline:
                raise RigError(f"process {identity.pid} ({record.stem}) does not end")
            time.sleep(0.05)
    record.unlink(missing_ok=True)
    return identity is not None
