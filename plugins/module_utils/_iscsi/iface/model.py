# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Iface records: what a connection is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TRANSPORT = "tcp"
_TRANSPORT_KEY = "iface.transport_name"

# Their keys in a record, by the option.
KEYS = {
    "net_ifacename": "iface.net_ifacename",
    "hwaddress": "iface.hwaddress",
    "initiatorname": "iface.initiatorname",
}


@dataclass(frozen=True)
class IfaceRecord:
    """One record.

    :param values: all its keys; one without a value is not there.
    """

    name: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def transport(self) -> str:
        """The transport that its sessions use."""
        return self.values.get(_TRANSPORT_KEY, TRANSPORT)

    def public(self) -> dict[str, Any]:
        """In the form the user sees."""
        options = {option: self.values.get(key) or None for option, key in KEYS.items()}
        return {"name": self.name, "transport": self.transport, **options}
