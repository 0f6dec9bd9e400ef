#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manage the discovery CHAP of a LIO target server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lio_discovery_auth
short_description: Manage the CHAP that initiators need to discover the targets of a server (LIO)
version_added: "0.1.0"
description:
  - Sets the CHAP credentials that an initiator needs to ask this server for its targets, or removes them.
  - They are one for the whole server and have nothing to do with the credentials of a login, which M(tts.modelstore.lio_target) manages.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  chap_username:
    description: Name the initiator proves itself with. Required for O(state=present).
    type: str
  chap_password:
    description:
      - Secret the initiator proves itself with, 12 to 16 printable ASCII characters without blanks at the ends.
      - Required for O(state=present).
    type: str
  chap_mutual_username:
    description: Name the target server proves itself with. Unset, it does not have to.
    type: str
  chap_mutual_password:
    description: Secret the target server proves itself with, of the same form as O(chap_password) but another one.
    type: str
  targets:
    description: Names of the targets whose initiators know of these credentials.
    type: list
    elements: str
    default: []
  allow_foreign:
    description:
      - Whether to change the discovery CHAP although targets run or are saved that O(targets) does not name.
      - Their initiators can only discover them with these credentials from then on. Sessions and logins without
        discovery are not affected.
    type: bool
    default: false
  state:
    description:
      - V(present) demands these credentials.
      - V(absent) removes the credentials and lets everybody ask.
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
    details: When rtslib is not there yet, the module goes by an empty server and predicts the steps.
  diff_mode:
    support: full
    details: CHAP secrets are never shown, so a change of a secret alone shows in RV(actions) only.
notes:
  - The module saves the credentials in LIO's configuration file and leaves what else is in there as it is.
  - Whatever the discovery CHAP, initiators without an ACL do not see a target of M(tts.modelstore.lio_target).
seealso:
  - module: tts.modelstore.lio_target
  - module: tts.modelstore.lio_info
"""

EXAMPLES = r"""
- name: Demand CHAP in both directions for discovery
  tts.modelstore.lio_discovery_auth:
    chap_username: discovery
    chap_password: "{{ vault_discovery_password }}"
    chap_mutual_username: store1
    chap_mutual_password: "{{ vault_discovery_mutual_password }}"
    targets:
      - iqn.2026-11.com.example:store1

- name: Let everybody ask again
  tts.modelstore.lio_discovery_auth:
    state: absent
    targets:
      - iqn.2026-11.com.example:store1
"""

RETURN = r"""
discovery_auth:
  description: The discovery CHAP as it is after the run, or as it would be in check mode.
  returned: success
  type: dict
  contains:
    enabled:
      description: Whether LIO demands it.
      type: bool
    chap:
      description: Whether credentials of the initiator are set.
      type: bool
    mutual_chap:
      description: Whether credentials of the target server are set.
      type: bool
  sample:
    enabled: true
    chap: true
    mutual_chap: false
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
    - action: set_discovery_chap
      subject: discovery authentication
      username: discovery
      password: "********"
    - action: enable_discovery_auth
      subject: discovery authentication
    - action: save
      subject: discovery authentication
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
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.host import (
    apply_discovery_auth,
    load_discovery_auth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.model import (
    Observed,
    desired_discovery_auth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.plan import (
    plan_discovery_auth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio, find_rtslib

_ARGUMENTS = {
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "chap_mutual_username": {"type": "str"},
    "chap_mutual_password": {"type": "str", "no_log": True},
    "targets": {"type": "list", "elements": "str", "default": []},
    "allow_foreign": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=_ARGUMENTS,
        required_if=[["state", "present", ["chap_username", "chap_password"]]],
        supports_check_mode=True,
    )
    lio = Lio(find_rtslib(), LocalFileSystem(), predict=module.check_mode)

    def plan(observed: Observed) -> Plan:
        return plan_discovery_auth(desired_discovery_auth(module.params), observed)

    converge(
        module,
        load=lambda: load_discovery_auth(lio),
        plan=plan,
        apply=lambda action: apply_discovery_auth(lio, action),
        result=lambda observed: {"discovery_auth": plan(observed).after},
    )


if __name__ == "__main__":
    main()
