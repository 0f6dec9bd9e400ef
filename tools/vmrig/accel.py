# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KVM or software emulation: KVM counts only when it really boots a kernel."""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmrig import process, qemu
from vmrig.errors import RigError
from vmrig.image import Image
from vmrig.progress import say

# With working KVM the first line comes in well under a second.
_SECONDS = 8.0
_FIRST_LINE = b"Linux version"
_DEVICE = Path("/dev/kvm")


def choose(image: Image, environ: Mapping[str, str]) -> Sequence[str]:
    """QEMU's accelerator options, by RIG_ACCEL or by trying."""
    wanted = environ.get("RIG_ACCEL") or "auto"
    if wanted == "kvm":
        return qemu.KVM
    if wanted == "tcg":
        return qemu.TCG
    if wanted != "auto":
        raise RigError(f"RIG_ACCEL: found {wanted!r}, expected one of auto, kvm, tcg")
    if not _DEVICE.exists():
        say(f"accel: no {_DEVICE}, emulating (slow)")
        return qemu.TCG
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        say(f"accel: {_DEVICE} is there but this user may not open it, emulating (slow)")
        say("accel: for KVM run: sudo adduser $USER kvm, and log in again")
        return qemu.TCG
    memory = image.folder.parent / "kvm-probe.json"
    question = _question(image)
    answer = _remembered(memory, question)
    if answer is None:
        say("accel: trying KVM")
        answer = _boots(qemu.probe_argv(image))
        memory.write_text(json.dumps({"question": question, "works": answer}))
    say("accel: KVM" if answer else "accel: KVM does not boot a kernel here, emulating (slow)")
    return qemu.KVM if answer else qemu.TCG


def _question(image: Image) -> str:
    """What the answer depends on: the kernel, QEMU, the host as it was booted."""
    version = subprocess.run(
        [qemu.QEMU, "--version"], stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    parts = (image.folder.name, version, process.boot_id())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _remembered(memory: Path, question: str) -> bool | None:
    try:
        data = json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return bool(data["works"]) if data.get("question") == question else None


def _boots(argv: Sequence[str]) -> bool:
    deadline = time.monotonic() + _SECONDS
    with (
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as vm,
        selectors.DefaultSelector() as selector,
    ):
        assert vm.stdout is not None
        selector.register(vm.stdout, selectors.EVENT_READ)
        seen = b""
        try:
            while _FIRST_LINE not in seen:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return False
                chunk = os.read(vm.stdout.fileno(), 4096)
                if not chunk:
                    return False
                seen += chunk
            return True
        finally:
            vm.kill()
