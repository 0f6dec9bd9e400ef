# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file system in memory."""

from __future__ import annotations

from collections.abc import Mapping


class MemoryFileSystem:
    """Files and links by absolute path; folders are there when something is in them.

    ``private`` holds the files written with mode 0600 and the folder each was staged in, ``modes``
    the modes of those that were written with one of their own,
    ``mtimes`` the times of those whose age matters, ``claimed`` the block devices in use,
    ``capacities`` what disks say of their size.
    """

    def __init__(
        self, files: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None
    ) -> None:
        self.files = dict(files or {})
        self.links = dict(links or {})
        self.private: dict[str, str] = {}
        self.modes: dict[str, int] = {}
        self.mtimes: dict[str, float] = {}
        self.claimed: set[str] = set()
        self.capacities: dict[str, int] = {}

    def read(self, path: str) -> str:
        try:
            return self.files[self.realpath(path)]
        except KeyError:
            raise FileNotFoundError(path) from None

    def exists(self, path: str) -> bool:
        real = self.realpath(path)
        return real in self.files or self._is_folder(real)

    def listdir(self, path: str) -> list[str]:
        real = self.realpath(path)
        if real in self.files:
            raise NotADirectoryError(path)
        prefix = real.rstrip("/") + "/"
        inside = [name for name in (*self.files, *self.links) if name.startswith(prefix)]
        return sorted({name[len(prefix) :].partition("/")[0] for name in inside})

    def realpath(self, path: str) -> str:
        resolved = ""
        for part in path.strip("/").split("/"):
            resolved += "/" + part
            if resolved in self.links:
                resolved = self.realpath(self.links[resolved])
        return resolved

    def is_claimed(self, path: str) -> bool:
        return path in self.claimed

    def capacity(self, path: str) -> int | None:
        return self.capacities.get(path)

    def mtime(self, path: str) -> float:
        if not self.exists(path):
            raise FileNotFoundError(path)
        return self.mtimes.get(path, 0.0)

    def write_attribute(self, path: str, text: str) -> None:
        self.read(path)
        self.files[self.realpath(path)] = text

    def write_private(self, path: str, text: str, *, staging: str | None = None) -> None:
        self.files[self.realpath(path)] = text
        self.private[path] = staging or path.rpartition("/")[0]

    def write_file(self, path: str, text: str, mode: int) -> None:
        self.files[self.realpath(path)] = text
        self.modes[path] = mode

    def remove(self, path: str) -> None:
        if self.links.pop(path, None) is None:
            self.files.pop(self.realpath(path), None)

    def _is_folder(self, path: str) -> bool:
        return any(name.startswith(path + "/") for name in (*self.files, *self.links))
