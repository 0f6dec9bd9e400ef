# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._ansible import command
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
    ModuleRunner,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed


class FakeModule:
    """Runs the command for real, or answers with an exit status."""

    def __init__(self, returncode: int | None = None) -> None:
        self._returncode = returncode
        self.argv: list[str] = []

    def run_command(self, argv: list[str], environ_update: dict[str, str]) -> tuple[int, str, str]:
        self.argv = argv
        if self._returncode is not None:
            return self._returncode, "out", "err"
        done = subprocess.run(
            argv,
            check=False,
            env={**os.environ, **environ_update},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr


def test_status_output_and_messages_of_a_command_are_returned() -> None:
    completed = ModuleRunner(FakeModule()).run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert completed == Completed(3, "out\n", "err\n")


def test_commands_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    completed = ModuleRunner(FakeModule()).run(["sh", "-c", "echo $LC_ALL $LANGUAGE"])
    assert completed.stdout == "C C\n"


def test_arguments_do_not_pass_through_a_shell() -> None:
    assert ModuleRunner(FakeModule()).run(["echo", "$HOME; *"]).stdout == "$HOME; *\n"


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandTimeout, match=r"command sleep 60: found no end after 0\.05 s"):
        ModuleRunner(FakeModule()).run(["sleep", "60"], timeout=0.05)


@pytest.mark.parametrize("returncode", [124, 137])
def test_ended_and_killed_are_both_a_timeout_with_what_was_printed(returncode: int) -> None:
    with pytest.raises(CommandTimeout) as caught:
        ModuleRunner(FakeModule(returncode)).run(["true"])
    assert caught.value.details == {"stdout": "out", "stderr": "err"}


def test_the_default_limit_is_a_minute() -> None:
    module = FakeModule(0)
    ModuleRunner(module).run(["true"])
    assert module.argv[:3] == ["timeout", "--kill-after=10", "60.0"]


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelStoreError, match="command no-such-program: found no such program"):
        ModuleRunner(FakeModule()).run(["no-such-program", "--help"])


def test_status_127_of_a_program_that_is_there_is_its_own() -> None:
    assert ModuleRunner(FakeModule()).run(["sh", "-c", "exit 127"]).returncode == 127


def test_programs_in_an_sbin_folder_run_though_the_path_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "models-tool"
    program.write_text("#!/bin/sh\necho $1\n")
    program.chmod(0o755)
    runner = ModuleRunner(FakeModule())
    assert not runner.available("models-tool")
    monkeypatch.setattr(command, "_SBIN", [str(tmp_path)])
    assert runner.available("models-tool")
    assert runner.run(["models-tool", "found"]).stdout == "found\n"


def test_a_program_that_is_not_there_is_not_available() -> None:
    assert not ModuleRunner(FakeModule()).available("no-such-program")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "saveconfig.json"
    path.write_text("old")
    path.chmod(0o644)
    return path


FS = LocalFileSystem()


def test_a_private_file_is_only_for_its_owner(umask: None, secret_file: Path) -> None:
    FS.write_private(str(secret_file), "new é")
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    assert FS.read(str(secret_file)) == "new é"


def test_a_private_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "new"
    FS.write_private(str(path), "text")
    assert path.read_text() == "text"
    assert FS.listdir(str(tmp_path)) == ["new"]


def test_whoever_has_the_old_file_open_reads_it_whole(secret_file: Path) -> None:
    with secret_file.open() as reader:
        FS.write_private(str(secret_file), "new")
        assert reader.read() == "old"


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    failing: str, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        FS.write_private(str(secret_file), "new")
    assert secret_file.read_text() == "old"
    assert FS.listdir(str(secret_file.parent)) == [secret_file.name]


def test_text_is_on_the_disk_before_it_gets_its_name_and_the_name_after_that(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)

        def record(*arguments: object, name: str = name, real: object = real) -> None:
            calls.append(name)
            real(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(os, name, record)
    FS.write_private(str(secret_file), "new")
    assert calls == ["fsync", "rename", "fsync"]


def test_a_private_file_is_written_in_the_staging_folder_first(
    tmp_path: Path, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    renamed: list[Path] = []
    rename = os.rename

    def record(source: str, path: str) -> None:
        renamed.append(Path(source).parent)
        rename(source, path)

    monkeypatch.setattr(os, "rename", record)
    FS.write_private(str(secret_file), "new", staging=str(staging))
    assert renamed == [staging]
    assert secret_file.read_text() == "new"
    assert FS.listdir(str(staging)) == []


@pytest.mark.parametrize(("number", "claimed"), [(errno.EBUSY, True), (errno.ENXIO, False)])
def test_a_device_that_refuses_an_exclusive_open_is_claimed(
    number: int, claimed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str, flags: int) -> int:
        assert flags & os.O_EXCL and not flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "open", refuse)
    assert FS.is_claimed("/dev/sdb") is claimed


def test_a_device_that_opens_exclusively_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "sdb").touch()
    assert not FS.is_claimed(str(tmp_path / "sdb"))


def test_undecodable_bytes_are_replaced_on_reading(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    assert FS.read(str(tmp_path / "latin")) == "caf\ufffd"


def test_a_folder_is_listed_in_order_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    assert FS.listdir(str(tmp_path)) == ["a", "b", "c"]
    assert FS.listdir(str(tmp_path / "missing")) == []


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("disk")
    assert not FS.exists(str(tmp_path / "link"))
    (tmp_path / "disk").touch()
    assert FS.exists(str(tmp_path / "link"))
    assert FS.realpath(str(tmp_path / "link")) == str(tmp_path.resolve() / "disk")


def test_the_time_of_a_file_is_told(secret_file: Path) -> None:
    os.utime(secret_file, (1, 1795341600.5))
    assert FS.mtime(str(secret_file)) == 1795341600.5


def test_an_attribute_is_written_in_place_and_never_made(tmp_path: Path, secret_file: Path) -> None:
    inode = secret_file.stat().st_ino
    FS.write_attribute(str(secret_file), "1")
    assert (secret_file.read_text()[0], secret_file.stat().st_ino) == ("1", inode)
    with pytest.raises(FileNotFoundError):
        FS.write_attribute(str(tmp_path / "gone"), "1")


def test_removing_twice_is_fine(secret_file: Path) -> None:
    FS.remove(str(secret_file))
    FS.remove(str(secret_file))
    assert not secret_file.exists()


def test_a_link_that_goes_while_it_is_followed_stands_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As those in /proc of a process that just ended.
    link = tmp_path / "mnt"
    link.symlink_to("mnt:[4026531841]")

    def gone(path: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(os, "readlink", gone)
    assert FS.realpath(str(link)) == str(link)
