#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a block device holds and what is mounted at a mount point."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_device_info
short_description: Tell what a block device holds, and what is mounted at a mount point
version_added: "0.1.0"
description:
  - Looks for every signature on a block device (file systems, RAID and LVM members, partition tables
    at both ends) and, if asked to, whether it is empty from end to end.
  - Meant to stand guard in front of modules that format or mount.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  device:
    description:
      - Path of the device, best one under C(/dev/disk/by-id).
      - A device that is not there gives RV(device=null).
    type: path
  mount_point:
    description:
      - Folder to look at.
    type: path
  check_zeroes:
    description:
      - Read a device that has no signature until something on it is not zero, so that RV(device.blank) is known.
      - A blank device is read whole. At 100 MB/s that takes 10 s for each GB.
    type: bool
    default: false
  processes:
    description:
      - Tell which processes use what is mounted at O(mount_point).
    type: bool
    default: false
requirements:
  - util-linux 2.37 or newer (wipefs, lsblk, findmnt)
  - diffutils (cmp)
  - findutils (find), for O(processes=true)
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.attributes.info_module
seealso:
  - module: community.general.filesystem
  - module: ansible.posix.mount
"""

EXAMPLES = r"""
- name: Look at the volume before it is formatted
  tts.modelstore.storage_device_info:
    device: /dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145
    check_zeroes: true
  register: volume

- name: Refuse to format anything that is not blank
  ansible.builtin.assert:
    that: volume.device.blank
    fail_msg: "{{ volume.device.path }} holds {{ volume.device.signatures }}"
"""

RETURN = r"""
device:
  description: The device, or null when it is not there or none was asked for.
  returned: success
  type: dict
  contains:
    path:
      description: The path asked for.
      type: str
    node:
      description: The device node behind the path.
      type: str
    size_bytes:
      description: Size in bytes.
      type: int
    read_only:
      description: Whether the kernel refuses writes.
      type: bool
    signatures:
      description: Everything on the device that says what it holds, with C(offset) in bytes, C(type), C(uuid) and C(label).
      type: list
      elements: dict
    mount_points:
      description: Where the device, or anything on top of it, is mounted.
      type: list
      elements: str
    blank:
      description:
        - False when there is a signature or data, true when there is neither.
        - Null when there is no signature and O(check_zeroes=false).
      type: bool
    unfinished:
      description:
        - Whether the device holds nothing but an XFS that was never finished, because C(mkfs.xfs) was killed. Nobody can have mounted it.
        - Only looked at with O(check_zeroes=true).
      type: bool
  sample:
    path: /dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145
    node: /dev/dm-0
    size_bytes: 536870912
    read_only: false
    signatures:
      - offset: 0
        type: xfs
        uuid: 280b50a7-db4a-5f0b-bf32-84145f727045
        label: ""
    mount_points:
      - /mnt/cache_hub
    blank: false
    unfinished: false
mount:
  description: What is mounted at O(mount_point), or null when nothing is or none was asked for.
  returned: success
  type: dict
  contains:
    source:
      description: The device node.
      type: str
    fstype:
      description: The type of the file system.
      type: str
    uuid:
      description: The UUID of the file system.
      type: str
    options:
      description: The mount options in force.
      type: str
fstab_source:
  description:
    - What C(/etc/fstab) mounts at O(mount_point), as it is written there (the first field of the entry).
    - Null when there is no such entry or no O(mount_point) was asked for.
  returned: success
  type: str
  sample: UUID=280b50a7-db4a-5f0b-bf32-84145f727045
mount_point_files:
  description:
    - The first names in the folder, at most five. Empty when the folder is empty or not there.
    - Empty as well when something is mounted there, which is not looked into because it may not answer.
  returned: success
  type: list
  elements: str
processes:
  description:
    - The processes that have a file or a folder of O(mount_point) open, with C(pid) and C(command), the short name.
    - Empty when nothing is mounted there, and with O(processes=false).
  returned: success
  type: list
  elements: dict
  sample:
    - pid: 1234
      command: python
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import report
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device.host import (
    load_device,
    load_fstab_source,
    load_mount,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.processes import (
    load_processes,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path"},
            "mount_point": {"type": "path"},
            "check_zeroes": {"type": "bool", "default": False},
            "processes": {"type": "bool", "default": False},
        },
        required_one_of=[["device", "mount_point"]],
        supports_check_mode=True,
    )
    path, mount_point = module.params["device"], module.params["mount_point"]
    runner, fs = ModuleRunner(module), LocalFileSystem()

    def read() -> dict[str, Any]:
        device = load_device(runner, fs, path, module.params["check_zeroes"]) if path else None
        mount = load_mount(runner, mount_point) if mount_point else None
        look = mount and module.params["processes"]
        return {
            "device": device.public() if device else None,
            "mount": mount.public() if mount else None,
            "fstab_source": load_fstab_source(runner, mount_point) if mount_point else None,
            "mount_point_files": fs.listdir(mount_point)[:5] if mount_point and not mount else [],
            "processes": load_processes(runner, fs, mount_point) if look else [],
        }

    report(module, read)


if __name__ == "__main__":
    main()
