#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage the node records of an iSCSI target."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_node
short_description: Manage the node records of an iSCSI target
version_added: "0.1.0"
description:
  - Makes, changes and deletes the records by which open-iscsi knows a target - one for each portal.
  - Records are made without a discovery, which would put records that are there back to the defaults.
  - CHAP secrets are written into the record files (mode 0600) under iscsiadm's own lock, and never
    stand on a command line.
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
      - Portals of the target, each an IP address or a host name with an optional port
        (C(10.77.1.10), C(10.77.1.10:3260), C([fd00::10]:3260), C(store1.example.com)). The port is
        3260 where none is given.
      - A host name is looked up on the managed host and stands for all its addresses; records hold
        addresses only.
      - Records of this target for other portals are left as they are, unless O(exclusive) is set.
      - Needed with O(state=present). With O(state=absent) an empty list means all portals.
    type: list
    elements: str
    default: []
  tpgt:
    description:
      - Tag of the target's portal group, from 0 to 65535.
      - LIO calls its first one C(tpg1); most targets have only that.
    type: int
    default: 1
  state:
    description:
      - With V(present) each portal has a record with exactly these credentials, and with the
        settings that are named. A damaged record file is replaced.
      - With V(absent) the records are deleted, damaged ones and those of an old form without a
        portal group tag too. This is refused while a session uses one.
    type: str
    choices: [present, absent]
    default: present
  ifaces:
    description:
      - Iface records that the target is reached through. Each portal has one node record for each
        of them. They are made by M(tts.modelstore.iscsi_iface); C(default) is always there.
      - Records of other ifaces are left as they are.
      - Without it C(default) is meant with O(state=present), and all ifaces with O(state=absent).
    type: list
    elements: str
  exclusive:
    description:
      - Whether records of this target at portals that are not in O(portals) are deleted, as far as
        they belong to O(ifaces). This is refused while a session uses one.
      - Acts with O(state=present) only.
    type: bool
    default: false
  startup:
    description:
      - When the host logs in by itself. V(automatic) is at boot.
      - V(onboot) is for the disk that the host boots from - such sessions stay at shutdown.
    type: str
    choices: [manual, automatic, onboot]
    default: automatic
  settings:
    description:
      - Parameters of the records under open-iscsi's own names. Those not named are left alone.
      - Seconds - C(node.session.timeo.replacement_timeout) (0 or more, -1 for ever),
        C(node.conn[0].timeo.login_timeout), C(node.conn[0].timeo.logout_timeout) (1 or more),
        C(node.conn[0].timeo.noop_out_interval), C(node.conn[0].timeo.noop_out_timeout) (0 or more,
        0 is off).
      - Seconds that the kernel waits while it handles errors (0 or more) -
        C(node.session.err_timeo.abort_timeout), C(node.session.err_timeo.lu_reset_timeout),
        C(node.session.err_timeo.tgt_reset_timeout), C(node.session.err_timeo.host_reset_timeout).
      - Counts - C(node.session.initial_login_retry_max) (1 or more), C(node.session.nr_sessions)
        (1 or more), C(node.session.queue_depth) (1 to 1024), C(node.session.cmds_max) (a power of
        two from 2 to 2048), C(node.session.reopen_max) (0 or more, 0 is without end).
      - C(node.session.xmit_thread_priority) (-20 to 20).
      - Bytes - C(node.session.iscsi.FirstBurstLength), C(node.session.iscsi.MaxBurstLength),
        C(node.conn[0].iscsi.MaxRecvDataSegmentLength),
        C(node.conn[0].iscsi.MaxXmitDataSegmentLength) (512 to 16777215; the last one also 0, what
        the target offers). The first burst cannot be longer than the largest one.
      - C(Yes) or C(No) - C(node.leading_login), C(node.session.iscsi.InitialR2T),
        C(node.session.iscsi.ImmediateData), C(node.session.iscsi.FastAbort).
      - C(None), C(CRC32C), C(CRC32C,None) or C(None,CRC32C) - C(node.conn[0].iscsi.HeaderDigest),
        C(node.conn[0].iscsi.DataDigest).
      - C(auto) or C(manual) - C(node.session.scan).
      - The ranges are those of C(iscsid.conf) and RFC 7143, section 13.
    type: dict
    default: {}
requirements:
  - open-iscsi 2.1.8 or newer
notes:
  - Changes act at the next login. Sessions that are up go on with what they negotiated.
  - Time until a login to a dead portal fails is C(node.conn[0].timeo.login_timeout) times
    C(node.session.initial_login_retry_max), with open-iscsi's defaults 120 seconds for each portal.
    The boot waits for it.
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.chap
attributes:
  check_mode:
    support: full
    details: Where open-iscsi is not installed yet, nothing counts as there and all steps are predicted.
  diff_mode:
    support: full
    details: Secrets are masked.
seealso:
  - module: tts.modelstore.iscsi_iface
  - module: tts.modelstore.iscsi_session
  - module: tts.modelstore.iscsi_info
"""

EXAMPLES = r"""
- name: Know a target over two storage networks, with CHAP
  tts.modelstore.iscsi_node:
    target: iqn.2026-11.com.example:store1
    portals:
      - 10.77.1.10
      - 10.77.2.10
    chap_username: gpu1
    chap_password: "{{ vault_chap_password }}"
    chap_algorithms: [SHA3-256, SHA256]
    settings:
      node.conn[0].timeo.login_timeout: 5
      node.session.initial_login_retry_max: 2
      node.session.timeo.replacement_timeout: 15

- name: Reach one portal over two network cards in one subnet
  tts.modelstore.iscsi_node:
    target: iqn.2026-11.com.example:store1
    portals:
      - 10.77.1.10
    ifaces:
      - storage_a
      - storage_b

- name: Know the target at the addresses of its name and nowhere else
  tts.modelstore.iscsi_node:
    target: iqn.2026-11.com.example:store1
    portals:
      - store1.example.com
    exclusive: true

- name: Forget the target
  tts.modelstore.iscsi_node:
    target: iqn.2026-11.com.example:store1
    state: absent
"""

RETURN = r"""
records:
  description: The records that the task speaks of, as they are at the end (in check mode as they were).
  returned: success
  type: list
  elements: dict
  contains:
    target:
      description: Name of the target.
      type: str
      sample: iqn.2026-11.com.example:store1
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
      description: Tag of the portal group; null in a record of an old form without one.
      type: int
      sample: 1
    iface:
      description: The iface record it belongs to.
      type: str
      sample: default
    startup:
      description: When the host logs in by itself.
      type: str
      sample: automatic
    chap:
      description: Whether this initiator proves itself.
      type: bool
    chap_username:
      description: Name that it does so with.
      type: str
      sample: gpu1
    mutual_chap:
      description: Whether the target has to prove itself too.
      type: bool
    settings:
      description: The parameters named under O(settings), as the record has them.
      type: dict
      sample: {"node.session.timeo.replacement_timeout": "15"}
actions:
  description: The steps that were taken, in their order; in check mode those that would be.
  returned: always
  type: list
  elements: dict
  sample:
    - action: create_record
      subject: iqn.2026-11.com.example:store1 at 10.77.1.10:3260,1
      target: iqn.2026-11.com.example:store1
      portal: 10.77.1.10:3260
      tpgt: 1
      iface: default
"""

from functools import cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.desired import (
    desired_node,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.plan import (
    plan_node,
    state,
)

ARGUMENT_SPEC = {
    "target": {"type": "str", "required": True},
    "portals": {"type": "list", "elements": "str", "default": []},
    "tpgt": {"type": "int", "default": 1},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "ifaces": {"type": "list", "elements": "str"},
    "exclusive": {"type": "bool", "default": False},
    "startup": {
        "type": "str",
        "choices": ["manual", "automatic", "onboot"],
        "default": "automatic",
    },
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "chap_mutual_username": {"type": "str"},
    "chap_mutual_password": {"type": "str", "no_log": True},
    "chap_algorithms": {
        "type": "list",
        "elements": "str",
        "choices": ["MD5", "SHA1", "SHA256", "SHA3-256"],
    },
    "settings": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    # Once: a name server may give another order, or other addresses, the next time.
    desired = cache(lambda: desired_node(module.params))
    converge(
        module,
        load=lambda: host.load(runner, fs, desired().target),
        plan=lambda observed: plan_node(desired(), observed),
        apply=lambda action: host.apply(action, runner, fs),
        result=lambda observed: state(desired(), observed),
    )


if __name__ == "__main__":
    main()
