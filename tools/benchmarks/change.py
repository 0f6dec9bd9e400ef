# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What those who work notice when another node is let in and taken out again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from vmrig.process import uninterrupted
from vmrig.workload import Result

from benchmarks.demo import NODE, STORE, playbook, remarks, shell, wait_for_paths, workload

BAR = 1.0

_CLIENT = "bench"
_IMAGE = "/var/tmp/modelstore-bench-client.img"


def run() -> bool:
    """Print what one node notices of another one; whether all I/O was right."""
    wait_for_paths()
    print(f"The site playbook changes the target of {NODE} under verified I/O:")
    print(f"  {'':32}{'changes':>9}{'sessions lost':>15}{'errors':>9}{'stall':>9}{'bar':>9}")
    right = True
    with _another_node() as inventory:
        right &= _under_io("another node is let in", [inventory])
        right &= _under_io("and taken out again", [])
    return right


def _under_io(name: str, inventories: list[str]) -> bool:
    io = workload()
    sessions, errors = _sessions(), _connection_errors()
    io.start()
    try:
        changed = _site(inventories)
    finally:
        result = io.stop()
    _print(name, changed, len(sessions - _sessions()), _connection_errors() - errors, result)
    return not result.error


def _print(name: str, changed: int, lost: int, errors: int, result: Result) -> None:
    print(
        f"  {name:32}{changed:9}{lost:15}{errors:9}{result.longest_stall:7.1f} s{BAR:7.1f} s"
        f"  {remarks(result, BAR)}".rstrip(),
        flush=True,
    )


def _site(inventories: list[str]) -> int:
    return playbook(
        "tts.modelstore.site", "--tags=iscsi_target", f"--limit={STORE}", inventories=inventories
    )


@contextmanager
def _another_node() -> Iterator[str]:
    """An inventory with one more node, whose disk on the target server is a file.

    The block has to take the node out again. When it fails that is done here.
    """
    try:
        device = shell(STORE, f"truncate --size=16M {_IMAGE} && losetup --find --show {_IMAGE}")
        node = {"modelstore_disk": device.strip(), "modelstore_chap_password": token_hex(8)}
        # Only its owner can enter the folder.
        with TemporaryDirectory(prefix="modelstore-bench-") as folder:
            inventory = Path(folder) / "node.yml"
            inventory.write_text(json.dumps({"gpu_nodes": {"hosts": {_CLIENT: node}}}))
            yield str(inventory)
    except BaseException:
        with uninterrupted():
            _site([])
        raise
    finally:
        with uninterrupted():
            loops = f"losetup --associated {_IMAGE} --noheadings --output NAME"
            shell(STORE, f"{loops} | xargs --no-run-if-empty losetup --detach; rm -f {_IMAGE}")


def _sessions() -> set[str]:
    """A session that was lost and made again has another number."""
    return set(shell(NODE, "ls /sys/class/iscsi_session").split())


def _connection_errors() -> int:
    """How often a connection broke; its session keeps its number when it recovers."""
    return int(shell(NODE, "dmesg | grep -c 'detected conn error' || true"))
