# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A target as it is wanted: the module's options, checked."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
    desired_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    Observed as ObservedBackstores,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.chap import desired_chap
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Chap,
    Portal,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.parse import parse_portal

# Always set: without an ACL nobody gets in, nobody sees the target, and a mapped LUN is
# read-only from the moment it appears until it is opened for writing on purpose.
CLOSED = {
    "cache_dynamic_acls": "0",
    "demo_mode_discovery": "0",
    "demo_mode_write_protect": "1",
    "generate_node_acls": "0",
    "prod_mode_write_protect": "1",
}

# What rtslib accepts; upper case and other spellings are the same name to iSCSI but not to LIO.
_NAMES = re.compile(
    r"iqn\.[0-9]{4}-[01][0-9]\.[a-z0-9:.-]*\.[a-z0-9:.-]*"
    r"|eui\.[0-9a-f]{16}"
    r"|naa\.[125][0-9a-f]{15}"
)
_LONGEST_NAME = 223  # RFC 7143, 4.2.7.1
_HIGHEST_LUN = 65535
_HIGHEST_MAPPED_LUN = 255  # rtslib before 2.1.76


@dataclass(frozen=True)
class DesiredLun:
    """A LUN of the TPG; the number is None where the module is to choose."""

    backstore: str
    number: int | None


@dataclass(frozen=True)
class DesiredMappedLun:
    """A LUN as one initiator sees it."""

    backstore: str
    number: int
    write_protect: bool


@dataclass(frozen=True)
class DesiredAcl:
    """What one initiator may do."""

    initiator: str
    chap: Chap
    luns: tuple[DesiredMappedLun, ...]


@dataclass(frozen=True)
class DesiredTpg:
    """A target portal group."""

    tag: int
    portals: tuple[Portal, ...]
    luns: tuple[DesiredLun, ...]
    acls: tuple[DesiredAcl, ...]
    attributes: Mapping[str, str]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class DesiredTarget:
    """An IQN; no TPGs for state absent.

    :param backstores: those that are made or changed along with it.
    :param disconnect: state absent may end sessions.
    :param delete_backstores: "none", "own" or "all", see the module's option.
    """

    name: str
    tpgs: tuple[DesiredTpg, ...] = ()
    disconnect: bool = False
    delete_backstores: str = "none"
    backstores: tuple[DesiredBackstore, ...] = ()


@dataclass(frozen=True)
class Observed(ObservedBackstores):
    """What was found.

    :param logged_in: the initiators that are logged in to the target.
    """

    logged_in: tuple[str, ...] = ()


def desired_target(params: Mapping[str, Any]) -> DesiredTarget:
    """The module's options, checked.

    :raises ModelStoreError: a value that LIO would not take, or that is not safe.
    """
    name = iscsi_name("name", params["name"])
    if params["state"] == "absent":
        if params["backstores"]:
            raise ModelStoreError(
                "target %s" % name,
                "backstores together with state absent",
                "them with state present only",
                "Take backstores out. delete_backstores says which of them go with the target.",
            )
        return DesiredTarget(
            name, (), params["disconnect"], delete_backstores=params["delete_backstores"]
        )
    if not params["tpgs"]:
        raise ModelStoreError(
            "tpgs of target %s" % name,
            "none",
            "at least one",
            "Declare a TPG, or remove the target with state absent.",
        )
    tpgs = tuple(_tpg(name, tpg) for tpg in params["tpgs"])
    _refuse_twins("tpgs of target %s" % name, "tag", (tpg.tag for tpg in tpgs))
    # LIO takes a portal once for each target.
    _refuse_twins("target %s" % name, "portal", (np for tpg in tpgs for np in tpg.portals))
    backstores = tuple(
        desired_backstore({**options, "state": "present"}) for options in params["backstores"]
    )
    _refuse_twins("backstores of target %s" % name, "name", (entry.key for entry in backstores))
    return DesiredTarget(
        name,
        tuple(sorted(tpgs, key=lambda tpg: tpg.tag)),
        delete_backstores=params["delete_backstores"],
        backstores=backstores,
    )


def iscsi_name(what: str, name: str) -> str:
    """A name of a target or an initiator.

    :raises ModelStoreError: it is not of a form that LIO takes.
    """
    if not _NAMES.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ModelStoreError(
            what,
            repr(name),
            "an iSCSI name in lower case, such as iqn.2026-11.com.example:store1",
            "LIO wants iqn.<year>-<month>.<domain>:<name> without blanks and '_', eui.<16 digits> "
            "or naa.<16 digits>.",
        )
    return name


def _tpg(target: str, options: Mapping[str, Any]) -> DesiredTpg:
    what = "tpg %d of target %s" % (options["tag"], target)
    _check_range(what, "tag", options["tag"], range(65536))
    tpg = DesiredTpg(
        tag=options["tag"],
        portals=tuple(sorted(_portal(what, portal) for portal in options["portals"])),
        luns=tuple(DesiredLun(lun["backstore"], lun["lun"]) for lun in options["luns"]),
        acls=tuple(
            sorted(
                (_acl(what, acl, options["authentication"]) for acl in options["acls"]),
                key=lambda acl: acl.initiator,
            )
        ),
        attributes=_attributes(what, options),
        parameters=_settings(options["parameters"], "Yes", "No"),
    )
    _refuse_twins(what, "backstore among the LUNs", (lun.backstore for lun in tpg.luns))
    _refuse_twins(what, "LUN number", (lun.number for lun in tpg.luns if lun.number is not None))
    _refuse_twins(what, "initiator", (acl.initiator for acl in tpg.acls))
    exported = {lun.backstore for lun in tpg.luns}
    for lun in tpg.luns:
        if lun.number is not None:
            _check_range(what, "LUN number", lun.number, range(_HIGHEST_LUN + 1))
    for acl in tpg.acls:
        for mapped in acl.luns:
            if mapped.backstore not in exported:
                raise ModelStoreError(
                    "acl %s in %s" % (acl.initiator, what),
                    "backstore %s mapped" % mapped.backstore,
                    "only backstores among the TPG's luns",
                    "Add it to luns.",
                )
    return tpg


def _portal(what: str, options: Mapping[str, Any]) -> Portal:
    _check_range(what, "port", options["port"], range(1, 65536))
    try:
        return parse_portal(options["address"], options["port"])
    except ValueError as error:
        raise ModelStoreError(
            "portal of %s" % what,
            repr(options["address"]),
            "an IPv4 or IPv6 address",
            "Host names are not looked up: give the address.",
        ) from error


def _acl(what: str, options: Mapping[str, Any], authentication: bool) -> DesiredAcl:
    initiator = iscsi_name("initiator in %s" % what, options["initiator"])
    what = "acl %s in %s" % (initiator, what)
    luns = tuple(
        DesiredMappedLun(lun["backstore"], lun["lun"], lun["write_protect"])
        for lun in options["luns"]
    )
    _refuse_twins(what, "mapped LUN number", (lun.number for lun in luns))
    for lun in luns:
        _check_range(what, "mapped LUN number", lun.number, range(_HIGHEST_MAPPED_LUN + 1))
    chap = desired_chap(what, options)
    if authentication and not chap.is_set:
        raise ModelStoreError(
            what,
            "no chap_username and chap_password",
            "CHAP credentials",
            "Give them, or let everybody in who knows the initiator's name with "
            "authentication: false.",
        )
    return DesiredAcl(initiator, chap, luns)


def _attributes(what: str, options: Mapping[str, Any]) -> dict[str, str]:
    for name in options["attributes"]:
        if name in CLOSED or name == "authentication":
            raise ModelStoreError(
                "attribute %s of %s" % (name, what),
                "it among the attributes",
                "only attributes that do not decide about access",
                "Use the option authentication for CHAP; access without an ACL is never given.",
            )
    return {
        **CLOSED,
        "authentication": "1" if options["authentication"] else "0",
        **_settings(options["attributes"], "1", "0"),
    }


def _settings(settings: Mapping[str, Any], true: str, false: str) -> dict[str, str]:
    # YAML makes booleans of Yes and No.
    return {
        name: (true if value else false) if isinstance(value, bool) else str(value).strip()
        for name, value in settings.items()
    }


def _check_range(what: str, name: str, value: int, allowed: range) -> None:
    if value not in allowed:
        raise ModelStoreError(
            "%s of %s" % (name, what),
            str(value),
            "%d to %d" % (allowed[0], allowed[-1]),
            "Choose a number in that range.",
        )


def _refuse_twins(what: str, name: str, values: Iterable[Hashable]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise ModelStoreError(
                what,
                "%s %s twice" % (name, value),
                "each one once",
                "Remove one of the two.",
            )
        seen.add(value)
