#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect to an iSCSI target, or disconnect from it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_session
short_description: Connect to an iSCSI target, or disconnect from it
version_added: "0.1.0"
description:
  - Logs in at portals of a target and waits until the expected disks are there, or logs out.
  - A session that is recovering is waited for and not doubled.
  - When a target refuses the login, the message says whether the CHAP credentials are wrong or the
    target has no ACL for this initiator.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  target:
    description:
      - Name of the target, for example C(iqn.2026-11.com.example:store1).
    type: str
    required: true
  portals:
    description:
      - Portals of the target, each an IP address with an optional port (C(10.77.1.10),
        C(10.77.1.10:3260), C([fd00::10]:3260)). The port is 3260 where none is given.
      - Sessions at other portals are left as they are.
      - Needed with O(state=connected). With O(state=disconnected) an empty list means all portals.
    type: list
    elements: str
    default: []
  state:
    description:
      - With V(connected) there is a working session at each portal. They are made one after the other.
        When one fails, the others are still tried; the task fails at the end and names each failure.
      - With V(disconnected) there is none. This is refused while a disk of a session, or anything
        built on it, is mounted or used for swap.
      - Only sessions through the iface C(default) count. Those through others are left as they are.
    type: str
    choices: [connected, disconnected]
    default: connected
  wwids:
    description:
      - WWIDs of the disks that each session has to bring, as multipath shows them.
      - A session that lacks one is rescanned.
    type: list
    elements: str
    default: []
  login_timeout:
    description:
      - Seconds that one login may take, and that a session may take to recover; 1 or more.
      - It should be longer than the record's C(node.conn[0].timeo.login_timeout) times
        C(node.session.initial_login_retry_max).
    type: int
    default: 60
  device_timeout:
    description:
      - Seconds to wait for the disks of one session; 1 or more.
    type: int
    default: 60
requirements:
  - open-iscsi 2.1.8 or newer
notes:
  - Needs node records of the target for the iface C(default), see M(tts.modelstore.iscsi_node).
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details: Where open-iscsi or the node records are not there yet, the logins are predicted.
  diff_mode:
    support: full
seealso:
  - module: tts.modelstore.iscsi_node
  - module: tts.modelstore.iscsi_info
"""

EXAMPLES = r"""
- name: Connect over both storage networks and wait for the volume
  tts.modelstore.iscsi_session:
    target: iqn.2026-11.com.example:store1
    portals:
      - 10.77.1.10
      - 10.77.2.10
    wwids:
      - 36001405280b50a7db4a5f0bbf3284145

- name: Disconnect
  tts.modelstore.iscsi_session:
    target: iqn.2026-11.com.example:store1
    state: disconnected
"""

RETURN = r"""
sessions:
  description: The sessions that the task speaks of, as they are at the end (in check mode as they were).
  returned: success
  type: list
  elements: dict
  contains:
    sid:
      description: Number of the session on this host.
      type: int
      sample: 1
    target:
      description: Name of the target.
      type: str
      sample: iqn.2026-11.com.example:store1
    portal:
      description: Address and port that were logged in to; an IPv6 address stands in brackets.
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
      description: Tag of the portal group.
      type: int
      sample: 1
    iface:
      description: The iface record it runs through.
      type: str
      sample: default
    state:
      description: >-
        The kernel's word - V(LOGGED_IN), V(FAILED) while it recovers, V(FREE) when it recovers for
        longer than the replacement timeout, or ends.
      type: str
      sample: LOGGED_IN
    devices:
      description: Disks that it brings.
      type: list
      elements: dict
      contains:
        name:
          description: Name in the kernel. It can be another one after the next boot.
          type: str
          sample: sda
        lun:
          description: Number of the LUN.
          type: int
          sample: 0
        wwid:
          description: WWID as udev and multipath have it; empty when the disk gives none.
          type: str
          sample: 36001405280b50a7db4a5f0bbf3284145
        size_bytes:
          description: Size in bytes.
          type: int
          sample: 2147483648
        state:
          description: State of the SCSI device.
          type: str
          sample: running
devices:
  description: Paths of the disks of these sessions, one for each path to a volume.
  returned: success
  type: list
  elements: str
  sample: [/dev/sda, /dev/sdb]
wwids:
  description: WWIDs of these disks, each once.
  returned: success
  type: list
  elements: str
  sample: ["36001405280b50a7db4a5f0bbf3284145"]
actions:
  description: The steps that were taken, in their order; in check mode those that would be.
  returned: always
  type: list
  elements: dict
  sample:
    - action: login
      subject: iqn.2026-11.com.example:store1 at 10.77.1.10:3260
      target: iqn.2026-11.com.example:store1
      portal: 10.77.1.10:3260
      wwids: ["36001405280b50a7db4a5f0bbf3284145"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    desired_sessions,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.plan import (
    plan_sessions,
    state,
)

ARGUMENT_SPEC = {
    "target": {"type": "str", "required": True},
    "portals": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["connected", "disconnected"], "default": "connected"},
    "wwids": {"type": "list", "elements": "str", "default": []},
    "login_timeout": {"type": "int", "default": 60},
    "device_timeout": {"type": "int", "default": 60},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    timeouts = host.Timeouts(module.params["login_timeout"], module.params["device_timeout"])
    steps = host.SessionSteps(runner, fs, timeouts)
    converge(
        module,
        load=lambda: host.load(fs, desired_sessions(module.params).target),
        plan=lambda observed: plan_sessions(desired_sessions(module.params), observed),
        apply=steps.apply,
        finish=steps.finish,
        result=lambda observed: state(desired_sessions(module.params), observed),
    )


if __name__ == "__main__":
    main()
