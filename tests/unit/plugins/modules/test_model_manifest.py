# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""model_manifest on real folders, and its program on what the module wrote."""

from __future__ import annotations

import hashlib
import os

import pytest
from _fakes.run_module import run_module
from _fakes.weights import safetensors_file, torch_file
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest import check
from ansible_collections.tts.modelstore.plugins.modules import model_manifest

MODEL = torch_file()
SUM = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hf_cache").mkdir()
    (tmp_path / "gpt.pth").write_bytes(MODEL)
    (tmp_path / "config.yaml").write_bytes(b"version: 2.5\n")
    (tmp_path / "hf_cache" / "model.safetensors").write_bytes(safetensors_file())
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    def with_options(check=False, **others):
        return run_module(model_manifest, capsys, {"path": str(folder), **others}, check=check)[0]

    return with_options


@pytest.fixture
def write(run):
    def with_options(**others):
        return run(state="present", profile="upstream-2.5", **others)

    return with_options


@pytest.fixture
def reads(monkeypatch):
    """The paths of the files that were read from end to end."""
    seen = []
    read = check.Contents._read

    def recorded(self, path, stream):
        seen.append(path)
        return read(self, path, stream)

    monkeypatch.setattr(check.Contents, "_read", recorded)
    return seen


def test_what_was_written_is_verified_by_the_module_and_the_program(folder, write, run):
    result = write(sources=[{"repository": "IndexTeam/IndexTTS-2.5", "revision": "c39ce5ba"}])
    total = len(MODEL) + len(safetensors_file()) + 13
    assert result["changed"] is True
    assert (result["file_count"], result["bytes_total"]) == (3, total)
    assert result["actions"] == [{"action": "write_manifest", "subject": result["manifest"]}]
    assert (folder / check.MANIFEST).stat().st_mode & 0o7777 == 0o644
    verified = run(profile="upstream-2.5", strict=True)
    assert verified["changed"] is False
    assert (verified["file_count"], verified["bytes_total"]) == (3, total)
    assert verified["missing"] == verified["different"] == verified["unexpected"] == []
    assert check.main(["--strict", str(folder)]) == 0


def test_a_manifest_that_is_right_is_left_alone(folder, write):
    write()
    before = (folder / check.MANIFEST).stat()
    again = write()
    assert (again["changed"], again["actions"]) == (False, [])
    assert (folder / check.MANIFEST).stat() == before


def test_check_mode_tells_the_step_and_does_not_take_it(folder, write):
    predicted = write(check=True)
    assert predicted["changed"] is True
    assert SUM in predicted["diff"]["after"]
    assert not (folder / check.MANIFEST).exists()
    assert write()["actions"] == predicted["actions"]


def test_each_file_is_read_once_and_by_a_quick_run_not_again(write, run, reads):
    write()
    assert reads == ["config.yaml", "gpt.pth", "hf_cache/model.safetensors"]
    reads.clear()
    assert write(level="quick")["changed"] is False
    assert write(level="quick", files=[{"path": "gpt.pth", "sha256": SUM}])["changed"] is False
    assert run(level="quick")["changed"] is False
    assert reads == []


def test_bad_files_are_found_and_told_apart(folder, write, run):
    write()
    (folder / "config.yaml").unlink()
    os.truncate(folder / "gpt.pth", 5)
    (folder / "hf_cache" / "model.safetensors").write_bytes(bytes(len(safetensors_file())))
    (folder / "glossary.yaml").write_bytes(b"{}")
    for level in ("quick", "full"):
        failure = run(level=level)
        assert failure["msg"] == (
            f"model folder {folder}: found config.yaml missing (found nothing, expected 13 bytes), "
            f"gpt.pth truncated (found 5 bytes, expected {len(MODEL)} bytes), "
            "hf_cache/model.safetensors zero-filled (found zeroes at its start, expected weights), "
            "expected the 3 files of its manifest of upstream-2.5. Nothing was changed. "
            "Copy these files again from where the release came from."
        )
        details = failure["error_details"]
        assert details["missing"] == ["config.yaml"]
        assert [one["problem"] for one in details["different"]] == ["truncated", "zero-filled"]
        assert details["unexpected"] == ["glossary.yaml"]


def test_a_damaged_file_never_becomes_the_right_one(folder, write, run):
    write()
    (folder / "config.yaml").write_bytes(b"version: 2.0\n")
    assert "expected the 3 files of its manifest" in write()["msg"]
    assert run()["error_details"]["different"][0]["problem"] == "different"
    assert write(replace=True)["changed"] is True
    assert not run().get("failed")


def test_other_sizes_are_refused_without_reading(folder, write, reads):
    write()
    reads.clear()
    (folder / "config.yaml").write_bytes(b"version: 2.5.1\n")
    (folder / "new").write_bytes(b"")
    assert "found new added, config.yaml of 15 bytes instead of 13, expected" in write()["msg"]
    assert reads == []


def test_what_is_known_beforehand_has_to_be_right(folder, write, reads):
    failure = write(
        files=[
            {"path": "codec.pth"},
            {"path": "config.yaml", "size": 14},
            {"path": "gpt.pth", "size": len(MODEL), "sha256": SUM},
        ]
    )
    assert "config.yaml truncated (found 13 bytes, expected 14 bytes)" in failure["msg"]
    assert failure["error_details"]["missing"] == ["codec.pth"]
    assert reads == []
    wrong = write(files=[{"path": "gpt.pth", "sha256": "0" * 64}])
    assert f"gpt.pth different (found SHA-256 {SUM}, expected {'0' * 64})" in wrong["msg"]
    assert not (folder / check.MANIFEST).exists()
    assert write(files=[{"path": "gpt.pth", "sha256": SUM.upper()}])["changed"] is True
    quick = write(level="quick", files=[{"path": "gpt.pth", "sha256": "0" * 64}])
    assert f"expected {'0' * 64}" in quick["msg"]


def test_what_cannot_be_whole_is_not_recorded(folder, tmp_path_factory, write):
    outside = tmp_path_factory.mktemp("outside") / "a"
    outside.write_bytes(b"secret")
    (folder / "a.bin.incomplete").write_bytes(b"a")
    (folder / "b.pt").write_bytes(b"")
    (folder / "c").symlink_to(outside)
    (folder / "d").symlink_to("gone")
    details = write()["error_details"]
    assert [(one["path"], one["problem"]) for one in details["different"]] == [
        ("b.pt", "empty"),
        ("c", "leading out"),
        ("a.bin.incomplete", "unfinished"),
    ]
    assert details["missing"] == ["d"]
    assert not (folder / check.MANIFEST).exists()


def test_a_file_that_cannot_be_read_is_not_recorded(folder, write, monkeypatch):
    def fail(self, path, stream):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(check.Contents, "_read", fail)
    assert "config.yaml unreadable (found input/output error" in write()["msg"]


def test_a_manifest_that_was_cut_off_is_replaced_with_a_permit_only(folder, write, run):
    (folder / check.MANIFEST).write_text('{"format": 1')
    assert "found something else" in run()["msg"]
    assert "Permit a new one with replace." in write()["msg"]
    assert write(replace=True)["changed"] is True
    assert not run().get("failed")


def test_without_a_folder_or_a_manifest_the_next_step_is_told(folder, run, write):
    assert "Let state=present write it." in run()["msg"]
    assert "Mount the volume first" in run(path=str(folder / "gone"))["msg"]
    assert "found not a directory" in run(path=str(folder / "gpt.pth"))["msg"]


def test_a_wrong_option_is_a_message(write, run):
    for failure in (write(files=[{"path": "../a"}]), run(files=[{"path": "../a"}])):
        assert failure["msg"].startswith("files: found path ../a, expected each path once")
