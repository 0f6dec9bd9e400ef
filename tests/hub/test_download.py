# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""model_download with the hubs' real clients and a hub on loopback; run by "make test-hub"."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from _fakes.weights import torch_file
from ansible_collections.tts.modelstore.plugins.modules import model_download, model_manifest
from stand_in import COMMIT, LARGE, Stored, running_hub

ROOT = Path(__file__).resolve().parents[2]
# The environment with the clients.
PYTHON = os.environ.get("MODELSTORE_HUB_PYTHON", str(ROOT / ".build" / "hub" / "bin" / "python"))

MAIN, AUX = "IndexTeam/IndexTTS-2.5", "funasr/campplus"
TOKEN = "hf_a-token-that-nobody-may-see"


@pytest.fixture
def hub():
    with running_hub() as one:
        one.files = {
            (MAIN, "gpt.pth"): Stored(torch_file(400_000)),
            (MAIN, "config.yaml"): Stored(b"version: 2.5\n"),
            (MAIN, "qwen0.6bemo4-merge/vocab.json"): Stored(b"{}"),
            (AUX, "campplus_cn_common.bin"): Stored(random.Random(1).randbytes(200_000)),
        }
        yield one


@pytest.fixture
def volume(tmp_path):
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def known(stored):
    return {"size": len(stored.content), "sha256": stored.sha256}


def options(server, volume, **others):
    """The module's options for all files, with what is known of the large ones."""
    main = []
    for (repository, path), stored in server.files.items():
        if repository == MAIN:
            main.append({"path": path, **(known(stored) if len(stored.content) > LARGE else {})})
    aux = server.files[AUX, "campplus_cn_common.bin"]
    place = "hf_cache/campplus_cn_common.bin"
    return {
        "path": str(volume),
        "require_mount": False,
        "profile": "upstream-2.5",
        "python": PYTHON,
        "endpoint": server.url,
        "modelscope_endpoint": server.url,
        "repositories": [
            {"huggingface": {"repository": MAIN, "revision": COMMIT}, "files": main},
            {
                "huggingface": {"repository": AUX, "revision": COMMIT},
                "modelscope": {"repository": AUX},
                "files": [{"path": "campplus_cn_common.bin", "place": place, **known(aux)}],
            },
        ],
        **others,
    }


def command(module, arguments, *, check=False, folder):
    path = folder / "arguments.json"
    path.write_text(
        json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}})
    )
    return [sys.executable, module.__file__, str(path)]


def start(arguments, tmp_path, *, check=False, before=(), module=model_download):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [*before, *command(module, arguments, check=check, folder=tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    stdout, stderr = process.communicate(timeout=120)
    assert stdout, stderr
    assert TOKEN not in stdout + stderr
    return json.loads(stdout)


@pytest.fixture
def run(hub, volume, tmp_path):
    def with_options(check=False, before=(), **others):
        return end(start(options(hub, volume, **others), tmp_path, check=check, before=before))

    return with_options


def contents(folder):
    """What is in place, by its path; what the module keeps for itself is left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".modelstore-")
    }


def wanted(hub):
    return {
        ("hf_cache/" if repository == AUX else "") + path: stored.content
        for (repository, path), stored in hub.files.items()
    }


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def clients():
    """The clients that run now, by what is in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if b"MODELSTORE_JOB=" in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def may_be_run_by_others():
    try:
        return subprocess.run([PYTHON, "-c", ""], user=65534, check=False).returncode == 0
    except OSError:
        return False


def test_all_files_land_where_the_release_looks_for_them(hub, volume, run):
    (volume / "mine.txt").write_text("stays")
    predicted = run(check=True)
    assert predicted["changed"]
    assert hub.requests == [] and contents(volume) == {"mine.txt": b"stays"}
    result = run()
    assert result["actions"] == predicted["actions"]
    assert contents(volume) == {**wanted(hub), "mine.txt": b"stays"}
    assert (volume / "gpt.pth").stat().st_mode & 0o777 == 0o644
    assert result["bytes_here"] == result["bytes_total"]
    assert (result["missing"], result["manifest_outdated"]) == ([], False)
    # Nothing is left of the fetch but the record.
    assert os.listdir(volume / ".modelstore-download") == ["verified"]


def test_the_second_run_fetches_nothing_and_asks_no_hub(hub, volume, run):
    run()
    hub.requests.clear()
    again = run()
    assert (again["changed"], again["actions"], hub.requests) == (False, [], [])


def test_a_file_that_got_lost_is_fetched_and_no_other(hub, volume, run):
    run()
    (volume / "config.yaml").unlink()
    hub.requests.clear()
    assert [action["subject"] for action in run()["actions"]] == ["config.yaml"]
    assert {one.path.rpartition("/")[2] for one in hub.requests} == {"config.yaml"}
    assert contents(volume) == wanted(hub)


def test_the_manifest_is_written_from_what_the_module_returns(hub, volume, run, tmp_path):
    result = run()
    arguments = {"path": str(volume), "profile": "upstream-2.5"}
    facts = {"sources": result["sources"], "files": result["files"]}
    written = end(
        start({**arguments, "state": "present", **facts}, tmp_path, module=model_manifest)
    )
    assert written["file_count"] == 4
    # With the manifest the record is not needed, and the files are not read again.
    shutil.rmtree(volume / ".modelstore-download")
    assert run()["changed"] is False
    # A file that is lost is held against the manifest where the profile knows nothing.
    (volume / "config.yaml").unlink()
    hub.files[MAIN, "config.yaml"] = Stored(b"version: 2.6\n")
    failure = run()
    assert "SHA-256" in failure["msg"] and not (volume / "config.yaml").exists()


@pytest.mark.parametrize("killed", ["client", "module"])
@pytest.mark.parametrize("name", ["huggingface", "modelscope"])
def test_a_fetch_that_is_killed_goes_on_where_it_ended(hub, volume, run, tmp_path, killed, name):
    content = random.Random(2).randbytes(30_000_000)
    stored = hub.files[AUX, "campplus_cn_common.bin"] = Stored(content, rate=10_000_000)
    arguments = options(hub, volume, hub=name)
    arguments["repositories"] = arguments["repositories"][1:]
    process = start(arguments, tmp_path)
    path = "campplus_cn_common.bin"
    staged = volume / ".modelstore-download"

    def arrived():
        return max((one.stat().st_size for one in staged.rglob("*") if one.is_file()), default=0)

    wait_for(lambda: arrived() >= 10_000_000, "the first third")
    running = clients()
    assert len(running) == 1
    os.kill(running[0] if killed == "client" else process.pid, signal.SIGKILL)
    stdout, _stderr = process.communicate(timeout=60)
    if killed == "client":
        assert "exit status -9 of the client" in json.loads(stdout)["msg"]
    else:
        wait_for(lambda: not clients(), "the client to end with its module")
    assert contents(volume) == {}
    before, kept = hub.sent(path), arrived()
    assert before < len(content)

    stored.rate = 0
    hub.requests.clear()
    result = end(start(arguments, tmp_path))
    assert [action["action"] for action in result["actions"]] == ["fetch_file"]
    assert contents(volume) == {"hf_cache/" + path: content}
    (resumed,) = [one for one in hub.of(path) if one.server == "store"]
    assert resumed.range == "bytes=%d-" % kept
    assert resumed.sent == len(content) - kept


def test_portions_stop_inside_a_file_and_go_on_with_it(hub, volume, run):
    content = random.Random(3).randbytes(60_000_000)
    hub.files[AUX, "campplus_cn_common.bin"] = Stored(content, rate=20_000_000)
    seen = []
    for portion in (25, 50, 75, 100):
        result = run(portion=portion)
        seen.append(result["bytes_here"] * 100 // result["bytes_total"])
        assert result["actions"]
    assert seen[-1] == 100
    assert all(here >= portion for here, portion in zip(seen, (25, 50, 75, 100), strict=True))
    assert seen[0] < 60
    assert contents(volume) == wanted(hub)
    fetched = [one for one in hub.of("campplus") if one.server == "store"]
    assert fetched[0].range == ""
    assert all(one.range for one in fetched[1:])


def test_a_connection_that_breaks_off_is_taken_up_again_at_once(hub, volume, run):
    stored = hub.files[MAIN, "gpt.pth"] = Stored(torch_file(35_000_000))
    stored.cut_after, stored.cuts = 12_000_000, 2
    assert not run().get("failed")
    assert contents(volume) == wanted(hub)
    ranges = [one.range for one in hub.of("gpt.pth") if one.server == "store"]
    assert len(ranges) == 3 and ranges[0] == "" and all(ranges[1:])


@pytest.mark.parametrize("name", ["huggingface", "modelscope"])
def test_a_file_with_another_sha256_is_not_put_in_place(hub, volume, run, name):
    stored = hub.files[AUX, "campplus_cn_common.bin"]
    stored.served = bytes(reversed(stored.content))
    failure = run(hub=name)
    assert failure["failed"] and failure["error_details"]["expected"]
    assert "campplus_cn_common.bin of funasr/campplus" in failure["msg"]
    assert "SHA-256" in failure["msg"] or "another file" in failure["msg"]
    assert "It was not put in place" in failure["msg"]
    assert not (volume / "hf_cache" / "campplus_cn_common.bin").exists()
    # The wrong bytes are not gone on with.
    stored.served = None
    assert not run(hub=name).get("failed")
    assert contents(volume) == wanted(hub)


def test_a_file_that_the_mirror_has_in_part_only_is_told(hub, volume, run):
    stored = hub.files[MAIN, "gpt.pth"]
    stored.served = stored.content[:300_000]
    failure = run()
    assert (
        "truncated: found 300000 bytes, expected %d bytes" % len(stored.content) in failure["msg"]
    )
    assert "gpt.pth" not in contents(volume)


def test_a_transfer_that_always_breaks_off_is_told(hub, volume, run):
    stored = hub.files[MAIN, "gpt.pth"]
    stored.cut_after, stored.cuts = 1000, 1000
    failure = run()
    assert f"no answer, or one that broke off, from {hub.url}" in failure["msg"]
    assert "gpt.pth" not in contents(volume)
    # The signature in the address gives access to the file.
    assert "very-secret" not in json.dumps(failure)


@pytest.mark.parametrize("name", ["huggingface", "modelscope"])
def test_a_file_that_the_hub_does_not_have_is_told(hub, volume, run, name, tmp_path):
    arguments = options(hub, volume, hub=name)
    del hub.files[AUX, "campplus_cn_common.bin"]
    hub.files[AUX, "other.bin"] = Stored(b"other")
    failure = end(start(arguments, tmp_path))
    assert f"found HTTP 404 from {hub.url}, expected the file" in failure["msg"]
    assert "Check repository, revision and path" in failure["msg"]
    assert "hf_cache/campplus_cn_common.bin" not in contents(volume)


def test_a_revision_that_the_hub_does_not_have_is_told(hub, volume, tmp_path):
    arguments = options(hub, volume)
    arguments["repositories"][0]["huggingface"]["revision"] = "f" * 40
    assert "HTTP 404" in end(start(arguments, tmp_path))["msg"]


@pytest.mark.parametrize("name", ["huggingface", "modelscope"])
def test_a_hub_that_wants_a_token_is_told_and_its_store_never_sees_it(hub, volume, run, name):
    hub.token = TOKEN
    failure = run(hub=name)
    assert f"found HTTP 401 from {hub.url}" in failure["msg"]
    assert "give a token" in failure["msg"]
    assert contents(volume) == {}
    hub.requests.clear()
    assert not run(hub=name, token=TOKEN, modelscope_token=TOKEN).get("failed")
    assert contents(volume) == wanted(hub)
    assert all(one.authorized for one in hub.requests if "resolve/" in one.path)
    assert not [one for one in hub.requests if one.server == "store" and one.authorized]


def test_a_hub_that_does_not_answer_is_told(hub, volume, run):
    failure = run(endpoint="http://127.0.0.1:9")
    assert "no answer, or one that broke off, from http://127.0.0.1:9" in failure["msg"]


def test_an_environment_without_the_client_is_told(hub, volume, run):
    assert "no client for huggingface" in run(python=sys.executable)["msg"]
    assert "found no such file or directory" in run(python="/nowhere/bin/python")["msg"]


def test_a_cache_of_hugging_face_is_laid_out_so_that_the_client_finds_it(hub, volume, tmp_path):
    arguments = options(hub, volume)
    repository = arguments["repositories"][1]
    repository["hub_cache"] = "hf_cache"
    del repository["files"][0]["place"]
    assert end(start(arguments, tmp_path))["changed"]
    assert end(start(arguments, tmp_path))["changed"] is False
    script = "import huggingface_hub as h; print(h.hf_hub_download(%r, 'campplus_cn_common.bin'))"
    offline = {"HF_HUB_CACHE": str(volume / "hf_cache"), "HF_HUB_OFFLINE": "1"}
    found = subprocess.run(
        [PYTHON, "-c", script % AUX], env=offline, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert Path(found).read_bytes() == hub.files[AUX, "campplus_cn_common.bin"].content


def test_from_modelscope_comes_what_can_be_pinned_there(hub, volume, run):
    result = run(hub="modelscope")
    assert contents(volume) == wanted(hub)
    origins = {action["subject"]: action["hub"] for action in result["actions"]}
    assert origins["hf_cache/campplus_cn_common.bin"] == "modelscope"
    assert origins["gpt.pth"] == "huggingface"
    assert {"repository": AUX, "revision": "master"} in result["sources"]


def test_a_volume_that_fills_up_is_told(hub, volume, run, tmp_path):
    """On a file system of a megabyte, with a file whose size nobody knew beforehand."""
    hub.files[MAIN, "large.json"] = Stored(random.Random(4).randbytes(3_000_000))
    arguments = options(hub, volume, require_mount=True)
    for one in arguments["repositories"][0]["files"]:
        if one["path"] == "large.json":
            one.pop("size")
    arguments["repositories"] = arguments["repositories"][:1]
    script = 'mount -t tmpfs -o size=1m none "$0" && "$@"; code=$?; ls -A "$0" >&2; exit $code'
    before = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    process = start(arguments, tmp_path, before=[*before, "sh", "-c", script, str(volume)])
    stdout, stderr = process.communicate(timeout=120)
    failure = json.loads(stdout)
    assert "found no space left, expected space for it" in failure["msg"]
    assert "Let the volume grow" in failure["msg"]
    assert "large.json" not in stderr.split()
    assert "config.yaml" in stderr.split()  # which came before


@pytest.mark.skipif(not may_be_run_by_others(), reason="needs root, and a Python for all users")
def test_the_client_runs_as_the_owner_of_the_volume(hub, tmp_path):
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        volume = folder / "volume"
        volume.mkdir()
        folder.chmod(0o755)
        os.chown(volume, 65534, 65534)
        hub.files[MAIN, "gpt.pth"].rate = 200_000
        process = start(options(hub, volume), tmp_path)
        wait_for(lambda: hub.sent("gpt.pth"), "the client")
        assert {os.stat(f"/proc/{pid}").st_uid for pid in clients()} == {65534}
        assert not end(process).get("failed")
        assert contents(volume) == wanted(hub)
        assert {path.stat().st_uid for path in volume.rglob("*")} - {0} == {65534}
        assert (volume / "hf_cache").stat().st_uid == 65534
        assert (volume / "gpt.pth").stat().st_uid == 65534
    finally:
        shutil.rmtree(folder)
