# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rig remembers, and how it knows its own processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from vmrig import process, state
from vmrig.errors import RigError
from vmrig.inventory import Machine

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def rig(tmp_path: Path) -> state.Layout:
    return state.Layout("demo", tmp_path / "demo", tmp_path / "run", "12ab")


def test_another_name_or_checkout_is_another_rig() -> None:
    layouts = [
        state.layout("demo", Path("/one")),
        state.layout("demo", Path("/two")),
        state.layout("other", Path("/one")),
    ]
    assert len({layout.run for layout in layouts}) == 3
    assert len({layout.folder for layout in layouts}) == 3
    assert layouts[0] == state.layout("demo", Path("/one"))
    assert layouts[0].folder == Path("/one/.rig/demo")


def test_sockets_outlive_the_login_and_have_paths_that_the_kernel_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setattr(os, "geteuid", lambda: 2**32 - 2)
    layout = state.layout("n" * 40, Path("/" + "x" * 200))
    assert layout.run.parent == Path("/tmp")
    # The longest names an inventory may have; a unix socket's path has at most 107 characters.
    assert len(str(layout.socket("n" * 24, "h" * 32))) <= 107


@pytest.mark.parametrize("kind", ["open", "another user's", "a file", "a link", "a dead link"])
def test_a_foreign_folder_for_sockets_is_refused(
    rig: state.Layout, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "a file":
        rig.run.touch()
    elif kind.endswith("link"):
        rig.run.symlink_to("/" if kind == "a link" else "/none")
    else:
        rig.run.mkdir(mode=0o755 if kind == "open" else 0o700)
    if kind == "another user's":
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(RigError, match="not a private folder"):
        rig.make()


def test_the_folders_can_be_made_again(rig: state.Layout) -> None:
    rig.make()
    rig.make()
    assert rig.run.stat().st_mode & 0o777 == 0o700


def test_ports_are_kept_until_somebody_else_takes_them() -> None:
    memory = state.Memory("", {})
    machine = Machine(name="a", forward=(7860,))
    first = memory.choose_ports(machine, "12ab")
    assert set(first) == {22, 7860}
    assert memory.choose_ports(machine, "12ab") == first
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", first[22]))
        thief.listen()
        second = memory.choose_ports(machine, "12ab")
    assert second[22] != first[22]
    assert second[7860] == first[7860]


@pytest.mark.parametrize(
    ("identity", "expected"), [("0", [20000, 20002, 20003]), ("270f", [29999, 20000, 20002])]
)
def test_ports_are_the_first_free_ones_below_those_of_outgoing_connections(
    identity: str, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "is_free", lambda port: port != 20001)
    memory = state.Memory("", {})
    first = memory.choose_ports(Machine(name="a", forward=(80,)), identity)
    second = memory.choose_ports(Machine(name="b"), identity)
    assert [first[22], first[80], second[22]] == expected


def test_no_free_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "is_free", lambda port: False)
    with pytest.raises(RigError, match="no free port from 20000 to 29999"):
        state.Memory("", {}).choose_ports(Machine(name="a"), "0")


def test_memory_survives_in_its_file(rig: state.Layout) -> None:
    rig.make()
    assert state.Memory.load(rig) == state.Memory("", {})
    memory = state.Memory("/image", {"a": {22: 40001}})
    memory.save(rig)
    assert state.Memory.load(rig) == memory


def test_the_start_time_is_read_past_a_name_with_brackets_and_spaces() -> None:
    rest = " ".join(str(n) for n in range(4, 53))
    assert process.start_time(f"12 (a) R (b) S {rest}") == 22
    assert process.start_time(f"12 (a) Z {rest}") is None


def test_a_process_is_known_by_more_than_its_pid(tmp_path: Path) -> None:
    record = tmp_path / "me.pid"
    me = process.identify(os.getpid())
    assert me is not None
    record.write_text(json.dumps(asdict(me)))
    assert process.recorded(record) == me
    for other in (replace(me, started=me.started + 1), replace(me, boot="another")):
        record.write_text(json.dumps(asdict(other)))
        assert process.recorded(record) is None


@pytest.mark.parametrize("text", ["", "{", "12", '{"pid": 1}'])
def test_a_broken_record_is_no_process(tmp_path: Path, text: str) -> None:
    record = tmp_path / "x.pid"
    record.write_text(text)
    assert process.recorded(record) is None


def test_stop_kills_the_recorded_process_once(tmp_path: Path) -> None:
    record = tmp_path / "sleep.pid"
    process.start(SLEEP, record, tmp_path / "log")
    identity = process.recorded(record)
    assert identity is not None
    assert os.getsid(identity.pid) == identity.pid
    assert process.stop(record)
    assert process.identify(identity.pid) is None
    assert not process.stop(record)
    os.waitpid(identity.pid, 0)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """An interrupt is heard, also in tests that a script runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_between_start_and_record_loses_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = os.posix_spawnp

    def interrupted(*args: Any, **options: Any) -> int:
        pid = spawn(*args, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return pid

    monkeypatch.setattr(os, "posix_spawnp", interrupted)
    record = tmp_path / "sleep.pid"
    with pytest.raises(KeyboardInterrupt):
        process.start(SLEEP, record, tmp_path / "log")
    identity = process.recorded(record)
    assert identity is not None
    assert "SigBlk:\t0000000000000000\n" in Path(f"/proc/{identity.pid}/status").read_text()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
    process.stop(record)
    os.waitpid(identity.pid, 0)


def test_stop_leaves_a_process_alone_that_only_has_the_same_pid(tmp_path: Path) -> None:
    record = tmp_path / "sleep.pid"
    with subprocess.Popen(SLEEP) as other:
        identity = process.identify(other.pid)
        assert identity is not None
        record.write_text(json.dumps(asdict(replace(identity, started=1))))
        assert not process.stop(record)
        assert other.poll() is None
        other.kill()
    assert not record.exists()
