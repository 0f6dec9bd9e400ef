#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a volume that grew on the target reach the file system on it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_growth
short_description: Let a volume that grew on the target reach the file system on it, online
version_added: "0.1.0"
description:
  - Asks each path for its size, lets the kernel take over a larger one, then grows the multipath map and the mounted XFS.
  - A volume that shrank is refused, as what lies beyond its end is lost. Nothing is ever shrunk.
  - A map grows only when all its paths answer with the new size.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  device:
    description:
      - Path of the disk or the multipath map, best one under C(/dev/disk/by-id).
    type: path
    required: true
  mount_point:
    description:
      - Where the XFS on it is mounted. Without it only the device grows.
      - Less than 64 blocks of room is left alone, as XFS cannot always use it.
    type: path
requirements:
  - multipath-tools (multipathd), for a map
  - xfsprogs (xfs_growfs), for O(mount_point)
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Use what was added to the volume
  tts.modelstore.storage_growth:
    device: /dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145
    mount_point: /mnt/cache_hub
"""

RETURN = r"""
actions:
  description:
    - The steps that were taken, or would be in check mode, in their order.
    - C(rescan) a path, C(resize_map), C(grow_file_system). C(subject) is what it is done to, C(size) its new size in bytes.
  returned: always
  type: list
  elements: dict
  sample:
    - {action: rescan, subject: sda, size: 1073741824}
size_bytes:
  description: Size of the device in bytes.
  returned: success
  type: int
  sample: 1073741824
file_system_bytes:
  description: Size of the file system in bytes.
  returned: success, with O(mount_point)
  type: int
  sample: 1073741824
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth.host import (
    apply_growth,
    load_growth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.growth.plan import (
    plan_growth,
    show_growth,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path", "required": True},
            "mount_point": {"type": "path"},
        },
        supports_check_mode=True,
    )
    runner, fs = ModuleRunner(module), LocalFileSystem()
    converge(
        module,
        lambda: load_growth(runner, fs, module.params["device"], module.params["mount_point"]),
        plan_growth,
        lambda action: apply_growth(runner, fs, action),
        show_growth,
    )


if __name__ == "__main__":
    main()
