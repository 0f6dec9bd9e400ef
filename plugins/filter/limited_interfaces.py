# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces with an MTU within limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._network.path.model import limited

DOCUMENTATION = r"""
name: limited_interfaces
short_description: Interfaces with an MTU within limits
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Makes the MTU of interfaces smaller where a limit is known for one of their addresses.
options:
  _input:
    description: The interfaces, as O(tts.modelstore.network_interfaces#module:interfaces) takes them.
    type: list
    elements: dict
    required: true
  limits:
    description: From addresses to sizes in bytes, as P(tts.modelstore.path_limits#filter) returns them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Give the cards what the paths carry
  tts.modelstore.network_interfaces:
    interfaces: "{{ interfaces | tts.modelstore.limited_interfaces({'10.77.1.21': 1500}) }}"
"""

RETURN = r"""
_value:
  description: The interfaces. One without a limit is as it was.
  type: list
  elements: dict
"""


def limited_interfaces(
    interfaces: Iterable[Mapping[str, Any]], limits: Mapping[str, int]
) -> list[dict[str, Any]]:
    return limited(interfaces, limits)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"limited_interfaces": limited_interfaces}
