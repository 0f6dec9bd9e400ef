# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The LIO tree, as it runs or as it is saved.

Attributes and parameters are kept as strings: configfs has nothing else, while the saved
configuration has numbers in places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import wwid

Settings = Mapping[str, str]
NO_SECRET = Secret("")


@dataclass(frozen=True)
class Backstore:
    """A storage object.

    :param plugin: "block", "fileio", …
    :param name: its name within the plugin.
    :param device: path of the device or file, as it was given when it was made.
    :param wwn: its unit serial; empty in one that was never finished.
    :param write_protect: it is read-only for everybody.
    :param write_back: writes are answered before they are on the disk.
    :param size: bytes, where the backstore has a size of its own; a device has the other.
    """

    plugin: str
    name: str
    device: str
    wwn: str
    attributes: Settings = field(default_factory=dict)
    write_protect: bool = False
    write_back: bool = False
    size: int | None = None

    @property
    def key(self) -> str:
        return backstore_key(self.plugin, self.name)

    def public(self, size_bytes: int | None, exported_by: tuple[str, ...]) -> dict[str, Any]:
        return {
            "name": self.name,
            "plugin": self.plugin,
            "device": self.device,
            "wwn": self.wwn,
            "wwid": wwid(self.wwn) if self.wwn else None,
            "size_bytes": size_bytes if self.size is None else self.size,
            "write_protect": self.write_protect,
            "write_back": self.write_back,
            "exported_by": list(exported_by),
            "attributes": dict(self.attributes),
        }


@dataclass(frozen=True, order=True)
class Portal:
    """Where a TPG listens.

    :param address: canonical, IPv6 without brackets.
    """

    address: str
    port: int

    def __str__(self) -> str:
        return "%s:%d" % (self.configfs_address, self.port)

    @property
    def configfs_address(self) -> str:
        """The address as LIO wants it: IPv6 in brackets."""
        return "[%s]" % self.address if ":" in self.address else self.address

    def public(self) -> dict[str, Any]:
        return {"address": self.address, "port": self.port}


@dataclass(frozen=True, order=True)
class Lun:
    """A backstore in a TPG.

    :param number: the TPG's own number, which initiators do not see.
    :param backstore: :attr:`Backstore.key`; empty in one that was never finished.
    """

    number: int
    backstore: str

    def public(self) -> dict[str, Any]:
        return {"lun": self.number, "backstore": self.backstore or None}


@dataclass(frozen=True, order=True)
class MappedLun:
    """A LUN as one initiator sees it.

    :param number: the number the initiator sees.
    :param lun: number of the TPG's LUN behind it; None in one that was never finished.
    """

    number: int
    lun: int | None
    write_protect: bool


@dataclass(frozen=True)
class Chap:
    """CHAP credentials of an ACL. Empty strings are credentials that are not set."""

    username: str = ""
    password: Secret = NO_SECRET
    mutual_username: str = ""
    mutual_password: Secret = NO_SECRET

    @property
    def is_set(self) -> bool:
        return bool(self.username and self.password.value)

    @property
    def is_mutual(self) -> bool:
        return bool(self.mutual_username and self.mutual_password.value)


@dataclass(frozen=True)
class DiscoveryAuth:
    """The CHAP of the whole host that initiators need to discover its targets."""

    enabled: bool = False
    chap: Chap = Chap()

    def public(self) -> dict[str, Any]:
        return {
            "enabled": self.enabled,
            "chap": self.chap.is_set,
            "mutual_chap": self.chap.is_mutual,
        }


@dataclass(frozen=True)
class Acl:
    """What one initiator may do in a TPG.

    :param authentication: whether it has to log in with CHAP; None as the TPG says.
    """

    initiator: str
    chap: Chap = Chap()
    mapped_luns: tuple[MappedLun, ...] = ()
    authentication: bool | None = None

    def mapped_lun(self, number: int) -> MappedLun | None:
        """The LUN that the initiator sees under a number."""
        return self._mapped_luns.get(number)

    @cached_property
    def _mapped_luns(self) -> dict[int, MappedLun]:
        return {mapped.number: mapped for mapped in self.mapped_luns}


@dataclass(frozen=True)
class Tpg:
    """A target portal group."""

    tag: int
    enabled: bool = False
    portals: tuple[Portal, ...] = ()
    luns: tuple[Lun, ...] = ()
    acls: tuple[Acl, ...] = ()
    attributes: Settings = field(default_factory=dict)
    parameters: Settings = field(default_factory=dict)

    def acl(self, initiator: str) -> Acl | None:
        return self._acls.get(initiator)

    def backstore_of(self, mapped: MappedLun) -> str:
        """The backstore behind a mapped LUN."""
        return self._backstores.get(mapped.lun, "")

    @cached_property
    def _acls(self) -> dict[str, Acl]:
        return {acl.initiator: acl for acl in self.acls}

    @cached_property
    def _backstores(self) -> dict[int | None, str]:
        return {lun.number: lun.backstore for lun in self.luns}

    def public(self) -> dict[str, Any]:
        return {
            "tag": self.tag,
            "enabled": self.enabled,
            "portals": [portal.public() for portal in self.portals],
            "luns": [lun.public() for lun in self.luns],
            "acls": [
                {
                    "initiator": acl.initiator,
                    "chap": acl.chap.is_set,
                    "mutual_chap": acl.chap.is_mutual,
                    "authentication": acl.authentication,
                    "luns": [
                        {
                            "lun": mapped.number,
                            "backstore": self.backstore_of(mapped) or None,
                            "write_protect": mapped.write_protect,
                        }
                        for mapped in acl.mapped_luns
                    ],
                }
                for acl in self.acls
            ],
            "attributes": dict(self.attributes),
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True)
class Target:
    """An IQN.

    :param fabric: "iscsi", or another one that uses the same backstores.
    """

    name: str
    fabric: str = "iscsi"
    tpgs: tuple[Tpg, ...] = ()

    def tpg(self, tag: int) -> Tpg | None:
        return next((tpg for tpg in self.tpgs if tpg.tag == tag), None)

    def public(self) -> dict[str, Any]:
        return {"name": self.name, "tpgs": [tpg.public() for tpg in self.tpgs]}


@dataclass(frozen=True)
class Configuration:
    """Everything LIO has."""

    backstores: tuple[Backstore, ...] = ()
    targets: tuple[Target, ...] = ()
    discovery_auth: DiscoveryAuth = DiscoveryAuth()

    def backstore(self, key: str) -> Backstore | None:
        return self._backstores.get(key)

    def target(self, name: str) -> Target | None:
        """The iSCSI target of that name."""
        return next(
            (entry for entry in self.targets if entry.fabric == "iscsi" and entry.name == name),
            None,
        )

    def exports(self, key: str) -> tuple[str, ...]:
        """The LUNs that export a backstore, as text."""
        return tuple(self._exports.get(key, ()))

    @cached_property
    def _backstores(self) -> dict[str, Backstore]:
        return {entry.key: entry for entry in self.backstores}

    @cached_property
    def _exports(self) -> dict[str, list[str]]:
        exports: dict[str, list[str]] = {}
        for target in self.targets:
            for tpg in target.tpgs:
                for lun in tpg.luns:
                    text = "%s tpg%d lun%d" % (target.name, tpg.tag, lun.number)
                    exports.setdefault(lun.backstore, []).append(text)
        return exports


def backstore_key(plugin: str, name: str) -> str:
    """How LUNs name a backstore: the name of a block backstore, ``plugin/name`` of any other.

    >>> backstore_key("fileio", "gpu1")
    'fileio/gpu1'
    """
    return name if plugin == "block" else "%s/%s" % (plugin, name)


def split_key(key: str) -> tuple[str, str]:
    """The plugin and the name in a key.

    >>> split_key("fileio/gpu1")
    ('fileio', 'gpu1')
    """
    plugin, slash, name = key.rpartition("/")
    return (plugin, name) if slash else ("block", key)


def only(settings: Settings, keys: Any) -> dict[str, str]:
    """The settings named by ``keys``, in their order by name."""
    return {key: settings[key] for key in sorted(keys) if key in settings}
