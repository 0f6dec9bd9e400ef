# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The managed host as the pure code sees it: commands through AnsibleModule, files through os."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible.module_utils.common.process import get_bin_path
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.scsi import read_capacity
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_SBIN = ["/sbin", "/usr/sbin", "/usr/local/sbin"]


class ModuleRunner:
    """The only caller of ``run_command``: fixed locale, no shell, bounded time."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        """See :class:`Runner`."""
        program = _find(argv[0])
        if program is None:
            raise ModelStoreError(
                "command %s" % argv[0],
                "no such program",
                "it to be installed",
                "Install the package that brings it, or run the role that does.",
            )
        # GNU timeout bounds the command: run_command has no limit of its own. It says 124
        # when it ended the command and 137 when it had to kill it.
        bounded = ["timeout", "--kill-after=10", str(timeout), program, *argv[1:]]
        returncode, stdout, stderr = self._module.run_command(
            bounded, environ_update={"LC_ALL": "C", "LANGUAGE": "C"}
        )
        if returncode in (124, 137):
            raise CommandTimeout(
                "command %s" % " ".join(argv),
                "no end after %g s" % timeout,
                "it to end by then",
                "Look for a device or a daemon that does not answer (dmesg, journalctl).",
                {"stdout": stdout, "stderr": stderr},
            )
        return Completed(returncode, stdout, stderr)

    def available(self, command: str) -> bool:
        """See :class:`Runner`."""
        return _find(command) is not None


class LocalFileSystem:
    """Files of the host the module runs on; see :class:`FileSystem`."""

    def read(self, path: str) -> str:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def listdir(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return []

    def realpath(self, path: str) -> str:
        try:
            return os.path.realpath(path)
        except FileNotFoundError:
            # A link that went while it was followed, as those of a process do that just ended.
            return path

    def is_claimed(self, path: str) -> bool:
        # Such an open is refused while another exclusive one lasts. Closing it causes no event.
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK))
        except OSError as error:
            return error.errno == errno.EBUSY
        return False

    def capacity(self, path: str) -> int | None:
        return read_capacity(path)

    def mtime(self, path: str) -> float:
        return os.stat(path).st_mtime

    def write_attribute(self, path: str, text: str) -> None:
        # Not made where it just went, and not read: attributes can be write-only.
        with os.fdopen(os.open(path, os.O_WRONLY), "w", encoding="utf-8") as stream:
            stream.write(text)

    def write_private(self, path: str, text: str, *, staging: str | None = None) -> None:
        _replace(path, text, 0o600, staging or os.path.dirname(path))

    def write_file(self, path: str, text: str, mode: int) -> None:
        folder = os.path.dirname(path)
        os.makedirs(folder, mode=0o755, exist_ok=True)
        _replace(path, text, mode, folder)

    def remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _replace(path: str, text: str, mode: int, staging: str) -> None:
    """Write a file beside another one, flush it to the disk and put it in the other's place."""
    handle, temporary = tempfile.mkstemp(prefix=".modelstore-", dir=staging)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _find(command: str) -> str | None:
    """The full path of a program: root's PATH may lack the sbin folders, after ``su`` it does."""
    try:
        return str(get_bin_path(command, opt_dirs=_SBIN))
    except ValueError:
        return None
