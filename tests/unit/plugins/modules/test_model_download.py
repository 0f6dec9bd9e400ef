# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""model_download on real folders, with a client that writes what it is told to."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest
from _fakes.run_module import run_module
from _fakes.weights import torch_file
from ansible_collections.tts.modelstore.plugins.module_utils._model.download import host
from ansible_collections.tts.modelstore.plugins.modules import model_download, model_manifest

COMMIT = "0" * 40
CONTENTS = {"gpt.pth": torch_file(), "config.yaml": b"version: 2.5\n"}


@pytest.fixture(autouse=True)
def locks(monkeypatch):
    monkeypatch.setattr(host, "_locks", [])


@pytest.fixture
def served(monkeypatch):
    """What the client brings, by path, and what it was asked for."""
    contents, asked = dict(CONTENTS), []

    def run_client(desired, place, job, own, until):
        asked.append(place)
        path = os.path.join(job["folder"], job["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(contents[place][: until or None])
        return not until

    monkeypatch.setattr(host, "_run_client", run_client)
    contents["asked"] = asked
    return contents


def known(path):
    return {
        "path": path,
        "size": len(CONTENTS[path]),
        "sha256": hashlib.sha256(CONTENTS[path]).hexdigest(),
    }


@pytest.fixture
def run(tmp_path, capsys):
    def with_options(check=False, files=None, **others):
        options = {
            "path": str(tmp_path),
            "require_mount": False,
            "profile": "mine",
            "repositories": [
                {
                    "huggingface": {"repository": "owner/model", "revision": COMMIT},
                    "files": files or [known("gpt.pth"), {"path": "config.yaml"}],
                }
            ],
            **others,
        }
        return run_module(model_download, capsys, options, check=check)[0]

    return with_options


def test_check_mode_tells_the_steps_and_takes_none(tmp_path, run, served):
    predicted = run(check=True)
    assert predicted["changed"] and os.listdir(tmp_path) == []
    assert run()["actions"] == predicted["actions"]
    assert (tmp_path / "gpt.pth").read_bytes() == CONTENTS["gpt.pth"]
    again = run()
    assert (again["changed"], again["actions"]) == (False, [])
    assert served["asked"] == ["config.yaml", "gpt.pth"]


def test_a_file_that_is_there_and_right_is_read_once_and_not_fetched(tmp_path, run, served):
    (tmp_path / "gpt.pth").write_bytes(CONTENTS["gpt.pth"])
    names = [(one["action"], one["subject"]) for one in run()["actions"]]
    assert names == [("record_file", "gpt.pth"), ("fetch_file", "config.yaml")]
    assert served["asked"] == ["config.yaml"]
    assert run()["changed"] is False


def test_another_file_is_refused_and_stays(tmp_path, run, served):
    (tmp_path / "gpt.pth").write_bytes(b"mine")
    assert "gpt.pth (truncated: found 4 bytes" in run()["msg"]
    same_size = bytearray(CONTENTS["gpt.pth"])
    same_size[100] ^= 255
    (tmp_path / "gpt.pth").write_bytes(same_size)
    assert "SHA-256" in run()["msg"]
    assert (tmp_path / "gpt.pth").read_bytes() == same_size and served["asked"] == []
    assert not run(replace=True).get("failed")
    assert (tmp_path / "gpt.pth").read_bytes() == CONTENTS["gpt.pth"]


def test_a_wrong_file_is_not_put_in_place_and_not_gone_on_with(tmp_path, run, served):
    served["gpt.pth"] = CONTENTS["gpt.pth"][:-1] + b"x"
    failure = run()
    assert "SHA-256" in failure["msg"]
    assert failure["changed"] and not (tmp_path / "gpt.pth").exists()
    assert os.listdir(tmp_path / ".modelstore-download") == ["verified"]


def test_weights_of_which_nothing_is_known_must_look_like_some(tmp_path, run, served):
    served["gpt.pth"] = bytes(1000)
    assert "zero-filled" in run(files=[{"path": "gpt.pth"}])["msg"]
    served["gpt.pth"] = b"<html>Log in</html>"
    assert "no model" in run(files=[{"path": "gpt.pth"}])["msg"]
    assert not (tmp_path / "gpt.pth").exists()


def test_a_client_that_brings_nothing_or_a_link_is_told(tmp_path, run, served, monkeypatch):
    monkeypatch.setattr(host, "_run_client", lambda *arguments: True)
    assert "found no file" in run()["msg"]

    def link(desired, place, job, own, until):
        os.symlink("/etc/passwd", os.path.join(job["folder"], job["path"]))
        return True

    monkeypatch.setattr(host, "_run_client", link)
    assert run()["failed"] and os.listdir(tmp_path) == [".modelstore-download"]


def test_a_changed_pin_takes_what_was_fetched_for_the_old_one_away(tmp_path, run, served):
    files = [known("gpt.pth")]
    assert run(files=files, portion=50)["actions"][0]["until"]
    old = set(os.listdir(tmp_path / ".modelstore-download"))
    repository = {"repository": "owner/model", "revision": "1" * 40}
    result = run(repositories=[{"huggingface": repository, "files": files}])
    assert [one["action"] for one in result["actions"]] == ["remove_stale", "fetch_file"]
    assert old.isdisjoint(os.listdir(tmp_path / ".modelstore-download"))


def test_a_link_that_leads_nowhere_and_a_folder_are_told(tmp_path, run, served):
    (tmp_path / "gpt.pth").symlink_to("nowhere")
    assert "a link to something that is not there" in run()["msg"]
    (tmp_path / "gpt.pth").unlink()
    (tmp_path / "gpt.pth").mkdir()
    assert "gpt.pth (no file)" in run(replace=True)["msg"]


def test_the_volume_has_to_be_mounted(tmp_path, run, served, monkeypatch):
    failure = run(require_mount=True)
    assert "found nothing mounted, expected the volume" in failure["msg"]
    assert "system disk" in failure["msg"] and os.listdir(tmp_path) == []
    missing = str(tmp_path / "x")
    assert "no such file or directory" in run(path=missing, mount_point=missing)["msg"]
    # A link on the volume that leads off it.
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    (tmp_path / "proc").symlink_to("/proc")
    off = run(require_mount=True, path=str(tmp_path / "proc" / "x"), mount_point=str(tmp_path))
    assert "found another file system" in off["msg"]


def test_a_folder_below_the_mount_point_is_made(tmp_path, run, served):
    folder = tmp_path / "releases" / "one"
    assert not run(path=str(folder), mount_point=str(tmp_path)).get("failed")
    assert (folder / "gpt.pth").stat().st_mode & 0o777 == 0o644
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_second_run_at_the_same_time_is_refused(tmp_path, run, served):
    program = ["flock", str(tmp_path), "sh", "-c", "echo held; read end"]
    holder = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        assert "found another run that writes to it" in run()["msg"]
    finally:
        holder.communicate(b"\n")


def test_too_small_a_volume_is_told_before_anything_is_fetched(tmp_path, run, served):
    failure = run(files=[{"path": "gpt.pth", "size": 10**18}])
    assert "MiB free" in failure["msg"] and served["asked"] == []
    assert os.listdir(tmp_path) == []


def test_a_torn_record_spoils_no_other_line(tmp_path, run, served):
    run()
    record = tmp_path / ".modelstore-download" / "verified"
    with record.open("a") as stream:
        stream.write('{"place": "conf')
    (tmp_path / "config.yaml").unlink()
    run()
    assert run()["changed"] is False


def test_the_manifest_and_the_module_agree(tmp_path, run, served, capsys):
    result = run()
    options = {
        "path": str(tmp_path),
        "state": "present",
        "profile": "mine",
        "sources": result["sources"],
        "files": result["files"],
    }
    assert run_module(model_manifest, capsys, options)[0]["file_count"] == 2
    (tmp_path / ".modelstore-download" / "verified").unlink()
    assert run()["changed"] is False
    assert run()["manifest_outdated"] is False


def test_no_token_is_on_the_command_line_or_in_the_result(tmp_path, run, monkeypatch):
    seen = {}

    def popen(program, **others):
        seen.update(program=program, environment=others["env"])
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(host.subprocess, "Popen", popen)
    failure = run(token="hf_secret", endpoint="https://mirror")
    assert "found no such file or directory" in failure["msg"]
    assert "hf_secret" not in str(failure) and "hf_secret" not in str(seen["program"])
    assert seen["environment"]["HF_TOKEN"] == "hf_secret"
    assert seen["environment"]["HF_ENDPOINT"] == "https://mirror"
    assert seen["environment"]["HF_HOME"].startswith(str(tmp_path))
    assert seen["environment"]["TMPDIR"].startswith(str(tmp_path))
    assert "MODELSCOPE_API_TOKEN" not in seen["environment"]
