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
# The code under test makes folders beside it. The file itself is in the file system in memory.
_DATABASE = tempfile.TemporaryDirectory(prefix="modelstore-")
SAVE_FILE = os.path.join(_DATABASE.name, "saveconfig.json")

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
_CREDENTIALS = ("userid", "password", "mutual_userid", "mutual_password")
CREDENTIALS = tuple("chap_" + name for name in _CREDENTIALS)
NO_DISCOVERY_AUTH = {**dict.fromkeys(("discovery_" + n for n in _CREDENTIALS), ""), "enable": False}
UNFINISHED = None  # a LUN or mapped LUN whose link was never made


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
    """An ACL without credentials and LUNs, which asks for CHAP when the TPG does."""
    return {
        **dict.fromkeys(CREDENTIALS, ""),
        "attributes": {"authentication": "-1"},
        "mapped": {},
        **copy.deepcopy(changes),
    }


class FakeLio:
    """The kernel's state in plain dicts, and rtslib on top of it."""

    def __init__(self) -> None:
        self.storage: dict[str, dict[str, Any]] = {}
        self.targets: dict[str, dict[int, dict[str, Any]]] = {}
        self.discovery: dict[str, Any] = dict(NO_DISCOVERY_AUTH)
        self.sessions: set[tuple[str, int, str]] = set()
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

    def log_in(self, target: str, tag: int, initiator: str, kind: str = "Normal") -> None:
        """A session, until LIO ends it."""
        self.sessions.add((target, tag, initiator))
        info = "LIO Session ID: 1   ISID: 0x00  TSIH: 1  SessionType: %s\n" % kind
        self.fs.files[_info(target, tag, initiator)] = info

    def log_out(self, target: str, tag: int, initiator: str) -> None:
        """What LIO does with the session of an ACL that goes, or of a TPG that is disabled."""
        self.sessions.discard((target, tag, initiator))
        self.fs.files.pop(_info(target, tag, initiator), None)

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


def _info(target: str, tag: int, initiator: str) -> str:
    return "%s/iscsi/%s/tpgt_%d/acls/%s/info" % (CONFIGFS, target, tag, initiator)


def _tpg_access(tpg: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], int]]:
    attributes = tpg["attributes"]
    open_to_all = attributes["authentication"] == "0"
    if attributes["generate_node_acls"] == "1":
        level = 1 if attributes["demo_mode_write_protect"] == "1" else 2
        for number, backstore in tpg["luns"].items():
            if backstore is not UNFINISHED:
                yield ("anybody", None, number, backstore), level
    for initiator, acl in tpg["acls"].items():
        own = acl["attributes"]["authentication"]
        secret = None if own == "0" or (own == "-1" and open_to_all) else acl["chap_password"]
        if secret == "":
            continue  # CHAP is asked for and there is nothing to compare with: no login
        for number, mapped in acl["mapped"].items():
            if mapped is not UNFINISHED:
                lun, write_protect = mapped
                yield (initiator, secret, number, tpg["luns"][lun]), 1 if write_protect else 2


def _rtslib(lio: FakeLio) -> Any:
    """rtslib's classes, for one kernel."""

    class Node:
        """Something with attributes and parameters."""

        state: Any

        def has_feature(self, _name: str) -> bool:
            return True

        def dump(self) -> dict[str, Any]:
            state = self.state if isinstance(self.state, dict) else {}
            return {
                kind: {name: int(v) if v.isdigit() else v for name, v in state[kind].items()}
                for kind in ("attributes", "parameters")
                if kind in state
            }

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
            if key not in lio.storage:
                raise RTSLibError("Storage object %s not found" % key)
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
                "wwn": self.state["wwn"],
                "dev": self.state["dev"],
                "attributes": {name: int(v) for name, v in self.state["attributes"].items()},
                **self.state.get("made", {}),
            }

        def _make(self, key: str, dev: str, wwn: str, **made: Any) -> None:
            if key in lio.storage:
                raise RTSLibError("Storage object %s exists" % key)
            if any(lio.fs.realpath(o["dev"]) == lio.fs.realpath(dev) for o in lio.storage.values()):
                raise RTSLibError("device %s is already in use" % dev)
            lio.add_backstore(key, dev, wwn)
            lio.storage[key]["made"] = made
            lio.watch()

    class BlockStorageObject(StorageObject):
        def __init__(
            self, name: str, dev: str | None = None, wwn: str = "", readonly: bool = False
        ) -> None:
            if dev is not None:
                self._make(name, dev, wwn, readonly=readonly, write_back=False)
            super().__init__(name)

    class FileIOStorageObject(StorageObject):
        def __init__(
            self,
            name: str,
            dev: str | None = None,
            size: int | None = None,
            wwn: str = "",
            write_back: bool = False,
        ) -> None:
            if dev is not None:
                if not os.path.isfile(dev):
                    raise RTSLibError("Path not to a file or block device")
                self._make("fileio/" + name, dev, wwn, size=size, write_back=write_back)
            super().__init__("fileio/" + name)

    class FabricModule:
        name = "iscsi"

        def __init__(self, name: str) -> None:
            assert name == "iscsi"

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("discovery_"):
                raise AttributeError(name)
            return lio.discovery["enable" if name == "discovery_enable_auth" else name]

        def __setattr__(self, name: str, value: Any) -> None:
            assert self.exists or lio.fs.exists(CONFIGFS)
            lio.discovery["enable" if name == "discovery_enable_auth" else name] = value
            lio.watch()

        @staticmethod
        def all() -> Iterator[FabricModule]:
            return iter([FabricModule("iscsi")])

        exists = property(lambda _self: bool(lio.targets) or lio.discovery != NO_DISCOVERY_AUTH)
        targets = property(lambda self: (Target(self, name) for name in list(lio.targets)))

        def has_feature(self, _name: str) -> bool:
            return True

        def dump(self) -> dict[str, Any]:
            credentials = {name: v for name, v in lio.discovery.items() if v and name != "enable"}
            return {
                "name": "iscsi",
                "discovery_enable_auth": lio.discovery["enable"],
                **credentials,
            }

    def look_up(kind: str, children: Any, key: Any, mode: str, new: Any) -> Any:
        if mode == "create":
            if key in children:
                raise RTSLibError("This %s already exists in configFS" % kind)
            children[key] = new
            lio.watch()
        elif key not in children:
            raise RTSLibError("No such %s in configfs: %s" % (kind, key))
        return children[key]

    class Target(Node):
        def __init__(self, fabric: FabricModule, wwn: str, mode: str = "lookup") -> None:
            self.fabric_module, self.wwn = fabric, wwn
            self.state = look_up("Target", lio.targets, wwn, mode, {})

        def delete(self) -> None:
            for tag in list(self.state):
                TPG(self, tag).delete()
            del lio.targets[self.wwn]
            lio.watch()

        tpgs = property(lambda self: (TPG(self, tag) for tag in list(self.state)))

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

        @property
        def luns(self) -> Iterator[LUN]:
            return (LUN(self, number) for number in list(self.state["luns"]))

        @property
        def node_acls(self) -> Iterator[NodeACL]:
            return (NodeACL(self, name) for name in list(self.state["acls"]))

        def delete(self) -> None:
            self.enable = False
            for initiator in list(self.state["acls"]):
                lio.log_out(self.target.wwn, self.tag, initiator)
            del self.target.state[self.tag]
            lio.watch()

    class LUN:
        def __init__(self, tpg: TPG, lun: int, storage: StorageObject | None = None) -> None:
            self.tpg, self.lun = tpg, lun
            luns = tpg.state["luns"]
            look_up("LUN", luns, lun, "create" if storage else "lookup", UNFINISHED)
            if storage:
                luns[lun] = storage.key
                lio.watch()

        @property
        def alias(self) -> str:
            if self.tpg.state["luns"][self.lun] is UNFINISHED:
                raise RTSLibError("Broken LUN in configFS, no storage object")
            return "%010d" % self.lun

        def dump(self) -> dict[str, Any]:
            key = self.tpg.state["luns"][self.lun]
            return {
                "index": self.lun,
                "alias": self.alias,
                "alua_tg_pt_gp_name": "default_tg_pt_gp",
                "storage_object": "/backstores/%s" % (key if "/" in key else "block/" + key),
            }

        def delete(self) -> None:
            for acl in self.tpg.node_acls:
                for mapped in list(acl.mapped_luns):
                    if mapped.alias and acl.state["mapped"][mapped.mapped_lun][0] == self.lun:
                        mapped.delete()
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
            everywhere = (tpg for tpgs in lio.targets.values() for tpg in tpgs.values())
            for address, port in (np for tpg in everywhere for np in tpg["portals"]):
                pair = {address, self.ip_address}
                wildcards = {"[::]", "[::0]"} if "[" in "".join(pair) else {"0.0.0.0"}
                if port == self.port and len(pair) == 2 and pair & wildcards:
                    raise RTSLibError("Could not create NetworkPortal in configFS")

        def dump(self) -> dict[str, Any]:
            return {
                "ip_address": self.ip_address,
                "port": self.port,
                "iser": False,
                "offload": False,
            }

        def delete(self) -> None:
            self.tpg.state["portals"].remove((self.ip_address, self.port))
            lio.watch()

    class NodeACL(Node):
        tag = None

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
            for mapped in list(self.mapped_luns):
                mapped.delete()
            lio.log_out(self.tpg.target.wwn, self.tpg.tag, self.node_wwn)
            del self.tpg.state["acls"][self.node_wwn]
            lio.watch()

        @property
        def mapped_luns(self) -> Iterator[MappedLUN]:
            return (MappedLUN(self, number) for number in list(self.state["mapped"]))

    class MappedLUN(Node):
        state = None

        def __init__(
            self,
            acl: NodeACL,
            mapped_lun: int,
            tpg_lun: int | None = None,
            write_protect: bool | None = None,
        ) -> None:
            self.acl, self.mapped_lun = acl, mapped_lun
            self.path = "%s/iscsi/%s/tpgt_%d/acls/%s/lun_%d" % (
                CONFIGFS,
                acl.tpg.target.wwn,
                acl.tpg.tag,
                acl.node_wwn,
                mapped_lun,
            )
            if tpg_lun is None:
                look_up("MappedLUN", acl.state["mapped"], mapped_lun, "lookup", UNFINISHED)
                return
            if acl.tpg.state["luns"].get(tpg_lun) is UNFINISHED:
                raise RTSLibError("LUN %s does not exist in this TPG" % tpg_lun)
            protected = acl.tpg.state["attributes"]["prod_mode_write_protect"] == "1"
            look_up("MappedLUN", acl.state["mapped"], mapped_lun, "create", UNFINISHED)
            acl.state["mapped"][mapped_lun] = (tpg_lun, protected)
            lio.watch()
            self._set_write_protect(bool(write_protect))

        def _set_write_protect(self, value: bool) -> None:
            lun, _protected = self.acl.state["mapped"][self.mapped_lun]
            self.acl.state["mapped"][self.mapped_lun] = (lun, value)
            lio.watch()

        @property
        def alias(self) -> str:
            mapped = self.acl.state["mapped"][self.mapped_lun]
            if mapped is UNFINISHED:
                raise RTSLibError("Broken LUN in configFS, no storage object")
            # What the kernel shows of the link, which leads to the TPG's LUN.
            lio.fs.links[self.path + "/0123456789"] = "%s/iscsi/%s/tpgt_%d/lun/lun_%d" % (
                CONFIGFS,
                self.acl.tpg.target.wwn,
                self.acl.tpg.tag,
                mapped[0],
            )
            return "0123456789"

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
        FileIOStorageObject=FileIOStorageObject,
        FabricModule=FabricModule,
        Target=Target,
        TPG=TPG,
        LUN=LUN,
        NetworkPortal=NetworkPortal,
        NodeACL=NodeACL,
        MappedLUN=MappedLUN,
        node=SimpleNamespace(CFSNode=Node),
        tcm=SimpleNamespace(
            StorageObject=StorageObject,
            so_mapping={"block": BlockStorageObject, "fileio": FileIOStorageObject},
        ),
        root=SimpleNamespace(default_save_file=SAVE_FILE),
    )


def target_options(name: str, *tpgs: dict[str, Any], state: str = "present") -> dict[str, Any]:
    """The options of lio_target, with the defaults filled in as Ansible does."""
    return {
        "name": name,
        "state": state,
        "disconnect": False,
        "delete_backstores": "none",
        "backstores": [],
        "tpgs": [_tpg_options(tpg) for tpg in tpgs],
    }


def backstore_options(name: str, **options: Any) -> dict[str, Any]:
    """The options of a backstore, with the defaults filled in as Ansible does."""
    return {
        "name": name,
        "type": "block",
        "write_protect": False,
        "write_back": False,
        "attributes": {},
        **dict.fromkeys(("device", "path", "size", "wwn")),
        **options,
    }


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
