#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage a LIO backstore."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lio_backstore
short_description: Manage a backstore of the Linux kernel's SCSI target (LIO)
version_added: "0.1.0"
description:
  - Makes a block device or a file of a target server available to LIO under a name and a unit serial that never change.
  - The unit serial decides the WWID that initiators see, so a volume is known by the same WWID after the server was rebuilt.
  - What is on the device or in the file is neither looked at nor changed.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  name:
    description: Name of the backstore, without blanks and C(/). A block and a fileio backstore of one name are two.
    type: str
    required: true
  type:
    description: What the backstore is made of, a V(block) device or, with V(fileio), a file.
    type: str
    choices: [block, fileio]
    default: block
  device:
    description:
      - Path of the block device. Give one under C(/dev/disk/by-id), because it is what is opened again at boot.
      - Required for O(type=block) and O(state=present). It cannot be changed while the backstore is there.
      - Initiators see it grow when it grows, after they have rescanned the LUN.
      - Refused when it is mounted, used as swap, or part of a device-mapper, LVM or RAID device of the target server,
        and when another backstore has it, running or saved.
    type: path
  path:
    description:
      - Path of the file, without commas. It is made when it is not there, readable for root only and sparse, which
        means that it takes room on the disk only for what is written. Its folder has to be there.
      - A file that is missing although the backstore is saved is not made again, because an empty file in its place
        would look like a volume that was wiped. LIO itself does make one at boot when the file system is not mounted yet. So a
        file that is smaller than its backstore is refused, not grown.
      - Required for O(type=fileio) and O(state=present). It cannot be changed while the backstore is there.
      - Refused when it is behind a loop device or used as swap.
    type: path
  size:
    description:
      - Size of the file in bytes, or with one of the units K, M, G and T, which are multiples of 1024. A multiple of 512 bytes.
      - Required for O(type=fileio) and O(state=present).
      - A file can grow and never shrinks. LIO takes a new size only when the backstore is made, so growth is refused as
        long as a LUN exports it. Otherwise the backstore is made anew, with the same data and WWID.
    type: str
  write_protect:
    description:
      - Whether nobody can write to the device, whatever the ACLs say. For O(type=block).
      - It cannot be changed as long as a LUN exports the backstore.
    type: bool
    default: false
  write_back:
    description:
      - Whether a write is answered before it is on the disk. For O(type=fileio).
      - Faster, but what was answered and not flushed is lost when the server stops.
      - It cannot be changed as long as a LUN exports the backstore.
    type: bool
    default: false
  wwn:
    description:
      - Unit serial, a UUID. The filter P(tts.modelstore.volume_wwn#filter) makes one from the names of the target and the volume.
      - Required for O(state=present). It cannot be changed while the backstore is there.
      - Its first 25 hexadecimal digits have to differ from those of all other backstores, running or saved, because the WWID has
        room for no more.
    type: str
  attributes:
    description:
      - Attributes of the backstore to set, for example C(emulate_tpu). The others stay as they are.
      - Their names are those of the files in C(attrib) of the backstore in configfs.
      - Some, such as C(emulate_model_alias) and C(block_size), can only be changed while no LUN exports the backstore. That is refused otherwise.
    type: dict
    default: {}
  state:
    description:
      - V(present) makes the backstore when it is not there.
      - V(absent) removes it. Refused as long as a LUN exports it, running or saved. The device or file is not touched.
    type: str
    choices: [absent, present]
    default: present
requirements:
  - rtslib (package python3-rtslib-fb on Debian, python3-rtslib on RHEL) for the system's Python
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details: When rtslib, the device or the file's folder is not there yet, the module goes by an empty server and predicts the steps.
  diff_mode:
    support: full
notes:
  - M(tts.modelstore.lio_target) makes the backstores of a target too, all in one call.
  - The module saves the backstore as it runs in LIO's configuration file and leaves what else is in there as it is.
seealso:
  - module: tts.modelstore.lio_target
  - module: tts.modelstore.lio_info
"""

EXAMPLES = r"""
- name: Backstore of the volume of gpu1
  tts.modelstore.lio_backstore:
    name: gpu1
    device: /dev/disk/by-id/virtio-models-gpu1
    wwn: "{{ 'gpu1' | tts.modelstore.volume_wwn('iqn.2026-11.com.example:store1') }}"

- name: Let the node that uses the volume give back freed space
  tts.modelstore.lio_backstore:
    name: gpu1
    device: /dev/disk/by-id/virtio-models-gpu1
    wwn: 280b50a7-db4a-5f0b-bf32-84145f727045
    attributes:
      emulate_tpu: 1

- name: Backstore in a file
  tts.modelstore.lio_backstore:
    name: gpu1
    type: fileio
    path: /srv/volumes/gpu1.img
    size: 20G
    wwn: "{{ 'gpu1' | tts.modelstore.volume_wwn('iqn.2026-11.com.example:store1') }}"

- name: Remove a backstore that no target exports any more
  tts.modelstore.lio_backstore:
    name: gpu1
    state: absent
"""

RETURN = r"""
backstore:
  description:
    - The backstore as it is after the run, or as it would be in check mode.
    - Null for O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    plugin:
      description: Its O(type).
      type: str
    device:
      description: Path of the device or file, as it was given when the backstore was made.
      type: str
    wwn:
      description: Its unit serial.
      type: str
    wwid:
      description: The WWID that initiators see.
      type: str
    size_bytes:
      description: Size of the disk that initiators see in bytes, or null when the device is not there.
      type: int
    write_protect:
      description: Whether it is read-only for everybody.
      type: bool
    write_back:
      description: Whether writes are answered before they are on the disk, as far as LIO knows.
      type: bool
    exported_by:
      description: The LUNs that export it.
      type: list
      elements: str
    attributes:
      description: Those named in O(attributes), as LIO has them.
      type: dict
  sample:
    name: gpu1
    plugin: block
    device: /dev/disk/by-id/virtio-models-gpu1
    wwn: 280b50a7-db4a-5f0b-bf32-84145f727045
    wwid: 36001405280b50a7db4a5f0bbf3284145
    size_bytes: 536870912
    write_protect: false
    write_back: false
    exported_by:
      - iqn.2026-11.com.example:store1 tpg1 lun0
    attributes: {}
actions:
  description: The steps that were done, or would be done in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description: The step. The other keys depend on it.
      type: str
    subject:
      description: The object it acts on.
      type: str
  sample:
    - action: create_backstore
      subject: backstore gpu1
      backstore: gpu1
      device: /dev/disk/by-id/virtio-models-gpu1
      wwn: 280b50a7-db4a-5f0b-bf32-84145f727045
      write_protect: false
    - action: save
      subject: backstore gpu1
      backstore: gpu1
error_details:
  description: What was found where, what was expected and what to do, when the module fails for a reason it knows.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Plan
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.host import (
    apply_backstore,
    load_backstores,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    BACKSTORE_OPTIONS,
    Observed,
    desired_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.plan import (
    plan_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio, find_rtslib

_ARGUMENTS = {
    **BACKSTORE_OPTIONS,
    "wwn": {"type": "str"},
    "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=_ARGUMENTS,
        required_if=[["state", "present", ["wwn"]]],
        supports_check_mode=True,
    )
    lio = Lio(find_rtslib(), LocalFileSystem(), predict=module.check_mode)

    def plan(observed: Observed) -> Plan:
        return plan_backstore(desired_backstore(module.params), observed, predict=module.check_mode)

    converge(
        module,
        load=lambda: load_backstores(lio, [desired_backstore(module.params)]),
        plan=plan,
        apply=lambda action: apply_backstore(lio, action),
        result=lambda observed: {"backstore": plan(observed).after or None},
    )


if __name__ == "__main__":
    main()
