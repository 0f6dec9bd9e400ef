# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with paths that were probed from both ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.tts.modelstore.plugins.module_utils._network.path.model import faults

DOCUMENTATION = r"""
name: path_faults
short_description: What is wrong with paths that were probed from both ends
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Compares the paths of one host with those of the hosts at the other ends.
  - A path is good when packets of the full size pass both ways and both ends send packets of the same size.
options:
  _input:
    description: The paths of the host, as M(tts.modelstore.network_path_info) returns them, each with the host's name as C(host).
    type: list
    elements: dict
    required: true
  backward:
    description: The paths of the other hosts back to it, in the same form. Without a path back only the one way is judged.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Require good paths
  ansible.builtin.assert:
    that: outward | tts.modelstore.path_faults(backward) | length == 0
    fail_msg: "{{ outward | tts.modelstore.path_faults(backward) | join('; ') }}"
"""

RETURN = r"""
_value:
  description: A text for each bad path, with the hosts, their interfaces, what these send, and the largest packet that passes both ways.
  type: list
  elements: str
"""


def path_faults(
    outward: Iterable[Mapping[str, Any]], backward: Iterable[Mapping[str, Any]]
) -> list[str]:
    return faults(outward, backward)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"path_faults": path_faults}
