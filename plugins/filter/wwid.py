# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WWID of a backstore."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import wwid

DOCUMENTATION = r"""
name: wwid
short_description: The WWID that initiators see for a LIO backstore
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - C(3), the NAA prefix of LIO C(6001405), and the first 25 hexadecimal digits of the unit serial.
options:
  _input:
    description: The unit serial (wwn) of the backstore.
    type: str
    required: true
seealso:
  - plugin: tts.modelstore.volume_wwn
    plugin_type: filter
"""

EXAMPLES = r"""
wwid: "{{ '280b50a7-db4a-5f0b-bf32-84145f727045' | tts.modelstore.wwid }}"
# => 36001405280b50a7db4a5f0bbf3284145
"""

RETURN = r"""
_value:
  description: The WWID, 33 hexadecimal digits.
  type: str
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"wwid": wwid}
