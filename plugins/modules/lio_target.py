#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage a LIO iSCSI target."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lio_target
short_description: Manage an iSCSI target of the Linux kernel (LIO), whole
version_added: "0.1.0"
description:
  - Brings one target, with its portals, LUNs, ACLs, CHAP credentials and parameters, to what is declared, and on demand
    the backstores behind the LUNs as well.
  - The declaration is complete. Portals, LUNs, ACLs, mapped LUNs and TPGs of the target that are not in it are removed. Other targets stay as they are.
  - Access is closed before it is opened, and changes are made live, so that sessions that are not concerned go on.
  - Only initiators with an ACL get in or see the target. There is no demo mode.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  name:
    description:
      - Name of the target in lower case, C(iqn.), C(eui.) or C(naa.).
    type: str
    required: true
  tpgs:
    description:
      - The target portal groups. At least one is required for O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      tag:
        description: Tag of the TPG.
        type: int
        default: 1
      portals:
        description:
          - Where the target listens. A portal can serve several targets.
          - Refused when another target, running or saved, has a wildcard address and the same port, or an address that a wildcard
            here takes in. LIO could not listen there.
        type: list
        elements: dict
        default: []
        suboptions:
          address:
            description: IPv4 or IPv6 address of this server, or V(0.0.0.0) or V(::) for all.
            type: str
            required: true
          port:
            description: TCP port. The default is the one IANA gave to iSCSI.
            type: int
            default: 3260
      luns:
        description: The backstores that the TPG exports. Initiators see only those that their ACL maps.
        type: list
        elements: dict
        default: []
        suboptions:
          backstore:
            description: Name of a block backstore, or C(plugin/name) of another one.
            type: str
            required: true
          lun:
            description:
              - The TPG's own number of the LUN, 0 to 65535. Initiators do not see it.
              - Without it a LUN keeps the number it has, and a new one takes the lowest that is free.
            type: int
      acls:
        description: The initiators that may log in.
        type: list
        elements: dict
        default: []
        suboptions:
          initiator:
            description: Name of the initiator in lower case, C(iqn.), C(eui.) or C(naa.).
            type: str
            required: true
          chap_username:
            description: Name the initiator logs in with. Required with O(tpgs[].authentication=true).
            type: str
          chap_password:
            description: Secret the initiator logs in with, 12 to 16 printable ASCII characters without blanks at the ends.
            type: str
          chap_mutual_username:
            description: Name the target proves itself with. Unset, the target does not have to.
            type: str
          chap_mutual_password:
            description: Secret the target proves itself with, of the same form as O(tpgs[].acls[].chap_password) but another one.
            type: str
          luns:
            description: The LUNs that the initiator sees.
            type: list
            elements: dict
            default: []
            suboptions:
              backstore:
                description: One of O(tpgs[].luns[].backstore).
                type: str
                required: true
              lun:
                description: The number the initiator sees, 0 to 255.
                type: int
                default: 0
              write_protect:
                description:
                  - Whether the initiator can only read.
                  - Of all initiators only one may write to a backstore. Those of other targets count as well, also of targets that
                    are saved and do not run. A target of a fabric without ACLs (loopback, vhost, Xen, USB) counts as a writer.
                type: bool
                default: false
      authentication:
        description: Whether initiators have to log in with CHAP.
        type: bool
        default: true
      attributes:
        description:
          - More attributes of the TPG, for example C(login_timeout). The others stay as they are.
          - C(default_cmdsn_depth) acts on ACLs that are made after it was set. An ACL that is there keeps its depth.
          - Refused are those that decide about access, which the module sets by itself.
        type: dict
        default: {}
      parameters:
        description:
          - iSCSI parameters of the TPG, for example C(MaxBurstLength) in bytes. The others stay as they are.
          - They are negotiated at login, so a session that is there keeps its own.
        type: dict
        default: {}
  backstores:
    description:
      - Backstores to make, or to bring to what is declared, in the same step. Those that are not named stay as they are.
      - All of them and the target are checked before anything is changed, and saved together.
      - For O(state=present) only. A declared backstore is never removed by O(delete_backstores).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: As O(tts.modelstore.lio_backstore#module:name).
        type: str
        required: true
      type:
        description: As O(tts.modelstore.lio_backstore#module:type).
        type: str
        choices: [block, fileio]
        default: block
      device:
        description: As O(tts.modelstore.lio_backstore#module:device). Required for O(backstores[].type=block).
        type: path
      path:
        description: As O(tts.modelstore.lio_backstore#module:path). Required for O(backstores[].type=fileio).
        type: path
      size:
        description: As O(tts.modelstore.lio_backstore#module:size). Required for O(backstores[].type=fileio).
        type: str
      write_protect:
        description: As O(tts.modelstore.lio_backstore#module:write_protect).
        type: bool
        default: false
      write_back:
        description: As O(tts.modelstore.lio_backstore#module:write_back).
        type: bool
        default: false
      wwn:
        description: As O(tts.modelstore.lio_backstore#module:wwn).
        type: str
        required: true
      attributes:
        description: As O(tts.modelstore.lio_backstore#module:attributes).
        type: dict
        default: {}
  state:
    description:
      - V(present) makes the target when it is not there.
      - V(absent) removes it. Refused as long as initiators are logged in to it.
    type: str
    choices: [absent, present]
    default: present
  disconnect:
    description:
      - Whether O(state=absent) may end the sessions of initiators that are logged in.
      - With O(state=present) it does nothing. An initiator, LUN or TPG that is not declared any more always loses its sessions or disks.
    type: bool
    default: false
  delete_backstores:
    description:
      - Which backstores to remove once no LUN of any target exports them, running or saved. What is on their devices stays.
      - V(own) removes those whose unit serial is that of a volume of this target, as P(tts.modelstore.volume_wwn#filter) makes it.
      - V(all) removes those that this target exported.
    type: str
    choices: [none, own, all]
    default: none
requirements:
  - rtslib (package python3-rtslib-fb on Debian, python3-rtslib on RHEL) for the system's Python
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details: When rtslib, a backstore or its device is not there yet, the module predicts the steps as if it were to come.
  diff_mode:
    support: full
    details: CHAP secrets are never shown.
notes:
  - The module saves the target and O(backstores) as they run in LIO's configuration file and leaves what else is in there as it is.
  - What takes access away is saved before anything else is changed, so that the access does not come back at boot when a later step fails.
  - Fails while a backstore among the LUNs neither runs nor can be made, for example because its disk was missing at boot. To save the
    target without it would lose the LUN for good.
  - LUNs and mapped LUNs that a killed run left unfinished are removed and made anew.
  - New CHAP credentials count from the initiator's next login.
  - A change of O(tpgs[].acls[].luns[].write_protect) is seen by a logged-in initiator only after it has rescanned the LUN.
seealso:
  - module: tts.modelstore.lio_backstore
  - module: tts.modelstore.lio_discovery_auth
  - module: tts.modelstore.lio_info
"""

EXAMPLES = r"""
- name: Target with one volume for each of two nodes, over two networks
  tts.modelstore.lio_target:
    name: iqn.2026-11.com.example:store1
    tpgs:
      - portals:
          - address: 10.77.1.10
          - address: 10.77.2.10
        luns:
          - backstore: gpu1
          - backstore: gpu2
        acls:
          - initiator: iqn.2026-11.com.example:gpu1
            chap_username: gpu1
            chap_password: "{{ vault_chap_gpu1 }}"
            luns:
              - backstore: gpu1
          - initiator: iqn.2026-11.com.example:gpu2
            chap_username: gpu2
            chap_password: "{{ vault_chap_gpu2 }}"
            luns:
              - backstore: gpu2
        parameters:
          MaxRecvDataSegmentLength: 262144

- name: Target and backstore in one call
  tts.modelstore.lio_target:
    name: iqn.2026-11.com.example:store1
    backstores:
      - name: gpu1
        device: /dev/disk/by-id/virtio-models-gpu1
        wwn: "{{ 'gpu1' | tts.modelstore.volume_wwn('iqn.2026-11.com.example:store1') }}"
    tpgs:
      - portals:
          - address: 10.77.1.10
        luns:
          - backstore: gpu1
        acls:
          - initiator: iqn.2026-11.com.example:gpu1
            chap_username: gpu1
            chap_password: "{{ vault_chap_gpu1 }}"
            luns:
              - backstore: gpu1

- name: Remove a target
  tts.modelstore.lio_target:
    name: iqn.2026-11.com.example:store1
    state: absent
"""

RETURN = r"""
target:
  description:
    - The target as it is after the run, or as it would be in check mode.
    - Null for O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    tpgs:
      description: Its TPGs.
      type: list
      elements: dict
      contains:
        tag:
          description: Tag of the TPG.
          type: int
        enabled:
          description: Whether initiators can log in.
          type: bool
        portals:
          description: Where it listens, with C(address) and C(port). IPv6 addresses are without brackets.
          type: list
          elements: dict
        luns:
          description: What it exports, with C(lun) and C(backstore).
          type: list
          elements: dict
        acls:
          description:
            - Who may log in, with C(initiator), and whether C(chap) and C(mutual_chap) credentials are set.
            - C(authentication) is null when the TPG says whether CHAP is needed, as the module sets it. An ACL with
              a say of its own (Linux 6.0 and newer) has true or false.
            - C(luns) is what the initiator sees, with C(lun), C(backstore) and C(write_protect).
          type: list
          elements: dict
        attributes:
          description: The attributes that the module sets and those named in O(tpgs[].attributes), as LIO has them.
          type: dict
        parameters:
          description: The parameters named in O(tpgs[].parameters), as LIO has them.
          type: dict
  sample:
    name: iqn.2026-11.com.example:store1
    tpgs:
      - tag: 1
        enabled: true
        portals:
          - address: 10.77.1.10
            port: 3260
        luns:
          - lun: 0
            backstore: gpu1
        acls:
          - initiator: iqn.2026-11.com.example:gpu1
            chap: true
            mutual_chap: false
            authentication: null
            luns:
              - lun: 0
                backstore: gpu1
                write_protect: false
        attributes:
          authentication: "1"
          cache_dynamic_acls: "0"
          demo_mode_discovery: "0"
          demo_mode_write_protect: "1"
          generate_node_acls: "0"
          prod_mode_write_protect: "1"
        parameters: {}
backstores:
  description:
    - Those named in O(backstores) as they are after the run, or as they would be in check mode.
    - Each has the form of RV(tts.modelstore.lio_backstore#module:backstore).
  returned: success
  type: list
  elements: dict
  sample:
    - name: gpu1
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
    - action: create_lun
      subject: iqn.2026-11.com.example:store1 tpg1 lun0
      tpg: 1
      lun: 0
      backstore: gpu1
error_details:
  description: What was found where, what was expected and what to do, when the module fails for a reason it knows.
  returned: failure
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Plan
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    BACKSTORE_OPTIONS,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio, find_rtslib
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.host import (
    TargetChanger,
    load_target,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    Observed,
    desired_target,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.plan import (
    plan_target,
)


def _dicts(options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


_MAPPED_LUN = {
    "backstore": {"type": "str", "required": True},
    "lun": {"type": "int", "default": 0},
    "write_protect": {"type": "bool", "default": False},
}
_ACL = {
    "initiator": {"type": "str", "required": True},
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "chap_mutual_username": {"type": "str"},
    "chap_mutual_password": {"type": "str", "no_log": True},
    "luns": _dicts(_MAPPED_LUN),
}
_TPG = {
    "tag": {"type": "int", "default": 1},
    "portals": _dicts(
        {"address": {"type": "str", "required": True}, "port": {"type": "int", "default": 3260}}
    ),
    "luns": _dicts({"backstore": {"type": "str", "required": True}, "lun": {"type": "int"}}),
    "acls": _dicts(_ACL),
    "authentication": {"type": "bool", "default": True},
    "attributes": {"type": "dict", "default": {}},
    "parameters": {"type": "dict", "default": {}},
}
_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "tpgs": _dicts(_TPG),
    "backstores": _dicts(BACKSTORE_OPTIONS),
    "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
    "disconnect": {"type": "bool", "default": False},
    "delete_backstores": {"type": "str", "choices": ["none", "own", "all"], "default": "none"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    lio = Lio(find_rtslib(), LocalFileSystem(), predict=module.check_mode)

    def plan(observed: Observed) -> Plan:
        return plan_target(desired_target(module.params), observed, predict=module.check_mode)

    converge(
        module,
        load=lambda: load_target(lio, desired_target(module.params)),
        plan=plan,
        apply=TargetChanger(lio, module.params["name"]).apply,
        result=lambda observed: plan(observed).after,
    )


if __name__ == "__main__":
    main()
