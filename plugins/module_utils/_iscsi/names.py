# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""iSCSI names."""

from __future__ import annotations

import re

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

# RFC 7143, section 4.2.7: at most 223 bytes, lower case once normalised.
_NAME = re.compile(
    r"iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(?::[a-z0-9.:-]+)?|eui\.[0-9a-f]{16}"
    r"|naa\.(?:[0-9a-f]{16}|[0-9a-f]{32})"
)


def target_name(text: str) -> str:
    """Check the iSCSI name of a target (iqn., eui. or naa. form)."""
    if len(text) > 223 or not _NAME.fullmatch(text):
        raise ModelStoreError(
            "target name",
            repr(text),
            "an iSCSI name in lower case (iqn.YYYY-MM.reversed.domain:name, eui. or naa.)",
            "Write the name as the target server has it.",
        )
    return text
