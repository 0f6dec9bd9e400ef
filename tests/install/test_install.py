# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation by the role indextts2, with uv and git as they are; run by "make test-install"."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
from pathlib import Path

from conftest import (
    MINOR,
    PASSWORD,
    VERSION,
    Host,
    Index,
    Repository,
    managed_python,
    wait_for,
    wheel,
)


def test_a_release_from_git_is_complete_before_it_is_used(host: Host, upstream: Index) -> None:
    predicted = host.run("--check", "--diff")
    assert not predicted.failed, predicted.output
    assert predicted.changed > 0
    assert host.names == set() and not host.app.exists() and upstream.requests == []

    result = host.run()
    assert not result.failed, result.output
    assert "install_switch | Switch to the release" in result.changes
    assert "Restart IndexTTS2" in result.output
    assert host.used == "v1" and host.names == {"v1"}
    assert host.installed() >= {"speech", "torch", "pages"} and "fast" not in host.installed()
    assert json.loads((host.app / ".modelstore-source").read_text())["git"] == "v1"
    assert os.readlink(host.app / "cache_hub") == str(host.folder / "volume")
    for name in ("outputs", "prompts"):
        assert stat.S_IMODE((host.app / name).stat().st_mode) == 0o755
    # Prepared, so that the first start neither builds nor fetches.
    assert (host.app / "indextts/utils/tagger_cache/zh_tn_tagger.fst").exists()
    assert (host.app / "examples/voice_02.wav").exists()
    # Said how much room it takes, and what was only for the build is gone.
    assert f"localhost: {host.release()} " in result.text
    assert not host.build.exists()
    # Nothing in the home of who runs it.
    assert [one for one in os.listdir(host.home) if one != ".ansible"] == []

    upstream.requests.clear()
    for options in ((), ("--check",)):
        again = host.run(*options)
        assert (again.failed, again.changed, upstream.requests) == (False, 0, []), again.output


def assert_others_may_read_and_not_write(top: Path) -> None:
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            assert mode & stat.S_IROTH, path
            assert mode & stat.S_IXOTH or not path.is_dir(), path
            assert path.is_symlink() or not mode & stat.S_IWOTH, path


def test_the_service_can_read_all_of_it_and_nobody_can_change_it(host: Host) -> None:
    os.umask(0o077)
    try:
        assert not host.run().failed
    finally:
        os.umask(0o022)
    assert_others_may_read_and_not_write(host.releases)


def test_all_extras_are_installed_together(host: Host) -> None:
    result = host.run(indextts2_extras=["webui", "deepspeed"])
    assert not result.failed, result.output
    assert host.installed() >= {"speech", "torch", "pages", "fast"}


def test_an_upgrade_and_the_way_back(host: Host, upstream: Index) -> None:
    assert not host.run().failed
    predicted = host.run("--check", "--diff", indextts2_git_revision="v2")
    assert not predicted.failed, predicted.output
    assert "install_switch | Switch to the release" in predicted.changes
    assert host.used == "v1" and host.names == {"v1"}

    assert not host.run(indextts2_git_revision="v2").failed
    assert host.used == "v2" and host.names == {"v1", "v2"}
    assert (host.app / "webui.py").read_text() == "version = '2.0'\n"

    upstream.requests.clear()
    upstream.away = True
    nowhere = {"indextts2_git_url": "file:///nowhere"}
    back = host.run(**nowhere)
    assert not back.failed, back.output
    assert host.used == "v1" and upstream.requests == []
    assert "Restart IndexTTS2" in back.output
    upstream.away = False

    # The one used last is the one that stays, though v2 is younger.
    assert not host.run(indextts2_git_revision="v3").failed
    assert host.used == "v3" and host.names == {"v3", "v1"}
    assert not host.run(indextts2_git_revision="v3", indextts2_releases_kept=0).failed
    assert host.names == {"v3"}


def test_what_is_in_the_releases_folder_and_is_no_release_stays(host: Host) -> None:
    (host.releases / "mine").mkdir(parents=True)
    assert not host.run(indextts2_releases_kept=0).failed
    assert host.names == {"mine", "v1"}
    refused = host.run(indextts2_git_revision="v2", indextts2_release="mine")
    assert refused.failed and "which this role did not make" in refused.text
    assert os.listdir(host.releases / "mine") == []


def test_a_build_that_is_killed_is_gone_on_with_and_never_used(host: Host, upstream: Index) -> None:
    assert not host.run().failed
    upstream.requests.clear()
    upstream.held = "pages"
    with host.running(indextts2_git_revision="v2"):
        wait_for(
            "the last package", lambda: upstream.fetched("pages") and upstream.fetched("torch")
        )
        wait_for("the cache", lambda: list((host.build / "uv").rglob("torch.py")))
    assert host.used == "v1"
    assert not (host.release("v2") / ".modelstore-installed").exists()
    assert (host.build / "settings").stat().st_mode & 0o777 == 0o600

    upstream.held = ""
    upstream.requests.clear()
    result = host.run(indextts2_git_revision="v2")
    assert not result.failed, result.output
    assert host.used == "v2" and host.installed() >= {"speech", "torch", "pages"}
    assert upstream.fetched("torch") == []
    assert not host.build.exists()


def test_what_is_left_of_a_build_that_is_given_up_is_removed(host: Host, upstream: Index) -> None:
    assert not host.run().failed
    upstream.away = True
    broken = host.run(indextts2_git_revision="v2")
    assert broken.failed and host.used == "v1" and host.names == {"v1", "v2"}
    assert not (host.build / "settings").exists()
    assert not host.run().failed
    assert host.names == {"v1"}


def test_a_fetch_that_was_interrupted_is_done_anew(host: Host) -> None:
    left = host.releases / ".staging/source"
    left.mkdir(parents=True)
    (left / "webui.py").write_text("half")
    assert not host.run().failed
    assert (host.app / "webui.py").read_text() == "version = '1.0'\n"
    assert host.names == {"v1"}


def test_an_archive(host: Host, repository: Repository, upstream: Index) -> None:
    for tag, prefix in (("v1", "index-tts-1/"), ("v2", "")):
        path = repository.archive(tag, prefix)
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        options = {
            "indextts2_install_from": "archive",
            "indextts2_archive": str(path),
            "indextts2_archive_checksum": f"sha256:{checksum}",
        }
        predicted = host.run("--check", **options)
        assert not predicted.failed and predicted.changed > 0, predicted.output
        result = host.run(**options)
        assert not result.failed, result.output
        assert host.used == checksum[:12]
        assert (host.app / "webui.py").read_text() == f"version = '{tag[1:]}.0'\n"
        assert stat.S_IMODE((host.app / "webui.py").stat().st_mode) == 0o644
        upstream.requests.clear()
        again = host.run(**options)
        assert (again.failed, again.changed, upstream.requests) == (False, 0, [])

    options["indextts2_archive_checksum"] = "sha256:" + "0" * 64
    refused = host.run("--check", **options)
    assert refused.failed and f"found sha256:{checksum}" in refused.text
    options["indextts2_archive_checksum"] = checksum
    assert "expected sha256, a colon, and 64 hexadecimal digits" in host.run(**options).text
    assert host.used == checksum[:12]


def test_an_archive_from_an_address(host: Host, repository: Repository, upstream: Index) -> None:
    path = repository.archive("v1")
    # The index serves any file that is called a wheel.
    served = upstream.folder / "simple" / "application-1.whl"
    served.write_bytes(path.read_bytes())
    options = {
        "indextts2_install_from": "archive",
        "indextts2_archive": upstream.url("simple/application-1.whl"),
        "indextts2_archive_checksum": "sha256:" + "0" * 64,
    }
    refused = host.run(**options)
    assert refused.failed and "checksum" in refused.text and not host.app.exists()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    result = host.run(**{**options, "indextts2_archive_checksum": f"sha256:{digest}"})
    assert not result.failed, result.output
    assert host.used == digest[:12]


def test_a_folder_on_the_controller_is_copied_in_place(host: Host, repository: Repository) -> None:
    source = host.folder / "source"
    repository.git("worktree", "add", "--detach", str(source), "v1")
    options = {"indextts2_install_from": "controller", "indextts2_app_src": str(source)}
    predicted = host.run("--check", **options)
    assert not predicted.failed and predicted.changed > 0, predicted.output
    assert not host.app.exists()
    assert not host.run(**options).failed
    assert (host.app / "webui.py").exists() and not host.app.is_symlink() and host.names == set()
    assert not (host.app / ".venv").exists()
    assert host.run(**options).changed == 0

    options["indextts2_environment_by"] = "uv"
    result = host.run(**options)
    assert not result.failed, result.output
    assert "pages" in host.installed()
    assert host.run(**options).changed == 0
    # With another lock file the environment is another one.
    repository.git("-C", str(source), "checkout", "--quiet", "v2")
    assert "install_environment | Make the environment" in host.run(**options).changes
    assert host.run(**options).changed == 0


def test_a_folder_that_is_there_stays_as_it_is(host: Host) -> None:
    host.app.mkdir()
    (host.app / "webui.py").write_text("mine")
    result = host.run(indextts2_install_from="folder")
    assert not result.failed, result.output
    assert sorted(os.listdir(host.app)) == ["outputs", "prompts", "webui.py"]
    assert host.run(indextts2_install_from="folder").changed == 0


def test_a_folder_or_a_link_to_elsewhere_is_not_replaced(host: Host, upstream: Index) -> None:
    host.app.mkdir()
    (host.app / "webui.py").write_text("mine")
    refused = host.run()
    assert refused.failed and f"found a folder at {host.app}, expected nothing or" in refused.text
    assert "Nothing was changed" in refused.text and host.names == set()
    host.app.rename(host.folder / "elsewhere")
    host.app.symlink_to(host.folder / "elsewhere")
    refused = host.run()
    assert refused.failed and f"found a link to {host.folder}/elsewhere" in refused.text
    assert (host.app / "webui.py").read_text() == "mine" and upstream.requests == []


def test_a_folder_is_not_copied_into_a_release(host: Host) -> None:
    assert not host.run().failed
    options = {"indextts2_install_from": "controller", "indextts2_app_src": "/nowhere"}
    refused = host.run(**options)
    assert refused.failed and f"found the release {host.release()} at {host.app}" in refused.text


def test_a_release_is_not_changed_afterwards(host: Host, upstream: Index) -> None:
    assert not host.run().failed
    upstream.requests.clear()
    refused = host.run(indextts2_extras=["webui", "deepspeed"])
    assert refused.failed and "another name with indextts2_release" in refused.text
    assert upstream.requests == []
    result = host.run(indextts2_extras=["webui", "deepspeed"], indextts2_release="v1-all")
    assert not result.failed, result.output
    assert host.used == "v1-all" and "fast" in host.installed()


def fake_python(folder: Path, version: str) -> str:
    path = folder / f"python-{version}"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_upstream_cannot_use_is_refused_before_anything_is_fetched(
    host: Host, upstream: Index
) -> None:
    options = {
        "indextts2_profile": "upstream-2.0",  # says >=3.10 only, but its packages do not go that far
        "indextts2_system_python": fake_python(host.folder, "3.13.5"),
    }
    for arguments in (("--check",), ()):
        refused = host.run(*arguments, **options)
        assert refused.failed
        assert f"found Python 3.13.5 ({host.folder}/python-3.13.5), expected >=3.10,<3.12" in (
            refused.text
        )
        assert "Nothing was changed" in refused.text
    assert host.names == set() and upstream.requests == []
    options = {"indextts2_profile": "upstream-2.5", "indextts2_python_from": "managed"}
    refused = host.run(**options, indextts2_python_version="3.12")
    assert refused.failed and "found Python 3.12 (indextts2_python_version)" in refused.text


def test_a_python_that_the_source_cannot_use_is_refused_before_anything_is_built(
    host: Host, repository: Repository, upstream: Index
) -> None:
    source = host.folder / "source"
    source.mkdir()
    project = (repository.work / "pyproject.toml").read_text()
    for name in ("webui.py", "uv.lock"):
        (source / name).write_text((repository.work / name).read_text())
    (source / "pyproject.toml").write_text(project.replace(">=3.9", ">=3.99"))
    archive = host.folder / "application.tar"
    subprocess.run(["tar", "-C", source, "-cf", archive, "."], check=True)
    refused = host.run(
        indextts2_install_from="archive",
        indextts2_archive=str(archive),
        indextts2_archive_checksum="sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest(),
    )
    assert refused.failed and f"found Python {VERSION}" in refused.text
    assert "expected >=3.99" in refused.text
    assert not host.app.exists() and upstream.requests == []


def test_too_little_room_is_refused_before_anything_is_fetched(host: Host, upstream: Index) -> None:
    for options in (("--check",), ()):
        refused = host.run(*options, indextts2_required_space="900T")
        assert refused.failed and "900.00 TB to build the environment" in refused.text
        assert "Nothing was changed" in refused.text
    assert host.names == set() and upstream.requests == []
    # A release that is complete needs none.
    assert not host.run().failed
    assert not host.run(indextts2_required_space="900T").failed


def test_a_python_of_uv_is_installed_once_and_found_offline_later(host: Host) -> None:
    managed = {"indextts2_python_from": "managed", "indextts2_python_version": MINOR}
    python = host.folder / "opt/python"
    offline = host.run(**managed, indextts2_wheels=str(host.folder))
    assert offline.failed and f"found no Python {MINOR} in {python}" in offline.text
    # uv knows the checksums of its own, so this one is listed for it.
    host.environment["UV_PYTHON_DOWNLOADS_JSON_URL"] = str(managed_python(host.folder))
    result = host.run(**managed)
    assert not result.failed, result.output
    assert "install_uv | Install the Python" in result.changes
    assert_others_may_read_and_not_write(python)
    assert os.readlink(host.app / ".venv/bin/python").startswith(str(python))
    assert "pages" in host.installed()
    del host.environment["UV_PYTHON_DOWNLOADS_JSON_URL"]
    again = host.run(**managed, indextts2_git_revision="v2")
    assert not again.failed and "install_uv | Install the Python" not in again.changes


def test_a_wheelhouse_without_any_index(host: Host, packages: Path, upstream: Index) -> None:
    wheels = host.folder / "wheels"
    wheels.mkdir()
    for path in (*(packages / "simple").glob("*.whl"), *(packages / "torch").glob("*.whl")):
        (wheels / path.name).symlink_to(path)
    upstream.away = True
    options = {
        "indextts2_wheels": str(wheels),
        "indextts2_uv_dir": str(host.folder / "opt/uv"),
        "indextts2_examples_src": host.environment.pop("TEST_RECORDINGS"),
    }
    result = host.run(**options)
    assert not result.failed, result.output
    assert host.installed() >= {"speech", "torch", "pages"} and upstream.requests == []
    again = host.run(**options)
    assert again.changed == 0
    # A package with another content is not installed.
    (wheels / "speech-1.0-py3-none-any.whl").unlink()
    wheel(wheels, "speech", "1.0")
    path = wheels / "speech-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes() + b"\0")
    options.update(indextts2_git_revision="v2", indextts2_keep_build_cache=False)
    refused = host.run(**options)
    assert refused.failed and "Hash mismatch" in refused.text and host.used == "v1"
    accepted = host.run(**options, indextts2_verify_hashes=False)
    assert not accepted.failed, accepted.output
    assert host.used == "v2"


def test_recordings_that_are_missing_are_told(host: Host) -> None:
    host.environment.pop("TEST_RECORDINGS")
    refused = host.run()
    assert refused.failed and "found voice_01.wav voice_02.wav missing in" in refused.text
    assert "indextts2_examples_src" in refused.text and not host.app.exists()
    assert not host.run(indextts2_prepare=False, indextts2_git_revision="v2").failed
    assert not (host.app / "indextts/utils/tagger_cache").exists()


def test_a_mirror_is_asked_for_everything_and_its_password_is_never_shown(
    host: Host, mirror: Index, upstream: Index
) -> None:
    upstream.away = True
    options = {
        "indextts2_index_url": mirror.url("simple"),
        "indextts2_torch_index_url": mirror.url("torch"),
        "indextts2_python_mirror": f"http://reader:{PASSWORD}@127.0.0.1:1/",
        "indextts2_uv_dir": str(host.folder / "opt/uv"),
    }
    seen: list[str] = []
    mirror.held = "speech"
    host.environment["ANSIBLE_PIPELINING"] = "0"  # shows more
    with host.running(**options):
        wait_for("a package", lambda: mirror.fetched("speech"))
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    assert any("pip sync" in one for one in seen)
    assert not any(PASSWORD in one for one in seen)

    mirror.held = ""
    result = host.run("-vvv", "--diff", **options)
    assert not result.failed, result.output
    assert PASSWORD not in result.output
    assert host.installed() >= {"speech", "torch", "pages"} and upstream.requests == []
    for folder, _folders, names in os.walk(host.folder / "opt"):
        for name in names:
            path = Path(folder, name)
            assert path.is_symlink() or PASSWORD.encode() not in path.read_bytes(), path
    # Nor where it fails.
    mirror.away = True
    broken = host.run("-vvv", **options, indextts2_git_revision="v2")
    assert broken.failed and PASSWORD not in broken.output and host.used == "v1"


def test_a_password_in_an_address_that_would_be_shown_is_refused(host: Host) -> None:
    refused = host.run(indextts2_git_url=f"https://reader:{PASSWORD}@git.example.com/x.git")
    assert refused.failed and "found a password in indextts2_git_url" in refused.text
    assert PASSWORD not in refused.output


def test_a_profile_without_a_release_wants_a_revision(host: Host) -> None:
    del host.variables["indextts2_git_revision"]
    refused = host.run()
    assert refused.failed and "found indextts2_git_revision not set" in refused.text
