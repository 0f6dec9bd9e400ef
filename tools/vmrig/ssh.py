# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rig's own ssh: its key, its known hosts, nothing of the user's configuration."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from vmrig.errors import RigError
from vmrig.state import Layout

USER = "root"


def options(layout: Layout, host: str) -> list[str]:
    """The options that Ansible needs too."""
    return [
        *("-F", "/dev/null"),
        *("-o", f'UserKnownHostsFile="{layout.known_hosts}"'),
        *("-o", f"HostKeyAlias={host}"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", "LogLevel=ERROR"),
        # Shared connections are kept where a restore finds and closes them.
        *("-o", f'ControlPath="{layout.run}/%C.ssh"'),
    ]


def argv(layout: Layout, host: str, port: int, command: Iterable[str] = ()) -> list[str]:
    """An ssh of its own: a connection from before a power cut or a restore is dead."""
    return [
        "ssh",
        *options(layout, host),
        *("-o", "ControlMaster=no", "-S", "none", "-i", str(layout.key)),
        *("-o", "ConnectTimeout=60", "-p", str(port), f"{USER}@127.0.0.1"),
        *command,
    ]


def has_banner(port: int) -> bool:
    """Whether an sshd answers; QEMU accepts connections long before the machine does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def make_key(path: Path, comment: str) -> None:
    """An ed25519 key pair at *path*, unless it is there."""
    if path.is_file() and Path(f"{path}.pub").is_file():
        return
    path.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError as exc:
        raise RigError(f"{path}: ssh-keygen failed with status {exc.returncode}") from exc


def close_shared(layout: Layout) -> None:
    """End Ansible's shared connections: after a restore their other end knows nothing of them."""
    for path in layout.run.glob("*.ssh"):
        command = ["ssh", "-F", "/dev/null", "-S", str(path), "-O", "exit", "127.0.0.1"]
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
        path.unlink(missing_ok=True)
