#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what multipath maps and paths a host has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: multipath_info
short_description: Tell what multipath maps and paths a host has
version_added: "0.1.0"
description:
  - Asks the running multipathd for its maps, their paths and the settings that it has for single maps.
  - Finds disks that belong to a map and are not a path of it.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  wwids:
    description:
      - Tell of the volumes with these WWIDs only. An empty list means all.
      - A disk with one of these WWIDs is an orphan even when there is no map yet.
    type: list
    elements: str
    default: []
requirements:
  - multipath-tools 0.9.4 or newer; without it nothing is there
  - systemd
notes:
  - Must run as root, because multipathd answers nobody else.
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.attributes.info_module
seealso:
  - module: tts.modelstore.iscsi_info
  - module: tts.modelstore.iscsi_session
"""

EXAMPLES = r"""
- name: Look at the volume's map
  tts.modelstore.multipath_info:
    wwids: [36001405280b50a7db4a5f0bbf3284145]
  register: multipath

- name: Demand two active paths
  ansible.builtin.assert:
    that: multipath.maps | map(attribute='active_paths') == [2]

- name: Let multipathd read its configuration when it does not run with it yet
  ansible.builtin.systemd_service:
    name: multipathd.service
    state: reloaded
  when: multipath.outdated
"""

RETURN = r"""
running:
  description: Whether multipathd runs. When it does not, everything else is empty.
  returned: success
  type: bool
outdated:
  description: >-
    Whether C(/etc/multipath.conf) or C(/etc/multipath/conf.d) was changed after the service multipathd
    was started or reloaded, so that it runs with an older configuration.
  returned: success
  type: bool
maps:
  description: The maps.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the map under C(/dev/mapper).
      type: str
      sample: 36001405280b50a7db4a5f0bbf3284145
    wwid:
      description: WWID of the volume.
      type: str
      sample: 36001405280b50a7db4a5f0bbf3284145
    device:
      description: The device node. It can be another one after the next boot.
      type: str
      sample: /dev/dm-0
    size_bytes:
      description: Size in bytes.
      type: int
      sample: 2147483648
    read_only:
      description: Whether the map refuses writes.
      type: bool
      sample: false
    queueing:
      description: >-
        What happens to I/O while no path is left, in multipathd's words - V(off), V(on), V(-) when
        nothing was set, or how many checks or seconds are left.
      type: str
      sample: 12 chk
    paths:
      description: The paths.
      type: list
      elements: dict
      contains:
        device:
          description: Name of the disk in the kernel.
          type: str
          sample: sda
        state:
          description: What device-mapper does with the path - V(active) or V(failed).
          type: str
          sample: active
        checker:
          description: What the path checker saw last, such as V(ready), V(faulty) or V(i/o pending).
          type: str
          sample: ready
        device_state:
          description: State of the SCSI device.
          type: str
          sample: running
        target:
          description: The iSCSI target behind the path; null for other disks.
          type: str
          sample: iqn.2026-11.com.example:store1
        portal:
          description: The portal that the path goes through; null for other disks.
          type: str
          sample: 10.77.1.10:3260
    active_paths:
      description: How many paths are active.
      type: int
      sample: 2
orphans:
  description: >-
    Disks with the WWID of one of RV(maps), or one of O(wwids), that are not a path of that map.
    The command C(multipathd add path) with the name of the disk joins one.
  returned: success
  type: list
  elements: dict
  contains:
    device:
      description: Name of the disk in the kernel.
      type: str
      sample: sdb
    wwid:
      description: WWID of the volume.
      type: str
      sample: 36001405280b50a7db4a5f0bbf3284145
    device_state:
      description: State of the SCSI device.
      type: str
      sample: running
    target:
      description: The iSCSI target that the disk comes from; null for other disks.
      type: str
      sample: iqn.2026-11.com.example:store1
    portal:
      description: The portal that the disk comes through; null for other disks.
      type: str
      sample: 10.77.2.10:3260
settings:
  description: >-
    The settings of single maps (section C(multipaths)) that the running multipathd has, by WWID. The
    files may say more when multipathd was not told to read them again.
  returned: success
  type: dict
  sample:
    36001405280b50a7db4a5f0bbf3284145:
      path_selector: service-time 0
      no_path_retry: "12"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import report
from ansible_collections.tts.modelstore.plugins.module_utils._multipath.host import gather

ARGUMENT_SPEC = {"wwids": {"type": "list", "elements": "str", "default": []}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    report(module, lambda: gather(runner, fs, module.params["wwids"]))


if __name__ == "__main__":
    main()
