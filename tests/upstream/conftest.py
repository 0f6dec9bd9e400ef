# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Debian that runs in a container with systemd, and a checkout of IndexTTS2 to put on it.

A container is enough here: the application is looked at, not the storage. It shares the network of
this machine, on which the application listens on the loopback only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
STATE = HERE.parents[1] / ".rig" / "upstream"
RELEASE = "bookworm"  # its Python is one that upstream can use
PACKAGES = (
    "systemd-sysv", "dbus", "openssh-server", "python3", "python3-venv", "procps",
)  # fmt: skip
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
PASSED_ON = (*PROXIES, *(one.upper() for one in PROXIES), "SSL_CERT_FILE", "PIP_CERT")
PORT = 7860


def stop_unless(condition: bool, message: str) -> None:
    if not condition:
        pytest.exit(message, returncode=2)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def write_recording(path: Path) -> None:
    """Three seconds of a hum, which is a voice to the application."""
    rate = 22050
    samples = (
        math.sin(tone * 2 * math.pi * 140 * at / rate) / tone * math.sin(9 * at / rate) ** 2
        for at in range(3 * rate)
        for tone in (1 + at // 40 % 3,)
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", int(20000 * one)) for one in samples))


class Checkout:
    """The commit of upstream that is checked out; what was changed since is left aside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = STATE / "index-tts.tar.gz"
        STATE.mkdir(parents=True, exist_ok=True)
        self.git("archive", "--prefix=index-tts/", f"--output={self.archive}", "HEAD")
        self.checksum = hashlib.sha256(self.archive.read_bytes()).hexdigest()

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "safe.directory=*", "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, text=True, capture_output=True).stdout

    def recordings(self) -> Path:
        """A folder with a recording for each that the examples name."""
        folder = STATE / "recordings"
        folder.mkdir(exist_ok=True)
        names = re.findall(r'"([^"/]+\.wav)"', self.git("show", "HEAD:examples/cases.jsonl"))
        for name in {"voice_01.wav", *names}:
            write_recording(folder / name)
        return folder


class Result:
    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.output = process.stdout + process.stderr
        self.failed = process.returncode != 0
        recap = re.search(r"upstream +: ok=\d+ +changed=(\d+)", self.output)
        self.changed = int(recap[1]) if recap else -1
        # As one line: Ansible folds messages.
        self.text = " ".join(self.output.split())

    @property
    def report(self) -> dict[str, Any]:
        """What verify says of the application."""
        found = re.search(r"REPORT ({.*?})", self.text)
        assert found, self.output
        return dict(json.loads(found[1].replace('\\"', '"')))


class Container:
    """A host for the role. It stays between runs, with what was installed."""

    app, models = "/opt/index-tts", "/mnt/cache_hub"

    def __init__(self, checkout: Checkout) -> None:
        self.root, self.volume = STATE / "root", STATE / "volume"
        self.key, self.port = STATE / "key", free_port()
        self.variables = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_python_interpreter": "/usr/bin/python3",
            "upstream_environment": {
                name: os.environ[name] for name in PASSED_ON if name in os.environ
            },
            "indextts2_install_from": "archive",
            "indextts2_archive": str(checkout.archive),
            "indextts2_archive_checksum": f"sha256:{checkout.checksum}",
            "indextts2_python_from": "system",
            "indextts2_examples_src": str(checkout.recordings()),
            "indextts2_mount_point": self.models,
            "indextts2_listen_address": "127.0.0.1",
            "indextts2_gpu_required": False,
        }

    def build(self) -> None:
        """The root file system, once, and what of it is of this run."""
        if not self.root.is_dir():
            partial = STATE / "root.partial"
            shutil.rmtree(partial, ignore_errors=True)
            include = f"--include={','.join(PACKAGES)}"
            command = ["mmdebstrap", "--quiet", "--variant=apt", include, RELEASE, str(partial)]
            subprocess.run(command, check=True)
            partial.rename(self.root)
        self.volume.mkdir(exist_ok=True)
        self.volume.chmod(0o755)
        if not self.key.is_file():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)]
            subprocess.run(command, check=True)
        ssh = self.root / "root/.ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        (ssh / "authorized_keys").write_text(Path(f"{self.key}.pub").read_text())
        server = self.root / "etc/ssh/sshd_config.d/upstream.conf"
        server.write_text(f"Port {self.port}\nListenAddress 127.0.0.1\n")

    def boot(self) -> subprocess.Popen[bytes]:
        options = ["--quiet", "--boot", "--console=pipe", "--resolv-conf=copy-host"]
        options += ["--machine=modelstore-upstream", f"--directory={self.root}"]
        options += [f"--bind={self.volume}:{self.models}", "--bind-ro=/etc/ssl/certs"]
        if not Path("/run/systemd/system").is_dir():
            options += ["--register=no", "--keep-unit"]
        with (STATE / "console.log").open("wb") as console:
            process = subprocess.Popen(
                ["systemd-nspawn", *options],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while self.ssh("true", check=False).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.exit(f"the container does not answer: see {STATE / 'console.log'}", 2)
            time.sleep(1)
        return process

    def ssh(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        options = ["-F", "/dev/null", "-i", str(self.key), "-p", str(self.port)]
        for one in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"):
            options += ["-o", one]
        options += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        process = subprocess.run(
            ["ssh", *options, "root@127.0.0.1", command],
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            capture_output=True,
        )
        assert not (check and process.returncode), (command, process.stdout, process.stderr)
        return process

    def output(self, command: str) -> str:
        return self.ssh(command).stdout.strip()

    def run(self, entry: str = "main", **variables: Any) -> Result:
        given = STATE / "variables.json"
        given.write_text(json.dumps({**self.variables, "upstream_entry": entry, **variables}))
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "upstream,"]
        command += [str(HERE / "play.yml"), "-e", f"@{given}"]
        if os.environ.get("VARS"):
            command += ["-e", f"@{os.environ['VARS']}"]
        environment = {
            **os.environ,
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
        }
        with (STATE / "ansible.log").open("a") as log:
            process = subprocess.run(
                command, env=environment, text=True, check=False, capture_output=True
            )
            log.write(process.stdout + process.stderr)
        return Result(process)


@pytest.fixture(scope="session")
def checkout() -> Checkout:
    folder = Path(os.environ.get("CHECKOUT", ""))
    stop_unless(os.geteuid() == 0, "a container needs root: run this as root, or through sudo")
    stop_unless((folder / "webui.py").is_file(), f"found no webui.py in CHECKOUT, {folder}")
    return Checkout(folder)


@pytest.fixture(scope="session")
def container(checkout: Checkout) -> Iterator[Container]:
    one = Container(checkout)
    one.build()
    process = one.boot()
    yield one
    process.terminate()
    process.wait(timeout=120)
