# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTU with which bad paths become good ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._network.path.model import limits

DOCUMENTATION = r"""
name: path_limits
short_description: The MTU with which bad paths become good ones
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Works out how large packets may be where paths do not carry what their ends send, or the two ends send packets of different sizes.
  - All that talk to each other get the same size, also over others.
options:
  _input:
    description: The paths of all clients, as M(tts.modelstore.network_path_info) returns them.
    type: list
    elements: dict
    required: true
  backward:
    description: The paths of the servers back to them, in the same form.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: See what would have to be smaller
  ansible.builtin.debug:
    msg: "{{ outward | tts.modelstore.path_limits(backward) }}"
"""

RETURN = r"""
_value:
  description: From the addresses of the ends that need it to the size in bytes. Empty when all paths are good, or broken altogether.
  type: dict
"""


def path_limits(
    outward: Iterable[Mapping[str, Any]], backward: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    return limits(outward, backward)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"path_limits": path_limits}
