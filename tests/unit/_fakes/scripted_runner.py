# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner that expects exactly the commands of its script, in their order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed


class ScriptedRunner:
    """Answers from a script; any other command, and one that is not called, is a failure.

    Use it as a context manager::

        with ScriptedRunner((["true"], Completed(0))) as runner:
            ...

    :param script: pairs of a command and how it ends; an exception is raised instead.
    :param missing: commands that are not on the PATH.
    """

    def __init__(
        self,
        *script: tuple[Sequence[str], Completed | Exception],
        missing: Collection[str] = (),
    ) -> None:
        self._script = list(script)
        self._missing = missing

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        assert self._script, f"not in the script: {list(argv)}"
        expected, answer = self._script.pop(0)
        assert list(argv) == list(expected)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def available(self, command: str) -> bool:
        return command not in self._missing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            assert not self._script, f"not called: {[list(argv) for argv, _answer in self._script]}"
