# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What iproute2, NetworkManager and the kernel say, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    BOND,
    ETHERNET,
    Device,
)

_PCI = re.compile(r"/([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?=/|$)")


def devices(text: str, paths: dict[str, str]) -> tuple[Device, ...]:
    """The interfaces that ``ip -json -details address show`` lists.

    :param paths: interface → the folder of its device in sysfs, links resolved.
    """
    return tuple(
        _device(entry, paths.get(entry["ifname"], ""))
        for entry in json.loads(text or "[]")
        if entry.get("link_type") == "ether"
    )


def _device(entry: dict[str, Any], path: str) -> Device:
    info = entry.get("linkinfo") or {}
    data = info.get("info_data") or {}
    member = (info.get("info_slave_data") or {}).get("perm_hwaddr")
    kind = str(info.get("info_kind") or ETHERNET)
    return Device(
        name=entry["ifname"],
        mac=str(member or entry.get("permaddr") or entry.get("address") or "").lower(),
        kind=kind,
        mtu=int(entry["mtu"]),
        max_mtu=int(entry.get("max_mtu") or 0),
        up="UP" in entry.get("flags", ()),
        addresses=tuple(
            "%s/%d" % (address["local"], address["prefixlen"])
            for address in entry.get("addr_info", ())
            if address.get("scope") != "link" and not address.get("temporary")
        ),
        parent=str(entry.get("link") or ""),
        master=str(entry.get("master") or ""),
        vlan=int(data.get("id") or 0) if kind != BOND else 0,
        bond_mode=str(data.get("mode") or "") if kind == BOND else "",
        pci=tuple(_PCI.findall(path)),
    )


def default_route_devices(texts: Iterable[str]) -> frozenset[str]:
    """The interfaces of default routes in ``ip -json route show default``."""
    return frozenset(
        route["dev"] for text in texts for route in json.loads(text or "[]") if "dev" in route
    )


def connection_address(environment: str) -> str | None:
    """This host's end of the ssh connection, from the environment of one of its processes."""
    for entry in environment.split("\0"):
        name, _equals, value = entry.partition("=")
        if name == "SSH_CONNECTION" and len(value.split()) == 4:
            return value.split()[2]
    return None


def parent_process(status: str) -> int:
    """The parent's number in ``/proc/<pid>/status``; 0 when there is none."""
    found = re.search(r"^PPid:\s*(\d+)$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def unmanaged_devices(text: str) -> frozenset[str]:
    """The interfaces that ``nmcli --terse --fields DEVICE,STATE device`` calls unmanaged."""
    pairs = (line.rpartition(":") for line in text.splitlines())
    return frozenset(
        name.replace("\\", "") for name, _colon, state in pairs if state == "unmanaged"
    )
