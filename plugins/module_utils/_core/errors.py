# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The one family of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ModelStoreError(Exception):
    """Something that a user has to know about.

    The text always reads ``<what>: found <found>, expected <expected>. <hint>``.

    :param what: the object spoken of, with its name ("backstore block/gpu1").
    :param found: what is there.
    :param expected: what should be there.
    :param hint: the setting that allows it, or the next step. A full sentence.
    :param details: more facts for ``error_details``; no secrets.
    """

    def __init__(
        self,
        what: str,
        found: str,
        expected: str,
        hint: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("%s: found %s, expected %s. %s" % (what, found, expected, hint))
        self.what = what
        self.found = found
        self.expected = expected
        self.hint = hint
        self.details = dict(details or {})

    def to_details(self) -> dict[str, Any]:
        """The parts of the error as data, for ``error_details``."""
        return {
            "what": self.what,
            "found": self.found,
            "expected": self.expected,
            "hint": self.hint,
            **self.details,
        }


class CommandTimeout(ModelStoreError):
    """A command that did not end in the time it was given."""
