# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Volumes and the initiators that may use them, worked out from an inventory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn

Variables = Mapping[str, Mapping[str, Any]]


def initiator_name(host: str, variables: Mapping[str, Any]) -> str:
    """The initiator name of an inventory host: its own, or ``<prefix>:<host>``."""
    own = variables.get("modelstore_initiator_name")
    if own:
        return str(own).lower()
    prefix = variables.get("modelstore_iqn_prefix")
    if not prefix:
        raise ModelStoreError(
            "initiator name of %s" % host,
            "neither modelstore_initiator_name nor modelstore_iqn_prefix",
            "one of them",
            "Set modelstore_iqn_prefix for all hosts, for example iqn.2026-11.com.example.",
        )
    return ("%s:%s" % (prefix, host)).lower()


def exclusive_volumes(
    clients: Iterable[str],
    hostvars: Variables,
    store: str,
    target: str,
    default_store: str | None = None,
) -> list[dict[str, Any]]:
    """One volume for each client of this target server, mapped to that client alone.

    It is the client's own disk on the server, a logical volume that is to be cut out of a volume
    group, or a clone of a golden logical volume.

    :param clients: inventory names of the hosts that use volumes.
    :param hostvars: the variables of all hosts.
    :param store: inventory name of the target server. Clients that name another one in
        ``modelstore_target`` are passed over.
    :param target: the IQN the volumes are exported under.
    :param default_store: the server of clients that name none; this one when it is not given.
    """
    volumes: list[dict[str, Any]] = []
    own_clients = _clients_of(store, clients, hostvars, default_store)
    for client in own_clients:
        variables = hostvars[client]
        volume = str(variables.get("modelstore_volume") or client)
        volumes.append(
            {
                "name": volume,
                **_storage(client, volume, hostvars, store),
                "wwn": volume_wwn(target, volume),
                "initiators": [{"name": initiator_name(client, variables), "lun": 0}],
            }
        )
    _refuse_twins("volume name", zip((v["name"] for v in volumes), own_clients))
    _refuse_twins("modelstore_disk", zip((v["device"] for v in volumes), own_clients))
    return volumes


def client_initiators(
    clients: Iterable[str], hostvars: Variables, store: str, default_store: str | None = None
) -> list[dict[str, Any]]:
    """Initiator name and CHAP credentials of each client of this target server.

    The parameters are those of :func:`exclusive_volumes`.
    """
    initiators = []
    names = []
    for client in _clients_of(store, clients, hostvars, default_store):
        variables = hostvars[client]
        name = initiator_name(client, variables)
        password = variables.get("modelstore_chap_password")
        if not password:
            raise ModelStoreError(
                "CHAP secret of %s" % client,
                "no modelstore_chap_password",
                "12 to 16 characters",
                "Set modelstore_chap_password for %s in a vault." % client,
            )
        names.append((name, client))
        credentials = {
            "chap_username": str(variables.get("modelstore_chap_username") or name),
            "chap_password": str(password),
        }
        mutual_password = variables.get("modelstore_chap_mutual_password")
        if mutual_password:
            mutual_username = variables.get("modelstore_chap_mutual_username") or store
            credentials["chap_mutual_username"] = str(mutual_username)
            credentials["chap_mutual_password"] = str(mutual_password)
        initiators.append({"name": name, **credentials})
    _refuse_twins("initiator name", names)
    return initiators


def target_acls(
    volumes: Iterable[Mapping[str, Any]], initiators: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The ACLs of a TPG, in the form of the option of lio_target.

    :param volumes: name and initiators of each volume.
    :param initiators: name and credentials of each initiator. One without a volume gets no ACL.
    """
    luns: dict[str, list[dict[str, Any]]] = {}
    for volume in volumes:
        for initiator in volume["initiators"]:
            luns.setdefault(initiator["name"].lower(), []).append(
                {
                    "backstore": volume["name"],
                    "lun": int(initiator.get("lun", 0)),
                    "write_protect": bool(initiator.get("write_protect", False)),
                }
            )
    credentials = {
        entry["name"].lower(): {key: value for key, value in entry.items() if key != "name"}
        for entry in initiators
    }
    for name in luns:
        if name not in credentials:
            raise ModelStoreError(
                "initiator %s" % name,
                "a volume mapped to it, but no credentials",
                "an entry of that name among the initiators",
                "Add it to iscsi_target_initiators.",
            )
    return [
        {"initiator": name, "luns": mapped, **credentials[name]}
        for name, mapped in sorted(luns.items())
    ]


def _storage(client: str, volume: str, hostvars: Variables, store: str) -> dict[str, str]:
    """What a client's volume is made of: a disk, a logical volume, or a clone of one."""
    variables = hostvars[client]
    disk, size = variables.get("modelstore_disk"), variables.get("modelstore_size")
    golden = variables.get("modelstore_clone_of")
    if disk and golden:
        raise ModelStoreError(
            "volume of %s" % client,
            "modelstore_disk and modelstore_clone_of",
            "one of the two",
            "Set modelstore_disk to export a disk as it is, or modelstore_clone_of to have a clone "
            "of a logical volume.",
        )
    if disk and size:
        raise ModelStoreError(
            "volume of %s" % client,
            "modelstore_disk and modelstore_size",
            "one of the two",
            "Set modelstore_disk to export a disk as it is, or modelstore_size to have a logical "
            "volume cut out of modelstore_volume_group.",
        )
    if disk:
        return {"device": str(disk)}
    if size or golden:
        group = _volume_group(client, hostvars, store)
        _check_lvm_name("volume of %s" % client, volume)
        made = {"device": "/dev/%s/%s" % (group, volume), "volume_group": group}
        if size:
            made["size"] = _lvm_size(client, str(size))
        pool = _first("modelstore_thin_pool", client, hostvars, store)
        if golden:
            _check_lvm_name("modelstore_clone_of of %s" % client, str(golden))
            if golden == volume:
                raise ModelStoreError(
                    "volume of %s" % client,
                    "a clone of itself",
                    "a clone of another volume",
                    "Set modelstore_clone_of to the golden volume, for hosts that get a clone only.",
                )
            made["clone_of"] = str(golden)
        elif pool:
            _check_lvm_name("modelstore_thin_pool of %s" % client, str(pool))
            made["thin_pool"] = str(pool)
        return made
    raise ModelStoreError(
        "volume of %s" % client,
        "no modelstore_disk and no modelstore_size",
        "the path of its disk on %s, or a size" % store,
        "Set modelstore_disk for %s to a path under /dev/disk/by-id on %s, or modelstore_size and "
        "modelstore_volume_group." % (client, store),
    )


def _volume_group(client: str, hostvars: Variables, store: str) -> str:
    group = _first("modelstore_volume_group", client, hostvars, store)
    if group is None:
        raise ModelStoreError(
            "volume group of %s" % client,
            "no modelstore_volume_group",
            "the volume group on %s that its volume is cut out of" % store,
            "Set modelstore_volume_group for %s or for %s." % (store, client),
        )
    _check_lvm_name("volume group of %s" % client, str(group))
    return str(group)


def _first(variable: str, client: str, hostvars: Variables, store: str) -> Any:
    """A variable of the client, or else of its server; None when neither has it."""
    values = [hostvars[host].get(variable) for host in (client, store) if host in hostvars]
    return next(filter(None, values), None)


def _check_lvm_name(what: str, name: str) -> None:
    reserved = name in (".", "..") or name.startswith(("-", "snapshot", "pvmove"))
    if reserved or not re.fullmatch(r"[a-zA-Z0-9+_.-]{1,127}", name):
        raise ModelStoreError(
            what,
            repr(name),
            "a name that LVM takes",
            "LVM takes letters, digits and + _ . - in it, no - at the start, and not snapshot or "
            "pvmove there. Set modelstore_volume to choose another name.",
        )


def _lvm_size(client: str, size: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[MGT]", size.strip().upper()):
        raise ModelStoreError(
            "modelstore_size of %s" % client,
            repr(size),
            "a whole number with the unit M, G or T",
            "Set it to a size such as 20G. A share of the group would change with the group.",
        )
    return size.strip().upper()


def _clients_of(
    store: str, clients: Iterable[str], hostvars: Variables, default_store: str | None
) -> list[str]:
    default = default_store or store
    return [
        name for name in clients if (hostvars[name].get("modelstore_target") or default) == store
    ]


def _refuse_twins(what: str, named: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for name, owner in named:
        if name in seen:
            raise ModelStoreError(
                "%s %s" % (what, name),
                "%s and %s with the same one" % (seen[name], owner),
                "one of its own for each",
                "Cloned images often share an initiator name; give each host its own."
                if what == "initiator name"
                else "Give each of the two its own in the inventory.",
            )
        seen[name] = owner
