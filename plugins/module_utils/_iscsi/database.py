# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The record database of open-iscsi, read from its files.

iscsiadm shows no secrets and stumbles over a damaged record, so the files are read instead.
"""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import (
    DEFAULT_IFACE,
    NO_CHAP,
    Chap,
    DamagedRecord,
    NodeRecord,
    Records,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import (
    Portal,
    parse_portal,
)

CONFIGURATION = "/etc/iscsi/iscsid.conf"

# Debian moved the database in 2.1.10; Red Hat's packages (6.x) always had it there.
_OLD_ROOT, _NEW_ROOT = "/etc/iscsi", "/var/lib/iscsi"
_MOVED_IN = (2, 1, 10)


def database_root(runner: Runner, fs: FileSystem) -> str:
    """The folder that holds ``nodes``: where it is, or where this iscsiadm will make it."""
    if fs.exists(_NEW_ROOT + "/nodes") and not fs.exists(_OLD_ROOT + "/nodes"):
        return _NEW_ROOT
    if not runner.available("iscsiadm"):
        return _OLD_ROOT
    # The old folder alone proves nothing: a backup of /etc brings it back to a newer system.
    version = parse.version(runner.run(["iscsiadm", "--version"]).stdout)
    return _NEW_ROOT if version >= _MOVED_IN else _OLD_ROOT


def default_chap(fs: FileSystem, prefix: str = parse.AUTH) -> Chap:
    """The credentials that iscsid.conf gives to new records.

    :param prefix: what the keys begin with; node and discovery records have different ones.
    """
    if not fs.exists(CONFIGURATION):
        return NO_CHAP
    return parse.chap_of(parse.key_values(fs.read(CONFIGURATION)), prefix)


def record_path(root: str, target: str, portal: Portal, tpgt: int, iface: str) -> str:
    """Where a record lies."""
    return "%s/nodes/%s/%s,%d,%d/%s" % (root, target, portal.address, portal.port, tpgt, iface)


def iface_path(root: str, name: str) -> str:
    """Where an iface record lies."""
    return "%s/ifaces/%s" % (root, name)


def discovery_path(root: str, portal: Portal) -> str:
    """Where the discovery record of a portal lies."""
    return "%s/send_targets/%s,%d/st_config" % (root, portal.address, portal.port)


def load_records(fs: FileSystem, root: str, target: str | None = None) -> Records:
    """Read the records of one target, or of all."""
    records: list[NodeRecord] = []
    damaged: list[DamagedRecord] = []
    for name in [target] if target else fs.listdir(root + "/nodes"):
        for folder in fs.listdir("%s/nodes/%s" % (root, name)):
            parts = parse.portal_folder(folder)
            if parts is None:
                continue
            address, port, tpgt = parts
            path = "%s/nodes/%s/%s" % (root, name, folder)
            # Without a tag the entry is the record itself and not a folder of them.
            files = [path] if tpgt is None else ["%s/%s" % (path, i) for i in fs.listdir(path)]
            for file in files:
                found = _load(fs, file, name, _canonical(address, port), tpgt)
                if isinstance(found, NodeRecord):
                    records.append(found)
                elif found:
                    damaged.append(found)
    return Records(tuple(records), tuple(damaged))


def _load(
    fs: FileSystem, path: str, target: str, portal: Portal, tpgt: int | None
) -> NodeRecord | DamagedRecord | None:
    iface = DEFAULT_IFACE if tpgt is None else path.rpartition("/")[2]
    try:
        values = parse.record_values(fs.read(path))
    except FileNotFoundError:  # deleted meanwhile
        return None
    if values is None:
        return DamagedRecord(target, portal, tpgt, iface, path)
    chap = parse.chap_of(values)
    secret = parse.credential_keys(parse.AUTH)
    others = {key: value for key, value in values.items() if key not in secret}
    return NodeRecord(target, portal, tpgt, iface, path, chap, others)


def _canonical(address: str, port: int) -> Portal:
    """Host names, which iscsiadm stores as they were given, stay as they are."""
    try:
        return parse_portal("[%s]:%d" % (address, port))
    except ModelStoreError:
        return Portal(address, port)
