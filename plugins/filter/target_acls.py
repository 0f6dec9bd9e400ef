# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ACLs of a TPG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage import volumes

DOCUMENTATION = r"""
name: target_acls
short_description: The ACLs of a TPG, from volumes and initiators
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Joins who may use which volume with the CHAP credentials of each initiator.
positional: _input, initiators
options:
  _input:
    description: Volumes with C(name) and C(initiators).
    type: list
    elements: dict
    required: true
  initiators:
    description: Initiators with C(name) and their CHAP credentials. One without a volume gets no ACL.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
acls: "{{ iscsi_target_volumes | tts.modelstore.target_acls(iscsi_target_initiators) }}"
"""

RETURN = r"""
_value:
  description: The ACLs as O(tts.modelstore.lio_target#module:tpgs[].acls) takes them. They hold secrets.
  type: list
  elements: dict
"""


def _target_acls(
    entries: Iterable[Mapping[str, Any]], initiators: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    try:
        return volumes.target_acls(entries, initiators)
    except ModelStoreError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"target_acls": _target_acls}
