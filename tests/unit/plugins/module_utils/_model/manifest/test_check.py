# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that are checked, and the program on its own."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from _fakes.weights import safetensors_file, torch_file
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest import check
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    MANIFEST,
    Contents,
    Fault,
    File,
    Manifest,
    ManifestError,
    find_faults,
    find_unexpected,
    main,
    parse_manifest,
    read_manifest,
    scan,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.parse import (
    format_manifest,
)
from hypothesis import given
from hypothesis import strategies as st

CONTENT = {
    "config.yaml": b"version: 2.5\n",
    "gpt.pth": torch_file(),
    "hf_cache/w2v/model.safetensors": safetensors_file(),
    "stats.pt": torch_file(100),
    "tokens.tiktoken": b"aGVsbG8= 1\n",
}


def fill(folder: Path, content: dict[str, bytes] | None = None) -> Path:
    for path, data in (CONTENT if content is None else content).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def described(content: dict[str, bytes]) -> dict[str, File]:
    return {
        path: File(len(data), hashlib.sha256(data).hexdigest()) for path, data in content.items()
    }


def record(folder: Path, content: dict[str, bytes] | None = None) -> Path:
    manifest = Manifest("upstream-2.5", (), described(CONTENT if content is None else content))
    (folder / MANIFEST).write_text(format_manifest(manifest))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return record(fill(tmp_path / "model"))


def faults(folder: Path, full: bool = True) -> list[tuple[str, str]]:
    found = find_faults(
        read_manifest(str(folder)).files, scan(str(folder)), Contents(str(folder)), full=full
    )
    return [(fault.path, fault.problem) for fault in found]


@contextlib.contextmanager
def folder_with(content: dict[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield record(fill(Path(name), content), content)


@pytest.mark.parametrize("full", [False, True])
def test_a_good_folder_has_no_faults(folder: Path, full: bool) -> None:
    assert faults(folder, full) == []


@pytest.mark.parametrize("full", [False, True])
def test_each_kind_of_damage_has_its_name(folder: Path, full: bool) -> None:
    (folder / "config.yaml").unlink()
    (folder / "gpt.pth").write_bytes(CONTENT["gpt.pth"][:-1])
    (folder / "hf_cache/w2v/model.safetensors").write_bytes(b"")
    (folder / "stats.pt").write_bytes(bytes(len(CONTENT["stats.pt"])))
    (folder / "tokens.tiktoken").write_bytes(CONTENT["tokens.tiktoken"] * 2)
    assert faults(folder, full) == [
        ("config.yaml", "missing"),
        ("gpt.pth", "truncated"),
        ("hf_cache/w2v/model.safetensors", "empty"),
        ("stats.pt", "zero-filled"),
        ("tokens.tiktoken", "too long"),
    ]


def test_a_file_of_the_right_size_is_read_by_a_full_check_only(folder: Path) -> None:
    (folder / "config.yaml").write_bytes(b"version: 2.0\n")
    (folder / "tokens.tiktoken").write_bytes(bytes(len(CONTENT["tokens.tiktoken"])))
    assert faults(folder, full=False) == []
    assert faults(folder) == [("config.yaml", "different"), ("tokens.tiktoken", "zero-filled")]


@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(CONTENT)))
    place = data.draw(st.integers(0, len(CONTENT[path]) - 1))
    changed = bytearray(CONTENT[path])
    changed[place] ^= data.draw(st.integers(1, 255))
    with folder_with(CONTENT) as folder:
        (folder / path).write_bytes(changed)
        assert [found for found, _problem in faults(folder)] == [path]


@given(st.data())
def test_any_truncation_is_found_and_told_from_an_empty_file(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(CONTENT)))
    length = data.draw(st.integers(0, len(CONTENT[path]) - 1))
    with folder_with(CONTENT) as folder:
        os.truncate(folder / path, length)
        expected = [(path, "truncated" if length else "empty")]
        assert faults(folder, full=False) == faults(folder) == expected


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)


@given(
    st.dictionaries(
        # One that is the manifest, or a note of a download, does not count.
        NAMES.filter(lambda name: not name.startswith(".")),
        st.binary(max_size=50),
        min_size=1,
        max_size=5,
    )
)
def test_any_names_and_content_are_found_as_they_are(content: dict[str, bytes]) -> None:
    content = {name + ".txt": data for name, data in content.items()}
    with folder_with(content) as folder:
        assert faults(folder) == []
        assert list(scan(str(folder))) == sorted(content)


@given(st.integers(0, len(CONTENT["gpt.pth"]) - 1))
def test_a_pth_file_that_lacks_its_end_is_never_taken_for_a_model(length: int) -> None:
    assert look("gpt.pth", CONTENT["gpt.pth"][:length]) is not None


@given(st.integers(0, len(safetensors_file()) - 1))
def test_a_safetensors_file_that_lacks_its_end_is_never_taken_for_a_model(length: int) -> None:
    assert look("m.safetensors", safetensors_file()[:length]) is not None


@given(st.binary(max_size=200))
def test_nothing_makes_a_look_fail(data: bytes) -> None:
    for name in ("a.pth", "a.safetensors", "a.bin"):
        look(name, data)


def look(name: str, data: bytes) -> Fault | None:
    """What a look at a file of this content tells."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), {name: data})
        return Contents(folder).weight_fault(name)


HEADER = b'{"a": {"data_offsets": [0, 4]}}'
LENGTH = len(HEADER).to_bytes(8, "little")
# The beginning of what PyTorch before 1.6 wrote.
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.pth", torch_file(), None),
        ("A.PTH", b"junk", "no model"),
        ("a.pt", OLD_TORCH, None),
        ("a.pt", b"version https://git-lfs.github.com/spec/v1\n", "no model"),
        ("a.pth", torch_file() + b"padding", None),
        ("a.pth", torch_file()[:-2] + b"\x03\x00abc", None),
        ("a.pth", torch_file()[:-2] + b"\x03\x00ab", "incomplete"),
        ("a.pth", torch_file()[:-100] + bytes(100), "incomplete"),
        ("a.pth", torch_file(0), "empty"),
        ("a.bin", b"", "empty"),
        ("a.bin", bytes(5000) + b"1", "zero-filled"),
        ("a.bin", b"1" + bytes(5000), None),
        ("a.gguf", b"GGUF", None),
        ("a.json", b"", None),
        ("a.safetensors", LENGTH + HEADER + b"data", None),
        ("a.safetensors", LENGTH + HEADER + b"dat", "truncated"),
        ("a.safetensors", LENGTH + HEADER + b"data1", "too long"),
        ("a.safetensors", LENGTH + HEADER[:-1], "truncated"),
        ("a.safetensors", LENGTH + b"[" + HEADER[1:], "no model"),
        ("a.safetensors", LENGTH + HEADER[:-1] + b"," + b"data", "no model"),
        ("a.safetensors", LENGTH, "no model"),
        ("a.safetensors", b"\xff" * 8 + HEADER, "no model"),
        ("a.safetensors", b"\x02" + bytes(7) + b"{}", "empty"),
        ("a.safetensors", b"\x08" + bytes(7) + b'{"a": 1}', "no model"),
    ],
)
def test_what_a_look_at_weights_tells(name: str, data: bytes, problem: str | None) -> None:
    fault = look(name, data)
    assert (fault.problem if fault else None) == problem


def test_a_fault_says_what_was_found_and_expected() -> None:
    assert str(look("a.pt", b"version https://git-lfs")) == (
        "a.pt no model (found b'version https://' at its start, "
        "expected the zip archive that torch.save writes)"
    )
    assert str(look("a.safetensors", LENGTH + HEADER)) == (
        "a.safetensors truncated (found 39 bytes, expected 43 bytes by its header)"
    )


def test_a_cache_of_hugging_face_is_followed_and_read_once(tmp_path: Path) -> None:
    fill(tmp_path, {"blobs/0a1b": torch_file(), "refs/main": b"c39ce5ba"})
    (tmp_path / "snapshots" / "c39ce5ba").mkdir(parents=True)
    (tmp_path / "snapshots" / "c39ce5ba" / "gpt.pth").symlink_to("../../blobs/0a1b")
    (tmp_path / "current").symlink_to("snapshots/c39ce5ba")
    found, seen = scan(str(tmp_path)), []
    contents = Contents(str(tmp_path), lambda path, count: seen.append(path))
    assert list(found) == [
        "blobs/0a1b",
        "current/gpt.pth",
        "refs/main",
        "snapshots/c39ce5ba/gpt.pth",
    ]
    sums = {path: contents.sha256(path, entry) for path, entry in found.items()}
    assert sums["current/gpt.pth"] == hashlib.sha256(torch_file()).hexdigest()
    assert seen == ["blobs/0a1b", "refs/main"]


def test_links_and_special_files_that_do_not_count(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "model-2").mkdir()  # has the name of the folder at its start
    (folder / "config.yaml").unlink()
    (folder / "config.yaml").symlink_to("../outside")
    (folder / "hf_cache" / "up").symlink_to("..")
    (folder / "other").symlink_to(tmp_path / "model-2")
    (folder / "gpt.pth").unlink()
    (folder / "gpt.pth").symlink_to("blobs/gone")
    (folder / "stats.pt").unlink()
    os.mkfifo(folder / "stats.pt")
    (folder / "tokens.tiktoken").unlink()
    (folder / "tokens.tiktoken").symlink_to("tokens.tiktoken")
    problems = {path: entry.problem for path, entry in scan(str(folder)).items()}
    assert problems == {
        "config.yaml": "leading out",
        "gpt.pth": "missing",
        "hf_cache/up": "circular",
        "hf_cache/w2v/model.safetensors": "",
        "other": "leading out",
        "stats.pt": "no file",
        "tokens.tiktoken": "unreadable",
    }
    assert [problem for _path, problem in faults(folder)] == [
        "leading out",
        "missing",
        "no file",
        "unreadable",
    ]


def test_what_a_folder_without_a_way_in_hides_is_not_called_missing(
    tmp_path: Path, folder: Path
) -> None:
    (folder / "hf_cache").rename(tmp_path / "hf_cache")
    assert faults(folder) == [("hf_cache/w2v/model.safetensors", "missing")]
    (folder / "hf_cache").write_bytes(b"a file")
    assert faults(folder) == [("hf_cache/w2v/model.safetensors", "missing")]
    (folder / "hf_cache").unlink()
    (folder / "hf_cache").symlink_to("../hf_cache")
    assert faults(folder) == [("hf_cache/w2v/model.safetensors", "leading out")]


def test_a_path_that_no_folder_has_is_missing(folder: Path) -> None:
    wanted = {"/etc/passwd": File(), "../outside": File(), "a//b": File(), "": File()}
    found = find_faults(wanted, scan(str(folder)), Contents(str(folder)), full=True)
    assert [fault.problem for fault in found] == ["missing"] * 4


def test_notes_of_downloads_and_own_files_do_not_count(folder: Path) -> None:
    fill(
        folder,
        {
            ".cache/huggingface/download/gpt.pth.lock": b"",
            "hf_cache/.locks/a": b"",
            ".modelstore-adoption": b"{}",
            "hf_cache/.modelstore-other": b"{}",
            "a.incomplete": b"",
        },
    )
    assert find_unexpected(CONTENT, scan(str(folder))) == [
        "a.incomplete",
        "hf_cache/.modelstore-other",
    ]


def test_the_folder_itself_may_be_a_link(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "current").symlink_to("model")
    assert faults(tmp_path / "current") == []


def test_a_file_that_changes_while_it_is_read_is_noticed(folder: Path) -> None:
    def write(path: str, count: int) -> None:
        (folder / path).write_bytes(b"other")

    entry = scan(str(folder))["gpt.pth"]
    fault = Contents(str(folder), write).sha256("gpt.pth", entry)
    assert isinstance(fault, Fault)
    assert fault.problem == "changing"


def test_a_device_that_fails_is_told_from_bad_content(folder: Path, monkeypatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "posix_fadvise", fail)
    assert faults(folder) == [(path, "unreadable") for path in sorted(CONTENT)]
    monkeypatch.setattr(check, "open", lambda *arguments: fail(), raising=False)
    fault = Contents(str(folder)).weight_fault("gpt.pth")
    assert "found input/output error" in str(fault)


def test_a_large_file_is_read_in_blocks(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as stream:
        stream.truncate(64 * 2**20)
    entry = scan(str(tmp_path))["large"]
    counts: list[int] = []
    contents = Contents(str(tmp_path), lambda path, count: counts.append(count))
    tracemalloc.start()
    contents.sha256("large", entry)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts == [8 * 2**20] * 8
    assert peak < 10 * 2**20


WITH_SUM = (
    b'{"format": 1, "profile": "a", "sources": [], "files": {"a": {"size": %b, "sha256": "'
    + b"0" * 64
    + b'"}}}'
)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"format": 1, "profile": "a", "sources": [], "files": {}}',
        b'{"format": 1, "profile": "a", "sources": [], "files": []}',
        b'{"format": 1, "profile": "a", "sources": [{}], "files": {"a": {"size": 1}}}',
        b'{"format": 1, "profile": "a", "sources": [], "files": {"a": {"size": 1}}}',
        b'{"format": 1, "profile": "a", "sources": [], "files": {"a": {"size": 1, "sha256": "0"}}}',
        WITH_SUM % b"-1",
        WITH_SUM % b"null",
    ],
)
def test_something_else_is_no_manifest(text: bytes) -> None:
    with pytest.raises(ManifestError, match="found something else"):
        parse_manifest("/m", text)


def test_a_manifest_of_another_format_is_not_guessed_at() -> None:
    with pytest.raises(ManifestError, match="found format 2, expected format 1"):
        parse_manifest("/m", b'{"format": 2}')


@given(st.integers(0, 10_000))
def test_a_manifest_that_was_cut_off_is_none(length: int) -> None:
    text = format_manifest(Manifest("a", (), described(CONTENT))).rstrip().encode()
    with pytest.raises(ManifestError):
        parse_manifest("/m", text[: length % len(text)])


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The program by itself: nothing of this collection or of others is on its path."""
    program = [sys.executable, "-I", "-S", check.__file__, *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_the_program_says_that_all_is_well(folder: Path) -> None:
    (folder / "glossary.yaml").write_bytes(b"{}")
    result = run(folder)
    total = sum(map(len, CONTENT.values()))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (
        f"{folder}: 5 files, {total} bytes, as in the manifest of upstream-2.5; "
        "not in it: glossary.yaml\n"
    )


def test_the_program_gives_the_reason_in_one_line(folder: Path) -> None:
    for path in CONTENT:
        (folder / path).write_bytes(b"")
    (folder / "config.yaml").unlink()
    result = run("--level", "quick", folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"{folder}: config.yaml missing (found nothing, expected 13 bytes), "
        f"gpt.pth empty (found 0 bytes, expected {len(CONTENT['gpt.pth'])} bytes), "
        "hf_cache/w2v/model.safetensors empty (found 0 bytes, expected "
        f"{len(CONTENT['hf_cache/w2v/model.safetensors'])} bytes), and 2 more\n"
    )


def test_the_program_reads_content_unless_it_is_told_to_be_quick(folder: Path) -> None:
    (folder / "config.yaml").write_bytes(b"version: 2.0\n")
    assert run("--level", "quick", folder).returncode == 0
    assert run("--level", "full", folder).returncode == 1
    assert "config.yaml different (found SHA-256 " in run(folder).stderr


def test_files_too_many_are_wrong_when_the_program_is_strict(folder: Path) -> None:
    (folder / "two\nlines").write_bytes(b"")
    result = run("--strict", folder)
    assert result.returncode == 1
    assert result.stderr == f"{folder}: 'two\\nlines' not in the manifest\n"


def test_the_program_shows_how_far_it_is_when_asked(tmp_path: Path) -> None:
    content = {f"{number}.txt": bytes([65 + number]) * 100 for number in range(20)}
    result = run("--progress", record(fill(tmp_path, content), content))
    assert result.returncode == 0
    lines = result.stderr.splitlines()
    assert lines[0] == "  5 % of 2000 bytes, at 0.txt"
    assert lines[-1].startswith("100 % of 2000 bytes")
    assert len(lines) == 20


def test_no_manifest_and_wrong_usage_are_no_bad_weights(tmp_path: Path) -> None:
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / MANIFEST).write_text('{"format": 1')
    assert run(tmp_path).returncode == 2
    assert "found no such file or directory" in run(tmp_path / "gone").stderr
    assert run(tmp_path / "torn").returncode == 2
    assert run().returncode == 2
    assert run("--level", "some", tmp_path).returncode == 2


def test_main_returns_what_the_program_exits_with(folder: Path, monkeypatch, capsys) -> None:
    assert main(["--level", "full", "--progress", str(folder)]) == 0
    assert main([str(folder / "hf_cache")]) == 2

    def fail(folder: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(check, "scan", fail)
    assert main([str(folder)]) == 2
    assert capsys.readouterr().err.endswith(f"{folder}: Input/output error\n")


def test_the_program_needs_the_standard_library_of_python_3_9_only() -> None:
    tree = ast.parse(Path(check.__file__).read_text(), feature_version=(3, 9))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    assert names - sys.stdlib_module_names == set()
