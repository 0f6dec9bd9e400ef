# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package index on loopback, a small application in the form of IndexTTS2, and a host to put it on."""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
WHEELS = Path(
    os.environ.get("MODELSTORE_UV_WHEELS", str(HERE.parents[1] / ".build" / "install" / "wheels"))
)
USER, PASSWORD = "reader", "a-password-that-nobody-may-see"


def with_venv() -> str:
    """A Python that can make environments, preferably the system's."""
    for candidate in ("/usr/bin/python3", sys._base_executable):
        code = "import ensurepip, venv"
        if not subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode:
            return candidate
    pytest.exit("no Python with venv and ensurepip is here")


PYTHON = with_venv()
VERSION = subprocess.run(
    [PYTHON, "-c", "import platform; print(platform.python_version())"],
    text=True,
    check=True,
    capture_output=True,
).stdout.strip()
# Of the Python that runs the tests, which is also the one that uv downloads.
MINOR = "%d.%d" % sys.version_info[:2]

FRONT = """
import os, time
class TextNormalizer:
    def load(self):
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tagger_cache")
        os.makedirs(folder)
        with open(os.path.join(folder, "zh_tn_tagger.fst"), "w") as file:
            file.write("rules")
"""
# Where the application would go to the network, this one looks into a folder.
DOWNLOADER = """
import os, shutil
def get_required_files():
    return ["voice_01.wav", "voice_02.wav"]
def ensure_examples_available():
    source = os.environ.get("TEST_RECORDINGS", "")
    for name in get_required_files():
        if source and not os.path.exists("examples/" + name):
            shutil.copy(os.path.join(source, name), "examples")
"""


def wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel with one module that says its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{one},,\n" for one in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(one, text)
    return path


def managed_python(folder: Path) -> Path:
    """The Python that runs this, packed as uv downloads one, in a list of downloads for uv."""
    tree, archive = folder / "python", folder / "python.tar.gz"
    stdlib = Path(sysconfig.get_path("stdlib"))
    left_out = ("test", "__pycache__", "site-packages", "dist-packages", "idlelib", "config-*")
    target = tree / "lib" / stdlib.name
    shutil.copytree(stdlib, target, ignore=shutil.ignore_patterns(*left_out))
    (tree / "bin").mkdir()
    shutil.copy(os.path.realpath(sys.executable), tree / "bin" / stdlib.name)
    subprocess.run(["tar", "-C", folder, "-czf", archive, "python"], check=True)
    major, minor, patch = sys.version_info[:3]
    machine = platform.machine()
    key = f"cpython-{major}.{minor}.{patch}-linux-{machine}-gnu"
    one = {"major": major, "minor": minor, "patch": patch, "prerelease": "", "variant": None}
    one |= {"name": "cpython", "os": "linux", "libc": "gnu", "build": "20260101"}
    one |= {"arch": {"family": machine, "variant": None}, "url": f"file://{archive}"}
    one |= {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
    listed = folder / "downloads.json"
    listed.write_text(json.dumps({key: one}))
    return listed


class Index:
    """A package index: /simple has all packages, /torch one of them in a version of its own."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.folder, self.password = folder, password
        self.requests: list[str] = []
        self.away = False
        self.held = ""  # packages with this in their name are sent when it is empty again
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.held = ""
        self.server.shutdown()
        self.server.server_close()

    def url(self, path: str) -> str:
        login = f"{USER}:{self.password}@" if self.password else ""
        return f"http://{login}127.0.0.1:{self.server.server_port}/{path}"

    def fetched(self, part: str) -> list[str]:
        return [one for one in self.requests if one.endswith(".whl") and part in one]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        index = self
        expected = "Basic " + base64.b64encode(f"{USER}:{index.password}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def answer(self, status: int, content: bytes = b"") -> None:
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", "Basic")
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                index.requests.append(self.path)
                if index.away:
                    return self.answer(503)
                if index.password and self.headers.get("Authorization") != expected:
                    return self.answer(401)
                top, _slash, rest = self.path.strip("/").partition("/")
                folder = index.folder / top
                if rest.endswith(".whl"):
                    while index.held and index.held in rest:
                        time.sleep(0.05)
                    return self.answer(200, (folder / rest.replace("%2B", "+")).read_bytes())
                found = [
                    one
                    for one in sorted(folder.glob("*.whl"))
                    if one.name.partition("-")[0].lower() == rest
                ]
                links = "".join(
                    f'<a href="/{top}/{one.name.replace("+", "%2B")}'
                    f'#sha256={hashlib.sha256(one.read_bytes()).hexdigest()}">{one.name}</a>'
                    for one in found
                )
                return self.answer(200 if found else 404, links.encode())

        return Handler


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for name in ("simple", "torch"):
        (folder / name).mkdir()
    for name in ("speech", "pages", "fast", "torch"):
        wheel(folder / "simple", name, "1.0")
    wheel(folder / "torch", "torch", "1.0+cu128")
    (uv,) = WHEELS.glob("uv-*.whl")
    shutil.copy(uv, folder / "simple")
    return folder


@pytest.fixture(scope="session")
def uv(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv itself, as the role installs it; the role finds it there after the first test."""
    folder = tmp_path_factory.mktemp("uv") / "uv"
    subprocess.run([PYTHON, "-m", "venv", folder], check=True)
    command = [folder / "bin/pip", "install", "--quiet", "--no-index", "uv"]
    subprocess.run([*command, "--find-links", packages / "simple"], check=True)
    return folder


@pytest.fixture(scope="session")
def upstream(packages: Path) -> Iterator[Index]:
    """The index that the lock file names."""
    one = Index(packages)
    yield one
    one.close()


@pytest.fixture
def mirror(packages: Path) -> Iterator[Index]:
    one = Index(packages, PASSWORD)
    yield one
    one.close()


def write_application(folder: Path, upstream: Index, version: str, python: str) -> None:
    files = {
        "webui.py": f"version = {version!r}\n",
        ".python-version": "3.10.0\n",  # upstream names one that no host has
        "pyproject.toml": f"""
[project]
name = "indextts"
version = "{version}"
requires-python = "{python}"
dependencies = ["speech==1.0", "torch==1.0+cu128"]
[project.optional-dependencies]
webui = ["pages==1.0"]
deepspeed = ["fast==1.0"]
[build-system]
requires = ["never-there"]
build-backend = "never_there"
[tool.uv.sources]
torch = [{{ index = "pytorch-cuda" }}]
[[tool.uv.index]]
url = "{upstream.url("simple")}"
default = true
[[tool.uv.index]]
name = "pytorch-cuda"
url = "{upstream.url("torch")}"
explicit = true
""",
        "indextts/__init__.py": "",
        "indextts/utils/__init__.py": "",
        "indextts/utils/front.py": FRONT,
        "indextts/utils/examples_downloader.py": DOWNLOADER,
        "examples/cases.jsonl": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


class Repository:
    """The application's, with a tag for each release."""

    def __init__(self, folder: Path, upstream: Index, uv: Path) -> None:
        self.folder, self.upstream, self.uv = folder, upstream, uv
        self.work, self.bare = folder / "work", folder / "application.git"
        self.git("init", "--quiet", "--initial-branch=main", str(self.work), here=False)
        for tag in ("v1", "v2", "v3"):
            self.release(tag)
        self.git("clone", "--quiet", "--bare", str(self.work), str(self.bare), here=False)

    def git(self, *arguments: str, here: bool = True) -> str:
        place = ["-C", str(self.work)] if here else []
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        command = ["git", *place, *identity, *arguments]
        return subprocess.run(command, check=True, text=True, capture_output=True).stdout.strip()

    def release(self, tag: str, python: str = ">=3.9") -> None:
        write_application(self.work, self.upstream, tag.replace("v", "") + ".0", python)
        environment = {**os.environ, "UV_CACHE_DIR": str(self.folder / "cache")}
        subprocess.run(
            [self.uv / "bin/uv", "lock", "--quiet", "--python", PYTHON],
            cwd=self.work,
            env={key: value for key, value in environment.items() if not key.startswith("PIP_")},
            check=True,
        )
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", tag)
        self.git("tag", tag)

    def archive(self, tag: str, prefix: str = "index-tts-1/") -> Path:
        path = self.folder / f"{tag}.tar.gz"
        self.git("archive", f"--prefix={prefix}", f"--output={path}", tag)
        return path


@pytest.fixture(scope="session")
def repository(upstream: Index, uv: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"), upstream, uv)


class Result:
    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.output = process.stdout + process.stderr
        self.failed = process.returncode != 0
        recap = re.search(r"localhost +: ok=\d+ +changed=(\d+)", self.output)
        self.changed = int(recap[1]) if recap else -1
        # As one line: Ansible folds messages.
        self.text = " ".join(self.output.split())

    @property
    def changes(self) -> list[str]:
        """The names of the tasks that changed something."""
        found, task = [], ""
        for line in self.output.splitlines():
            if line.startswith(("TASK", "RUNNING HANDLER")):
                task = line.partition("[")[2].rpartition("]")[0].rpartition(": ")[2]
            elif line.startswith("changed:") and task not in found:
                found.append(task)
        return found


class Host:
    """A folder that stands for a host: all paths of the role lie in it."""

    def __init__(self, folder: Path, repository: Repository, uv: Path) -> None:
        self.folder = folder
        self.app, self.releases = folder / "opt/app", folder / "opt/app.releases"
        self.build, self.home = folder / "var/build", folder / "home"
        for one in (self.app.parent, self.build.parent, self.home, folder / "volume"):
            one.mkdir(parents=True)
        recordings = folder / "recordings"
        recordings.mkdir()
        for name in ("voice_01.wav", "voice_02.wav"):
            (recordings / name).write_text(name)
        self.environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("PIP_", "UV_"))
            },
            "HOME": str(self.home),
            "TEST_RECORDINGS": str(recordings),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCALHOST_WARNING": "False",
        }
        self.variables: dict[str, Any] = {
            "ansible_python_interpreter": sys.executable,
            "indextts2_user": getpass.getuser(),
            "indextts2_app_dir": str(self.app),
            "indextts2_mount_point": str(folder / "volume"),
            "indextts2_install_from": "git",
            "indextts2_profile": "cache_hub",
            "indextts2_git_url": f"file://{repository.bare}",
            "indextts2_git_revision": "v1",
            "indextts2_python_from": "system",
            "indextts2_system_python": PYTHON,
            "indextts2_python_dir": str(folder / "opt/python"),
            "indextts2_uv_dir": str(uv),
            "indextts2_uv_version": next(WHEELS.glob("uv-*.whl")).name.split("-")[1],
            "indextts2_build_dir": str(self.build),
            "indextts2_required_space": "10M",
            "__indextts2_models_missing": ["all"],  # the handler then leaves the service alone
        }

    def command(self, *options: str, **variables: Any) -> list[str]:
        given = self.folder / "variables.json"
        given.write_text(json.dumps({**self.variables, **variables}))
        play = [sys.executable, "-m", "ansible", "playbook"]
        return [*play, "-i", "localhost,", str(HERE / "play.yml"), "-e", f"@{given}", *options]

    def run(self, *options: str, **variables: Any) -> Result:
        return Result(
            subprocess.run(
                self.command(*options, **variables),
                env=self.environment,
                cwd=self.folder,
                text=True,
                check=False,
                capture_output=True,
            )
        )

    @contextmanager
    def running(self, **variables: Any) -> Iterator[subprocess.Popen[str]]:
        """A run that is killed in the end, with all that it started."""
        process = subprocess.Popen(
            self.command(**variables),
            env=self.environment,
            cwd=self.folder,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def release(self, name: str = "v1") -> Path:
        return self.releases / name

    @property
    def names(self) -> set[str]:
        return set(os.listdir(self.releases)) if self.releases.exists() else set()

    @property
    def used(self) -> str:
        return Path(os.readlink(self.app)).name if self.app.is_symlink() else ""

    def installed(self) -> set[str]:
        """The packages in the environment in use."""
        code = (
            "from importlib.metadata import distributions as d; print(*(one.name for one in d()))"
        )
        command = [self.app / ".venv/bin/python", "-c", code]
        found = subprocess.run(command, check=True, text=True, capture_output=True)
        return set(found.stdout.split())


@pytest.fixture
def host(tmp_path: Path, repository: Repository, upstream: Index, uv: Path) -> Iterator[Host]:
    upstream.away, upstream.held = False, ""
    upstream.requests.clear()
    yield Host(tmp_path, repository, uv)
    upstream.held = ""


def wait_for(what: str, condition: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
