# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module's options ask for, and the profiles that the role ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import (
    Origin,
    desired_download,
)

COMMIT = "c39ce5ba981572cb187443877ff559dfb246ce63"
SHA256 = "ab" * 32
ROLE = Path(__file__).resolve().parents[6] / "roles" / "model_download"
PROFILES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__model_download_profiles"]


def file(path="gpt.pth", place=None, size=None, sha256=None):
    return {"path": path, "place": place, "size": size, "sha256": sha256}


def repository(*files, huggingface=("owner/model", COMMIT), modelscope=None, hub_cache=""):
    def source(one):
        return one and {"repository": one[0], "revision": one[1]}

    return {
        "huggingface": source(huggingface),
        "modelscope": source(modelscope),
        "hub_cache": hub_cache,
        "files": list(files),
    }


def desired(*repositories, **others):
    options = {
        "path": "/mnt/models",
        "mount_point": None,
        "require_mount": True,
        "profile": "mine",
        "repositories": list(repositories),
        "hub": "huggingface",
        "portion": 100,
        "replace": False,
        "python": "/venv/bin/python",
        "endpoint": "",
        "token": "",
        "modelscope_endpoint": "",
        "modelscope_token": "",
        **others,
    }
    return desired_download(options)


def refused(*repositories, **others):
    with pytest.raises(ModelStoreError) as caught:
        desired(*repositories, **others)
    return str(caught.value)


def test_a_file_is_where_it_is_in_the_repository_unless_it_has_a_place():
    wanted = desired(repository(file(), file("config.json", "hf_cache/x/config.json"))).files
    assert sorted(wanted) == ["gpt.pth", "hf_cache/x/config.json"]
    assert wanted["gpt.pth"].origin == Origin("huggingface", "owner/model", COMMIT, "gpt.pth")


@pytest.mark.parametrize(
    ("sha256", "huggingface", "modelscope", "hub", "expected"),
    [
        (SHA256, ("o/m", COMMIT), ("o/m", "master"), "modelscope", "modelscope"),
        (None, ("o/m", COMMIT), ("o/m", "master"), "modelscope", "huggingface"),
        (SHA256, ("o/m", COMMIT), None, "modelscope", "huggingface"),
        (SHA256, None, ("o/m", "master"), "huggingface", "modelscope"),
        (SHA256, ("o/m", "main"), None, "huggingface", "huggingface"),
        (SHA256.upper(), ("o/m", COMMIT), ("o/m", "master"), "huggingface", "huggingface"),
    ],
)
def test_a_file_comes_from_a_hub_where_it_can_be_pinned(
    sha256, huggingface, modelscope, hub, expected
):
    one = repository(file(sha256=sha256), huggingface=huggingface, modelscope=modelscope)
    assert desired(one, hub=hub).files["gpt.pth"].origin.hub == expected


@pytest.mark.parametrize(
    "one",
    [
        repository(file(), huggingface=("o/m", "main")),
        repository(file(), huggingface=None, modelscope=("o/m", "master")),
        repository(file(), huggingface=None),
    ],
)
def test_a_file_without_a_pin_is_refused(one):
    assert "gpt.pth without a pin" in refused(one)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (file("../gpt.pth"), "found path '../gpt.pth'"),
        (file("/gpt.pth"), "found path '/gpt.pth'"),
        (file("a//b"), "found path 'a//b'"),
        (file("a\nb"), "found path"),
        (file(place=".modelstore-download/x"), "manifests do not leave out"),
        (file(place="a/.cache/x"), "manifests do not leave out"),
        (file(sha256="12"), "found sha256 12"),
        (file(size=-1), "found size -1"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(one, message):
    assert message in refused(repository(one))


def test_places_do_not_get_into_each_others_way():
    assert "two files for gpt.pth" in refused(repository(file()), repository(file()))
    both = repository(file("a", "x"), file("b", "x/y"))
    assert "x as a file and as a folder" in refused(both)
    assert "no files" in refused(repository())


def test_the_folder_is_on_the_volume():
    assert desired(repository(file())).mount_point == "/mnt/models"
    below = desired(repository(file()), path="/mnt/models/a", mount_point="/mnt/models/")
    assert (below.folder, below.mount_point) == ("/mnt/models/a", "/mnt/models")
    assert "at or below" in refused(repository(file()), mount_point="/mnt/model")
    assert "1 to 100" in refused(repository(file()), portion=0)


def test_addresses_hold_no_passwords_and_tokens_are_never_shown():
    assert "no user" in refused(repository(file()), endpoint="https://me:secret@mirror")
    assert "secret" not in refused(repository(file()), endpoint="https://me:secret@mirror")
    assert "no user" in refused(repository(file()), endpoint="mirror")
    wanted = desired(repository(file()), endpoint="https://mirror/hf/", token="hf_secret")
    assert wanted.client.endpoints == {"huggingface": "https://mirror/hf"}
    assert "hf_secret" not in repr(wanted)


def test_repositories_and_revisions_look_like_some():
    for huggingface in (("model", COMMIT), ("o/m/x", COMMIT), ("o/m?x", COMMIT), ("o/m", "a b")):
        assert "Correct the option" in refused(repository(file(), huggingface=huggingface))


def test_a_cache_of_hugging_face_has_snapshots_and_a_reference():
    wanted = desired(repository(file("semantic/m.bin"), hub_cache="hf_cache")).files
    folder = "hf_cache/models--owner--model"
    assert sorted(wanted) == [f"{folder}/refs/main", f"{folder}/snapshots/{COMMIT}/semantic/m.bin"]
    reference = wanted[f"{folder}/refs/main"]
    assert (reference.text, reference.known.size) == (COMMIT, 40)
    assert "none, as hub_cache" in refused(repository(file(place="x"), hub_cache="hf_cache"))
    branch = repository(file(sha256=SHA256), hub_cache="c", huggingface=("o/m", "main"))
    assert "with a commit" in refused(branch)


def test_another_revision_is_fetched_into_another_folder():
    keys = {
        Origin(hub, "o/m", revision, path).key
        for hub in ("huggingface", "modelscope")
        for revision in ("a", "b")
        for path in ("x", "y")
    }
    assert len(keys) == 8


def complete(profile):
    """With the options' defaults, as Ansible would add them."""
    return [
        repository(
            *[file(**one) for one in each["files"]],
            huggingface=tuple(each["huggingface"].values()),
            modelscope=each.get("modelscope") and (each["modelscope"]["repository"], "master"),
            hub_cache=each.get("hub_cache", ""),
        )
        for each in profile
    ]


@pytest.mark.parametrize(("name", "gibibytes"), [("upstream-2.5", 7.72), ("upstream-2.0", 8.26)])
@pytest.mark.parametrize("hub", ["huggingface", "modelscope"])
def test_the_profiles_of_the_role_are_pinned_and_as_large_as_the_releases(name, gibibytes, hub):
    files = desired(*complete(PROFILES[name]), hub=hub).files
    assert all(one.known.size for one in files.values())
    assert round(sum(one.known.size for one in files.values()) / 2**30, 2) == gibibytes
    # Everything that makes up the bytes has a checksum.
    assert all(one.known.sha256 for one in files.values() if one.known.size > 20_000_000)


@pytest.mark.parametrize("name", ["upstream-2.5", "upstream-2.0"])
def test_the_profiles_have_what_the_service_requires(name):
    start = yaml.safe_load((ROLE.parent / "indextts2" / "vars" / "main.yml").read_text())
    # A list in a template, of literals but for one that is a variable.
    shown = start["__indextts2_profiles"][name]["files"]
    literals = re.findall(r"'([\w./-]+)'", shown)
    required = [
        f"hf_cache/models--{each}/refs/main" if "--" in each else each
        for each in literals
        if each != "regex_replace"
    ] + start["__indextts2_qwen"]
    wanted = desired(*complete(PROFILES[name])).files
    assert len(required) > 10
    assert set(required) <= set(wanted)


def test_the_profiles_have_the_layout_of_their_release():
    wanted = desired(*complete(PROFILES["upstream-2.5"])).files
    assert "hf_cache/bigvgan/bigvgan_generator.pt" in wanted
    assert any(
        place.startswith("hf_cache/models--amphion--MaskGCT/snapshots/")
        for place in desired(*complete(PROFILES["upstream-2.0"])).files
    )
