#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_interfaces
short_description: Configure network cards for storage, with a way back
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Gives network cards addresses and an MTU, now and at boot, and makes VLANs and bonds on them, with whichever of systemd-networkd,
    NetworkManager, ifupdown and netplan is in charge of the host.
  - Only files of its own are written, and only the interfaces that are named are touched. A card with the default route or with the address
    that Ansible is connected to is refused.
  - Before anything is changed a timer on the host is armed that puts the old configuration back. It has to be called off with O(confirm) over a
    connection that was made after the change, as the role P(tts.modelstore.storage_network#role) does. When the interfaces do not become what
    they should be, the old configuration comes back at once.
  - Interfaces that the module configured before and that are not in the list any more lose their configuration.
options:
  interfaces:
    description: The cards, each named by exactly one of V(interface), V(mac) and V(pci), or a bond of several.
    type: list
    elements: dict
    required: true
    suboptions:
      interface:
        description: Name of the card in the kernel, at most 15 characters.
        type: str
      mac:
        description: Its MAC address. The configuration finds the card by it also when its name changes, except with ifupdown.
        type: str
      pci:
        description: Its PCI address with the domain, such as V(0000:00:04.0).
        type: str
      bond:
        description: Name of a bond to make of O(interfaces[].members).
        type: str
      members:
        description: The cards of the bond.
        type: list
        elements: dict
        suboptions:
          interface:
            description: Name of the card in the kernel.
            type: str
          mac:
            description: Its MAC address.
            type: str
          pci:
            description: Its PCI address with the domain.
            type: str
      bond_mode:
        description: How the bond uses its members. The others than V(active-backup) and V(balance-alb) need a switch that is set up for it.
        type: str
        choices: [active-backup, balance-alb, balance-xor, 802.3ad]
        default: active-backup
      vlan:
        description: VLAN on the card or bond that gets the addresses, 1 to 4094. Without it the card or bond itself gets them.
        type: int
      mtu:
        description:
          - Largest packet in bytes, 1280 to 65535. All that is on the way to the other end has to be able to carry it.
          - 9000 is what nearly all switches and cards can carry, and what makes fewer packets of the same data.
        type: int
        default: 9000
      addresses:
        description: Addresses with their prefix, IPv4 and IPv6. There is no gateway; storage stays in its network.
        type: list
        elements: str
        required: true
  backend:
    description:
      - What configures the network of this host.
      - V(auto) goes on with what was used before, or else takes the first of netplan, NetworkManager, networkd and ifupdown that is active and
        does not leave the cards alone.
    type: str
    choices: [auto, networkd, networkmanager, ifupdown, netplan]
    default: auto
  rollback:
    description: Seconds until the old configuration comes back when nobody confirms the new one, 20 to 600.
    type: int
    default: 45
  confirm:
    description: Whether to call off the timer. Fails when the configuration in force is not the one of the task.
    type: bool
    default: false
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the files of the configuration and the interfaces.
seealso:
  - module: tts.modelstore.iscsi_iface
"""

EXAMPLES = r"""
- name: Give two cards to storage
  tts.modelstore.network_interfaces:
    interfaces:
      - interface: enp0s4
        addresses: [10.77.1.21/24]
      - mac: "52:54:00:12:34:56"
        addresses: [10.77.2.21/24]
  register: storage_network

- name: Take a new connection to the host
  ansible.builtin.meta: reset_connection

- name: Keep the new configuration
  tts.modelstore.network_interfaces:
    interfaces:
      - interface: enp0s4
        addresses: [10.77.1.21/24]
      - mac: "52:54:00:12:34:56"
        addresses: [10.77.2.21/24]
    confirm: true

- name: Make a bond with a VLAN on it
  tts.modelstore.network_interfaces:
    interfaces:
      - bond: storage
        members:
          - interface: enp0s4
          - interface: enp0s5
        vlan: 77
        addresses: [10.77.1.21/24]

- name: Take all of it away
  tts.modelstore.network_interfaces:
    interfaces: []
"""

RETURN = r"""
backend:
  description: What the interfaces are configured with; null when none are.
  returned: success
  type: str
  sample: networkd
interfaces:
  description: The interfaces of the task as they are at the end (in check mode as they were), by name.
  returned: success
  type: dict
  sample:
    enp0s4:
      mtu: 9000
      addresses: [10.77.1.21/24]
shared_subnets:
  description:
    - Those of the interfaces that share an IPv4 subnet with another one of them, once the task is done.
    - The kernel answers for any of them on each, unless C(arp_ignore), C(arp_announce) and C(rp_filter) are set for them.
  returned: success
  type: list
  elements: str
  sample: []
rollback_armed:
  description: Whether the timer that puts the old configuration back is running.
  returned: success
  type: bool
actions:
  description: The steps that were taken, in their order; in check mode those that would be.
  returned: always
  type: list
  elements: dict
  sample:
    - action: arm_rollback
      subject: modelstore-network-rollback
      seconds: 45
      interfaces: [enp0s4]
"""

from functools import cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces import host
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.desired import (
    desired_network,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.plan import (
    plan_network,
    state,
)

CARD = {"interface": {"type": "str"}, "mac": {"type": "str"}, "pci": {"type": "str"}}

ARGUMENT_SPEC = {
    "interfaces": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            **CARD,
            "bond": {"type": "str"},
            "members": {"type": "list", "elements": "dict", "options": CARD},
            "bond_mode": {
                "type": "str",
                "choices": ["active-backup", "balance-alb", "balance-xor", "802.3ad"],
                "default": "active-backup",
            },
            "vlan": {"type": "int"},
            "mtu": {"type": "int", "default": 9000},
            "addresses": {"type": "list", "elements": "str", "required": True},
        },
    },
    "backend": {
        "type": "str",
        "choices": ["auto", "networkd", "networkmanager", "ifupdown", "netplan"],
        "default": "auto",
    },
    "rollback": {"type": "int", "default": 45},
    "confirm": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    desired = cache(lambda: desired_network(module.params))
    converge(
        module,
        load=lambda: host.load(runner, fs),
        plan=lambda observed: plan_network(desired(), observed),
        apply=lambda action: host.apply(action, runner, fs),
        result=lambda observed: state(desired(), observed),
        finish=lambda: host.settle(desired(), runner, fs),
    )


if __name__ == "__main__":
    main()
