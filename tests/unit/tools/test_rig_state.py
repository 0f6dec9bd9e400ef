# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rig remembers, and how it knows its own processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from vmrig import process, state
from vmrig.errors import RigError
from vmrig.inventory import Machine

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_another_name_or_checkout_is_another_rig() -> None:
    environ = {"XDG_RUNTIME_DIR": "/run/user/7"}
    layouts = [
        state.layout("demo", Path("/one"), environ),
        state.layout("demo", Path("/two"), environ),
        state.layout("other", Path("/one"), environ),
    ]
    assert len({layout.run for layout in layouts}) == 3
    assert len({layout.folder for layout in layouts}) == 3
    assert layouts[0] == state.layout("demo", Path("/one"), environ)
    assert layouts[0].folder == Path("/one/.rig/demo")


def test_the_state_folder_can_be_given() -> None:
    layout = state.layout("demo", Path("/one"), {"RIG_STATE": "/elsewhere"})
    assert layout.inventory == Path("/elsewhere/inventory.yml")


def test_a_socket_path_that_is_too_long_is_refused_with_the_way_out() -> None:
    state.check_socket_paths({"a": Path("/" + "x" * 106)})
    with pytest.raises(RigError, match="Set XDG_RUNTIME_DIR to a shorter folder"):
        state.check_socket_paths({"a": Path("/" + "x" * 107)})


def test_a_folder_for_sockets_that_others_can_open_is_refused(tmp_path: Path) -> None:
    layout = state.layout("demo", tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)})
    layout.make()
    layout.run.chmod(0o755)
    with pytest.raises(RigError, match="not a private folder"):
        layout.make()


def test_ports_are_kept_until_somebody_else_takes_them() -> None:
    memory = state.Memory("", {})
    machine = Machine(name="a", forward=(7860,))
    first = memory.choose_ports(machine)
    assert set(first) == {22, 7860}
    assert memory.choose_ports(machine) == first
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", first[22]))
        thief.listen()
        second = memory.choose_ports(machine)
    assert second[22] != first[22]
    assert second[7860] == first[7860]


def test_memory_survives_in_its_file(tmp_path: Path) -> None:
    layout = state.layout("demo", tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)})
    layout.make()
    assert state.Memory.load(layout) == state.Memory("", {})
    memory = state.Memory("/image", {"a": {22: 40001}})
    memory.save(layout)
    assert state.Memory.load(layout) == memory


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
