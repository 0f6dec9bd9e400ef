#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move a local folder of model files to a volume, without ever deleting a file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_adoption
short_description: Copy a local folder to a volume, verify it, and put a link in its place
version_added: "0.1.0"
description:
  - Copies the files one by one. Each one is read back from the device and compared by its SHA-256 before it gets its name on the volume.
  - At last the local folder is renamed and a link to the volume takes its place. Nothing is ever deleted.
  - A run that was interrupted, also by a kill, is continued by the next one with the file that it was at.
  - What was copied is recorded in C(.modelstore-adoption) on the volume, one line of JSON with the SHA-256 for each file.
  - Hard links stay hard links, and symbolic links are copied as they are, so that a cache of Hugging Face keeps its form.
  - Copies belong to the owner of O(destination). They keep their permissions, and everybody may read them.
  - Refused are folders in use, special files, other file systems in the folder, relative links that lead out of it, and files
    of the same name on the volume with another content.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  source:
    description:
      - The local folder. Nothing is done when there is none, or when it is a link to O(destination) already.
    type: path
    required: true
  destination:
    description:
      - The folder on the volume that takes the content of O(source), in most cases the mount point.
    type: path
    required: true
  state:
    description:
      - V(copied) only copies and verifies.
      - V(adopted) copies and verifies what is left, renames O(source) and puts a link to O(destination) in its place.
    type: str
    choices: [adopted, copied]
    default: adopted
  portion:
    description:
      - How much of the bytes has to be on the volume before the module ends, in percent. For O(state=copied) only.
      - Rising values in a loop show how far a long copy has come.
    type: int
    default: 100
  suffix:
    description:
      - What is added to the name of O(source) when it is kept aside.
    type: str
    default: .before-modelstore
  require_mount:
    description:
      - Refuse to copy when O(destination) is no mount point, so that a missing volume never fills the system disk.
    type: bool
    default: true
requirements:
  - findutils (find)
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Copy the models, and show how far it is
  tts.modelstore.storage_adoption:
    source: /opt/index-tts/cache_hub
    destination: /mnt/cache_hub
    state: copied
    portion: "{{ item }}"
  loop: "{{ range(10, 101, 10) | list }}"

- name: Put a link in the folder's place
  tts.modelstore.storage_adoption:
    source: /opt/index-tts/cache_hub
    destination: /mnt/cache_hub
"""

RETURN = r"""
actions:
  description: The steps that were taken, or would be in check mode, with C(action) and C(subject), a path in O(source).
  returned: always
  type: list
  elements: dict
  sample:
    - {action: copy_file, subject: gpt.pth}
bytes_total:
  description: Size of all files in O(source), in bytes. Zero when there is no folder any more.
  returned: success
  type: int
bytes_verified:
  description: How many of these bytes are on the volume and verified.
  returned: success
  type: int
kept:
  description: Where the local folder is kept.
  returned: success
  type: str
  sample: /opt/index-tts/cache_hub.before-modelstore
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.host import (
    apply_adoption,
    load_adoption,
    require_destination,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import (
    Observed,
    desired_adoption,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.plan import (
    plan_adoption,
    show_adoption,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "destination": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["adopted", "copied"], "default": "adopted"},
            "portion": {"type": "int", "default": 100},
            "suffix": {"type": "str", "default": ".before-modelstore"},
            "require_mount": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    desired = desired_adoption(module.params)
    runner, fs = ModuleRunner(module), LocalFileSystem()
    seen: list[Observed] = []

    def load() -> Observed:
        require_destination(desired)
        seen.append(load_adoption(runner, fs, desired))
        return seen[-1]

    converge(
        module,
        load,
        lambda observed: plan_adoption(desired, observed),
        lambda action: apply_adoption(desired, seen[0], action),
        lambda observed: show_adoption(desired, observed),
    )


if __name__ == "__main__":
    main()
