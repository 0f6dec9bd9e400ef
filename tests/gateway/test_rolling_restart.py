# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook rolling_restart against a gateway under load. Only systemctl is a stand-in."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, TOOL, Gateway, Replica, wait_for

# Leaves the restart to the test, and waits for it as systemd waits for the unit.
SYSTEMCTL = """#!/bin/sh
case $1 in
show) printf 'LoadState=loaded\\nActiveState=active\\nSubState=running\\n' ;;
restart)
    touch {folder}/"$2"
    while [ -e {folder}/"$2" ]; do sleep 0.1; done
    ;;
esac
"""


class Restarts(threading.Thread):
    """Restarts the replica that the playbook asks systemctl for."""

    def __init__(self, folder: Path, replicas: list[Replica]) -> None:
        super().__init__(daemon=True)
        self.folder, self.replicas = folder, replicas
        self.done: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            for replica in self.replicas:
                asked = self.folder / f"indextts2@{replica.name}.service"
                if asked.exists():
                    try:
                        replica.stop()
                        replica.start()
                        self.done.append(replica.name)
                    finally:
                        asked.unlink()


@pytest.fixture
def restarts(tmp_path: Path, replicas: list[Replica]):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL.format(folder=folder))
    (folder / "systemctl").chmod(0o755)
    thread = Restarts(folder, replicas)
    thread.start()
    yield thread
    thread.ended.set()
    thread.join()


def play(gateway: Gateway, restarts: Restarts, **variables: object) -> subprocess.CompletedProcess:
    tool = gateway.folder / "modelstore-gateway"
    arguments = [sys.executable, TOOL, f"--socket={gateway.socket}", f"--master={gateway.master}"]
    tool.write_text('#!/bin/sh\nexec %s "$@"\n' % shlex.join(map(str, arguments)))
    tool.chmod(0o755)
    inventory = gateway.folder / "inventory.yml"
    local = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    inventory.write_text(
        json.dumps(
            {
                "gpu_nodes": {"hosts": {one.name: local for one in gateway.replicas}},
                "tts_gateways": {"hosts": {"gateway1": local}},
            }
        )
    )
    given = {
        "modelstore_gateway_tool": str(tool),
        "modelstore_unit": "indextts2@{{ inventory_hostname }}.service",
        **variables,
    }
    path = f"{restarts.folder}:{os.environ['PATH']}"
    return subprocess.run(
        ["ansible-playbook", "-i", inventory, ROOT / "playbooks/rolling_restart.yml"]
        + ["-e", json.dumps(given)],
        env={**os.environ, "PATH": path},
        text=True,
        capture_output=True,
        check=False,
    )


def test_no_request_fails_while_all_nodes_are_restarted(
    make_gateway: Callable, restarts: Restarts
) -> None:
    gateway = make_gateway()
    seen: Counter[str] = Counter()
    ended = threading.Event()

    def note(answer: str, expected: str) -> None:
        node, _blank, text = answer.partition(" ")
        assert text == expected, answer
        seen[node] += 1

    def old_session(node: str) -> int:
        """One with a page that stays open, which never stops to send jobs."""
        client = gateway.client(node)
        for turn in itertools.count():
            if ended.is_set():
                return turn
            note(client.predict(str(turn), api_name="/which"), str(turn))
            time.sleep(0.2)
        return 0

    def slow_session(node: str) -> int:
        client = gateway.client(node)
        for turn in itertools.count():
            if ended.is_set():
                return turn
            note(client.predict(1.5, api_name="/slow"), "")
        return 0

    def new_sessions() -> int:
        for turn in itertools.count():
            if ended.is_set():
                return turn
            client = gateway.client()
            note(client.predict(str(turn), api_name="/which"), str(turn))
            client.close()
        return 0

    def calls() -> int:
        """Without cookies, as curl does it."""
        call = f"{gateway.url}/gradio_api/call/which"
        for turn in itertools.count():
            if ended.is_set():
                return turn
            event = httpx.post(call, json={"data": [str(turn)]}, timeout=60).json()["event_id"]
            answer = httpx.get(f"{call}/{event}", timeout=60).text
            assert "event: complete" in answer, answer
            note(json.loads(answer.partition("data:")[2])[0], str(turn))
            time.sleep(0.2)
        return 0

    with ThreadPoolExecutor(8) as pool:
        running = [
            pool.submit(old_session, "alpha"),
            pool.submit(old_session, "beta"),
            pool.submit(slow_session, "alpha"),
            pool.submit(slow_session, "beta"),
            pool.submit(new_sessions),
            pool.submit(calls),
        ]
        try:
            time.sleep(3)
            played = play(gateway, restarts, modelstore_drain_timeout=4, modelstore_job_timeout=90)
        finally:
            ended.set()
        turns = [job.result() for job in running]
    assert played.returncode == 0, played.stdout + played.stderr
    assert restarts.done == ["alpha", "beta"]
    assert min(turns) > 3, turns
    assert {node["state"] for node in gateway.nodes().values()} == {"UP"}
    assert seen.keys() == {"alpha", "beta"}
    print(f"{sum(turns)} jobs, none failed: {dict(seen)}")


def test_a_node_that_stays_busy_is_not_restarted(
    make_gateway: Callable, restarts: Restarts
) -> None:
    gateway = make_gateway()
    running = gateway.client("alpha").submit(45, api_name="/slow")
    time.sleep(1)
    played = play(gateway, restarts, modelstore_drain_timeout=1, modelstore_job_timeout=6)
    assert played.returncode != 0
    assert "alpha: found 1 requests in flight after 6 s" in played.stdout
    assert "The node was not restarted and is used again." in played.stdout
    assert restarts.done == []
    # A busy node may be slow to answer one check, which is "UP 1/2".
    wait_for("both nodes", lambda: {node["state"] for node in gateway.nodes().values()} == {"UP"})
    assert running.result() == "alpha"


def test_the_last_node_is_not_restarted(make_gateway: Callable, restarts: Restarts) -> None:
    gateway = make_gateway()
    assert gateway.tool("maintain", "beta").returncode == 0
    played = play(gateway, restarts)
    assert played.returncode != 0
    assert "no other node UP" in played.stdout
    assert restarts.done == []
