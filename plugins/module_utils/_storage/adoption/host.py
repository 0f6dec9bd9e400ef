# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Reads a folder, copies it file by file, and reads each copy back from the device."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
import stat
from collections.abc import Iterator
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import (
    MISSING,
    PART,
    RECORD,
    Copied,
    Desired,
    Entry,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.parse import (
    format_line,
    parse_record,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.processes import (
    load_processes,
)

_CHUNK = 4 * 2**20


_locks: list[int] = []  # open for as long as the process lives


def require_destination(desired: Desired) -> None:
    """Require the folder on the volume, for this process alone.

    A play that is killed leaves its module running on the host.
    """
    what = "folder %s" % desired.destination
    try:
        folder = os.open(desired.destination, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ModelStoreError(
            what,
            (error.strerror or "no way to open it").lower(),
            "a folder on the volume",
            "Nothing was changed. Mount the volume first.",
        ) from error
    if desired.require_mount and not os.path.ismount(desired.destination):
        os.close(folder)
        raise ModelStoreError(
            what,
            "nothing mounted",
            "the volume",
            "Nothing was changed. Mount the volume first.",
        )
    if _locks:
        os.close(folder)
        return
    _locks.append(folder)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ModelStoreError(
            what,
            "another run that copies to it",
            "none",
            "Nothing was changed. Wait until it has ended, then run again.",
        ) from error


def load_adoption(runner: Runner, fs: FileSystem, desired: Desired) -> Observed:
    """What is in the folder, at the same paths on the volume, and in the record."""
    source = _entry(desired.source)
    kept = _entry(desired.kept)
    if source.kind != "folder":
        return Observed(source, kept)
    real, volume = os.path.realpath(desired.source), os.path.realpath(desired.destination)
    if real == volume or real.startswith(volume + "/") or volume.startswith(real + "/"):
        raise ModelStoreError(
            "folder %s" % desired.source,
            "it inside of %s, or the other way round" % desired.destination,
            "two folders apart from each other",
            "Nothing was changed. Name the local folder and the volume.",
        )
    files = dict(_list(desired.source, "", os.lstat(desired.source).st_dev))
    try:
        record = fs.read(os.path.join(desired.destination, RECORD))
    except FileNotFoundError:
        record = ""
    space = os.statvfs(desired.destination)
    return Observed(
        source=source,
        kept=kept,
        files=files,
        present={path: _entry(os.path.join(desired.destination, path)) for path in files},
        copied=parse_record(record),
        free=space.f_bavail * space.f_frsize + _allocated(os.path.join(desired.destination, PART)),
        processes=tuple(
            "%(command)s with pid %(pid)d" % process for process in load_processes(runner, fs, real)
        ),
    )


def apply_adoption(desired: Desired, observed: Observed, action: Action) -> None:
    """Carry out one step."""
    path = action.subject
    if action.name == "keep_aside":
        os.rename(desired.source, desired.kept)
        _sync(os.path.dirname(desired.kept))
    elif action.name == "place_link":
        _place_link(desired)
    elif action.name == "make_folder":
        _make_folder(desired, path, observed.files[path])
    elif action.name == "make_link":
        os.symlink(action.arguments["target"], os.path.join(desired.destination, path))
    elif action.name == "link_file":
        _link_file(desired, path, action.arguments["target"])
    elif action.name == "compare_file":
        _compare_file(desired, path, observed.files[path])
    else:
        _copy_file(desired, path, observed.files[path])


def _list(top: str, folder: str, device: int) -> Iterator[tuple[str, Entry]]:
    with os.scandir(os.path.join(top, folder)) as found:
        names = sorted(entry.name for entry in found)
    for name in names:
        path = os.path.join(folder, name)
        entry = _entry(os.path.join(top, path), device)
        yield path, entry
        if entry.kind == "folder":
            yield from _list(top, path, device)


def _entry(path: str, device: int | None = None) -> Entry:
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    mode = stat.S_IMODE(found.st_mode)
    if device is not None and found.st_dev != device:
        return Entry("mount")
    if stat.S_ISDIR(found.st_mode):
        return Entry("folder", mode)
    if stat.S_ISLNK(found.st_mode):
        return Entry("link", target=os.readlink(path))
    if stat.S_ISREG(found.st_mode):
        return Entry("file", mode, found.st_size, found.st_mtime_ns, found.st_ino)
    return Entry("special")


def _allocated(path: str) -> int:
    try:
        return os.lstat(path).st_blocks * 512
    except FileNotFoundError:
        return 0


def _copy_file(desired: Desired, path: str, entry: Entry) -> None:
    part = os.path.join(desired.destination, PART)
    digest = hashlib.sha256()
    target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(target, "wb", buffering=0) as stream:
        for chunk in _read_source(desired, path, entry):
            digest.update(chunk)
            _write(stream, chunk)
        _own(desired, target, entry.mode | 0o444)
        os.utime(target, ns=(entry.mtime, entry.mtime))
        os.fsync(target)
    _require_sum(desired, path, part, digest.hexdigest())
    # Before the file is at its place: what is there and in no record is somebody else's.
    _record(desired, path, Copied(entry.size, entry.mtime, digest.hexdigest()))
    place = os.path.join(desired.destination, path)
    os.rename(part, place)
    _sync(os.path.dirname(place))


def _compare_file(desired: Desired, path: str, entry: Entry) -> None:
    digest = hashlib.sha256()
    for chunk in _read_source(desired, path, entry):
        digest.update(chunk)
    place = os.path.join(desired.destination, path)
    _require_sum(desired, path, place, digest.hexdigest())
    os.utime(place, ns=(entry.mtime, entry.mtime), follow_symlinks=False)
    _record(desired, path, Copied(entry.size, entry.mtime, digest.hexdigest()))


def _link_file(desired: Desired, path: str, leader: str) -> None:
    part = os.path.join(desired.destination, PART)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part)
    os.link(os.path.join(desired.destination, leader), part)
    copied = parse_record(_read(os.path.join(desired.destination, RECORD)))[leader]
    _record(desired, path, copied)
    place = os.path.join(desired.destination, path)
    os.rename(part, place)
    _sync(os.path.dirname(place))


def _make_folder(desired: Desired, path: str, entry: Entry) -> None:
    place = os.path.join(desired.destination, path)
    os.mkdir(place, 0o700)
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _own(desired, folder, entry.mode | 0o555)
    finally:
        os.close(folder)


def _place_link(desired: Desired) -> None:
    link = desired.source + ".modelstore-link"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(link)
    os.symlink(desired.destination, link)
    os.rename(link, desired.source)
    _sync(os.path.dirname(desired.source))


def _read_source(desired: Desired, path: str, entry: Entry) -> Iterator[bytes]:
    """The content of a source file, which must be the same file, unchanged, to the end."""
    place = os.path.join(desired.source, path)
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as stream:
        _require_unchanged(place, entry, os.fstat(stream.fileno()))
        while chunk := stream.read(_CHUNK):
            yield chunk
        _require_unchanged(place, entry, os.fstat(stream.fileno()))
    _require_unchanged(place, entry, os.lstat(place))


def _require_unchanged(place: str, entry: Entry, found: os.stat_result) -> None:
    if (found.st_size, found.st_mtime_ns, found.st_ino) != (entry.size, entry.mtime, entry.inode):
        raise ModelStoreError(
            "file %s" % place,
            "it changed while it was copied",
            "a folder that nobody writes to",
            "Stop what writes there, then run again; what is copied already is kept.",
        )


def _require_sum(desired: Desired, path: str, copy: str, expected: str) -> None:
    found = _sum_on_device(copy)
    if found != expected:
        raise ModelStoreError(
            "file %s" % os.path.join(desired.destination, path),
            "SHA-256 %s on the volume" % found,
            "%s, that of %s" % (expected, os.path.join(desired.source, path)),
            "The local file stays as it is. A file that was there before: move it aside and run "
            "again. One copied by this run: look at dmesg on this host and on the target server.",
        )


def _sum_on_device(path: str) -> str:
    """SHA-256 of what the device returns, past the page cache wherever the file system can."""
    try:
        return _sum(path, os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return _sum(path, 0)


def _sum(path: str, flags: int) -> str:
    digest = hashlib.sha256()
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | flags)
    # Memory from mmap begins at a page, which direct reads ask for.
    with os.fdopen(handle, "rb", buffering=0) as stream, mmap.mmap(-1, _CHUNK) as buffer:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        count = _CHUNK
        while count == _CHUNK:  # a direct read must not begin after the end, at an odd place
            count = stream.readinto(buffer) or 0
            digest.update(buffer[:count])
    return digest.hexdigest()


def _record(desired: Desired, path: str, copied: Copied) -> None:
    place = os.path.join(desired.destination, RECORD)
    handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "r+b", buffering=0) as stream:
        size = os.fstat(handle).st_size
        # Behind a line that a killed run left unfinished.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        _write(stream, (b"\n" if torn else b"") + format_line(path, copied).encode())
        os.fsync(handle)


def _own(desired: Desired, handle: int, mode: int) -> None:
    """Give a copy to the owner of the volume, readable for the application's user."""
    owner = os.stat(desired.destination)
    with contextlib.suppress(PermissionError):  # as in tests, without root
        os.fchown(handle, owner.st_uid, owner.st_gid)
    os.fchmod(handle, mode & 0o777)


def _write(stream: Any, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def _sync(folder: str) -> None:
    handle = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
