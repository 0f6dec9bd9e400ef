# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit serial of a volume."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn

DOCUMENTATION = r"""
name: volume_wwn
short_description: The unit serial (wwn) of a volume's backstore
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - A name-based UUID (version 5, URL namespace) of C(<target IQN>/<volume>), so that a rebuilt target gives its volumes the
    names they had.
positional: _input, target
options:
  _input:
    description: The volume's name.
    type: str
    required: true
  target:
    description: The target's IQN.
    type: str
    required: true
seealso:
  - plugin: tts.modelstore.wwid
    plugin_type: filter
"""

EXAMPLES = r"""
wwn: "{{ 'gpu1' | tts.modelstore.volume_wwn('iqn.2026-11.com.example:store1') }}"
# => 280b50a7-db4a-5f0b-bf32-84145f727045
"""

RETURN = r"""
_value:
  description: The unit serial.
  type: str
"""


def _volume_wwn(volume: str, target: str) -> str:
    if not volume or not target:
        raise AnsibleFilterError("volume_wwn takes the name of a volume and the IQN of its target.")
    return volume_wwn(target, volume)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"volume_wwn": _volume_wwn}
