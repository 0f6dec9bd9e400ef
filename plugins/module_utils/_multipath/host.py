# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.


"""Asks multipathd and the kernel about maps, paths and disks. It changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import sysfs
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import unit_time, wwid
from ansible_collections.tts.modelstore.plugins.module_utils._multipath.model import (
    Disk,
    Map,
    orphans,
)
from ansible_collections.tts.modelstore.plugins.module_utils._multipath.parse import (
    parse_maps,
    parse_settings,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.block import (
    BLOCK,
    SECTOR,
    attribute,
)

CONFIGURATION = "/etc/multipath.conf"
DROP_INS = "/etc/multipath/conf.d"


def gather(runner: Runner, fs: FileSystem, wwids: Sequence[str]) -> dict[str, Any]:
    """What the module multipath_info returns."""
    if not is_running(runner):
        return {"running": False, "outdated": False, "maps": [], "orphans": [], "settings": {}}
    asked = tuple(wwids)
    maps = tuple(found for found in load_maps(runner) if not asked or found.wwid in asked)
    disks = load_disks(fs)
    by_name = {disk.name: disk for disk in disks}
    settings = load_settings(runner)
    return {
        "running": True,
        "outdated": is_outdated(runner, fs),
        "maps": [found.public(by_name, _size(fs, found)) for found in maps],
        "orphans": [disk.public() for disk in orphans(maps, disks, asked)],
        "settings": {
            name: values for name, values in settings.items() if not asked or name in asked
        },
    }


def is_running(runner: Runner) -> bool:
    """Whether multipathd runs. Asking multipathd itself would start it, through its socket."""
    if not (runner.available("systemctl") and runner.available("multipathd")):
        return False
    return runner.run(["systemctl", "is-active", "--quiet", "multipathd.service"]).returncode == 0


def is_outdated(runner: Runner, fs: FileSystem) -> bool:
    """Whether the configuration was changed after multipathd was started or reloaded.

    The folder tells of files that went.
    """
    # A reload is a change of state and no start.
    question = ["systemctl", "show", "--timestamp=us+utc", "--property", "StateChangeTimestamp"]
    answer = runner.run([*question, "multipathd.service"])
    read = unit_time(answer.stdout, "StateChangeTimestamp")
    files = ["%s/%s" % (DROP_INS, name) for name in fs.listdir(DROP_INS)]
    paths = [path for path in (CONFIGURATION, DROP_INS, *files) if fs.exists(path)]
    return read is not None and any(fs.mtime(path) > read for path in paths)


def load_maps(runner: Runner) -> tuple[Map, ...]:
    """All maps that multipathd has."""
    return parse_maps(_ask(runner, "show", "maps", "json"))


def load_settings(runner: Runner) -> dict[str, dict[str, str]]:
    """The settings of single maps that multipathd runs with, by WWID.

    "show config local" would leave out the maps that are not there yet.
    """
    return parse_settings(_ask(runner, "show", "config"))


def load_disks(fs: FileSystem) -> tuple[Disk, ...]:
    """All SCSI disks, and for those of iSCSI the session that brings them."""
    sessions = {
        device.name: session for session in sysfs.load_sessions(fs) for device in session.devices
    }
    disks = []
    for name in fs.listdir(BLOCK):
        if not name.startswith("sd"):
            continue
        session = sessions.get(name)
        disks.append(
            Disk(
                name=name,
                wwid=wwid(attribute(fs, "%s/%s/device/wwid" % (BLOCK, name))),
                state=attribute(fs, "%s/%s/device/state" % (BLOCK, name)),
                target=session.target if session else None,
                portal=str(session.portal) if session else None,
            )
        )
    return tuple(disks)


def _ask(runner: Runner, *question: str) -> str:
    answer = runner.run(["multipathd", *question])
    if answer.returncode != 0:
        raise ModelStoreError(
            "multipathd",
            "no answer to %s (%s)"
            % (" ".join(question), answer.stderr.strip() or answer.stdout.strip()),
            "an answer",
            "Look at journalctl -u multipathd on this host, then run again.",
        )
    return answer.stdout


def _size(fs: FileSystem, found: Map) -> int:
    return int(attribute(fs, "%s/%s/size" % (BLOCK, found.node)) or 0) * SECTOR
