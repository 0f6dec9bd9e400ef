# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What the I/O of a subsystem is built on: commands and files, as protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Completed:
    """A command that ended.

    :param returncode: its exit status.
    :param stdout: what it printed, as text.
    :param stderr: its messages, as text.
    """

    returncode: int
    stdout: str = ""
    stderr: str = ""


class Runner(Protocol):
    """Runs commands on the managed host."""

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        """Run ``argv`` (no shell) and return how it ended, whatever its exit status.

        :param timeout: seconds after which the command is ended.
        :raises CommandTimeout: the command ran into the timeout.
        :raises ModelStoreError: the command is not there.
        """

    def available(self, command: str) -> bool:
        """Whether ``command`` is on the managed host's PATH (or in an sbin folder)."""


class FileSystem(Protocol):
    """Reads and writes files on the managed host. A missing file raises FileNotFoundError."""

    def read(self, path: str) -> str:
        """The text of a file (UTF-8, undecodable bytes replaced)."""

    def exists(self, path: str) -> bool:
        """Whether the path is there (links are followed)."""

    def listdir(self, path: str) -> list[str]:
        """The sorted names in a folder; none when the folder is not there."""

    def realpath(self, path: str) -> str:
        """The path with all links resolved."""

    def is_claimed(self, path: str) -> bool:
        """Whether the kernel holds a block device for itself: for a mount, a volume, a LUN, ..."""

    def capacity(self, path: str) -> int | None:
        """Bytes that a SCSI disk says it has, which the kernel asks for only when it is told to.

        None when the disk does not answer.
        """

    def mtime(self, path: str) -> float:
        """When the file was last written, in seconds since the epoch."""

    def write_attribute(self, path: str, text: str) -> None:
        """Write into an attribute that the kernel shows as a file."""

    def write_private(self, path: str, text: str, *, staging: str | None = None) -> None:
        """Replace a file atomically: mode 0600, flushed to the disk, then renamed into place.

        :param staging: the folder to write the new file in first, on the same file system;
            by default the folder of the file.
        """

    def write_file(self, path: str, text: str, mode: int) -> None:
        """Replace a file atomically, like :meth:`write_private`, and make its folder."""

    def remove(self, path: str) -> None:
        """Remove a file; not there already is fine."""
