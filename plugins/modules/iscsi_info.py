#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what the iSCSI initiator of a host has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_info
short_description: Tell what the iSCSI initiator of a host has
version_added: "0.1.0"
description:
  - Reads node records, sessions, their disks and what was negotiated. Secrets are left out.
  - Reads files of open-iscsi and of the kernel, so that a damaged record or a hanging daemon is
    no hindrance.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  target:
    description:
      - Tell of this target only.
    type: str
  portals:
    description:
      - Portals to resolve on the managed host, each an IP address or a host name, with an optional port.
      - They do not narrow what is told of records and sessions.
    type: list
    elements: str
    default: []
requirements:
  - open-iscsi 2.1.8 or newer; without it nothing is there
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.attributes.info_module
seealso:
  - module: tts.modelstore.iscsi_node
  - module: tts.modelstore.iscsi_session
"""

EXAMPLES = r"""
- name: Look at the sessions
  tts.modelstore.iscsi_info:
    target: iqn.2026-11.com.example:store1
  register: initiator

- name: Demand two working paths
  ansible.builtin.assert:
    that: initiator.sessions | selectattr('state', 'eq', 'LOGGED_IN') | length == 2
"""

RETURN = r"""
available:
  description: Whether open-iscsi is installed.
  returned: success
  type: bool
version:
  description: Version of iscsiadm; null when it is not installed.
  returned: success
  type: str
  sample: 2.1.8
initiator_name:
  description: Name of this initiator; null when it has none.
  returned: success
  type: str
  sample: iqn.2026-11.com.example:gpu1
iscsid:
  description: The daemon that keeps sessions up.
  returned: success
  type: dict
  contains:
    active:
      description: Whether it runs. It is started on demand, so it need not.
      type: bool
    outdated:
      description: >-
        Whether it runs since before the initiator name was written last. New sessions still get the old
        name until it is restarted.
      type: bool
portals:
  description: Addresses of O(portals), each once.
  returned: success
  type: list
  elements: dict
  contains:
    portal:
      description: Address and port; an IPv6 address stands in brackets.
      type: str
      sample: 10.77.1.10:3260
    address:
      description: Address in canonical form.
      type: str
      sample: 10.77.1.10
    port:
      description: TCP port.
      type: int
      sample: 3260
records:
  description: The node records.
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
      description: All parameters that M(tts.modelstore.iscsi_node) can set.
      type: dict
      sample: {"node.session.queue_depth": "32"}
damaged:
  description: Paths of record files that are not whole, for example after a power cut.
  returned: success
  type: list
  elements: str
sessions:
  description: The sessions.
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
    recovery_timeout:
      description: >-
        Seconds for which requests wait for a lost connection before they fail. multipathd sets it to its
        own C(fast_io_fail_tmo); null where the kernel does not tell.
      type: int
      sample: 15
    parameters:
      description: >-
        What was negotiated and the timeouts in force, under the kernel's names; lengths in bytes,
        times in seconds.
      type: dict
      sample:
        data_digest: None
        first_burst_len: 65536
        header_digest: None
        immediate_data: 1
        initial_r2t: 1
        max_burst_len: 262144
        max_outstanding_r2t: 1
        max_recv_dlength: 262144
        max_xmit_dlength: 8192
        ping_tmo: 5
        recovery_tmo: 15
        recv_tmo: 5
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import report
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.info import gather

ARGUMENT_SPEC = {
    "target": {"type": "str"},
    "portals": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    report(module, lambda: gather(runner, fs, module.params["target"], module.params["portals"]))


if __name__ == "__main__":
    main()
