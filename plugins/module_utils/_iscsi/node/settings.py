# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The parameters of a node record that can be set, and their values.

iscsiadm stores nonsense without a word ("queue_depth = abc" becomes 0), so values are checked here.
Ranges are those of iscsid.conf's comments and of RFC 7143, section 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

_LENGTH_MAX = 2**24 - 1
_INT_MAX = 2**31 - 1  # open-iscsi keeps numbers in an int


@dataclass(frozen=True)
class Number:
    """A whole number in a range."""

    minimum: int
    maximum: int = _INT_MAX
    power_of_two: bool = False
    also: tuple[int, ...] = ()

    def canonical(self, value: Any) -> str | None:
        """The value as the record has it; None when it is not allowed."""
        try:
            number = int(str(value))
        except ValueError:
            return None
        if number in self.also:
            return str(number)
        if not self.minimum <= number <= self.maximum:
            return None
        if self.power_of_two and number & (number - 1):
            return None
        return str(number)

    def __str__(self) -> str:
        kind = "a power of two" if self.power_of_two else "a whole number"
        special = "".join(", or %d" % number for number in self.also)
        return "%s from %d to %d%s" % (kind, self.minimum, self.maximum, special)


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def canonical(self, value: Any) -> str | None:
        """The value as the record has it; None when it is not allowed."""
        if isinstance(value, bool):  # YAML reads a bare Yes or No as a boolean
            value = "Yes" if value else "No"
        return value if value in self.words else None

    def __str__(self) -> str:
        return "one of " + ", ".join(repr(word) for word in self.words)


_SECONDS = Number(0)
_SECONDS_NOT_ZERO = Number(1)
_YES_NO = Choice(("Yes", "No"))
_LENGTH = Number(512, _LENGTH_MAX)
_DIGEST = Choice(("None", "CRC32C", "CRC32C,None", "None,CRC32C"))

SETTINGS: Mapping[str, Number | Choice] = {
    "node.leading_login": _YES_NO,
    "node.session.cmds_max": Number(2, 2048, power_of_two=True),
    "node.session.initial_login_retry_max": Number(1),
    "node.session.nr_sessions": Number(1),
    "node.session.queue_depth": Number(1, 1024),
    "node.session.reopen_max": Number(0),
    "node.session.scan": Choice(("auto", "manual")),
    "node.session.xmit_thread_priority": Number(-20, 20),
    "node.session.err_timeo.abort_timeout": _SECONDS,
    "node.session.err_timeo.host_reset_timeout": _SECONDS,
    "node.session.err_timeo.lu_reset_timeout": _SECONDS,
    "node.session.err_timeo.tgt_reset_timeout": _SECONDS,
    "node.session.iscsi.FastAbort": _YES_NO,
    "node.session.iscsi.FirstBurstLength": _LENGTH,
    "node.session.iscsi.ImmediateData": _YES_NO,
    "node.session.iscsi.InitialR2T": _YES_NO,
    "node.session.iscsi.MaxBurstLength": _LENGTH,
    "node.session.timeo.replacement_timeout": Number(0, also=(-1,)),
    "node.conn[0].iscsi.DataDigest": _DIGEST,
    "node.conn[0].iscsi.HeaderDigest": _DIGEST,
    "node.conn[0].iscsi.MaxRecvDataSegmentLength": _LENGTH,
    "node.conn[0].iscsi.MaxXmitDataSegmentLength": Number(512, _LENGTH_MAX, also=(0,)),
    "node.conn[0].timeo.login_timeout": _SECONDS_NOT_ZERO,
    "node.conn[0].timeo.logout_timeout": _SECONDS_NOT_ZERO,
    "node.conn[0].timeo.noop_out_interval": _SECONDS,
    "node.conn[0].timeo.noop_out_timeout": _SECONDS,
}


def canonical_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Check the settings and write their values as a record has them."""
    result = {}
    for key, value in settings.items():
        rule = SETTINGS.get(key)
        if rule is None:
            raise ModelStoreError(
                "settings",
                "the key %r" % key,
                "one of " + ", ".join(SETTINGS),
                "Correct the key; names and CHAP have options of their own.",
            )
        text = rule.canonical(value)
        if text is None:
            raise ModelStoreError(
                "settings, %s" % key, repr(value), str(rule), "Correct the value."
            )
        result[key] = text
    first = result.get("node.session.iscsi.FirstBurstLength")
    burst = result.get("node.session.iscsi.MaxBurstLength")
    if first and burst and int(first) > int(burst):  # RFC 7143, section 13.14
        raise ModelStoreError(
            "settings, node.session.iscsi.FirstBurstLength",
            first,
            "at most node.session.iscsi.MaxBurstLength (%s)" % burst,
            "Lower the one or raise the other.",
        )
    return result
