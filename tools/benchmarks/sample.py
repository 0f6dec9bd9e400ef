# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The target that is measured: a small one of its own beside the demo's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from secrets import token_hex
from typing import Any, NamedTuple

from vmrig.process import uninterrupted

from benchmarks.demo import NODE, PORTAL, PREFIX, STORE, Task, play, shell
from benchmarks.figures import named

IQN = f"{PREFIX}:bench"
# The demo's target has the port that iSCSI has by default.
PORT = 3261
FOLDER = "/var/tmp/modelstore-bench"
MEGABYTES = 16
# iscsiadm's exit code when the target turns a login down.
REFUSED = 24

_CONFIGFS = "/sys/kernel/config/target"


class Initiator(NamedTuple):
    """Who may log in; the name is the CHAP user name too."""

    name: str
    secret: str


def initiators(count: int) -> list[Initiator]:
    """The demo's node, and others that are not there."""
    names = [NODE, *(f"bench-{number}" for number in range(1, count))]
    return [Initiator(f"{PREFIX}:{name}", token_hex(8)) for name in names]


def backstores(count: int) -> list[str]:
    return [f"bench{number}" for number in range(count)]


def image(backstore: str) -> str:
    """The file behind a backstore."""
    return f"{FOLDER}/{backstore}.img"


def make_target(names: Sequence[str], admitted: Sequence[Initiator]) -> Task:
    """The task that makes backstores and target: everybody sees all LUNs, each has one writer."""
    return {
        "tts.modelstore.lio_target": {
            "name": IQN,
            "backstores": [
                {
                    "name": name,
                    "type": "fileio",
                    "path": image(name),
                    "size": f"{MEGABYTES}M",
                    "wwn": f"{{{{ '{name}' | tts.modelstore.volume_wwn('{IQN}') }}}}",
                }
                for name in names
            ],
            "tpgs": [
                {
                    "portals": [{"address": PORTAL, "port": PORT}],
                    "luns": [{"backstore": f"fileio/{name}"} for name in names],
                    "acls": [
                        {
                            "initiator": initiator.name,
                            "chap_username": initiator.name,
                            "chap_password": initiator.secret,
                            "luns": [
                                {
                                    "backstore": f"fileio/{name}",
                                    "lun": number,
                                    "write_protect": number % len(admitted) != place,
                                }
                                for number, name in enumerate(names)
                            ],
                        }
                        for place, initiator in enumerate(admitted)
                    ],
                }
            ],
        }
    }


def remove_target(*, backstores: bool) -> None:
    options = {"name": IQN, "state": "absent", "disconnect": True}
    if backstores:
        options["delete_backstores"] = "own"
    play(STORE, {"tts.modelstore.lio_target": options})


def remove() -> None:
    """Remove all of it, whatever is there."""
    with uninterrupted():
        remove_target(backstores=True)
        shell(STORE, f"rm -rf {FOLDER}")


def in_the_kernel() -> dict[str, str]:
    """What configfs shows of the target."""
    return named(
        shell(
            STORE,
            f"set -e; cd {_CONFIGFS}/iscsi/{IQN}/tpgt_1; "
            "echo luns $(find lun -mindepth 2 -maxdepth 2 -type l | wc -l); "
            "echo acls $(ls acls | wc -l); "
            "echo mapped_luns $(find acls -mindepth 3 -maxdepth 3 -type l | wc -l); "
            "echo writable $(grep -lx 0 acls/*/lun_*/write_protect | wc -l); "
            "echo secrets $(cat acls/*/auth/password | grep -cvx -e NULL -e ''); "
            "echo authentication $(cat attrib/authentication); "
            "echo enabled $(cat enable); "
            "echo portals $(ls np)",
        )
    )


def all_objects() -> tuple[str, Any]:
    """Everything that LIO runs on the target server, and everything that it has saved."""
    running = shell(STORE, f"cd {_CONFIGFS} && find core iscsi -type d -o -type l | sort")
    saved = shell(STORE, "cat /etc/rtslib-fb-target/saveconfig.json")
    return running, json.loads(saved)


def login(initiator: Initiator | None = None) -> str:
    """How a login from the node ends, with an initiator's credentials or with none.

    The record is one of its own and is removed again. No LUN is scanned.
    """
    record: dict[str, Any] = {
        "target": IQN,
        "portals": [f"{PORTAL}:{PORT}"],
        "startup": "manual",
        "settings": {"node.session.scan": "manual", "node.session.initial_login_retry_max": 1},
    }
    if initiator:
        record |= {"chap_username": initiator.name, "chap_password": initiator.secret}
    iscsiadm = f"iscsiadm --mode node --targetname {IQN}"
    try:
        play(NODE, {"tts.modelstore.iscsi_node": record})
        code = int(shell(NODE, f"{iscsiadm} --login >/dev/null 2>&1; echo $?"))
    finally:
        with uninterrupted():
            shell(NODE, f"{{ {iscsiadm} --logout; {iscsiadm} --op delete; }} >/dev/null 2>&1; true")
    return {0: "let in", REFUSED: "refused"}.get(code, f"failed with code {code}")
