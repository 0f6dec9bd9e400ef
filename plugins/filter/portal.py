# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An iSCSI portal from its spelling."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import parse_portal

DOCUMENTATION = r"""
name: portal
short_description: Address and port of an iSCSI portal
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Takes an address with or without a port. The port is 3260 where none is given.
options:
  _input:
    description: C(address) or C(address:port); an IPv6 address with a port stands in brackets.
    type: str
    required: true
"""

EXAMPLES = r"""
portals: "{{ ['10.77.1.10', '[fd00::10]:3261'] | map('tts.modelstore.portal') | list }}"
# => [{address: 10.77.1.10, port: 3260}, {address: 'fd00::10', port: 3261}]
"""

RETURN = r"""
_value:
  description: The portal with its C(address) in canonical form and its C(port).
  type: dict
"""


def portal(text: str) -> dict[str, Any]:
    try:
        parsed = parse_portal(text)
    except ModelStoreError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"address": parsed.address, "port": parsed.port}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"portal": portal}
