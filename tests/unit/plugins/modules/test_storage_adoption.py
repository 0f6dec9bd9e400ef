# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""storage_adoption on real folders, killed and gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption import host
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import (
    PART,
    RECORD,
)
from ansible_collections.tts.modelstore.plugins.modules import storage_adoption

FILES = 200


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_locks", [])
    # The processes of this machine, which a test must not depend on.
    monkeypatch.setattr(host, "load_processes", lambda runner, fs, folder: [])
    source, volume = tmp_path / "cache_hub", tmp_path / "volume"
    (source / "blobs").mkdir(parents=True)
    (source / "snapshots" / "main").mkdir(parents=True)
    volume.mkdir()
    return source, volume


def fill(source):
    for number in range(FILES):
        (source / "blobs" / f"{number:03}").write_bytes(os.urandom(20_000 + number))
        (source / "snapshots" / "main" / f"{number}.pth").symlink_to(f"../../blobs/{number:03}")


def sums(folder):
    """SHA-256 of each file, by its path; what the adoption adds is left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (RECORD, PART)
    }


def options(folders, **others):
    source, volume = folders
    return {
        "source": str(source),
        "destination": str(volume),
        "require_mount": False,
        **others,
    }


@pytest.fixture
def run(folders, capsys):
    def with_options(check=False, **others):
        return run_module(storage_adoption, capsys, options(folders, **others), check=check)[0]

    return with_options


def start(folders):
    """The module as a process of its own."""
    arguments = folders[0].parent / "arguments"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options(folders)}))
    program = [sys.executable, storage_adoption.__file__, str(arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True)


def recorded(volume):
    try:
        return (volume / RECORD).read_text().count("\n")
    except FileNotFoundError:
        return 0


def test_a_copy_that_is_killed_again_and_again_ends_with_every_file_right(folders):
    source, volume = folders
    fill(source)
    before, kept = sums(source), source.with_name("cache_hub.before-modelstore")
    kills = (20, 80, 140)
    for share in kills:
        process = start(folders)
        while recorded(volume) < share and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was done before it was killed"
        assert source.is_dir() and not source.is_symlink()
        assert sums(source) == before
    done = recorded(volume)
    process = start(folders)
    result = json.loads(process.communicate()[0])
    assert process.returncode == 0
    copied = [action for action in result["actions"] if action["action"] == "copy_file"]
    assert len(copied) <= FILES - done + len(kills)  # those that were being copied
    assert os.readlink(source) == str(volume)
    assert sums(volume) == sums(source) == sums(kept) == before
    assert os.readlink(volume / "snapshots" / "main" / "7.pth") == "../../blobs/007"
    assert json.loads(start(folders).communicate()[0])["changed"] is False


def test_check_mode_tells_the_steps_and_takes_none(folders, run):
    source, volume = folders
    (source / "gpt.pth").write_bytes(b"model")
    predicted = run(check=True)
    assert predicted["changed"]
    assert sorted(os.listdir(volume)) == []
    assert source.is_dir() and not source.is_symlink()
    assert run()["actions"] == predicted["actions"]
    again = run()
    assert (again["changed"], again["actions"]) == (False, [])


def test_portions_show_how_far_it_is(folders, run):
    source, _volume = folders
    for name in "abcd":
        (source / name).write_bytes(bytes(1000))
    seen = [run(state="copied", portion=portion)["bytes_verified"] for portion in (25, 50, 100)]
    assert seen == [1000, 2000, 4000]
    assert not source.is_symlink()
    assert run(state="copied")["changed"] is False


def test_times_hard_links_and_modes_are_kept_and_all_may_read(folders, run):
    source, volume = folders
    (source / "a").write_bytes(b"weights")
    os.link(source / "a", source / "b")
    (source / "a").chmod(0o600)
    (source / "tool").write_bytes(b"#!")
    (source / "tool").chmod(0o4750)
    os.utime(source / "a", ns=(1, 1_700_000_000_123_456_789))
    run()
    assert (volume / "a").stat().st_ino == (volume / "b").stat().st_ino
    assert (volume / "a").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert (volume / "a").stat().st_mode & 0o7777 == 0o644
    assert (volume / "tool").stat().st_mode & 0o7777 == 0o754
    assert (volume / "blobs").stat().st_mode & 0o7777 == 0o755


def test_a_file_copied_by_hand_counts_when_it_is_the_same(folders, run):
    source, volume = folders
    for folder in (source, volume):
        (folder / "a").write_bytes(b"weights")
    assert run(state="copied")["actions"][0] == {"action": "compare_file", "subject": "a"}
    (source / "b").write_bytes(b"weights")
    (volume / "b").write_bytes(b"WEIGHTS")
    failure = run()
    assert "expected %s" % hashlib.sha256(b"weights").hexdigest() in failure["msg"]
    assert (volume / "b").read_bytes() == b"WEIGHTS"
    assert not source.is_symlink()


def test_a_file_that_changes_during_the_copy_is_noticed(folders, run, monkeypatch):
    source, volume = folders
    (source / "a").write_bytes(b"weights")
    read = host._read_source

    def read_and_change(desired, path, entry):
        for chunk in read(desired, path, entry):
            (source / "a").write_bytes(b"other weights")
            yield chunk

    monkeypatch.setattr(host, "_read_source", read_and_change)
    assert "it changed while it was copied" in run()["msg"]
    assert not (volume / "a").exists()
    monkeypatch.setattr(host, "_read_source", read)
    assert not run().get("failed")
    assert (volume / "a").read_bytes() == b"other weights"


def test_what_the_device_does_not_give_back_is_never_taken_for_a_copy(folders, run, monkeypatch):
    source, volume = folders
    (source / "a").write_bytes(b"weights")
    monkeypatch.setattr(host, "_sum_on_device", lambda path: "0" * 64)
    assert f"found SHA-256 {'0' * 64} on the volume" in run()["msg"]
    assert not (volume / "a").exists()
    assert (source / "a").read_bytes() == b"weights"


def test_a_file_system_without_direct_reads_is_read_all_the_same(folders, monkeypatch):
    (folders[0] / "a").write_bytes(b"weights" * 1_000_000)
    expected = hashlib.sha256(b"weights" * 1_000_000).hexdigest()
    assert host._sum_on_device(str(folders[0] / "a")) == expected
    direct = host._sum

    def refused(path, flags):
        if flags:
            raise OSError(22, "Invalid argument")
        return direct(path, flags)

    monkeypatch.setattr(host, "_sum", refused)
    assert host._sum_on_device(str(folders[0] / "a")) == expected


def test_a_line_that_a_killed_run_left_unfinished_spoils_no_other(folders, run):
    source, volume = folders
    (source / "a").write_bytes(b"weights")
    (volume / RECORD).write_text('{"path": "a", "si')
    run()
    assert json.loads((volume / RECORD).read_text().splitlines()[1])["path"] == "a"


def test_a_fifo_is_refused(folders, run):
    os.mkfifo(folders[0] / "pipe")
    assert "pipe (special)" in run()["msg"]


def test_a_folder_in_use_is_refused(folders, run, monkeypatch):
    used = [{"pid": 7, "command": "python3"}]
    monkeypatch.setattr(host, "load_processes", lambda runner, fs, folder: used)
    assert "found python3 with pid 7 using it" in run()["msg"]


def test_the_volume_has_to_be_there(folders, run):
    source, volume = folders
    assert "found nothing mounted, expected the volume" in run(require_mount=True)["msg"]
    assert "no such file or directory" in run(destination=str(volume / "x"))["msg"]
    assert "two folders apart" in run(destination=str(source / "blobs"))["msg"]


def test_a_second_run_at_the_same_time_is_refused(folders, run):
    program = ["flock", str(folders[1]), "sh", "-c", "echo held; read end"]
    holder = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        assert "found another run that copies to it" in run()["msg"]
    finally:
        holder.communicate(b"\n")


def test_a_run_killed_between_the_renames_is_finished(folders, run):
    source, volume = folders
    source.rename(source.with_name("cache_hub.before-modelstore"))
    assert [action["action"] for action in run()["actions"]] == ["place_link"]
    assert Path(os.readlink(source)) == volume
