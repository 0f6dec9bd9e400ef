# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The files of each backend that make interfaces what they should be. Pure.

All of them are our own: none of anybody else's is written to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence

from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    BOND,
    ETHERNET,
    IFUPDOWN,
    NETPLAN,
    NETWORKD,
    NETWORKMANAGER,
    VLAN,
    Wanted,
)

_MARK = "# Written by tts.modelstore; changes are lost."

# Where each backend's files are, and how the names of ours begin. The first file that matches an
# interface counts for networkd, so ours comes before the usual ones.
FOLDERS = {
    NETWORKD: ("/etc/systemd/network", "05-modelstore-"),
    NETWORKMANAGER: ("/etc/NetworkManager/system-connections", "modelstore-"),
    IFUPDOWN: ("/etc/network/interfaces.d", "modelstore"),
    NETPLAN: ("/etc/netplan", "90-modelstore"),
}
# networkd reads its files as a user of its own.
_MODES = {NETWORKD: 0o644, NETWORKMANAGER: 0o600, IFUPDOWN: 0o644, NETPLAN: 0o600}


def mode_of(path: str) -> int:
    """The mode of one of our files."""
    for backend, (folder, _prefix) in FOLDERS.items():
        if path.startswith(folder + "/"):
            return _MODES[backend]
    return 0o644


def render(backend: str, wanted: Sequence[Wanted]) -> dict[str, str]:
    """The files: path → text."""
    return _RENDERERS[backend](wanted) if wanted else {}


def _path(backend: str, suffix: str) -> str:
    folder, prefix = FOLDERS[backend]
    return "%s/%s%s" % (folder, prefix, suffix)


def _text(*lines: str) -> str:
    return "\n".join((_MARK, *lines)) + "\n"


def _versions(one: Wanted) -> set[int]:
    return {ipaddress.ip_interface(address).version for address in one.addresses}


# --- systemd-networkd --------------------------------------------------------------------------


def _networkd(wanted: Sequence[Wanted]) -> dict[str, str]:
    files = {}
    for one in wanted:
        if one.kind != ETHERNET:
            files[_path(NETWORKD, one.name + ".netdev")] = _netdev(one)
        files[_path(NETWORKD, one.name + ".network")] = _network(one)
    return files


def _netdev(one: Wanted) -> str:
    lines = ["[NetDev]", "Name=" + one.name, "Kind=" + one.kind, "MTUBytes=%d" % one.mtu, ""]
    if one.kind == VLAN:
        lines += ["[VLAN]", "Id=%d" % one.vlan]
    else:
        lines += ["[Bond]", "Mode=" + one.bond_mode, "MIIMonitorSec=100ms"]
    return _text(*lines)


def _network(one: Wanted) -> str:
    # A bond gives its members another address, which the permanent one stays apart from.
    match = "PermanentMACAddress=" + one.match_mac if one.match_mac else "Name=" + one.name
    lines = ["[Match]", match, *(["Type=ether"] if one.match_mac else [])]
    # A dead storage network must not keep the host from booting.
    lines += ["", "[Link]", "MTUBytes=%d" % one.mtu, "RequiredForOnline=no", "", "[Network]"]
    if one.master:
        return _text(*lines, "Bond=" + one.master)
    lines += [
        "ConfigureWithoutCarrier=yes",
        "LinkLocalAddressing=" + ("ipv6" if 6 in _versions(one) else "no"),
        "IPv6AcceptRA=no",
        *("VLAN=" + name for name in one.vlans),
    ]
    for address in one.addresses:
        # Without the search for duplicates it can be used at once, with the cable out too.
        lines += ["", "[Address]", "Address=" + address, "DuplicateAddressDetection=none"]
    return _text(*lines)


# --- NetworkManager ----------------------------------------------------------------------------


def _networkmanager(wanted: Sequence[Wanted]) -> dict[str, str]:
    return {_path(NETWORKMANAGER, one.name + ".nmconnection"): _keyfile(one) for one in wanted}


def connection(name: str) -> str:
    """What the connection of an interface is called in NetworkManager."""
    return "modelstore-" + name


def _keyfile(one: Wanted) -> str:
    lines = [
        "[connection]",
        "id=" + connection(one.name),
        "type=" + one.kind,
        # Before any that was made for the card automatically.
        "autoconnect-priority=100",
    ]
    if not one.match_mac:
        lines.append("interface-name=" + one.name)
    if one.master:
        lines += ["master=" + one.master, "slave-type=bond"]
    lines += ["", "[ethernet]", "mtu=%d" % one.mtu]
    if one.match_mac:
        lines.append("mac-address=" + one.match_mac)
    if one.kind == BOND:
        lines += ["", "[bond]", "mode=" + one.bond_mode, "miimon=100"]
    if one.kind == VLAN:
        lines += ["", "[vlan]", "parent=" + one.parent, "id=%d" % one.vlan]
    if not one.master:
        for version in (4, 6):
            lines += ["", *_ip(one, version)]
    return _text(*lines)


def _ip(one: Wanted, version: int) -> list[str]:
    lines = ["[ipv%d]" % version]
    addresses = [a for a in one.addresses if ipaddress.ip_interface(a).version == version]
    if not addresses:
        return [*lines, "method=disabled"]
    lines += ["method=manual", "never-default=true", "may-fail=true"]
    return [*lines, *("address%d=%s" % pair for pair in enumerate(addresses, 1))]


# --- ifupdown ----------------------------------------------------------------------------------


def _ifupdown(wanted: Sequence[Wanted]) -> dict[str, str]:
    blocks = [line for one in wanted for line in ("", *_stanzas(one))]
    return {_path(IFUPDOWN, ""): _text(*blocks)}


def _stanzas(one: Wanted) -> list[str]:
    """With ip's own commands: the packages vlan and ifenslave need not be there."""
    lines = ["auto " + one.name]
    stanzas = [
        (
            "iface %s inet%s static" % (one.name, "6" if address.version == 6 else ""),
            ["    address %s" % address],
            # No search for duplicates: the address can be used at once.
            ["    accept_ra 0", "    autoconf 0", "    dad-attempts 0"]
            if address.version == 6
            else [],
        )
        for address in map(ipaddress.ip_interface, one.addresses)
    ] or [("iface %s inet manual" % one.name, [], [])]
    for number, (head, *rest) in enumerate(stanzas):
        lines += [head, *(line for part in rest for line in part)]
        if number == 0:
            lines += ["    " + command for command in _commands(one)]
    return lines


def _commands(one: Wanted) -> list[str]:
    name = one.name
    made = "ip link show dev %s >/dev/null 2>&1 ||" % name
    commands = []
    if one.kind == VLAN:
        parent, vlan = one.parent, one.vlan
        commands.append(
            "pre-up %s ip link add link %s name %s type vlan id %d" % (made, parent, name, vlan)
        )
    if one.kind == BOND:
        commands.append(
            "pre-up %s ip link add %s type bond mode %s miimon 100" % (made, name, one.bond_mode)
        )
        for member in one.members:
            commands += [
                "pre-up ip link set dev %s down" % member,
                "pre-up ip link set dev %s master %s" % (member, name),
            ]
    commands.append("pre-up ip link set dev %s mtu %d" % (name, one.mtu))
    if not one.addresses and not one.master:
        commands.append("up ip link set dev %s up" % name)
    if one.kind != ETHERNET:
        commands.append("post-down ip link delete dev %s || true" % name)
    return commands


# --- netplan -----------------------------------------------------------------------------------

_SECTIONS = {ETHERNET: "ethernets", BOND: "bonds", VLAN: "vlans"}


def _netplan(wanted: Sequence[Wanted]) -> dict[str, str]:
    lines = ["network:", "  version: 2"]
    for kind, section in _SECTIONS.items():
        chosen = [one for one in wanted if one.kind == kind]
        if chosen:
            lines.append("  %s:" % section)
        for one in chosen:
            lines += ["    %s:" % one.name, *("      " + line for line in _definition(one))]
    return {_path(NETPLAN, ".yaml"): _text(*lines)}


def _definition(one: Wanted) -> Iterable[str]:
    if one.match_mac:
        yield from ("match:", "  macaddress: '%s'" % one.match_mac)
        # netplan's own rule for the card would keep udev from giving it its name at boot.
        yield "set-name: %s" % one.name
    yield from ("mtu: %d" % one.mtu, "optional: true", "dhcp4: false", "dhcp6: false")
    yield from ("accept-ra: false", "link-local: [%s]" % ("ipv6" if 6 in _versions(one) else ""))
    if one.kind == VLAN:
        yield from ("id: %d" % one.vlan, "link: %s" % one.parent)
    if one.kind == BOND:
        yield "interfaces: [%s]" % ", ".join(one.members)
        yield from ("parameters:", "  mode: %s" % one.bond_mode, "  mii-monitor-interval: 100")
    if one.addresses:
        yield "addresses: [%s]" % ", ".join("'%s'" % address for address in one.addresses)


_RENDERERS: dict[str, Callable[[Sequence[Wanted]], dict[str, str]]] = {
    NETWORKD: _networkd,
    NETWORKMANAGER: _networkmanager,
    IFUPDOWN: _ifupdown,
    NETPLAN: _netplan,
}
