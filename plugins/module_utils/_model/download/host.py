# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Looks at the folder, runs the clients as the owner of the volume, and puts files in place."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._model.download import fetch
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import (
    RECORD,
    STAGING,
    Desired,
    Observed,
    Present,
    Verified,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.parse import (
    format_line,
    parse_answer,
    parse_record,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.plan import (
    expected_file,
    explain_failure,
    refuse_fetched,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import (
    Contents,
    Entry,
    Fault,
    File,
    Manifest,
    ManifestError,
    entry_of,
    find_faults,
    read_manifest,
    scan,
)

_LOOK = 0.5  # seconds between two looks at how much has arrived
_PATIENCE = 10  # seconds that a client has to end when it is told to

# What a client may need of the module's environment to reach a hub.
_PASSED_ON = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)

_locks: list[int] = []  # open for as long as the process lives, and its client


class Hashes:
    """SHA-256 of the files in a folder, each one read once in the life of the module."""

    def __init__(self, folder: str) -> None:
        self._contents = Contents(folder)

    def look(self, place: str, entry: Entry, known: File, *, read: bool) -> tuple[str | None, str]:
        """The SHA-256 of a file, if it was read, and what is wrong with it; empty when nothing."""
        faults = find_faults({place: File(known.size)}, {place: entry}, self._contents, full=False)
        if faults:
            return None, _fault(faults[0])
        if not read:
            return None, ""
        found = self._contents.sha256(place, entry)
        if isinstance(found, Fault):
            return None, _fault(found)
        if known.sha256 not in (None, found):
            return found, "SHA-256 %s instead of %s" % (found, known.sha256)
        return found, ""


def require_volume(desired: Desired) -> None:
    """Require the volume, and the folder on it and not on another one, for this process alone.

    A play that is killed leaves its module running on the host, and that its client.
    """
    what = "folder %s" % desired.mount_point
    hint = "Nothing was changed. Mount the volume first."
    try:
        handle = os.open(desired.mount_point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        found = (error.strerror or "no way to open it").lower()
        raise ModelStoreError(what, found, "a folder on the volume", hint) from error
    keep = False
    try:
        if desired.require_mount:
            _require_mount(desired)
        if not _locks:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _locks.append(handle)
            keep = True
    except BlockingIOError as error:
        raise ModelStoreError(
            what,
            "another run that writes to it",
            "none",
            "Nothing was changed. Wait until it has ended, then run again.",
        ) from error
    finally:
        if not keep:
            os.close(handle)


def load_download(desired: Desired, hashes: Hashes) -> Observed:
    """What is at the places of the files, and what was fetched of them before.

    A file is read only when neither the record nor the manifest has it as it is now.
    """
    manifest = _manifest(desired.folder)
    before = Observed(manifest=manifest)
    record = parse_record(_text(os.path.join(desired.folder, STAGING, RECORD)))
    present: dict[str, Present] = {}
    staged: dict[str, int] = {}
    for place in sorted(desired.files):
        known = expected_file(desired, before, place)
        found = _look(desired, place, known, record.get(place), manifest, hashes)
        if found:
            present[place] = found
        if not found or found.fault:
            staged[place] = _arrived(desired, place)
    space = os.statvfs(desired.mount_point)
    wanted = {desired.files[place].origin.key for place in staged}
    return Observed(
        present=present,
        staged=staged,
        stale=tuple(sorted(_staged_keys(desired) - wanted)),
        manifest=manifest,
        free=space.f_bavail * space.f_frsize,
    )


def apply_download(desired: Desired, observed: Observed, action: Action) -> None:
    """Carry out one step."""
    place = action.subject
    if action.name == "remove_stale":
        shutil.rmtree(os.path.join(desired.folder, STAGING, place))
    elif action.name == "record_file":
        present = observed.present[place]
        _record(desired, place, Verified(present.size, present.mtime, present.sha256 or ""))
    elif action.name == "write_file":
        _write(desired, place, action.arguments["text"])
    else:
        _fetch(desired, observed, place, action.arguments.get("until", 0))


def _require_mount(desired: Desired) -> None:
    hint = (
        "Nothing was changed, so that no model is written to the system disk. Mount the volume "
        "first, or permit it with require_mount: false."
    )
    if not os.path.ismount(desired.mount_point):
        raise ModelStoreError(
            "folder %s" % desired.mount_point, "nothing mounted", "the volume", hint
        )
    above = desired.folder
    while not os.path.exists(above):
        above = os.path.dirname(above)
    if os.stat(above).st_dev != os.stat(desired.mount_point).st_dev:
        raise ModelStoreError(
            "folder %s" % desired.folder,
            "another file system than that at %s" % desired.mount_point,
            "a folder on this volume",
            hint,
        )


def _manifest(folder: str) -> Manifest | None:
    # One that cannot be read knows nothing. model_manifest tells it when it is to be replaced.
    try:
        return read_manifest(folder)
    except ManifestError:
        return None


def _look(
    desired: Desired,
    place: str,
    known: File,
    line: Verified | None,
    manifest: Manifest | None,
    hashes: Hashes,
) -> Present | None:
    path = os.path.join(desired.folder, place)
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.lexists(path):
            return Present(fault="a link to something that is not there")
        return None
    if not stat.S_ISREG(status.st_mode):
        return Present(fault="no file", is_file=False)
    size, mtime = status.st_size, status.st_mtime_ns
    recorded, sha256 = False, None
    if line and (line.size, line.mtime) == (size, mtime):
        recorded, sha256 = True, line.sha256
    elif manifest and place in manifest.files and manifest.files[place].size == size:
        recorded, sha256 = True, manifest.files[place].sha256
    # What is known of a file can change: a profile is corrected, or gets checksums.
    if recorded and known.sha256 in (None, sha256):
        fault = hashes.look(place, entry_of(status), known, read=False)[1]
        return Present(size, mtime, sha256, True, fault)
    sha256, fault = hashes.look(place, entry_of(status), known, read=True)
    return Present(size, mtime, sha256, False, fault)


def _fetch(desired: Desired, observed: Observed, place: str, until: int) -> None:
    """Fetch a file, or as much of it as ``until`` says, and put it in place when it is whole."""
    origin, known = desired.files[place].origin, expected_file(desired, observed, place)
    staging = os.path.join(desired.folder, STAGING)
    own = os.path.join(staging, origin.key)
    folder = os.path.join(own, "files")
    _make_folders(desired, desired.folder, 0o755)
    for path in (staging, own, folder, os.path.join(own, "home"), os.path.join(own, "tmp")):
        _make_folders(desired, path, 0o700)
    job = {
        "hub": origin.hub,
        "repository": origin.repository,
        "revision": origin.revision,
        "path": origin.path,
        "folder": folder,
        "size": known.size,
        "sha256": known.sha256,
        "parent": os.getpid(),
    }
    if _run_client(desired, place, job, own, until):
        _put_in_place(desired, place, known, own)


def _write(desired: Desired, place: str, text: str) -> None:
    """Put a small file in place whose content is known."""
    staging = os.path.join(desired.folder, STAGING)
    own = os.path.join(staging, desired.files[place].origin.key)
    for path in (staging, own):
        _make_folders(desired, path, 0o700)
    written, final = os.path.join(own, "text"), os.path.join(desired.folder, place)
    with _opened(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as handle:
        os.write(handle, text.encode())
        _give(desired, handle, 0o644)
        os.fsync(handle)
        status = os.fstat(handle)
    _make_folders(desired, os.path.dirname(final), 0o755)
    known = desired.files[place].known
    _record(desired, place, Verified(status.st_size, status.st_mtime_ns, known.sha256 or ""))
    os.rename(written, final)
    _sync(os.path.dirname(final))
    shutil.rmtree(own)


def _run_client(desired: Desired, place: str, job: Mapping[str, Any], own: str, until: int) -> bool:
    """Run the client to its end, or until enough has arrived.

    :returns: whether the file is whole.
    """
    source = fetch.__loader__.get_source(fetch.__name__)  # type: ignore[union-attr]
    # Not on the command line, where everybody sees it, and from no file, so from a zip as well.
    program = [desired.client.python, "-I", "-B", "-"]
    try:
        process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            cwd=own,
            env=_environment(desired, job, own),
            pass_fds=_locks,
            start_new_session=True,
            **_account(desired),
        )
    except OSError as error:
        raise ModelStoreError(
            "program %s" % desired.client.python,
            (error.strerror or "no way to run it").lower(),
            "a Python interpreter with the clients of the hubs",
            "Nothing was fetched. Run the role model_download, which installs it.",
        ) from error
    stopped = False
    try:
        text: str | None = str(source)
        while True:
            try:
                stdout, stderr = process.communicate(text, timeout=_LOOK)
                break
            except subprocess.TimeoutExpired:
                text = None
            if until and _arrived(desired, place) >= until:
                stopped = True
                _stop(process)
                stdout, stderr = process.communicate()
                break
    finally:
        if process.poll() is None:
            _stop(process)
    if process.returncode == 0:
        return True
    if stopped:
        return False
    answer = parse_answer(stdout)
    if answer.get("problem") == "different":
        raise refuse_fetched(desired, place, "another file", "that of the profile")
    end = "exit status %d of the client" % process.returncode
    raise explain_failure(desired, place, {"text": stderr[-2000:], **answer}, end)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment(desired: Desired, job: Mapping[str, Any], own: str) -> dict[str, str]:
    client, home = desired.client, os.path.join(own, "home")
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment.update(
        {
            fetch.JOB: json.dumps(job),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": home,
            "TMPDIR": os.path.join(own, "tmp"),
            "HF_HOME": os.path.join(home, "huggingface"),
            # Its downloads do not go on after they were interrupted.
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0" if "huggingface" in client.tokens else "1",
            "HF_HUB_DOWNLOAD_TIMEOUT": "30",
            "MODELSCOPE_HOME": os.path.join(home, "modelscope"),
            "MODELSCOPE_CACHE": os.path.join(home, "modelscope-cache"),
            # One stream, whose bytes are at their place in the file.
            "MODELSCOPE_DOWNLOAD_PARALLEL_WORKERS": "1",
        }
    )
    names = {
        "huggingface": ("HF_ENDPOINT", "HF_TOKEN"),
        "modelscope": ("MODELSCOPE_ENDPOINT", "MODELSCOPE_API_TOKEN"),
    }
    endpoint, token = names[job["hub"]]
    if job["hub"] in client.endpoints:
        environment[endpoint] = client.endpoints[job["hub"]]
    if job["hub"] in client.tokens:
        environment[token] = client.tokens[job["hub"]].value
    return environment


def _account(desired: Desired) -> dict[str, Any]:
    """Who the client runs as: the owner of the volume, when the module may choose."""
    owner = os.stat(desired.mount_point)
    if os.geteuid() != 0 or owner.st_uid == 0:
        return {}
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _put_in_place(desired: Desired, place: str, known: File, own: str) -> None:
    """Verify a file that arrived by what the device gives back, and move it to its place."""
    folder, path = os.path.join(own, "files"), desired.files[place].origin.path
    entry = scan(folder).get(path)
    if entry is None or os.path.islink(os.path.join(folder, path)):
        raise refuse_fetched(desired, place, "no file", "a file")
    arrived = os.path.join(folder, path)
    with _opened(arrived, os.O_RDONLY) as handle:
        os.fsync(handle)
    sha256, fault = Hashes(folder).look(path, entry, known, read=True)
    if fault or sha256 is None:
        shutil.rmtree(own)
        raise refuse_fetched(desired, place, fault, _expected(known))
    with _opened(arrived, os.O_RDONLY) as handle:
        _give(desired, handle, 0o644)
        mtime = os.fstat(handle).st_mtime_ns
    final = os.path.join(desired.folder, place)
    _make_folders(desired, os.path.dirname(final), 0o755)
    # Before the file is at its place, so that a run killed in between does not read it again.
    _record(desired, place, Verified(entry.size, mtime, sha256))
    os.rename(arrived, final)
    _sync(os.path.dirname(final))
    shutil.rmtree(own)


def _expected(known: File) -> str:
    parts = ["%d bytes" % known.size] if known.size is not None else []
    parts += ["SHA-256 %s" % known.sha256] if known.sha256 else []
    return " with ".join(parts) or "a whole file"


def _record(desired: Desired, place: str, verified: Verified) -> None:
    staging = os.path.join(desired.folder, STAGING)
    _make_folders(desired, staging, 0o700)
    path = os.path.join(staging, RECORD)
    with _opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as handle:
        size = os.fstat(handle).st_size
        # Behind a line that a killed run left unfinished.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        line = ("\n" if torn else "") + format_line(place, verified)
        os.write(handle, line.encode())
        os.fsync(handle)


def _arrived(desired: Desired, place: str) -> int:
    """Bytes that were fetched of a file; what the clients note beside it is small."""
    staging = os.path.join(desired.folder, STAGING)
    return fetch.arrived(os.path.join(staging, desired.files[place].origin.key, "files"))


def _staged_keys(desired: Desired) -> set[str]:
    try:
        names = set(os.listdir(os.path.join(desired.folder, STAGING)))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    return names - {RECORD}


def _make_folders(desired: Desired, path: str, mode: int) -> None:
    """Make a folder, and those above it up to the volume, and give them to its owner."""
    if os.path.isdir(path):
        return
    _make_folders(desired, os.path.dirname(path), 0o755)
    os.mkdir(path, 0o700)
    with _opened(path, os.O_RDONLY | os.O_DIRECTORY) as handle:
        _give(desired, handle, mode)


def _give(desired: Desired, handle: int, mode: int) -> None:
    owner = os.stat(desired.mount_point)
    with contextlib.suppress(PermissionError):  # as in tests, without root
        os.fchown(handle, owner.st_uid, owner.st_gid)
    os.fchmod(handle, mode)


@contextlib.contextmanager
def _opened(path: str, flags: int) -> Any:
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def _sync(folder: str) -> None:
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as handle:
        os.fsync(handle)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _fault(fault: Fault) -> str:
    return "%s: found %s, expected %s" % (fault.problem, fault.found, fault.expected)
