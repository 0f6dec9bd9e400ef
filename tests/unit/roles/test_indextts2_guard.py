# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks before the start of IndexTTS2, as the unit runs them."""

from __future__ import annotations

import http.server
import importlib.util
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

GUARD = Path(__file__).parents[3] / "roles" / "indextts2" / "files" / "indextts2_guard.py"

spec = importlib.util.spec_from_file_location("indextts2_guard", GUARD)
assert spec and spec.loader
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)


class Driver:
    """What libcuda says of the GPUs."""

    def __init__(self, count: int = 1, init: int = 0) -> None:
        self._count = count
        self._init = init

    def cuInit(self, flags: int) -> int:
        return self._init

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self._count
        return 0


def guard(*arguments: str | Path | int, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, GUARD, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


def refusal(*arguments: str | Path | int, **environment: str) -> str:
    """Why a check fails: one line."""
    done = guard(*arguments, **environment)
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1
    return done.stderr


def mounted() -> tuple[str, str]:
    """A mount point of this host that is on a device, and the device's path."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, point = line.split()[:2]
        if source.startswith("/dev/") and os.path.isdir(point):
            return point, source
    pytest.skip("nothing here is mounted from a device")


def test_a_folder_where_nothing_is_mounted_is_no_volume(tmp_path: Path) -> None:
    assert refusal("volume", tmp_path) == (
        f"volume: found nothing mounted at {tmp_path}, expected the model volume; "
        "nothing is read from the system disk instead\n"
    )


def test_the_volume_is_known_by_its_device() -> None:
    assert guard("volume", "/proc").returncode == 0
    text = refusal("volume", "/proc", "--device", "/dev/null")
    assert "found proc with UUID (none) mounted at /proc" in text
    assert text.endswith("expected /dev/null, which is another device\n")
    text = refusal("volume", "/proc", "--device", "/dev/disk/by-id/none")
    assert text.endswith("expected /dev/disk/by-id/none, which is not there\n")


def test_the_right_device_passes() -> None:
    point, source = mounted()
    if not os.path.exists(source) or os.stat(source).st_rdev != os.stat(point).st_dev:
        pytest.skip("the device of what is mounted here cannot be seen")
    assert guard("volume", point, "--device", source).returncode == 0


def test_the_files_of_the_release_are_required(tmp_path: Path) -> None:
    names = ["a.pth", "b.pth", "hf_cache/c", "hf_cache/d"]
    arguments = ["files", "--profile", "upstream-2.5", tmp_path]
    text = refusal(*arguments, *names)
    assert f"found no a.pth, b.pth, hf_cache/c and 1 more in {tmp_path}" in text
    assert "expected 4 files for upstream-2.5" in text
    (tmp_path / "hf_cache").mkdir()
    for name in names:
        (tmp_path / name).write_text("x")
    assert guard(*arguments, *names).returncode == 0
    (tmp_path / "a.pth").write_text("")
    assert "found no a.pth in" in refusal(*arguments, *names)


def test_a_host_without_a_driver_has_no_gpu() -> None:
    text = refusal("gpu", "--library", "libnone.so.1")
    assert text.startswith("gpu: found no NVIDIA driver (libnone.so.1: cannot open")
    assert "indextts2_gpu_required" in text


def test_the_driver_shows_a_gpu_or_says_why_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(driver: Driver) -> tuple[int, str]:
        monkeypatch.setattr(program.ctypes, "CDLL", lambda name: driver)
        return program.main(["gpu"]), capsys.readouterr().err

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert look(Driver()) == (0, "")
    for driver in (Driver(count=0), Driver(init=100)):
        code, text = look(driver)
        assert code == 1
        assert "found no GPU with CUDA_VISIBLE_DEVICES 7" in text
    code, text = look(Driver(init=999))
    assert code == 1
    assert "failing with CUDA error 999" in text


@pytest.mark.parametrize(
    ("version", "passes"),
    [
        ("cuda: Optional[str] = '12.8'\n", True),
        ('cuda = "12.8"\n', True),
        ("debug = False\n", True),
        ("cuda: Optional[str] = None\n", False),
    ],
)
def test_a_pytorch_for_the_processor_does_not_use_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    version: str,
    passes: bool,
) -> None:
    package = tmp_path / "lib" / "python3.11" / "site-packages" / "torch"
    package.mkdir(parents=True)
    (package / "version.py").write_text(version)
    python = tmp_path / "bin" / "python"
    monkeypatch.setattr(program.ctypes, "CDLL", lambda name: Driver())
    assert program.main(["gpu", "--torch", str(python)]) == (0 if passes else 1)
    wrong = f"a PyTorch without CUDA in {python}"
    assert (wrong in capsys.readouterr().err) is not passes


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    made = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_port_that_somebody_has_is_refused(server: http.server.HTTPServer) -> None:
    port = server.server_port
    assert f"found 127.0.0.1:{port} not to be had (address already in use)" in refusal(
        "port", "127.0.0.1", port
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    assert guard("port", "127.0.0.1", number).returncode == 0


def test_ready_is_who_listens_itself_and_answers(server: http.server.HTTPServer) -> None:
    port = server.server_port
    assert guard("ready", "--path", "/ready", "127.0.0.1", port, os.getpid()).returncode == 0
    # Somebody else answers on the port, and the process that was started has ended.
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert "ended before it answered on port" in refusal(
        "ready", "--path", "/ready", "127.0.0.1", port, ended.pid
    )


def test_a_page_that_fails_is_waited_for(server: http.server.HTTPServer) -> None:
    waiting = subprocess.Popen(
        [
            sys.executable,
            GUARD,
            "ready",
            "--path",
            "/busy",
            "127.0.0.1",
            str(server.server_port),
            str(os.getpid()),
        ]
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(3)
    finally:
        waiting.kill()
        waiting.wait()
