# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines' image: a stock Debian built by mmdebstrap, cached under a key of its inputs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmrig import process
from vmrig.errors import RigError
from vmrig.progress import say

RELEASES = ("bookworm", "trixie")
# Raise it when a change in this file changes what an image is.
FORMAT = 1
# Room for what the roles install, the models of the tests, and memory snapshots; it is sparse.
DISK_SIZE = "6G"
# The rootfs, its tar, and the image exist at the same time; about 2 GiB were seen.
BUILD_SPACE = 4 << 30
# The rootfs alone, which mmdebstrap unpacks in TMPDIR. It has to be a folder that every user can
# reach, which one in the cache need not be.
UNPACK_SPACE = 2 << 30

INSTALLED = (
    "ca-certificates", "dbus", "iproute2", "iputils-ping", "kmod", "linux-image-amd64", "lz4",
    "openssh-server", "procps", "python3", "python3-apt", "sudo", "systemd-sysv", "udev",
)  # fmt: skip
# The roles install these; they wait in apt's cache, so no machine downloads anything.
DOWNLOADED = (
    "auditd", "fio", "lvm2", "multipath-tools", "nftables", "open-iscsi", "python3-rtslib-fb",
    "targetcli-fb", "thin-provisioning-tools", "xfsprogs",
)  # fmt: skip
# Timers that would wake up in the middle of a test.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "systemd-pstore.service",
)  # fmt: skip
DPKG_OPTIONS = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    # Hardware that no virtual machine has: half of the kernel package.
    "path-exclude=*/lib/modules/*/kernel/drivers/gpu/*",
    "path-exclude=*/lib/modules/*/kernel/drivers/media/*",
    "path-exclude=*/lib/modules/*/kernel/drivers/net/ethernet/*",
    "path-exclude=*/lib/modules/*/kernel/drivers/net/wireless/*",
    "path-exclude=*/lib/modules/*/kernel/sound/*",
)
APT_OPTIONS = ('APT::Install-Recommends "false"', 'Acquire::Languages "none"')
_LIBRARIES = (
    f'chroot "$1" apt-get install --simulate {" ".join(DOWNLOADED)}'
    ' | awk \'$1 == "Inst" && $2 ~ /^(lib|gir1|python3-)/ && $2 != "python3-rtslib-fb" {print $2}\''
)
# Run in order with the new root as $1.
CUSTOMIZE = (
    'rm -f "$1"/etc/ssh/ssh_host_*',
    'echo localhost > "$1/etc/hostname"',
    'echo nameserver 10.0.2.3 > "$1/etc/resolv.conf"',
    'echo LANG=C.UTF-8 > "$1/etc/default/locale"',
    # Every kernel-related package would rebuild the initramfs: minutes under emulation.
    'echo update_initramfs=no > "$1/etc/initramfs-tools/update-initramfs.conf"',
    'chroot "$1" systemctl enable rig-seed.service systemd-networkd.service',
    f'chroot "$1" systemctl mask {" ".join(MASKED)}',
    # Their libraries can be there before: unpacking and compiling them under emulation takes a
    # minute. rtslib is no mere library: its package starts a service.
    f'chroot "$1" apt-get install --yes $({_LIBRARIES})',
    'chroot "$1" apt-get clean',
    f'chroot "$1" apt-get install --yes --download-only {" ".join(DOWNLOADED)}',
    'chroot "$1" apt-cache gencaches',
)

_ROOTFS = Path(__file__).parent / "rootfs"


@dataclass(frozen=True)
class Image:
    """Where the parts of a finished image are."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "base.qcow2"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"

    @property
    def is_complete(self) -> bool:
        return (self.folder / "manifest.json").is_file()


def release(environ: Mapping[str, str]) -> str:
    """The Debian release asked for."""
    value = environ.get("RIG_RELEASE") or RELEASES[0]
    if value not in RELEASES:
        raise RigError(f"RIG_RELEASE: found {value!r}, expected one of {', '.join(RELEASES)}")
    return value


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The folder of all images."""
    base = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tts-modelstore" / "images"


def inputs(debian: str, rootfs: Mapping[str, tuple[int, bytes]]) -> dict[str, object]:
    """Everything that decides what is in the image."""
    return {
        "format": FORMAT,
        "release": debian,
        "disk_size": DISK_SIZE,
        "installed": INSTALLED,
        "downloaded": DOWNLOADED,
        "dpkg": DPKG_OPTIONS,
        "apt": APT_OPTIONS,
        "customize": CUSTOMIZE,
        "rootfs": {
            path: f"{mode:o} {hashlib.sha256(content).hexdigest()}"
            for path, (mode, content) in sorted(rootfs.items())
        },
    }


def key(values: Mapping[str, object]) -> str:
    """A short name for a set of inputs."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def rootfs_files(folder: Path = _ROOTFS) -> dict[str, tuple[int, bytes]]:
    """The files added to the image: path → (mode, content)."""
    return {
        str(path.relative_to(folder)): (
            0o755 if os.access(path, os.X_OK) else 0o644,
            path.read_bytes(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def tar_bytes(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """A tar of *files*, all of them root's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, (mode, content) in files.items():
            info = tarfile.TarInfo(path)
            info.mode, info.size = mode, len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def bootstrap_argv(debian: str, rootfs_tar: Path, output: Path, mirror: str) -> list[str]:
    """The mmdebstrap command."""
    argv = ["mmdebstrap", "--variant=apt", f"--include={','.join(INSTALLED)}"]
    # Keep apt's lists and packages: the machines install from them.
    argv += ["--skip=cleanup/apt"]
    argv += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    argv += [f"--aptopt={option}" for option in APT_OPTIONS]
    argv += [f"--essential-hook=tar-in {rootfs_tar} /"]
    argv += [f"--customize-hook={command}" for command in CUSTOMIZE]
    argv += [debian, str(output)]
    return [*argv, mirror] if mirror else argv


# mke2fs before 1.47.1 cannot read a tar, so unpack it first. $1 is the work folder.
_PACK = f"""\
set -eu
cd "$1"
mkdir root
tar -x -p --numeric-owner -C root -f root.tar
rm root.tar
cp -L root/vmlinuz vmlinuz
cp -L root/initrd.img initrd
mke2fs -q -t ext4 -L root -m 0 -E lazy_itable_init=0 -d root base.raw {DISK_SIZE}
rm -rf root
qemu-img convert -O qcow2 base.raw base.qcow2
rm base.raw
"""


def pack_argv(folder: Path, *, as_root: bool) -> list[str]:
    """The command that makes kernel, initrd and disk from the tar in *folder*."""
    argv = ["sh", "-c", _PACK, "sh", str(folder)]
    return argv if as_root else ["fakeroot", *argv]


def ensure(environ: Mapping[str, str]) -> Image:
    """The image, built if it is not in the cache."""
    debian = release(environ)
    files = rootfs_files()
    values = inputs(debian, files)
    cache = cache_dir(environ)
    image = Image(cache / key(values))
    if image.is_complete:
        return image
    _need_tools()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{image.folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("image: another process builds it; waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.is_complete:
            _build(image, values, files, environ.get("RIG_MIRROR", ""))
    return image


def need_space(
    folder: Path, needed: int, purpose: str, hint: str = "Free some space there."
) -> None:
    """Refuse early when *folder*'s file system has less than *needed* bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RigError(
            f"{purpose}: {free >> 20} MiB free in {folder}, expected at least {needed >> 20} MiB.",
            hint,
        )


def _need_tools() -> None:
    packages = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "qemu-img": "qemu-utils"}
    if os.geteuid() != 0:
        packages |= {"fakeroot": "fakeroot", "newuidmap": "uidmap"}
    process.need_tools(packages, "image")


def _build(
    image: Image,
    values: Mapping[str, object],
    files: Mapping[str, tuple[int, bytes]],
    mirror: str,
) -> None:
    cache = image.folder.parent
    need_space(cache, BUILD_SPACE, "image")
    need_space(
        Path(os.environ.get("TMPDIR") or "/tmp"),
        UNPACK_SPACE,
        "image",
        "Free some space there, or set TMPDIR to a folder that every user can reach.",
    )
    log = cache / f"{image.folder.name}.log"
    work = Path(tempfile.mkdtemp(prefix=f"{image.folder.name}.", dir=cache))
    try:
        rootfs_tar = work / "rootfs.tar"
        rootfs_tar.write_bytes(tar_bytes(files))
        debian = str(values["release"])
        argv = bootstrap_argv(debian, rootfs_tar, work / "root.tar", mirror)
        with log.open("wb") as sink:
            _run(argv, f"image: installing Debian {debian}", log, sink)
            rootfs_tar.unlink()
            argv = pack_argv(work, as_root=os.geteuid() == 0)
            _run(argv, "image: making the disk", log, sink)
        (work / "manifest.json").write_text(json.dumps(values, indent=2) + "\n")
        work.chmod(0o755)
        work.rename(image.folder)
        log.unlink()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"image: {image.folder}")


def _run(argv: list[str], purpose: str, log: Path, sink: io.BufferedWriter) -> None:
    """Run a step with its output in *log*; print what it does now and then."""
    environ = {**os.environ, "PATH": process.PATH}
    say(purpose)
    # In a session of its own, so that it can be ended with all its children.
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=sink,
        env=environ,
        start_new_session=True,
    ) as step:
        last = time.monotonic()
        try:
            while step.poll() is None:
                time.sleep(0.5)
                if time.monotonic() - last > 10:
                    last = time.monotonic()
                    say(f"{purpose}: {(tail(log, 1) or ['…'])[-1][:90]}")
        except BaseException:
            _end(step)
            raise
    if step.returncode:
        raise RigError(
            f"{purpose}: failed with status {step.returncode}; the end of {log}:\n"
            + "\n".join(f"    {line}" for line in tail(log, 15)),
            "If packages could not be downloaded, set RIG_MIRROR to a Debian mirror.",
        )


def _end(step: subprocess.Popen[bytes]) -> None:
    """Interrupt a step as Ctrl-C does, so that mmdebstrap removes its folders."""
    for number, seconds in ((signal.SIGINT, 30), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(step.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            step.wait(seconds)
            return


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a log that have anything in them."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200 * count - 4096))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
