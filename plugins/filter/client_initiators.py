# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The initiators of the clients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage import volumes

DOCUMENTATION = r"""
name: client_initiators
short_description: Initiator name and CHAP credentials of each client of a target server
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Reads C(modelstore_chap_password), C(modelstore_chap_username) (default the initiator name) and
    C(modelstore_initiator_name) (default C(<modelstore_iqn_prefix>:<host>)) from the variables of each client.
  - With C(modelstore_chap_mutual_password) the target proves itself as well, under the name
    C(modelstore_chap_mutual_username) (default O(store)).
  - A client that names another server in C(modelstore_target) is passed over. One that names none, or has
    it empty, belongs to O(default_store).
  - Two clients with one initiator name are refused.
positional: _input, hostvars, store
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
  default_store:
    description: Inventory name of the target server of clients without C(modelstore_target). By default O(store).
    type: str
"""

EXAMPLES = r"""
initiators: "{{ groups['gpu_nodes'] | tts.modelstore.client_initiators(hostvars, 'store1') }}"
"""

RETURN = r"""
_value:
  description:
    - For each client C(name), C(chap_username) and C(chap_password). It holds secrets.
    - With mutual CHAP also C(chap_mutual_username) and C(chap_mutual_password).
  type: list
  elements: dict
"""


def _client_initiators(
    clients: Iterable[str], hostvars: Any, store: str, default_store: str | None = None
) -> list[dict[str, Any]]:
    try:
        return volumes.client_initiators(clients, hostvars, store, default_store)
    except ModelStoreError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"client_initiators": _client_initiators}
