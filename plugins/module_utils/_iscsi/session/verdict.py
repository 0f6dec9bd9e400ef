# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Why a target refused a login. iscsiadm's exit codes do not tell; iscsid's journal does.

It is 24 for a wrong secret and for no ACL, and 19 for settings that do not fit and for a target that
cannot prove itself. What the target calls an error of its own iscsid tries
again until the time is over, which ends with 5 or 8 as for a portal that does not answer.

The messages are those of open-iscsi's usr/initiator.c (__check_iscsi_status_class) and usr/login.c
(check_security_stage_status), the same from 2.1.8 on.
"""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """One reason, with ``%(...)s`` for initiator, target and portal."""

    happened: str
    advice: str


_VERDICTS = (
    (
        "failed authentication with target",
        Verdict(
            "the target does not accept its CHAP credentials (wrong or missing user name or secret)",
            "Make the CHAP user name and secret of this initiator's node record and of the "
            "ACL for %(initiator)s on the target server the same.",
        ),
    ),
    (
        "failed authorization with target",
        Verdict(
            "the target has no ACL for this initiator",
            "Add an ACL for %(initiator)s to %(target)s on the target server, or correct "
            "/etc/iscsi/initiatorname.iscsi on this host.",
        ),
    ),
    (
        "login authentication failed with target",
        Verdict(
            "the target could not prove itself (mutual CHAP)",
            "Make the mutual CHAP user name and secret of the node record and of the ACL for "
            "%(initiator)s on the target server the same.",
        ),
    ),
    (
        # 03/01 is what LIO answers.
        "login rejected: target error (03/01)",
        Verdict(
            "the portal does not serve this target",
            "Check on the target server that it has %(target)s, and that its portal group has "
            "this portal and is enabled.",
        ),
    ),
)


def verdict(journal: str) -> Verdict | None:
    """The reason that iscsid logged last; None when it logged none."""
    for line in reversed(journal.lower().splitlines()):
        for message, found in _VERDICTS:
            if message in line:
                return found
    return None
