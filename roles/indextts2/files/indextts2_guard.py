# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be true before IndexTTS2 starts, and whether it serves.

The unit runs each check as the user of the service and in its sandbox, so that what passes here is
what the application gets. A check that fails says why in one line on stderr and exits with 1.
"""

from __future__ import annotations

import argparse
import ctypes
import http.client
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_UUIDS = Path("/dev/disk/by-uuid")
_OCTAL = re.compile(r"\\([0-7]{3})")
# cuda.h: the driver is there, and no device for this process.
_CUDA_NO_DEVICE = 100
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
_PAUSE = 1.0  # seconds between two looks at a service that starts


class GuardError(Exception):
    """The service cannot start, or does not serve."""


def check_volume(options: argparse.Namespace) -> None:
    """The model volume is mounted, and no other one.

    :raises GuardError: nothing is mounted there, or what is mounted is on another device.
    """
    mounts = parse_mounts(Path("/proc/self/mountinfo").read_text())
    if options.mount_point not in mounts:
        raise GuardError(
            "found nothing mounted at %s, expected the model volume; nothing is read from the "
            "system disk instead" % options.mount_point
        )
    if not options.device:
        return
    expected = device_number(options.device)
    found = os.stat(options.mount_point).st_dev
    if found != expected:
        raise GuardError(
            "found %s with UUID %s mounted at %s, expected %s, which is %s"
            % (
                mounts[options.mount_point],
                uuid_of(found) or "(none)",
                options.mount_point,
                options.device,
                "not there" if expected is None else "another device",
            )
        )


def check_files(options: argparse.Namespace) -> None:
    """The files that this release needs are there, and not empty.

    :raises GuardError: names the first ones that are not.
    """
    faults = [name for name in options.file if not _has_bytes(Path(options.folder, name))]
    if faults:
        raise GuardError(
            "found no %s in %s, expected %d files for %s"
            % (_few(faults), options.folder, len(options.file), options.profile)
        )


def check_gpu(options: argparse.Namespace) -> None:
    """The driver shows a GPU to this process. Without one the application runs on the processor.

    :raises GuardError: there is no driver, or no GPU that CUDA_VISIBLE_DEVICES lets through.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
    try:
        driver = ctypes.CDLL(options.library)
    except OSError as error:
        raise GuardError(
            "found no NVIDIA driver (%s), expected a GPU; install the driver, or set "
            "indextts2_gpu_required to false to run on the processor" % error
        ) from error
    count = ctypes.c_int(0)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code not in (0, _CUDA_NO_DEVICE):
        raise GuardError(
            "found the NVIDIA driver failing with CUDA error %d, expected a GPU; see nvidia-smi and "
            "the kernel's messages" % code
        )
    if not count.value:
        raise GuardError(
            "found no GPU with CUDA_VISIBLE_DEVICES %s, expected one; see nvidia-smi -L" % shown
        )
    if options.torch:
        built = torch_cuda(Path(options.torch))
        if built == "":
            raise GuardError(
                "found a PyTorch without CUDA in %s, expected one that can use the GPU"
                % options.torch
            )


def check_port(options: argparse.Namespace) -> None:
    """Nobody else has the port.

    :raises GuardError: somebody has.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((options.host, options.port))
        except OSError as error:
            raise GuardError(
                "found %s:%d not to be had (%s), expected a free port; see ss --listening --tcp "
                "--processes" % (options.host, options.port, _reason(error))
            ) from error


def check_ready(options: argparse.Namespace) -> None:
    """Wait until the process itself listens on the port and answers.

    The time is the unit's: systemd ends this wait with TimeoutStartSec.

    :raises GuardError: the process has ended.
    """
    while not (listens(options.pid, options.port) and answers(options)):
        if not Path("/proc", str(options.pid)).exists():
            raise GuardError(
                "found the application ended before it answered on port %d, expected it to serve"
                % options.port
            )
        time.sleep(_PAUSE)


def parse_mounts(text: str) -> dict[str, str]:
    """Source of what is mounted, by mount point; of several on top of each other the last."""
    mounts = {}
    for line in text.splitlines():
        left, _dash, right = line.partition(" - ")
        mounts[_plain(left.split()[4])] = _plain(right.split()[1])
    return mounts


def device_number(path: str) -> int | None:
    """Number of a block device; None when there is no such device."""
    try:
        return os.stat(path).st_rdev
    except FileNotFoundError:
        return None


def uuid_of(number: int, folder: Path = _UUIDS) -> str:
    """UUID of the file system on a device as udev knows it, or nothing."""
    links = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((link.name for link in links if device_number(str(link)) == number), "")


def torch_cuda(interpreter: Path) -> str | None:
    """CUDA version that the PyTorch of an environment was built with; empty when with none.

    None when the environment has no PyTorch, or one that does not say.
    """
    for path in interpreter.parent.parent.glob("lib/python3*/site-packages/torch/version.py"):
        found = re.search(
            r"^cuda\b[^=\n]*=\s*(?:None|['\"]([^'\"]*)['\"])", path.read_text(), re.MULTILINE
        )
        if found:
            return found.group(1) or ""
    return None


def listening_sockets(table: str, port: int) -> set[str]:
    """Inodes of the sockets that listen on a port, from /proc/net/tcp or tcp6."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {
        row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port
    }


def listens(pid: int, port: int) -> bool:
    """Whether it is this process that listens on a port."""
    wanted: set[str] = set()
    for name in ("tcp", "tcp6"):
        table = Path("/proc/net", name)
        if table.exists():
            wanted |= listening_sockets(table.read_text(), port)
    return any(target == "socket:[%s]" % inode for target in _targets(pid) for inode in wanted)


def answers(options: argparse.Namespace) -> bool:
    """Whether the page that is probed answers with 200."""
    connection = http.client.HTTPConnection(options.host, options.port, timeout=10)
    try:
        connection.request("GET", options.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: Sequence[str]) -> int:
    """Run the check that the command line names.

    :returns: 0 when it passes, 1 when it does not.
    :raises SystemExit: with 2, when the command line is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        options.check(options)
    except GuardError as error:
        sys.stderr.write("%s: %s\n" % (options.name, error))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check what IndexTTS2 needs before it starts.")
    checks = parser.add_subparsers(dest="name", required=True)
    _add(checks, "volume", check_volume, {"mount_point": {}, "--device": {"default": ""}})
    _add(
        checks,
        "files",
        check_files,
        {"--profile": {"required": True}, "folder": {}, "file": {"nargs": "+"}},
    )
    _add(
        checks,
        "gpu",
        check_gpu,
        {"--torch": {"default": ""}, "--library": {"default": "libcuda.so.1"}},
    )
    _add(checks, "port", check_port, {"host": {}, "port": {"type": int}})
    _add(
        checks,
        "ready",
        check_ready,
        {"--path": {"required": True}, "host": {}, "port": {"type": int}, "pid": {"type": int}},
    )
    return parser


def _add(checks: Any, name: str, check: Any, arguments: Mapping[str, Mapping[str, Any]]) -> None:
    parser = checks.add_parser(name, description=check.__doc__.partition("\n")[0])
    parser.set_defaults(check=check)
    for argument, settings in arguments.items():
        parser.add_argument(argument, **settings)


def _has_bytes(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False


def _targets(pid: int) -> Iterator[str]:
    """What the open files of a process are; nothing of one that has ended."""
    folder = Path("/proc", str(pid), "fd")
    try:
        handles = sorted(folder.iterdir())
    except OSError:
        return
    for handle in handles:
        try:
            yield os.readlink(handle)
        except OSError:
            continue


def _plain(text: str) -> str:
    """A path of mountinfo, which writes spaces and the like as octal numbers."""
    return _OCTAL.sub(lambda found: chr(int(found.group(1), 8)), text)


def _few(names: Sequence[str]) -> str:
    more = " and %d more" % (len(names) - 3) if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
