# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A target as rtslib dumps it, in one walk.

rtslib's own dump fails at a LUN that was made and never finished, and looks at each LUN of the
TPG for each mapped LUN. Here an unfinished LUN has no ``storage_object``, an unfinished mapped LUN
no ``tpg_lun``, and the time grows with the number of objects only.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem

_CREDENTIALS = ("userid", "password", "mutual_userid", "mutual_password")


class TargetDump:
    """Dumps targets.

    :param rtslib: the module.
    """

    def __init__(self, rtslib: Any, fs: FileSystem) -> None:
        self._rtslib = rtslib
        self._fs = fs

    def target(self, target: Any) -> dict[str, Any]:
        """A target with all that is in it."""
        return {
            **self._settings(target),
            **self._name(target),
            "tpgs": [self._tpg(tpg) for tpg in target.tpgs],
        }

    def exports(self, target: Any) -> dict[str, Any]:
        """A target with its LUNs only, which is a matter of milliseconds."""
        return {
            **self._name(target),
            "tpgs": [{"tag": tpg.tag, "luns": self._luns(tpg)} for tpg in target.tpgs],
        }

    def _name(self, target: Any) -> dict[str, Any]:
        return {"wwn": target.wwn, "fabric": target.fabric_module.name}

    def _settings(self, node: Any) -> dict[str, Any]:
        settings: dict[str, Any] = self._rtslib.node.CFSNode.dump(node)
        return settings

    def _tpg(self, tpg: Any) -> dict[str, Any]:
        return {
            **self._settings(tpg),
            **self._credentials(tpg),
            "tag": tpg.tag,
            "enable": tpg.enable,
            "luns": self._luns(tpg),
            "portals": [portal.dump() for portal in tpg.network_portals],
            "node_acls": [self._acl(acl) for acl in tpg.node_acls],
        }

    def _luns(self, tpg: Any) -> list[dict[str, Any]]:
        return [self._lun(lun) for lun in tpg.luns]

    def _lun(self, lun: Any) -> dict[str, Any]:
        if self._alias(lun) is None:
            return {"index": lun.lun}
        entry: dict[str, Any] = lun.dump()
        return entry

    def _acl(self, acl: Any) -> dict[str, Any]:
        entry = {
            **self._settings(acl),
            **self._credentials(acl),
            "node_wwn": acl.node_wwn,
            "mapped_luns": [self._mapped_lun(mapped) for mapped in acl.mapped_luns],
        }
        return {**entry, "tag": acl.tag} if acl.tag else entry

    def _mapped_lun(self, mapped: Any) -> dict[str, Any]:
        alias = self._alias(mapped)
        if alias is None:
            return {"index": mapped.mapped_lun}
        # The link leads to the folder lun_<number> of the TPG.
        lun = self._fs.realpath("%s/%s" % (mapped.path, alias))
        return {
            **self._settings(mapped),
            "index": mapped.mapped_lun,
            "tpg_lun": int(lun.rpartition("_")[2]),
            "write_protect": mapped.write_protect,
            "alias": alias,
        }

    def _alias(self, lun: Any) -> str | None:
        """The name of the link that makes a LUN of a folder; None as long as there is none."""
        try:
            return str(lun.alias)
        except self._rtslib.RTSLibError:
            return None

    def _credentials(self, node: Any) -> dict[str, str]:
        if not node.has_feature("auth"):
            return {}
        values = {"chap_" + name: getattr(node, "chap_" + name, None) for name in _CREDENTIALS}
        return {name: value for name, value in values.items() if value}
