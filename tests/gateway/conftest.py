# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two replicas of a gradio application, and HAProxy in front of them with the role's template."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOL = ROOT / "roles/tts_gateway/files/modelstore_gateway.py"
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "*",
    "PATH": os.environ["PATH"] + ":/usr/sbin",
}
os.environ.update(QUIET)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, verify=False).status_code in (200, 401)
    except httpx.TransportError:
        return False


class Replica:
    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.port = name, free_port()
        self.folder = folder / name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "app.py", self.name, str(self.port)],
                stdout=log,
                stderr=log,
                env={**os.environ, "GRADIO_TEMP_DIR": str(self.folder)},
            )
        url = f"http://127.0.0.1:{self.port}/gradio_api/startup-events"
        wait_for(f"replica {self.name}", lambda: answers(url), 400)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Gateway:
    def __init__(self, folder: Path, replicas: list[Replica], **variables: Any) -> None:
        self.folder, self.replicas, self.variables = folder, replicas, variables
        self.port, self.stats_port = free_port(), free_port()
        self.config = folder / "haproxy.cfg"
        self.socket, self.master = folder / "admin.sock", folder / "master.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        scheme = "https" if self.variables.get("tts_gateway_tls_pem") else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def render(self, revision: str) -> None:
        variables = {
            "ansible_python_interpreter": sys.executable,
            "__tts_gateway_config": str(self.config),
            "__tts_gateway_socket": str(self.socket),
            "__tts_gateway_revision": revision,
            "tts_gateway_listen_address": "127.0.0.1",
            "tts_gateway_port": self.port,
            "tts_gateway_stats_port": self.stats_port,
            "tts_gateway_nodes": [
                {"name": one.name, "address": "127.0.0.1", "port": one.port}
                for one in self.replicas
            ],
            "tts_gateway_check_interval": 1,
            "tts_gateway_check_timeout": 10,
            "tts_gateway_check_fall": 2,
            **self.variables,
        }
        given = self.folder / "variables.json"
        given.write_text(json.dumps(variables))
        rendered = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", HERE / "render.yml", "-e", f"@{given}"],
            text=True,
            check=False,
            capture_output=True,
        )
        assert rendered.returncode == 0, rendered.stdout + rendered.stderr
        # Whoever runs the tests is not always root.
        privileges = ("    chroot", "    user haproxy", "    group haproxy")
        lines = self.config.read_text().splitlines(keepends=True)
        text = "".join(one for one in lines if not one.startswith(privileges))
        self.config.write_text(text.replace("log /dev/log local0", "log stdout format raw local0"))

    def start(self) -> None:
        self.render("first")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["haproxy", "-W", "-S", self.master, "-f", self.config], stdout=log, stderr=log
            )
        wait_for("the gateway", lambda: answers(self.url + "/gradio_api/startup-events"))

    def reload(self, revision: str) -> None:
        assert self.process is not None
        self.render(revision)
        self.process.send_signal(signal.SIGUSR2)
        wait_for("the new configuration", lambda: self.tool("revision").stdout.strip() == revision)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        paths = [f"--socket={self.socket}", f"--master={self.master}"]
        return subprocess.run(
            [sys.executable, TOOL, *paths, *arguments], text=True, capture_output=True, check=False
        )

    def nodes(self) -> dict[str, dict[str, Any]]:
        shown = self.tool("show", "--json")
        assert shown.returncode == 0, shown.stderr
        return {node["name"]: node for node in json.loads(shown.stdout)}

    def client(self, node: str | None = None, **options: Any) -> Client:
        if node is not None:
            options.setdefault("httpx_kwargs", {})["cookies"] = {"tts_node": node}
        return Client(self.url, verbose=False, analytics_enabled=False, **options)


@pytest.fixture(scope="session")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    folder = tmp_path_factory.mktemp("replicas")
    found = [Replica("alpha", folder), Replica("beta", folder)]
    try:
        for replica in found:
            replica.start()
        yield found
    finally:
        for replica in found:
            if replica.process is not None:
                replica.stop(signal.SIGKILL)


@pytest.fixture
def make_gateway(tmp_path: Path, replicas: list[Replica]) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(**variables: Any) -> Gateway:
        gateway = Gateway(tmp_path, replicas, **variables)
        made.append(gateway)
        gateway.start()
        return gateway

    try:
        yield make
    finally:
        for gateway in made:
            gateway.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, replicas: list[Replica]) -> Iterator[Gateway]:
    """One with the defaults, for the tests that change nothing about it."""
    found = Gateway(tmp_path_factory.mktemp("gateway"), replicas, tts_gateway_max_upload=2)
    try:
        found.start()
        yield found
    finally:
        found.stop()
