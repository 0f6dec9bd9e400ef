# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU's control socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vmrig.errors import RigError

# Saving a machine's memory takes seconds; a minute would be a hang.
_TIMEOUT = 120.0


class Qmp:
    """One connection: ``with Qmp(path, name) as qmp: qmp.execute(...)``."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT)

    def __enter__(self) -> Self:
        try:
            self._socket.connect(str(self._path))
        except OSError as exc:
            self._socket.close()
            raise RigError(
                f"{self._name}: QEMU's control socket {self._path}: {exc.strerror}",
                f"Is it running? tools/rig power {self._name} on",
            ) from exc
        self._file = self._socket.makefile("rb")
        self._receive()
        self.execute("qmp_capabilities")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._socket.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and return what it answers."""
        message = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = self._receive()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RigError(f"{self._name}: {command}: {answer['error'].get('desc')}")

    def monitor(self, line: str) -> None:
        """Run a command that only the human monitor has; it answers with text on errors."""
        answer = str(self.execute("human-monitor-command", **{"command-line": line})).strip()
        if answer:
            raise RigError(f"{self._name}: {line}: {answer}")

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._file.readline()
        except OSError as exc:
            raise RigError(f"{self._name}: QEMU does not answer: {exc}") from exc
        if not line:
            raise RigError(f"{self._name}: QEMU closed its control socket")
        answer: dict[str, Any] = json.loads(line)
        return answer
