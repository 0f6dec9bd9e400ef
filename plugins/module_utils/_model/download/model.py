# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A model to be fetched from hubs, and the folder that it is fetched into."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    File,
    Manifest,
    is_left_out,
    is_relative,
    is_sha256,
)

# In the model's folder, on the same file system as the files' places; manifests leave it out.
STAGING = ".modelstore-download"
# In there: what was fetched or found, and verified, a line for each file.
RECORD = "verified"

HUBS = ("huggingface", "modelscope")

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Origin:
    """Where a file comes from.

    :param hub: one of :data:`HUBS`.
    :param path: in the repository.
    """

    hub: str
    repository: str
    revision: str
    path: str

    @property
    def key(self) -> str:
        """A name for the folder that it is fetched into: another revision is another file."""
        text = "%s\n%s\n%s\n%s" % (self.hub, self.repository, self.revision, self.path)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return "%s of %s at %s" % (self.path, self.repository, self.revision)


@dataclass(frozen=True)
class Wanted:
    """A file of the model.

    :param known: its size and its SHA-256, as far as the profile knows them.
    :param text: the content of a file that is written and not fetched; None for all others.
    """

    origin: Origin
    known: File = field(default_factory=File)
    text: str | None = None


@dataclass(frozen=True)
class Client:
    """How the hubs' own clients are run.

    :param python: the interpreter of the virtual environment that has them.
    :param endpoints: the mirrors, by hub; empty for the hub itself.
    :param tokens: by hub.
    """

    python: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """What is to be fetched, and where to.

    :param folder: of the model.
    :param mount_point: of the volume that the folder is on.
    :param profile: the name of the release profile.
    :param files: by their place in the folder.
    :param portion: how much of the bytes has to be here, in percent.
    :param replace: whether other files at the same places may be replaced.
    :param require_mount: whether something has to be mounted at the mount point.
    """

    folder: str
    mount_point: str
    profile: str
    files: Mapping[str, Wanted]
    client: Client
    portion: int = 100
    replace: bool = False
    require_mount: bool = True


@dataclass(frozen=True)
class Verified:
    """A line of the record: a file that was read from end to end.

    :param mtime: when it was last written, in nanoseconds since the epoch.
    """

    size: int
    mtime: int
    sha256: str


@dataclass(frozen=True)
class Present:
    """What is at the place of a file.

    :param size: of the file, in bytes.
    :param mtime: when it was last written, in nanoseconds since the epoch.
    :param sha256: as the record, the manifest or a look at the file says; None when nobody knows.
    :param recorded: whether the record or the manifest has it.
    :param fault: why it is not the file that is wanted; empty when it is.
    :param is_file: whether it is a file at all.
    """

    size: int = 0
    mtime: int = 0
    sha256: str | None = None
    recorded: bool = False
    fault: str = ""
    is_file: bool = True


@dataclass(frozen=True)
class Observed:
    """The folder on the volume.

    :param present: what is there, by place; a place that is not in it is free.
    :param staged: bytes that were fetched of files which are not whole yet, by place.
    :param stale: staged files that nobody wants any more, by their keys.
    :param manifest: of the folder; None when there is none.
    :param free: bytes that are free on the volume.
    """

    present: Mapping[str, Present] = field(default_factory=dict)
    staged: Mapping[str, int] = field(default_factory=dict)
    stale: tuple[str, ...] = ()
    manifest: Manifest | None = None
    free: int = 0


def desired_download(options: Mapping[str, Any]) -> Desired:
    """What the module's options ask for.

    :raises ModelStoreError: they contradict themselves, or leave open which content is meant.
    """
    folder = _normal(options["path"])
    mount_point = _normal(options["mount_point"] or folder)
    if folder != mount_point and not folder.startswith(mount_point.rstrip("/") + "/"):
        raise _wrong("path", folder, "a folder at or below mount_point %s" % mount_point)
    if not 1 <= options["portion"] <= 100:
        raise _wrong("portion", str(options["portion"]), "1 to 100, a share in percent")
    files: dict[str, Wanted] = {}
    for repository in options["repositories"]:
        for one in repository["files"]:
            place, wanted = _wanted(one, repository, options["hub"])
            if place in files:
                raise _wrong("repositories", "two files for %s" % place, "one")
            files[place] = wanted
        files.update(_reference(repository))
    above = sorted(place for place in files for other in files if other.startswith(place + "/"))
    if above:
        raise _wrong("repositories", "%s as a file and as a folder" % above[0], "one of them")
    if not files:
        raise _wrong("repositories", "no files", "those of a model")
    return Desired(
        folder=folder,
        mount_point=mount_point,
        profile=str(options["profile"]),
        files=files,
        client=_client(options),
        portion=options["portion"],
        replace=options["replace"],
        require_mount=options["require_mount"],
    )


def _client(options: Mapping[str, Any]) -> Client:
    endpoints = {"huggingface": options["endpoint"], "modelscope": options["modelscope_endpoint"]}
    tokens = {"huggingface": options["token"], "modelscope": options["modelscope_token"]}
    for endpoint in endpoints.values():
        if endpoint and not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", endpoint):
            raise _wrong(
                "endpoint",
                "something else",
                "http:// or https://, a host and no user or password",
            )
    return Client(
        python=str(options["python"]),
        endpoints={hub: endpoint.rstrip("/") for hub, endpoint in endpoints.items() if endpoint},
        tokens={hub: Secret(token) for hub, token in tokens.items() if token},
    )


def _wanted(one: Mapping[str, Any], repository: Mapping[str, Any], hub: str) -> tuple[str, Wanted]:
    path = str(one["path"])
    place = str(one["place"] or path)
    if repository["hub_cache"]:
        if one["place"]:
            raise _wrong("repositories", "a place for %s" % path, "none, as hub_cache gives it")
        place = "%s/snapshots/%s/%s" % (*_hub_cache(repository), path)
    for name in (path, place):
        if not is_relative(name) or not name.isprintable():
            raise _wrong("repositories", "path %s" % ascii(name), "one without dots, relative")
    if is_left_out(place):
        raise _wrong("repositories", "place %s" % place, "one that manifests do not leave out")
    sha256 = one["sha256"] and str(one["sha256"]).lower()
    if sha256 and not is_sha256(sha256):
        raise _wrong("repositories", "sha256 %s of %s" % (sha256, path), "64 hexadecimal digits")
    if one["size"] is not None and one["size"] < 0:
        raise _wrong("repositories", "size %d of %s" % (one["size"], path), "bytes")
    return place, Wanted(_origin(path, repository, hub, sha256), File(one["size"], sha256 or None))


def _hub_cache(repository: Mapping[str, Any]) -> tuple[str, str]:
    """The folder of a repository in a cache of Hugging Face, and the commit in it."""
    source = repository["huggingface"]
    if not source or not _COMMIT.fullmatch(str(source["revision"])):
        raise _wrong("repositories", "hub_cache", "it with a commit at Hugging Face only")
    name = "models--" + str(source["repository"]).replace("/", "--")
    return posixpath.join(repository["hub_cache"], name), str(source["revision"])


def _reference(repository: Mapping[str, Any]) -> dict[str, Wanted]:
    """The file in a cache of Hugging Face that says which commit a program gets."""
    if not repository["hub_cache"]:
        return {}
    folder, revision = _hub_cache(repository)
    origin = Origin("huggingface", str(repository["huggingface"]["repository"]), revision, "")
    known = File(len(revision), hashlib.sha256(revision.encode()).hexdigest())
    return {"%s/refs/main" % folder: Wanted(origin, known, revision)}


def _origin(path: str, repository: Mapping[str, Any], hub: str, sha256: str | None) -> Origin:
    """Where to fetch a file from: of the preferred hub, if what it gives can be pinned there."""
    for name in sorted(HUBS, key=lambda one: one != hub):
        source = repository[name]
        if not source:
            continue
        if not _REPOSITORY.fullmatch(source["repository"]):
            raise _wrong("repositories", source["repository"], "a name such as owner/model")
        revision = str(source["revision"])
        if not re.fullmatch(r"[\w.-]+", revision):
            raise _wrong("repositories", "revision %s" % ascii(revision), "a commit, or a branch")
        if sha256 or (name == "huggingface" and _COMMIT.fullmatch(revision)):
            return Origin(name, str(source["repository"]), revision, path)
    raise _wrong(
        "repositories",
        "%s without a pin" % path,
        "its SHA-256, or a commit of 40 digits at Hugging Face (ModelScope has no commits)",
    )


def _normal(path: Any) -> str:
    return posixpath.normpath(str(path))


def _wrong(what: str, found: str, expected: str) -> ModelStoreError:
    return ModelStoreError(what, found, expected, "Nothing was changed. Correct the option.")
