#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask portals for their iSCSI targets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_discovery
short_description: Ask portals for their iSCSI targets
version_added: "0.1.0"
description:
  - Asks one or several portals for their targets (SendTargets), and keeps the discovery record of
    each portal, which holds the CHAP credentials of the question.
  - No node record is made, changed or deleted. A plain discovery with iscsiadm puts all node records
    of the portal back to the defaults.
  - CHAP secrets are written into the record files (mode 0600) under iscsiadm's own lock, and never
    stand on a command line.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  portals:
    description:
      - Portals to ask, each an IP address or a host name with an optional port (C(10.77.1.10),
        C(10.77.1.10:3260), C([fd00::10]:3260), C(store1.example.com)). The port is 3260 where none
        is given.
      - A host name is looked up on the managed host and stands for all its addresses.
    type: list
    elements: str
    required: true
  state:
    description:
      - With V(present) each portal has a discovery record with exactly these credentials, and is
        asked for its targets. A damaged record is replaced.
      - With V(absent) the discovery records are deleted. Node records stay.
    type: str
    choices: [present, absent]
    default: present
  target:
    description:
      - Name of the only target that is looked for. One that no portal names is missing; see
        O(on_missing).
    type: str
  expected_portals:
    description:
      - Portals that O(target) must have by what the discovery says, written as in O(portals).
    type: list
    elements: str
    default: []
  on_missing:
    description:
      - What to do when O(target) or one of its O(expected_portals) is not named by any portal.
    type: str
    choices: [fail, warn]
    default: fail
  require_all:
    description:
      - Whether each portal must answer. Otherwise one that does is enough, and there is a warning for
        each of the others.
    type: bool
    default: false
  timeout:
    description:
      - Seconds that each portal has for its answer, 1 or more. They are asked one after the other.
    type: int
    default: 30
requirements:
  - open-iscsi 2.1.8 or newer
notes:
  - A portal that refuses the credentials is an error, whatever the others answer.
  - Records that were made by the task are deleted again when the discovery fails.
  - Portals that no other host could use (link-local addresses with a scope) are left out.
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.chap
attributes:
  check_mode:
    support: partial
    details:
      - Portals are asked for real, which changes nothing, but only when their records need no change.
        Otherwise RV(discovered) is false and RV(targets) is empty.
      - Where open-iscsi is not installed yet, nothing counts as there and all steps are predicted.
  diff_mode:
    support: full
    details: Secrets are masked.
seealso:
  - module: tts.modelstore.iscsi_node
  - module: tts.modelstore.iscsi_info
"""

EXAMPLES = r"""
- name: See which targets a server has for this host
  tts.modelstore.iscsi_discovery:
    portals:
      - 10.77.1.10
      - 10.77.2.10
  register: discovery

- name: Make sure that a target has both of its portals, with CHAP for the discovery
  tts.modelstore.iscsi_discovery:
    portals:
      - 10.77.1.10
    target: iqn.2026-11.com.example:store1
    expected_portals:
      - 10.77.1.10
      - 10.77.2.10
    chap_username: discovery
    chap_password: "{{ vault_discovery_password }}"

- name: Delete the discovery record
  tts.modelstore.iscsi_discovery:
    portals:
      - 10.77.1.10
    state: absent
"""

RETURN = r"""
discovered:
  description: Whether the portals were asked. Not so with O(state=absent), and see check mode.
  returned: success
  type: bool
targets:
  description: What the portals named, in the order of their answers.
  returned: success
  type: list
  elements: dict
  contains:
    target:
      description: Name of the target.
      type: str
      sample: iqn.2026-11.com.example:store1
    portals:
      description: Its portals.
      type: list
      elements: dict
      contains:
        portal:
          description: Address and port; an IPv6 address stands in brackets.
          type: str
          sample: 10.77.1.10:3260
        address:
          description: Address of the portal.
          type: str
          sample: 10.77.1.10
        port:
          description: TCP port of the portal.
          type: int
          sample: 3260
        tpgt:
          description: Tag of the portal group; null when the target names none.
          type: int
          sample: 1
missing_portals:
  description: Those of O(expected_portals) that the target does not have by what the portals say.
  returned: success
  type: list
  elements: str
  sample: []
unreachable_portals:
  description: Those of O(portals) that did not answer.
  returned: success
  type: list
  elements: str
  sample: []
records:
  description: The discovery records of O(portals) as they are at the end (in check mode as they were).
  returned: success
  type: list
  elements: dict
  contains:
    portal:
      description: Address and port; an IPv6 address stands in brackets.
      type: str
      sample: 10.77.1.10:3260
    address:
      description: Address of the portal.
      type: str
      sample: 10.77.1.10
    port:
      description: TCP port of the portal.
      type: int
      sample: 3260
    chap:
      description: Whether this initiator proves itself.
      type: bool
    chap_username:
      description: Name that it does so with.
      type: str
      sample: discovery
    mutual_chap:
      description: Whether the target has to prove itself too.
      type: bool
actions:
  description: The steps that were taken, in their order; in check mode those that would be.
  returned: always
  type: list
  elements: dict
  sample:
    - action: create_record
      subject: discovery at 10.77.1.10:3260
      portal: 10.77.1.10:3260
"""

from functools import cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.desired import (
    desired_discovery,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.plan import (
    plan_discovery,
)

ARGUMENT_SPEC = {
    "portals": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "target": {"type": "str"},
    "expected_portals": {"type": "list", "elements": "str", "default": []},
    "on_missing": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "require_all": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 30},
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "chap_mutual_username": {"type": "str"},
    "chap_mutual_password": {"type": "str", "no_log": True},
    "chap_algorithms": {
        "type": "list",
        "elements": "str",
        "choices": ["MD5", "SHA1", "SHA256", "SHA3-256"],
    },
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    # Once: a name server may give another order, or other addresses, the next time.
    desired = cache(lambda: desired_discovery(module.params))
    discovery = host.Discovery(runner, fs, module.params["timeout"], module.warn)
    converge(
        module,
        load=lambda: host.load(runner, fs, desired().portals),
        plan=lambda observed: plan_discovery(desired(), observed),
        apply=discovery.apply,
        result=lambda observed: discovery.result(desired(), observed),
    )


if __name__ == "__main__":
    main()
