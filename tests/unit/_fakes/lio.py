# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LIO in memory, under the part of rtslib's interface that the modules use.

It refuses what rtslib 2.1.75 or the kernel refuses, and starts objects with the values that the
kernel starts them with: a mapped LUN is open for writing until somebody protects it, unless
``prod_mode_write_protect`` is 1.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from _fakes.memory_fs import MemoryFileSystem

CONFIGFS = "/sys/kernel/config/target"
# In a folder that exists: the code under test makes it otherwise. Nothing is written there.
SAVE_FILE = os.path.join(tempfile.gettempdir(), "saveconfig.json")

TPG_ATTRIBUTES = {
    "authentication": "1",
    "cache_dynamic_acls": "0",
    "default_cmdsn_depth": "64",
    "demo_mode_discovery": "1",
    "demo_mode_write_protect": "1",
    "generate_node_acls": "0",
    "prod_mode_write_protect": "0",
}
TPG_PARAMETERS = {
    "ImmediateData": "Yes",
    "InitialR2T": "Yes",
    "MaxBurstLength": "262144",
    "MaxRecvDataSegmentLength": "8192",
}
BACKSTORE_ATTRIBUTES = {"emulate_tpu": "0", "emulate_write_cache": "0"}
CREDENTIALS = ("chap_userid", "chap_password", "chap_mutual_userid", "chap_mutual_password")


class RTSLibError(Exception):
    """rtslib's error."""


def empty_tpg(**changes: Any) -> dict[str, Any]:
    """A TPG as the kernel makes it."""
    tpg: dict[str, Any] = {
        "enable": False,
        "portals": [],
        "luns": {},
        "acls": {},
        "attributes": dict(TPG_ATTRIBUTES),
        "parameters": dict(TPG_PARAMETERS),
    }
    tpg.update(copy.deepcopy(changes))
    return tpg


def empty_acl(**changes: Any) -> dict[str, Any]:
    """An ACL without credentials and LUNs."""
    return {**dict.fromkeys(CREDENTIALS, ""), "mapped": {}, **copy.deepcopy(changes)}


class FakeLio:
    """The kernel's state in plain dicts, and rtslib on top of it."""

    def __init__(self) -> None:
        self.storage: dict[str, dict[str, Any]] = {}
        self.targets: dict[str, dict[int, dict[str, Any]]] = {}
        self.fs = MemoryFileSystem()
        self.watch: Callable[[], None] = lambda: None
        self.rtslib = _rtslib(self)

    def load(self) -> None:
        """What modprobe does."""
        self.fs.files[CONFIGFS + "/version"] = ""

    def add_backstore(self, name: str, device: str, wwn: str) -> None:
        self.load()
        self.storage[name] = {
            "dev": device,
            "wwn": wwn,
            "attributes": dict(BACKSTORE_ATTRIBUTES),
        }

    def add_target(self, name: str, tpgs: dict[int, dict[str, Any]]) -> None:
        self.load()
        self.targets[name] = copy.deepcopy(tpgs)

    def access(self) -> dict[tuple[Any, ...], int]:
        """Who can do what: (target, tag, initiator, secret, LUN, backstore) → 1 read, 2 write.

        The secret is None where none is needed.
        """
        allowed: dict[tuple[Any, ...], int] = {}
        for name, tpgs in self.targets.items():
            for tag, tpg in tpgs.items():
                if tpg["enable"]:
                    for key, level in _tpg_access(tpg):
                        allowed[(name, tag, *key)] = level
        return allowed


def _tpg_access(tpg: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], int]]:
    attributes = tpg["attributes"]
    open_to_all = attributes["authentication"] == "0"
    if attributes["generate_node_acls"] == "1":
        level = 1 if attributes["demo_mode_write_protect"] == "1" else 2
        for number, backstore in tpg["luns"].items():
            yield ("anybody", None, number, backstore), level
    for initiator, acl in tpg["acls"].items():
        secret = None if open_to_all else acl["chap_password"]
        if secret == "":
            continue  # CHAP is asked for and there is nothing to compare with: no login
        for number, (lun, write_protect) in acl["mapped"].items():
            yield (initiator, secret, number, tpg["luns"][lun]), 1 if write_protect else 2


def _rtslib(lio: FakeLio) -> Any:
    """rtslib's classes, for one kernel."""

    class Node:
        """Something with attributes and parameters."""

        state: dict[str, Any]

        def set_attribute(self, name: str, value: Any) -> None:
            self._set("attributes", name, value)

        def set_parameter(self, name: str, value: Any) -> None:
            self._set("parameters", name, value)

        def _set(self, kind: str, name: str, value: Any) -> None:
            if name not in self.state[kind]:
                raise RTSLibError("Cannot find %s: %s" % (kind, name))
            self.state[kind][name] = str(value)
            lio.watch()

    class RTSRoot:
        def __init__(self) -> None:
            lio.load()

    class StorageObject(Node):
        def __init__(self, key: str) -> None:
            self.plugin, self.name = key.split("/") if "/" in key else ("block", key)
            self.key = key
            self.state = lio.storage[key]

        @staticmethod
        def all() -> Iterator[StorageObject]:
            return (StorageObject(key) for key in list(lio.storage))

        def delete(self) -> None:
            for name, tpgs in lio.targets.items():
                for tag, tpg in tpgs.items():
                    for number in [n for n, key in tpg["luns"].items() if key == self.key]:
                        LUN(TPG(Target(FabricModule("iscsi"), name), tag), number).delete()
            del lio.storage[self.key]
            lio.watch()

        def dump(self) -> dict[str, Any]:
            if not self.state["wwn"]:
                raise RTSLibError("Cannot read a T10 WWN Unit Serial from an unconfigured object")
            return {
                "name": self.name,
                "plugin": self.plugin,
                "alua_tpgs": [],
                "write_back": False,
                "readonly": False,
                "wwn": self.state["wwn"],
                "dev": self.state["dev"],
                "attributes": {name: int(v) for name, v in self.state["attributes"].items()},
            }

    class BlockStorageObject(StorageObject):
        def __init__(self, name: str, dev: str, wwn: str) -> None:
            if name in lio.storage:
                raise RTSLibError("Storage object block/%s exists" % name)
            if any(lio.fs.realpath(o["dev"]) == lio.fs.realpath(dev) for o in lio.storage.values()):
                raise RTSLibError("device %s is already in use" % dev)
            lio.add_backstore(name, dev, wwn)
            lio.watch()
            super().__init__(name)

    class FabricModule:
        name = "iscsi"
        discovery_enable_auth = False

        def __init__(self, name: str) -> None:
            assert name == "iscsi"

        @staticmethod
        def all() -> Iterator[FabricModule]:
            return iter([FabricModule("iscsi")])

        exists = property(lambda _self: bool(lio.targets))
        targets = property(lambda self: (Target(self, name) for name in list(lio.targets)))

        def has_feature(self, _name: str) -> bool:
            return True

    def look_up(kind: str, children: Any, key: Any, mode: str, new: Any) -> Any:
        if mode == "create":
            if key in children:
                raise RTSLibError("This %s already exists in configFS" % kind)
            children[key] = new
            lio.watch()
        elif key not in children:
            raise RTSLibError("No such %s in configfs: %s" % (kind, key))
        return children[key]

    class Target:
        def __init__(self, _fabric: FabricModule, wwn: str, mode: str = "lookup") -> None:
            self.wwn = wwn
            self.state = look_up("Target", lio.targets, wwn, mode, {})

        def delete(self) -> None:
            for tag in list(self.state):
                TPG(self, tag).delete()
            del lio.targets[self.wwn]
            lio.watch()

        def dump(self) -> dict[str, Any]:
            return {
                "wwn": self.wwn,
                "fabric": "iscsi",
                "tpgs": [TPG(self, tag).dump() for tag in self.state],
            }

    class TPG(Node):
        def __init__(self, target: Target, tag: int, mode: str = "lookup") -> None:
            self.target, self.tag = target, tag
            self.state = look_up("TPG", target.state, tag, mode, empty_tpg())

        def _set_enable(self, value: bool) -> None:
            self.state["enable"] = value
            lio.watch()

        enable = property(lambda self: self.state["enable"], _set_enable)

        @property
        def network_portals(self) -> list[Any]:
            return [NetworkPortal(self, *portal) for portal in self.state["portals"]]

        def delete(self) -> None:
            self.enable = False
            del self.target.state[self.tag]
            lio.watch()

        def dump(self) -> dict[str, Any]:
            return {
                "tag": self.tag,
                "enable": self.state["enable"],
                "attributes": {name: int(v) for name, v in self.state["attributes"].items()},
                "parameters": dict(self.state["parameters"]),
                "luns": [
                    {
                        "index": number,
                        "alias": "%010d" % number,
                        "alua_tg_pt_gp_name": "default_tg_pt_gp",
                        "storage_object": "/backstores/%s"
                        % (key if "/" in key else "block/" + key),
                    }
                    for number, key in self.state["luns"].items()
                ],
                "portals": [
                    {"ip_address": address, "port": port, "iser": False, "offload": False}
                    for address, port in self.state["portals"]
                ],
                "node_acls": [NodeACL(self, name).dump() for name in self.state["acls"]],
            }

    class LUN:
        def __init__(self, tpg: TPG, lun: int, storage: StorageObject | None = None) -> None:
            self.tpg, self.lun = tpg, lun
            mode = "create" if storage else "lookup"
            look_up("LUN", tpg.state["luns"], lun, mode, storage.key if storage else None)

        def delete(self) -> None:
            for name, acl in self.tpg.state["acls"].items():
                for number in [n for n, (lun, _wp) in acl["mapped"].items() if lun == self.lun]:
                    MappedLUN(NodeACL(self.tpg, name), number).delete()
            del self.tpg.state["luns"][self.lun]
            lio.watch()

    class NetworkPortal:
        def __init__(self, tpg: TPG, ip_address: str, port: int, mode: str = "lookup") -> None:
            self.tpg, self.ip_address, self.port = tpg, ip_address, port
            if mode == "create":
                self._bind()
                tpg.state["portals"].append((ip_address, port))
                lio.watch()
            elif (ip_address, port) not in tpg.state["portals"]:
                raise RTSLibError("No such NetworkPortal in configfs")

        def _bind(self) -> None:
            mine = self.tpg.target.state.values()
            if any((self.ip_address, self.port) in tpg["portals"] for tpg in mine):
                raise RTSLibError("Could not create NetworkPortal in configFS")
            wildcards = ("0.0.0.0", "[::]", "[::0]")
            for address, port in (np for tpg in mine for np in tpg["portals"]):
                if port == self.port and {address, self.ip_address} & set(wildcards):
                    raise RTSLibError("Could not create NetworkPortal in configFS")

        def delete(self) -> None:
            self.tpg.state["portals"].remove((self.ip_address, self.port))
            lio.watch()

    class NodeACL:
        def __init__(self, tpg: TPG, node_wwn: str, mode: str = "lookup") -> None:
            vars(self).update(
                tpg=tpg,
                node_wwn=node_wwn,
                state=look_up("NodeACL", tpg.state["acls"], node_wwn, mode, empty_acl()),
            )

        def __getattr__(self, name: str) -> Any:
            if name not in CREDENTIALS:
                raise AttributeError(name)
            return self.state[name]

        def __setattr__(self, name: str, value: str) -> None:
            if name not in CREDENTIALS or value == "NULL" or len(value) > 255:
                raise RTSLibError("not permitted")
            self.state[name] = value.strip()
            lio.watch()

        def delete(self) -> None:
            for number in list(self.state["mapped"]):
                MappedLUN(self, number).delete()
            del self.tpg.state["acls"][self.node_wwn]
            lio.watch()

        def dump(self) -> dict[str, Any]:
            return {
                "node_wwn": self.node_wwn,
                "mapped_luns": [
                    {"index": number, "tpg_lun": lun, "write_protect": wp, "alias": "0123456789"}
                    for number, (lun, wp) in self.state["mapped"].items()
                ],
                **{name: self.state[name] for name in CREDENTIALS if self.state[name]},
            }

    class MappedLUN:
        def __init__(
            self,
            acl: NodeACL,
            mapped_lun: int,
            tpg_lun: int | None = None,
            write_protect: bool | None = None,
        ) -> None:
            self.acl, self.mapped_lun = acl, mapped_lun
            if tpg_lun is None:
                look_up("MappedLUN", acl.state["mapped"], mapped_lun, "lookup", None)
                return
            if tpg_lun not in acl.tpg.state["luns"]:
                raise RTSLibError("LUN %s does not exist in this TPG" % tpg_lun)
            protected = acl.tpg.state["attributes"]["prod_mode_write_protect"] == "1"
            look_up("MappedLUN", acl.state["mapped"], mapped_lun, "create", (tpg_lun, protected))
            self._set_write_protect(bool(write_protect))

        def _set_write_protect(self, value: bool) -> None:
            lun, _protected = self.acl.state["mapped"][self.mapped_lun]
            self.acl.state["mapped"][self.mapped_lun] = (lun, value)
            lio.watch()

        write_protect = property(
            lambda self: self.acl.state["mapped"][self.mapped_lun][1], _set_write_protect
        )

        def delete(self) -> None:
            del self.acl.state["mapped"][self.mapped_lun]
            lio.watch()

    return SimpleNamespace(
        RTSLibError=RTSLibError,
        RTSRoot=RTSRoot,
        BlockStorageObject=BlockStorageObject,
        FabricModule=FabricModule,
        Target=Target,
        TPG=TPG,
        LUN=LUN,
        NetworkPortal=NetworkPortal,
        NodeACL=NodeACL,
        MappedLUN=MappedLUN,
        tcm=SimpleNamespace(StorageObject=StorageObject),
        root=SimpleNamespace(default_save_file=SAVE_FILE),
    )


def target_options(name: str, *tpgs: dict[str, Any], state: str = "present") -> dict[str, Any]:
    """The options of lio_target, with the defaults filled in as Ansible does."""
    return {"name": name, "state": state, "tpgs": [_tpg_options(tpg) for tpg in tpgs]}


def _tpg_options(tpg: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "tag": 1,
        "portals": [],
        "luns": [],
        "acls": [],
        "authentication": True,
        "attributes": {},
        "parameters": {},
    }
    filled = {**defaults, **tpg}
    filled["portals"] = [{"port": 3260, **portal} for portal in filled["portals"]]
    filled["luns"] = [{"lun": None, **lun} for lun in filled["luns"]]
    filled["acls"] = [_acl_options(acl) for acl in filled["acls"]]
    return filled


def _acl_options(acl: dict[str, Any]) -> dict[str, Any]:
    unset = dict.fromkeys(
        ("chap_username", "chap_password", "chap_mutual_username", "chap_mutual_password")
    )
    filled = {**unset, "luns": [], **acl}
    filled["luns"] = [{"lun": 0, "write_protect": False, **lun} for lun in filled["luns"]]
    return filled
