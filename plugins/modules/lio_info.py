#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what LIO serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lio_info
short_description: Tell what the Linux kernel's SCSI target (LIO) serves, and what it has saved
version_added: "0.1.0"
description:
  - Returns the running backstores, iSCSI targets and sessions, and how the saved configuration differs from them.
  - CHAP secrets are never returned.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  targets:
    description:
      - Names of the targets to return, with their sessions. All when empty.
      - RV(saved) then speaks of these targets and of the backstores that they export, running or saved,
        so that objects of others do not matter.
    type: list
    elements: str
    default: []
requirements:
  - rtslib (package python3-rtslib-fb on Debian, python3-rtslib on RHEL) for the system's Python. Without it nothing is found.
extends_documentation_fragment:
  - tts.modelstore.attributes
  - tts.modelstore.attributes.info_module
notes:
  - The kernel names one session for each ACL, the newest. An initiator with a session over each of two portals appears once.
  - Of sessions without an ACL (demo mode) it tells the initiator only.
seealso:
  - module: tts.modelstore.lio_backstore
  - module: tts.modelstore.lio_discovery_auth
  - module: tts.modelstore.lio_target
"""

EXAMPLES = r"""
- name: Look at the target server
  tts.modelstore.lio_info:
  register: lio

- name: Make sure that everything is there again after a reboot
  ansible.builtin.assert:
    that: lio.saved.matches_running
    fail_msg: "Not saved as it runs: {{ lio.saved.missing + lio.saved.different + lio.saved.not_running }}"
"""

RETURN = r"""
available:
  description: Whether rtslib is installed and the kernel's target is loaded.
  returned: success
  type: bool
backstores:
  description: The running backstores, in the form of RV(tts.modelstore.lio_backstore#module:backstore) with all attributes.
  returned: success
  type: list
  elements: dict
targets:
  description:
    - The running iSCSI targets, in the form of RV(tts.modelstore.lio_target#module:target) with all attributes and parameters.
    - A LUN or mapped LUN whose C(backstore) is null was made by an interrupted run and never finished.
  returned: success
  type: list
  elements: dict
discovery_auth:
  description: The discovery CHAP of the host, in the form of RV(tts.modelstore.lio_discovery_auth#module:discovery_auth).
  returned: success
  type: dict
sessions:
  description: The newest session of each initiator that is logged in.
  returned: success
  type: list
  elements: dict
  contains:
    target:
      description: Name of the target.
      type: str
    tpg:
      description: Tag of the TPG.
      type: int
    initiator:
      description: Name of the initiator.
      type: str
    id:
      description: LIO's number of the session, or null in demo mode. C(state), C(alias) and C(addresses) are empty then.
      type: int
    type:
      description: V(Normal) or V(Discovery).
      type: str
    state:
      description: State of the session, V(LOGGED_IN) when all is well.
      type: str
    alias:
      description: What the initiator calls itself.
      type: str
    addresses:
      description: The initiator's address for each connection of the session.
      type: list
      elements: str
  sample:
    - target: iqn.2026-11.com.example:store1
      tpg: 1
      initiator: iqn.2026-11.com.example:gpu1
      id: 2
      type: Normal
      state: LOGGED_IN
      alias: gpu1
      addresses:
        - 10.77.2.21
saved:
  description:
    - The saved configuration, which is restored at boot, and how it differs from what runs. With O(targets)
      only what belongs to them is compared.
    - The discovery CHAP counts as an object when no O(targets) are named.
    - Attributes and parameters that only one of the two has are no difference. Another kernel may bring more
      of them or fewer.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the file, or null without rtslib.
      type: str
    exists:
      description: Whether there is one.
      type: bool
    matches_running:
      description: Whether it says what runs. The three lists are empty then.
      type: bool
    missing:
      description: Objects that run and are not saved.
      type: list
      elements: str
    different:
      description: Objects that run in another form than they are saved in.
      type: list
      elements: str
    not_running:
      description: Objects that are saved and do not run, for example because a device was missing at boot.
      type: list
      elements: str
  sample:
    path: /etc/rtslib-fb-target/saveconfig.json
    exists: true
    matches_running: false
    missing: []
    different: []
    not_running:
      - backstore gpu2
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import report
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio, find_rtslib
from ansible_collections.tts.modelstore.plugins.module_utils._lio.info import read_info


def main() -> None:
    module = AnsibleModule(
        argument_spec={"targets": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    lio = Lio(find_rtslib(), LocalFileSystem(), predict=True)
    report(module, lambda: read_info(lio, module.params["targets"]))


if __name__ == "__main__":
    main()
