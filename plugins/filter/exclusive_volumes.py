# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One volume for each client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage import volumes

DOCUMENTATION = r"""
name: exclusive_volumes
short_description: One volume for each client of a target server
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Reads C(modelstore_disk), C(modelstore_volume) (default the host's name), C(modelstore_initiator_name) (default
    C(<modelstore_iqn_prefix>:<host>)) and C(modelstore_target) from the variables of each client.
  - A client without C(modelstore_disk) has C(modelstore_size) instead, a whole number with the unit M, G or T (multiples
    of 1024). Its volume is a logical volume of that size, of the volume's name and in C(modelstore_volume_group), which
    is a variable of the client or of the server. With C(modelstore_thin_pool), of either as well, it is a thin one.
  - Or the client has C(modelstore_clone_of), the name of a golden thin volume in that group, and its volume is a clone of it.
  - A client that names another server in C(modelstore_target) is passed over. One that names none, or has
    it empty, belongs to O(default_store).
positional: _input, hostvars, store, target
options:
  _input:
    description: Inventory names of the clients.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
  store:
    description: Inventory name of the target server.
    type: str
    required: true
  target:
    description: The target's IQN.
    type: str
    required: true
  default_store:
    description: Inventory name of the target server of clients without C(modelstore_target). By default O(store).
    type: str
"""

EXAMPLES = r"""
volumes: "{{ groups['gpu_nodes'] | tts.modelstore.exclusive_volumes(hostvars, 'store1', 'iqn.2026-11.com.example:store1') }}"
"""

RETURN = r"""
_value:
  description:
    - For each client its volume, with C(name), C(device), C(wwn) and C(initiators), as
      O(tts.modelstore.iscsi_target#role:main:iscsi_target_volumes) takes it.
    - For a logical volume also C(volume_group), C(size), C(thin_pool) and C(clone_of), and C(device) is C(/dev/<volume_group>/<name>).
  type: list
  elements: dict
"""


def _exclusive_volumes(
    clients: Iterable[str],
    hostvars: Any,
    store: str,
    target: str,
    default_store: str | None = None,
) -> list[dict[str, Any]]:
    try:
        return volumes.exclusive_volumes(clients, hostvars, store, target, default_store)
    except ModelStoreError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"exclusive_volumes": _exclusive_volumes}
