#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set read-ahead and queue settings of a disk or a multipath map."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_queue
short_description: Set read-ahead and queue settings of a disk or a multipath map
version_added: "0.1.0"
description:
  - Writes to sysfs what differs, on the device and on the paths that it is a map of. No other device is touched.
  - The settings last until the device goes. A udev rule for the WWID makes them again.
  - Options that are left out stay as they are.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  device:
    description:
      - Path of the disk or the map, best one under C(/dev/disk/by-id).
    type: path
    required: true
  read_ahead_kb:
    description:
      - How far the kernel reads ahead of a process that reads in sequence, in KiB. It counts on O(device) itself, not on its paths.
    type: int
  scheduler:
    description:
      - I/O scheduler of the device and its paths.
    type: str
  max_sectors_kb:
    description:
      - Largest request, in KiB, of the device and its paths alike. Paths grow before the map does and shrink after it.
    type: int
  nr_requests:
    description:
      - How many requests may wait in the queue of the device and in those of its paths.
    type: int
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Read further ahead
  tts.modelstore.storage_queue:
    device: /dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145
    read_ahead_kb: 8192
    scheduler: none
"""

RETURN = r"""
actions:
  description: The writes that were made, or would be in check mode, with C(subject), the device and the setting, and C(value).
  returned: always
  type: list
  elements: dict
  sample:
    - {action: write, subject: dm-0 read_ahead_kb, value: "8192"}
queues:
  description: The asked-for settings that are in force, for O(device) and each of its paths.
  returned: success
  type: dict
  sample:
    dm-0: {read_ahead_kb: "8192", scheduler: none}
    sda: {read_ahead_kb: "128", scheduler: none}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import LocalFileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.host import (
    apply_queue,
    load_queue,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.plan import (
    plan_queue,
    show_queues,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path", "required": True},
            "read_ahead_kb": {"type": "int"},
            "scheduler": {"type": "str"},
            "max_sectors_kb": {"type": "int"},
            "nr_requests": {"type": "int"},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    device = options.pop("device")
    desired = {name: str(value) for name, value in options.items() if value is not None}
    fs = LocalFileSystem()
    converge(
        module,
        lambda: load_queue(fs, device, desired),
        lambda observed: plan_queue(desired, observed),
        lambda action: apply_queue(fs, action),
        lambda observed: {"queues": show_queues(desired, observed)},
    )


if __name__ == "__main__":
    main()
