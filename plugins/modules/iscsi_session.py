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
  - Logs in at portals of a target and waits until the expected disks are there, and on request until they
    are paths of their multipath maps; or takes maps, disks and sessions away, from the top down.
  - A session that is recovering is waited for and not doubled.
  - A session that runs with other credentials or timers than its node record says is logged out and in
    again, one after the other and only while nothing loses its disk by that.
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
      - Portals of the target, each an IP address or a host name, with an optional port (C(10.77.1.10),
        C(store1:3260), C([fd00::10]:3260)). The port is 3260 where none is given.
      - A name is resolved on the managed host and stands for all its addresses.
      - Sessions at other portals are left as they are, unless O(exclusive=true).
      - Needed with O(state=connected). With O(state=disconnected) an empty list means all portals.
    type: list
    elements: str
    default: []
  state:
    description:
      - With V(connected) there is a working session at each portal. They are made one after the other.
        When one fails, the others are still tried; the task fails at the end and names each failure.
        See O(on_partial) for another policy.
      - With V(disconnected) there is none. Multipath maps that have no other path are flushed, the disks
        are deleted, then the sessions end. Nothing is ever unmounted.
      - This is refused while a disk, or a multipath map that would have no working path left, is mounted,
        used for swap, held by LVM, RAID or another device, or open for any other reason. The message names
        what uses it, and which processes have files open there.
    type: str
    choices: [connected, disconnected]
    default: connected
  wwids:
    description:
      - WWIDs of the disks that each session has to bring, as multipath shows them.
      - A session that lacks one is rescanned.
      - With O(state=disconnected), maps of these WWIDs that an earlier removal left without paths are
        flushed, too.
    type: list
    elements: str
    default: []
  ifaces:
    description:
      - Iface records to go through. There is one session for each portal through each of them.
      - Sessions through other ifaces are left as they are.
    type: list
    elements: str
    default: [default]
  multipath:
    description:
      - Whether each disk in O(wwids) has to be a path of its multipath map.
      - The map is waited for. A disk that multipathd gave up is handed to it again.
    type: bool
    default: false
  exclusive:
    description:
      - Whether sessions of the target at other portals are ended, with O(state=connected). They go last, with
        the care of O(state=disconnected), and stay when a session that replaces them failed. With
        O(on_partial=warn) one working session is enough.
    type: bool
    default: false
  relogin:
    description:
      - Whether a session logs in anew when its credentials (CHAP) or its timers
        (C(node.conn[0].timeo.noop_out_interval), C(node.conn[0].timeo.noop_out_timeout)) are not those of its
        node record. A session keeps the old ones until then, and with old credentials it cannot come back
        after a loss of its connection.
      - It is refused where a disk of the session is in use and its multipath map has no other working path.
        Each session has to work again, with its disks in their maps, before the next one is logged out.
      - The replacement timeout (C(node.session.timeo.replacement_timeout)) is set without a new login, where
        no multipath map is on the disks. On those with a map multipathd sets it.
      - With V(false) such sessions are left as they are.
    type: bool
    default: true
  on_partial:
    description:
      - What it means, with O(state=connected), when some portals fail while there is a working session at
        another one.
      - With V(fail) the task fails. With V(warn) it goes on with a warning for each failure, and names the
        portals in RV(failed_portals).
      - Without any working session the task always fails.
    type: str
    choices: [fail, warn]
    default: fail
  login_timeout:
    description:
      - Seconds that one login may take, and that a session may take to recover; 1 or more.
      - It should be longer than the record's C(node.conn[0].timeo.login_timeout) times
        C(node.session.initial_login_retry_max).
    type: int
    default: 60
  device_timeout:
    description:
      - Seconds to wait for the disks of one session to come or to go, and for their multipath maps;
        1 or more.
    type: int
    default: 60
requirements:
  - open-iscsi 2.1.8 or newer
  - multipath-tools, where there are multipath maps
notes:
  - Needs node records of the target, see M(tts.modelstore.iscsi_node).
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where open-iscsi or the node records are not there yet, the logins are predicted.
      - What M(tts.modelstore.iscsi_node) would change in the records earlier in the same play is not known,
        and so the new logins after it are not predicted.
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
    multipath: true

- name: Go on with one path when the other one is dead
  tts.modelstore.iscsi_session:
    target: iqn.2026-11.com.example:store1
    portals:
      - store1-a.example.com
      - store1-b.example.com
    on_partial: warn

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
maps:
  description: The multipath maps over these disks, and those of the WWIDs that were asked for.
  returned: success
  type: list
  elements: dict
  contains:
    wwid:
      description: WWID of the map.
      type: str
      sample: 36001405280b50a7db4a5f0bbf3284145
    device:
      description: Its block device. It can be another one after the next boot.
      type: str
      sample: /dev/dm-0
    paths:
      description: Kernel names of the disks that are its paths.
      type: list
      elements: str
      sample: [sda, sdb]
failed_portals:
  description: Portals that failed and were passed over, with O(on_partial=warn).
  returned: success
  type: list
  elements: str
  sample: ["10.77.2.10:3260"]
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
      iface: default
      wwids: ["36001405280b50a7db4a5f0bbf3284145"]
      multipath: true
"""

from functools import cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.resolve import resolve_portals
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session import host
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.desired import (
    DesiredSessions,
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
    "ifaces": {"type": "list", "elements": "str", "default": ["default"]},
    "multipath": {"type": "bool", "default": False},
    "exclusive": {"type": "bool", "default": False},
    "relogin": {"type": "bool", "default": True},
    "on_partial": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "login_timeout": {"type": "int", "default": 60},
    "device_timeout": {"type": "int", "default": 60},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    timeouts = host.Timeouts(module.params["login_timeout"], module.params["device_timeout"])
    steps = host.SessionSteps(runner, fs, timeouts)

    @cache  # names are resolved once, and errors are reported by converge()
    def desired() -> DesiredSessions:
        return desired_sessions(module.params, resolve_portals(module.params["portals"]))

    converge(
        module,
        load=lambda: host.load(runner, fs, desired()),
        plan=lambda observed: plan_sessions(steps.remaining(desired()), observed),
        apply=lambda action: steps.apply(action, desired()),
        finish=lambda: steps.finish(desired(), module.warn),
        in_vain=steps.in_vain,
        result=lambda observed: state(steps.remaining(desired()), observed),
    )


if __name__ == "__main__":
    main()
