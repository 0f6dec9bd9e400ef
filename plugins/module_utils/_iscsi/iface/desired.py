# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What an iscsi_iface task asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.iface.model import KEYS
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import (
    SPECIAL_IFACES,
    iface_name,
    initiator_name,
)

# A name in the kernel has 15 bytes at most, and neither blanks nor slashes.
_NET_IFACENAME = re.compile(r"[^\s/]{1,15}")
_HWADDRESS = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


@dataclass(frozen=True)
class DesiredIface:
    """An iface record as it should be.

    :param values: all keys that are ours; an empty value is none.
    """

    name: str
    present: bool
    values: Mapping[str, str] = field(default_factory=dict)


def desired_iface(params: Mapping[str, Any]) -> DesiredIface:
    """Check the options of the module: iscsiadm stores any text without a word."""
    name = iface_name(params["name"])
    if name in SPECIAL_IFACES:
        raise ModelStoreError(
            "iface name",
            repr(name),
            "a name that open-iscsi does not keep for itself",
            "Choose another name; %s needs no record." % name,
        )
    options = {option: params[option] or "" for option in KEYS}
    options["hwaddress"] = options["hwaddress"].lower()
    for option, rule, expected in (
        ("net_ifacename", _NET_IFACENAME, "the name of a network interface (eth1)"),
        ("hwaddress", _HWADDRESS, "six pairs of hexadecimal digits (52:54:00:12:34:56)"),
    ):
        if options[option] and not rule.fullmatch(options[option]):
            raise ModelStoreError(
                option, repr(options[option]), expected, "'ip link' shows the ones of the host."
            )
    if options["initiatorname"]:
        initiator_name(options["initiatorname"])
    return DesiredIface(
        name=name,
        present=params["state"] == "present",
        values={key: options[option] for option, key in KEYS.items()},
    )
