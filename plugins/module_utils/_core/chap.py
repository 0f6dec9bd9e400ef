# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What both sides of iSCSI ask of a CHAP secret."""

from __future__ import annotations

# RFC 7143 asks for 96 random bits, which is 12 characters, and some initiators and targets take
# no more than 16.
_LENGTHS = range(12, 17)


def secret_fault(secret: str) -> str | None:
    """What makes a secret unusable, without showing it; None for a good one.

    >>> secret_fault("short")
    'of 5 characters'
    >>> secret_fault("long enough-1")
    """
    if len(secret) not in _LENGTHS:
        return "of %d characters" % len(secret)
    if not (secret.isascii() and secret.isprintable()):
        return "with characters that are not printable ASCII"
    if secret != secret.strip():
        return "with blanks at its ends"
    return None
