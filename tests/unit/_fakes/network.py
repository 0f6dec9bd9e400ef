# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with network cards in memory: the kernel, systemd and the services that read our files."""

from __future__ import annotations

import configparser
import ipaddress
import json
import re
from collections.abc import Sequence
from typing import Any

import yaml
from _fakes.memory_fs import MemoryFileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed

MAC = {
    "enp0s3": "52:54:00:00:00:03",
    "enp0s4": "52:54:00:00:00:04",
    "enp0s5": "52:54:00:00:00:05",
}
PCI = {name: f"0000:00:0{name[-1]}.0" for name in MAC}
UNITS = {
    "networkd": "systemd-networkd.service",
    "networkmanager": "NetworkManager.service",
    "ifupdown": "networking.service",
}


def card(name: str, *addresses: str) -> dict[str, Any]:
    return {"kind": "", "mac": MAC[name], "mtu": 1500, "addresses": list(addresses)}


class FakeHost:
    """Answers the commands of the module and does what they do.

    ``deaf`` services say that all is well and do nothing; ``failing`` is a command that fails.
    """

    def __init__(self, backend: str = "networkd") -> None:
        self.fs = MemoryFileSystem(links={f"/sys/class/net/{n}/device": _pci(n) for n in MAC})
        self.fs.files |= {f"/sys/class/net/{name}/address": mac for name, mac in MAC.items()}
        self.links = {
            "enp0s3": card("enp0s3", "10.0.2.15/24"),
            "enp0s4": card("enp0s4"),
            "enp0s5": card("enp0s5"),
        }
        self.backend = backend
        self.active = {UNITS.get(backend, UNITS["networkd"])}
        if backend == "netplan":
            self.fs.files["/etc/netplan/10-management.yaml"] = "network: {version: 2}\n"
        if backend == "ifupdown":
            self.fs.files["/etc/network/interfaces"] = "source /etc/network/interfaces.d/*\n"
        self.unmanaged = {"lo"}
        self.timer = False
        self.rolled_back = False
        self.deaf = False
        self.failing: list[str] = []
        self.max_mtu = 65535
        self.ran: list[str] = []

    def available(self, command: str) -> bool:
        return command != "netplan" or self.backend == "netplan"

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        command = " ".join(argv)
        self.ran.append(command)
        if command in self.failing:
            return Completed(1, "", "it does not work\n")
        head, *rest = argv
        return getattr(self, f"_{head}")(rest)  # type: ignore[no-any-return]

    # --- the kernel ----------------------------------------------------------------------------

    def _ip(self, rest: list[str]) -> Completed:
        if rest[-2:] == ["address", "show"]:
            return Completed(0, json.dumps([self._shown(name) for name in self.links]))
        if rest[-2:] == ["show", "default"]:
            return Completed(0, json.dumps([] if "-6" in rest else [{"dev": "enp0s3"}]))
        if rest[:2] == ["address", "flush"]:
            self.links[rest[3]]["addresses"] = []
        elif rest[:2] == ["link", "delete"]:
            if rest[3] not in self.links:
                return Completed(1, "", "Cannot find device\n")
            self._delete(rest[3])
        else:
            raise AssertionError(rest)
        return Completed(0)

    def _delete(self, name: str) -> None:
        del self.links[name]
        for other, link in list(self.links.items()):
            if link.get("parent") == name:
                del self.links[other]
            if link.get("master") == name:
                del link["master"]

    def _shown(self, name: str) -> dict[str, Any]:
        link = self.links[name]
        info: dict[str, Any] = {}
        if link["kind"]:
            data = {"vlan": {"id": link.get("vlan")}, "bond": {"mode": link.get("mode")}}
            info = {"info_kind": link["kind"], "info_data": data[link["kind"]]}
        shown = {
            "ifname": name,
            "flags": ["UP"],
            "mtu": link["mtu"],
            "max_mtu": self.max_mtu,
            "link_type": "ether",
            "address": link["mac"],
            "linkinfo": info,
            "addr_info": [
                {"local": a.split("/")[0], "prefixlen": int(a.split("/")[1]), "scope": "global"}
                for a in link["addresses"]
            ],
        }
        for key, there in (("link", "parent"), ("master", "master")):
            if link.get(there):
                shown[key] = link[there]
        return shown

    # --- systemd -------------------------------------------------------------------------------

    def _systemctl(self, rest: list[str]) -> Completed:
        if rest[0] == "is-active":
            states = ["active" if unit in self.active else "inactive" for unit in rest[1:]]
            return Completed(0, "\n".join(states))
        if rest[0] == "restart":
            self.timer = True
        elif rest[0] == "disable":
            self.timer = False
        elif rest[0] == "start":
            self.rolled_back = True
        return Completed(0)

    # --- the services --------------------------------------------------------------------------

    def _networkctl(self, rest: list[str]) -> Completed:
        if not self.deaf:
            self._follow(self._networkd_files() if self.backend == "networkd" else self._yaml())
        return Completed(0)

    def _netplan(self, rest: list[str]) -> Completed:
        return Completed(0)

    def _nmcli(self, rest: list[str]) -> Completed:
        if "DEVICE,STATE" in rest:
            return Completed(0, "".join(f"{name}:unmanaged\n" for name in self.unmanaged))
        if rest[-2:] != ["connection", "reload"] and not self.deaf:
            self._follow(self._keyfiles())
        return Completed(0)

    def _ifdown(self, rest: list[str]) -> Completed:
        name = rest[-1]
        if self.links[name]["kind"]:
            self._delete(name)
        else:
            self.links[name]["addresses"] = []
        return Completed(0)

    def _ifup(self, rest: list[str]) -> Completed:
        if not self.deaf:
            wanted = self._stanzas()
            self._follow({rest[0]: wanted[rest[0]]})
        return Completed(0)

    def _follow(self, wanted: dict[str, dict[str, Any]]) -> None:
        for name, link in wanted.items():
            known = self.links.get(name) or {"mac": "", "kind": "", "mtu": 1500}
            known.pop("master", None)
            self.links[name] = {**known, **link}
        for name, link in wanted.items():
            for member in link.get("members", ()):
                self.links[member] |= {"master": name, "mtu": link["mtu"], "addresses": []}

    def _texts(self, folder: str, ending: str) -> dict[str, str]:
        return {
            path: text
            for path, text in self.fs.files.items()
            if path.startswith(folder) and path.endswith(ending)
        }

    def _networkd_files(self) -> dict[str, dict[str, Any]]:
        folder = "/etc/systemd/network/05-"
        found: dict[str, dict[str, Any]] = {}
        parents, masters = {}, {}
        for text in self._texts(folder, ".network").values():
            sections = re.split(r"^\[(\w+)\]$", text, flags=re.MULTILINE)[1:]
            pairs = [
                (f"{section}.{key}", value)
                for section, body in zip(sections[::2], sections[1::2], strict=True)
                for key, value in re.findall(r"^(\w+)=(.*)$", body, re.MULTILINE)
            ]
            values = dict(pairs)
            macs = {mac: name for name, mac in MAC.items()}
            name = values.get("Match.Name") or macs[values["Match.PermanentMACAddress"]]
            found[name] = {
                "mtu": int(values["Link.MTUBytes"]),
                "addresses": [value for key, value in pairs if key == "Address.Address"],
            }
            parents |= {value: name for key, value in pairs if key == "Network.VLAN"}
            if "Network.Bond" in values:
                masters[name] = values["Network.Bond"]
        for text in self._texts(folder, ".netdev").values():
            values = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
            link = found[values["Name"]]
            link["kind"] = values["Kind"]
            if values["Kind"] == "vlan":
                link |= {"vlan": int(values["Id"]), "parent": parents[values["Name"]]}
            else:
                members = [name for name, bond in masters.items() if bond == values["Name"]]
                link |= {"mode": values["Mode"], "members": members}
        return {name: link for name, link in found.items() if name not in masters} | {}

    def _keyfiles(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        masters = {}
        macs = {mac: name for name, mac in MAC.items()}
        for text in self._texts("/etc/NetworkManager/", ".nmconnection").values():
            keyfile = configparser.ConfigParser()
            keyfile.read_string(text)
            general = keyfile["connection"]
            name = general.get("interface-name") or macs[keyfile["ethernet"]["mac-address"]]
            assert general["id"] == "modelstore-" + name
            if "master" in general:
                masters[name] = general["master"]
                continue
            found[name] = {
                "mtu": int(keyfile["ethernet"]["mtu"]),
                "kind": "" if general["type"] == "ethernet" else general["type"],
                "addresses": [
                    value
                    for section in ("ipv4", "ipv6")
                    for key, value in keyfile[section].items()
                    if key.startswith("address")
                ],
            }
            if general["type"] == "vlan":
                found[name] |= {
                    "vlan": int(keyfile["vlan"]["id"]),
                    "parent": keyfile["vlan"]["parent"],
                }
            if general["type"] == "bond":
                found[name]["mode"] = keyfile["bond"]["mode"]
        for name, master in masters.items():
            found[master].setdefault("members", []).append(name)
        return found

    def _stanzas(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        text = self.fs.files["/etc/network/interfaces.d/modelstore"]
        for block in re.split(r"^auto ", text, flags=re.MULTILINE)[1:]:
            name = block.split()[0]
            mtu = re.search(r"pre-up ip link set dev \S+ mtu (\d+)", block)
            assert mtu
            link = {
                "mtu": int(mtu[1]),
                "addresses": re.findall(r"^    address (\S+)", block, re.MULTILINE),
            }
            vlan = re.search(r"link add link (\S+) name \S+ type vlan id (\d+)", block)
            bond = re.search(r"type bond mode (\S+)", block)
            if vlan:
                link |= {"kind": "vlan", "parent": vlan[1], "vlan": int(vlan[2])}
            if bond:
                members = re.findall(r"set dev (\S+) master", block)
                link |= {"kind": "bond", "mode": bond[1], "members": members}
            found[name] = link
        members = [name for link in found.values() for name in link.get("members", ())]
        for name in members:
            found[name] = {"mtu": found[name]["mtu"], "addresses": []} | (
                {"master": self.links[name]["master"]} if self.links[name].get("master") else {}
            )
        return found

    def _yaml(self) -> dict[str, dict[str, Any]]:
        text = self.fs.files.get("/etc/netplan/90-modelstore.yaml")
        network = yaml.safe_load(text)["network"] if text else {}
        found: dict[str, dict[str, Any]] = {}
        members = set()
        for section, kind in (("ethernets", ""), ("bonds", "bond"), ("vlans", "vlan")):
            for name, values in network.get(section, {}).items():
                found[name] = {
                    "kind": kind,
                    "mtu": values["mtu"],
                    "addresses": values.get("addresses", []),
                }
                if kind == "bond":
                    found[name] |= {
                        "mode": values["parameters"]["mode"],
                        "members": values["interfaces"],
                    }
                    members |= set(values["interfaces"])
                if kind == "vlan":
                    found[name] |= {"vlan": values["id"], "parent": values["link"]}
        for link in found.values():
            link["addresses"] = [str(ipaddress.ip_interface(a)) for a in link["addresses"]]
        return {name: link for name, link in found.items() if name not in members}


def _pci(name: str) -> str:
    return f"/sys/devices/pci0000:00/{PCI[name]}/virtio{name[-1]}"
