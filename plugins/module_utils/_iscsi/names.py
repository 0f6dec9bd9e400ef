# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Names of targets, initiators and ifaces."""

from __future__ import annotations

import re

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

# open-iscsi's own names for what is not bound to a card; it keeps no record of these two.
SPECIAL_IFACES = ("default", "iser")

# RFC 7143, section 4.2.7: at most 223 bytes, lower case once normalised.
_NAME = re.compile(
    r"iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(?::[a-z0-9.:-]+)?|eui\.[0-9a-f]{16}"
    r"|naa\.(?:[0-9a-f]{16}|[0-9a-f]{32})"
)
# open-iscsi keeps 64 bytes; the name is a file name too.
_IFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}")


def target_name(text: str) -> str:
    """Check the iSCSI name of a target (iqn., eui. or naa. form)."""
    return _iscsi_name(text, "target name", "Write the name as the target server has it.")


def initiator_name(text: str) -> str:
    """Check the iSCSI name of an initiator."""
    return _iscsi_name(text, "initiator name", "Write the name as the ACL on the target has it.")


def iface_name(text: str) -> str:
    """Check the name of an iface record."""
    if not _IFACE.fullmatch(text):
        raise ModelStoreError(
            "iface name",
            repr(text),
            "up to 64 letters, digits, '_', '-', '.' and ':', the first one a letter, digit or '_'",
            "Choose another name.",
        )
    return text


def _iscsi_name(text: str, what: str, hint: str) -> str:
    if len(text) > 223 or not _NAME.fullmatch(text):
        raise ModelStoreError(
            what,
            repr(text),
            "an iSCSI name in lower case (iqn.YYYY-MM.reversed.domain:name, eui. or naa.)",
            hint,
        )
    return text
