#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage an iface record of open-iscsi."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_iface
short_description: Manage an iface record of open-iscsi
version_added: "0.1.0"
description:
  - Makes, changes and deletes an iface record, which binds sessions to one network interface.
  - It is needed where several interfaces of a host are in one subnet. With one subnet for each
    interface the routes choose the right one, and the iface C(default) is enough.
  - Records are for software iSCSI (the transport C(tcp)).
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  name:
    description:
      - Name of the record, up to 64 characters, other than C(default) and C(iser).
    type: str
    required: true
  state:
    description:
      - With V(present) the record has exactly what is given here. A damaged record is replaced.
      - With V(absent) the record is deleted. This is refused while a session or a node record uses it.
    type: str
    choices: [present, absent]
    default: present
  net_ifacename:
    description:
      - Name of the network interface that its sessions are bound to.
      - Without it and O(hwaddress) sessions are not bound, and the routes choose.
    type: str
  hwaddress:
    description:
      - MAC address of the network interface that its sessions are bound to, in place of its name.
    type: str
  initiatorname:
    description:
      - Initiator name that its sessions log in with, in place of the one of the host.
    type: str
requirements:
  - open-iscsi 2.1.8 or newer
  - The kernel module iscsi_tcp
notes:
  - Node records of the iface are changed with it. Sessions that are up go on as they are until
    their next login.
  - A binding to an IP address is left out on purpose - with software iSCSI every login through such
    a record fails.
  - Several interfaces in one subnet need C(net.ipv4.conf.*.rp_filter) 0 or 2 as well.
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details: Where open-iscsi is not installed yet, nothing counts as there and all steps are predicted.
  diff_mode:
    support: full
seealso:
  - module: tts.modelstore.iscsi_node
  - module: tts.modelstore.iscsi_session
"""

EXAMPLES = r"""
- name: Bind sessions to the first of two cards in one subnet
  tts.modelstore.iscsi_iface:
    name: storage_a
    net_ifacename: eth1

- name: Do the same by the address of the card
  tts.modelstore.iscsi_iface:
    name: storage_b
    hwaddress: "52:54:00:12:34:56"

- name: Remove the record
  tts.modelstore.iscsi_iface:
    name: storage_a
    state: absent
"""

RETURN = r"""
iface:
  description: The record as it is at the end (in check mode as it was); null when there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the record.
      type: str
      sample: storage_a
    transport:
      description: The transport of its sessions.
      type: str
      sample: tcp
    net_ifacename:
      description: Name of the network interface; null when it is not bound by name.
      type: str
      sample: eth1
    hwaddress:
      description: MAC address of the network interface; null when it is not bound by that.
      type: str
    initiatorname:
      description: Initiator name of its sessions; null when it is the one of the host.
      type: str
actions:
  description: The steps that were taken, in their order; in check mode those that would be.
  returned: always
  type: list
  elements: dict
  sample:
    - action: create_iface
      subject: storage_a
      name: storage_a
"""

from functools import cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.desired import (
    desired_iface,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.plan import (
    plan_iface,
    state,
)

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "net_ifacename": {"type": "str"},
    "hwaddress": {"type": "str"},
    "initiatorname": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("net_ifacename", "hwaddress")],
        supports_check_mode=True,
    )
    runner, fs = ModuleRunner(module), LocalFileSystem()
    desired = cache(lambda: desired_iface(module.params))
    converge(
        module,
        load=lambda: host.load(runner, fs, desired().name),
        plan=lambda observed: plan_iface(desired(), observed),
        apply=lambda action: host.apply(action, runner),
        result=lambda observed: state(observed.record),
    )


if __name__ == "__main__":
    main()
