# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the rig's commands fail: one clear line, and nothing left behind."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from vmrig import accel, cli, image, process, qemu, rig, state
from vmrig.errors import RigError
from vmrig.inventory import Machine

# Makes its control socket's file, as QEMU does when it has accepted its command line.
FAKE_QEMU = """\
#!/bin/sh
for word; do
    case $word in unix:*) path=${word#unix:}; : > "${path%%,*}" ;; esac
done
exec sleep 60
"""


@pytest.fixture
def _process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What cli.main changes in the process is put back."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def one_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[rig.Rig]:
    """A rig whose only machine has disks and is off; its QEMU is a fake."""
    layout = state.Layout("demo", tmp_path / "demo", tmp_path / "run", "12ab")
    layout.make()
    machine = Machine(name="a")
    layout.machine(machine).root.touch()
    base = tmp_path / "image"
    base.mkdir()
    (base / "manifest.json").touch()
    memory = state.Memory(str(base), {})
    memory.choose_ports(machine, layout.identity)
    memory.save(layout)
    program = tmp_path / "qemu"
    program.write_text(FAKE_QEMU)
    program.chmod(0o755)
    monkeypatch.setattr(qemu, "QEMU", str(program))
    yield rig.Rig(layout, {"a": machine}, {"RIG_ACCEL": "tcg"})
    process.stop(layout.record("a"))


def test_machines_file_and_name_can_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RIG_MACHINES", raising=False)
    monkeypatch.delenv("RIG_NAME", raising=False)
    options = cli.parser().parse_args(["up"])
    assert (options.machines, options.name) == (cli.CHECKOUT / "tests/rig/demo.yml", "demo")
    monkeypatch.setenv("RIG_MACHINES", "tests/rig/fleet.yml")
    monkeypatch.setenv("RIG_NAME", "fleet")
    options = cli.parser().parse_args(["up"])
    assert (options.machines, options.name) == (cli.CHECKOUT / "tests/rig/fleet.yml", "fleet")


@pytest.mark.usefixtures("_process_state")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "No space left on device: '/x'"),
        (PermissionError(errno.EACCES, "Permission denied", "/y"), "Permission denied: '/y'"),
        (subprocess.TimeoutExpired(["ssh"], 20), "timed out after 20 seconds"),
        (RigError("what", "hint"), "what\nhint"),
    ],
)
def test_an_error_is_told_without_a_traceback(
    error: Exception,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["status"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("tools/rig: ")
    assert message in told
    assert "Traceback" not in told


@pytest.mark.usefixtures("_process_state")
def test_image_names_the_packages_of_missing_programs_before_it_builds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "PATH", "/none")
    monkeypatch.setattr(image, "ensure", lambda _: pytest.fail("built"))
    assert cli.main(["image"]) == 1
    told = capsys.readouterr().err
    assert "sudo apt-get install openssh-client qemu-system-x86 qemu-utils\n" in told


def test_up_names_the_packages_of_missing_programs_before_it_builds(
    one_off: rig.Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PATH", "/none")
    monkeypatch.setattr(image, "ensure", lambda _: pytest.fail("built"))
    with pytest.raises(RigError, match="up: openssh-client, qemu-system-x86, qemu-utils not inst"):
        one_off.up()


def test_help_names_every_variable_the_rig_reads() -> None:
    folder = Path(rig.__file__).parent
    read = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r'\.get\("(RIG_[A-Z]+)"', path.read_text())
    }
    epilog = cli.parser().epilog
    assert epilog is not None
    assert set(re.findall("RIG_[A-Z]+", epilog)) == read


def test_power_on_names_a_port_that_somebody_else_has_taken(one_off: rig.Rig) -> None:
    port = state.Memory.load(one_off.layout).ports["a"][22]
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()
        with pytest.raises(RigError, match=f"a: .* 127.0.0.1:{port}.\n.* down, then tools/rig up"):
            one_off.power_on("a", wait=False)
    assert not one_off.is_running("a")


@pytest.mark.parametrize("error", [RigError("no ssh"), KeyboardInterrupt()])
def test_power_on_stops_the_machine_it_started_when_it_fails(
    one_off: rig.Rig, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: rig.Rig, *_: object) -> None:
        assert self.is_running("a")
        raise error

    monkeypatch.setattr(rig.Rig, "_wait", fail)
    with pytest.raises(type(error)):
        one_off.power_on("a", wait=True)
    assert not one_off.is_running("a")
    assert one_off.layout.machine(one_off.machines["a"]).root.exists()


def test_power_on_leaves_a_machine_alone_that_was_on(
    one_off: rig.Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_off.power_on("a", wait=False)

    def fail(*_: object) -> None:
        raise RigError("no ssh")

    monkeypatch.setattr(rig.Rig, "_wait", fail)
    with pytest.raises(RigError):
        one_off.power_on("a", wait=True)
    assert one_off.is_running("a")


def test_a_kvm_that_the_user_may_not_open_comes_with_the_remedy(
    one_off: rig.Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = image.Image(one_off.layout.folder)
    monkeypatch.setattr(accel, "_DEVICE", one_off.layout.known_hosts)
    assert accel.choose(base, {}) == qemu.TCG
    assert "adduser" not in capsys.readouterr().err
    one_off.layout.known_hosts.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert accel.choose(base, {}) == qemu.TCG
    assert "sudo adduser $USER kvm" in capsys.readouterr().err
