# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads targets, and changes one live: sessions that a step does not concern go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.host import (
    backstore_handlers,
    load_backstores,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.chap import set_credentials
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio, apply_action
from ansible_collections.tts.modelstore.plugins.module_utils._lio.parse import parse_portal
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import Ours
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    DesiredTarget,
    Observed,
)

Arguments = Mapping[str, Any]


def load_target(lio: Lio, desired: DesiredTarget) -> Observed:
    """All backstores and targets, the devices of the backstores that are to be there, and who would
    be disconnected by state absent.
    """
    found = load_backstores(lio, desired.backstores, acls=True)
    target = found.running.target(desired.name)
    sessions = lio.sessions(target) if target and not desired.tpgs else []
    return Observed(
        found.running,
        found.saved,
        found.devices,
        found.nodes,
        found.sizes,
        logged_in=tuple(
            sorted({initiator for _tag, initiator, session in sessions if session.type == "Normal"})
        ),
    )


class TargetChanger:
    """Does the steps of a plan.

    :param name: the IQN.
    """

    def __init__(self, lio: Lio, name: str) -> None:
        self._lio = lio
        self._rtslib = lio.rtslib
        self._name = name

    def apply(self, action: Action) -> None:
        """Do one step."""
        handlers = {
            **backstore_handlers(self._lio),
            "create_target": self._create_target,
            "delete_target": self._delete_target,
            "create_tpg": self._create_tpg,
            "delete_tpg": self._delete_tpg,
            "enable_tpg": self._enable_tpg,
            "set_attributes": self._set_attributes,
            "set_parameters": self._set_parameters,
            "create_lun": self._create_lun,
            "delete_lun": self._delete_lun,
            "create_acl": self._create_acl,
            "delete_acl": self._delete_acl,
            "set_chap": self._set_chap,
            "inherit_authentication": self._inherit_authentication,
            "map_lun": self._map_lun,
            "unmap_lun": self._unmap_lun,
            "protect_lun": self._protect_lun,
            "unprotect_lun": self._unprotect_lun,
            "add_portal": self._add_portal,
            "remove_portal": self._remove_portal,
            "save": self._save,
        }
        apply_action(self._lio, handlers, action)

    def _target(self, mode: str) -> Any:
        return self._rtslib.Target(self._rtslib.FabricModule("iscsi"), self._name, mode)

    def _tpg(self, arguments: Arguments) -> Any:
        return self._rtslib.TPG(self._target("lookup"), arguments["tpg"], "lookup")

    def _tpg_with_one_lun(self, arguments: Arguments, number: int) -> Any:
        """The TPG as if it had no other LUN.

        For each mapping rtslib looks through all LUNs of the TPG, which takes most of the time
        where there are hundreds.
        """
        rtslib = self._rtslib
        luns = property(lambda tpg: [rtslib.LUN(tpg, number)])
        view = type("TPG", (rtslib.TPG,), {"luns": luns})
        return view(self._target("lookup"), arguments["tpg"], "lookup")

    def _acl(self, arguments: Arguments) -> Any:
        return self._rtslib.NodeACL(self._tpg(arguments), arguments["initiator"], "lookup")

    def _mapped_lun(self, arguments: Arguments) -> Any:
        return self._rtslib.MappedLUN(self._acl(arguments), arguments["lun"])

    def _create_target(self, _arguments: Arguments) -> None:
        self._lio.start()
        self._target("create")

    def _delete_target(self, _arguments: Arguments) -> None:
        self._target("lookup").delete()  # disables the TPGs first

    def _create_tpg(self, arguments: Arguments) -> None:
        self._rtslib.TPG(self._target("lookup"), arguments["tpg"], "create")

    def _delete_tpg(self, arguments: Arguments) -> None:
        self._tpg(arguments).delete()

    def _enable_tpg(self, arguments: Arguments) -> None:
        self._tpg(arguments).enable = True

    def _set_attributes(self, arguments: Arguments) -> None:
        tpg = self._tpg(arguments)
        for name, value in arguments["attributes"].items():
            tpg.set_attribute(name, value)

    def _set_parameters(self, arguments: Arguments) -> None:
        tpg = self._tpg(arguments)
        for name, value in arguments["parameters"].items():
            tpg.set_parameter(name, value)

    def _create_lun(self, arguments: Arguments) -> None:
        backstore = self._lio.storage_object(arguments["backstore"])
        self._rtslib.LUN(self._tpg(arguments), arguments["lun"], backstore)

    def _delete_lun(self, arguments: Arguments) -> None:
        self._rtslib.LUN(self._tpg(arguments), arguments["lun"]).delete()

    def _create_acl(self, arguments: Arguments) -> None:
        self._rtslib.NodeACL(self._tpg(arguments), arguments["initiator"], "create")

    def _delete_acl(self, arguments: Arguments) -> None:
        self._acl(arguments).delete()

    def _set_chap(self, arguments: Arguments) -> None:
        set_credentials(self._acl(arguments), "chap_", arguments)

    def _inherit_authentication(self, arguments: Arguments) -> None:
        self._acl(arguments).set_attribute("authentication", -1)

    def _map_lun(self, arguments: Arguments) -> None:
        # rtslib opens a mapped LUN for writing when it fails to protect it, and says nothing.
        tpg = self._tpg_with_one_lun(arguments, arguments["tpg_lun"])
        acl = self._rtslib.NodeACL(tpg, arguments["initiator"], "lookup")
        mapped = self._rtslib.MappedLUN(
            acl, arguments["lun"], arguments["tpg_lun"], write_protect=True
        )
        if not mapped.write_protect:
            mapped.delete()
            raise _not_protected(self._name, arguments)
        if not arguments["write_protect"]:
            mapped.write_protect = False

    def _unmap_lun(self, arguments: Arguments) -> None:
        self._mapped_lun(arguments).delete()

    def _protect_lun(self, arguments: Arguments) -> None:
        self._mapped_lun(arguments).write_protect = True

    def _unprotect_lun(self, arguments: Arguments) -> None:
        self._mapped_lun(arguments).write_protect = False

    def _add_portal(self, arguments: Arguments) -> None:
        portal = parse_portal(arguments["address"], arguments["port"])
        self._rtslib.NetworkPortal(
            self._tpg(arguments), portal.configfs_address, portal.port, "create"
        )

    def _remove_portal(self, arguments: Arguments) -> None:
        # LIO knows a portal under the spelling it was made with.
        wanted = parse_portal(arguments["address"], arguments["port"])
        for portal in self._tpg(arguments).network_portals:
            if parse_portal(portal.ip_address, portal.port) == wanted:
                portal.delete()

    def _save(self, arguments: Arguments) -> None:
        self._lio.save(Ours(arguments.get("backstores", ()), self._name))


def _not_protected(target: str, arguments: Arguments) -> ModelStoreError:
    return ModelStoreError(
        "mapped LUN %d of %s in target %s" % (arguments["lun"], arguments["initiator"], target),
        "it open for writing as soon as it was made",
        "it to start read-only",
        "It was removed again. Look at dmesg, and whether prod_mode_write_protect is 1.",
    )
