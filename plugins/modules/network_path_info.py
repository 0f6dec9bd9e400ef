#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_path_info
short_description: Find the largest packet that passes to other hosts
version_added: "0.1.0"
description:
  - Sends packets that nobody on the way may cut, as large as the interface allows, and searches for the largest that comes back when these do not.
  - A packet of the full size also gets through to a host that sends smaller ones itself. So ask from both ends, and compare RV(paths[].mtu).
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  destinations:
    description: Addresses of the other hosts, IPv4 or IPv6, such as those of portals.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.attributes.info_module
seealso:
  - module: tts.modelstore.network_interfaces
"""

EXAMPLES = r"""
- name: Look at the paths to two portals
  tts.modelstore.network_path_info:
    destinations: [10.77.1.10, 10.77.2.10]
  register: storage_paths

- name: Require jumbo frames to both
  ansible.builtin.assert:
    that: storage_paths.paths | rejectattr('full_size') | length == 0
"""

RETURN = r"""
paths:
  description: One entry for each destination, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    destination:
      description: The address that was asked.
      type: str
      sample: 10.77.1.10
    interface:
      description: Interface that packets to it leave through; empty when there is no route.
      type: str
      sample: enp0s4
    source:
      description: Address of this host that they come from.
      type: str
      sample: 10.77.1.21
    mtu:
      description: MTU of the interface in bytes.
      type: int
      sample: 9000
    speed:
      description: Speed of the link in Mbit/s; null when the card does not say.
      type: int
      sample: 25000
    largest:
      description: The largest packet in bytes that came back; 0 when none did.
      type: int
      sample: 9000
    full_size:
      description: Whether that is all that the interface sends in one piece.
      type: bool
      sample: true
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import report
from ansible_collections.tts.modelstore.plugins.module_utils._network.path import host
from ansible_collections.tts.modelstore.plugins.module_utils._network.path.model import address

ARGUMENT_SPEC = {"destinations": {"type": "list", "elements": "str", "required": True}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()

    def read() -> dict[str, object]:
        destinations = [address(text) for text in module.params["destinations"]]
        return {"paths": [path.public() for path in host.load(runner, fs, destinations)]}

    report(module, read)


if __name__ == "__main__":
    main()
