# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other roles that make the same target, from a folder with checkouts of their repositories.

Two of them save everything that runs, and the third replaces everything by its own. So they work on
a state of the rig that is thrown away: a snapshot of all machines is taken before and brought back
after each of them, and in between LIO is empty.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from vmrig.process import uninterrupted

from benchmarks.demo import PORTAL, PREFIX, STORE, play, rig, shell
from benchmarks.sample import FOLDER, IQN, MEGABYTES, PORT, Initiator, image

Variables = dict[str, Any]

_SNAPSHOT = "bench"


class Peer(NamedTuple):
    """A role.

    :param roles: folders, in the folder of the checkouts.
    :param variables: what to set for these backstores and initiators.
    :param facts: which facts it needs.
    :param debian: files that are to count for Debian as well: file → copy, in the first role.
    """

    name: str
    roles: tuple[str, ...]
    variables: Callable[[Sequence[str], Sequence[Initiator]], Variables]
    facts: tuple[str, ...] = ()
    debian: Mapping[str, str] = {}


def _githubixx(names: Sequence[str], admitted: Sequence[Initiator]) -> Variables:
    target = {
        "name": IQN,
        "portals": [{"ip": PORTAL, "port": PORT}],
        "disks": [
            {"name": name, "path": image(name), "type": "fileio", "lunid": number}
            for number, name in enumerate(names)
        ],
        "initiators": [
            {
                "name": initiator.name,
                "authentication": {"userid": initiator.name, "password": initiator.secret},
                "mapped_luns": [
                    {"mapped_lunid": number, "lunid": number} for number in range(len(names))
                ],
            }
            for initiator in admitted
        ],
    }
    return {"iscsi_targets": [target]}


def _stuvus(names: Sequence[str], admitted: Sequence[Initiator]) -> Variables:
    # It adds the target's name to the base, and maps all LUNs to everybody by itself.
    target = {
        "name": IQN.removeprefix(f"{PREFIX}:"),
        "portals": [{"ip": PORTAL, "port": PORT}],
        "disks": [{"name": name, "path": image(name), "type": "fileio"} for name in names],
        "initiators": [
            {
                "name": initiator.name,
                "authentication": {"userid": initiator.name, "password": initiator.secret},
            }
            for initiator in admitted
        ],
    }
    return {"iscsi_base_wwn": PREFIX, "iscsi_targets": [target]}


def _abegorov(names: Sequence[str], admitted: Sequence[Initiator]) -> Variables:
    tpg = {
        "portals": [{"ip_address": PORTAL, "port": PORT}],
        "luns": [
            {
                "index": number,
                "alias": f"{number:010x}",
                "storage_object": f"/backstores/fileio/{name}",
            }
            for number, name in enumerate(names)
        ],
        "node_acls": [
            {
                "node_wwn": initiator.name,
                "chap_userid": initiator.name,
                "chap_password": initiator.secret,
                "mapped_luns": [
                    {
                        "index": number,
                        "tpg_lun": number,
                        "alias": f"{number:010x}",
                        "write_protect": False,
                    }
                    for number in range(len(names))
                ],
            }
            for initiator in admitted
        ],
    }
    return {
        "debug": False,
        # Its own are for block devices.
        "target_default_storage_object": {"plugin": "fileio", "write_back": False},
        "target_storage_objects": [
            {
                "name": name,
                "dev": image(name),
                "size": MEGABYTES << 20,
                "wwn": f"00000000-0000-4000-8000-{number:012x}",
                "attributes": {},
                "alua_tpgs": [],
            }
            for number, name in enumerate(names)
        ],
        "target_targets": [{"wwn": IQN, "tpgs": [tpg]}],
    }


PEERS = (
    Peer(
        "githubixx.iscsi_target",
        ("ansible-role-iscsi_target",),
        _githubixx,
        facts=("distribution",),
        debian={
            "vars/ubuntu.yml": "vars/debian.yml",
            "tasks/setup-ubuntu.yml": "tasks/setup-debian.yml",
        },
    ),
    Peer("stuvusIT iscsi-target", ("targetcli-modules", "iscsi-target"), _stuvus),
    Peer("abegorov target", ("linuxhl5_gfs2/roles/target",), _abegorov),
)


def checkouts() -> Path | None:
    """The folder that PEERS names, with all that is needed in it."""
    if not os.environ.get("PEERS"):
        return None
    folder = Path(os.environ["PEERS"]).absolute()
    missing = [role for peer in PEERS for role in peer.roles if not (folder / role).is_dir()]
    if missing:
        sys.exit(f"PEERS={folder}: found no {', '.join(missing)}, expected checkouts of the peers")
    return folder


@contextmanager
def thrown_away(names: Sequence[str]) -> Iterator[None]:
    """A state with an empty LIO and the backstores' files, and after it the demo's again."""
    rig("snapshot", _SNAPSHOT)
    try:
        # Package lists are no part of what is measured.
        shell(
            STORE,
            f"apt-get -q update >/dev/null; targetctl clear; mkdir -p {FOLDER}; "
            f"truncate --size={MEGABYTES}M {' '.join(map(image, names))}",
        )
        yield
    finally:
        with uninterrupted():
            rig("restore", _SNAPSHOT)


def converge(peer: Peer, folder: Path, names: Sequence[str], admitted: Sequence[Initiator]) -> int:
    """Run a peer's roles once; returns how many changes they made."""
    with TemporaryDirectory(prefix="modelstore-bench-") as copies:
        roles = [_copy(peer, folder / role, Path(copies)) for role in peer.roles]
        return play(
            STORE,
            gather_facts=bool(peer.facts),
            gather_subset=["!all", "!min", *peer.facts],
            roles=roles,
            vars=peer.variables(names, admitted),
        )


def _copy(peer: Peer, role: Path, copies: Path) -> str:
    copy = copies / role.name
    shutil.copytree(role, copy)
    for file, other in peer.debian.items():
        shutil.copyfile(copy / file, copy / other)
    return str(copy)
