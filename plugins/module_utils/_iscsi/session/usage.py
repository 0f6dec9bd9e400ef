# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What uses a disk: mounts and swap on it or on anything built on it, and what is built on it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.model import Map

BLOCK = "/sys/block"
_MULTIPATH = "mpath-"
_PARTITION_OF_MAP = re.compile(r"part\d+-mpath-")  # kpartx; flushing the map takes them along
_MOST_PROCESSES = 10  # named in one message
_VOLUMES = {"LVM-": "logical volume", "CRYPT-": "encrypted volume"}


@dataclass(frozen=True)
class Usage:
    """What is built on some disks.

    :param uses: for each disk that something but a multipath map uses, by what.
    :param maps: the multipath maps over them.
    """

    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    maps: tuple[Map, ...] = ()


@dataclass(frozen=True)
class _Node:
    """A block device on top of another one."""

    name: str
    number: str
    uuid: str = ""


def read_usage(
    fs: FileSystem, disks: Sequence[str], wwids: Collection[str], *, name_processes: bool
) -> Usage:
    """Read what is built on disks (kernel names), and the maps of WWIDs with or without paths.

    :param name_processes: look for the processes that work on a mount, too. It takes a while.
    """
    tops = _Tops(fs, name_processes)
    uses = {disk: tops.uses(disk) for disk in disks}
    found = {holder.name for disk in disks for holder in _stack(fs, disk) if _is_map(holder)}
    for device in fs.listdir(BLOCK):
        if device.startswith("dm-") and _uuid(fs, device)[len(_MULTIPATH) :] in wwids:
            found.add(device)
    return Usage(
        {disk: reasons for disk, reasons in uses.items() if reasons},
        tuple(_map(fs, device, tops) for device in sorted(found)),
    )


def map_with(fs: FileSystem, disk: str, wwid: str) -> str | None:
    """The kernel name of the map with this WWID that a disk is a path of."""
    for holder in fs.listdir("%s/%s/holders" % (BLOCK, disk)):
        if _uuid(fs, holder) == _MULTIPATH + wwid:
            return holder
    return None


def map_exists(fs: FileSystem, wwid: str) -> bool:
    """Whether there is a map with this WWID."""
    return any(_uuid(fs, device) == _MULTIPATH + wwid for device in fs.listdir(BLOCK))


def _map(fs: FileSystem, device: str, tops: _Tops) -> Map:
    folder = "%s/%s" % (BLOCK, device)
    return Map(
        device,
        _attribute(fs, folder + "/dm/name"),
        _uuid(fs, device)[len(_MULTIPATH) :],
        {
            disk: _attribute(fs, "%s/%s/device/state" % (BLOCK, disk))
            for disk in fs.listdir(folder + "/slaves")
        },
        tops.uses(device),
    )


class _Tops:
    """Mounts and swaps of the host, read once."""

    def __init__(self, fs: FileSystem, name_processes: bool) -> None:
        self._fs = fs
        self._name_processes = name_processes
        self._mounts = _mounts(fs)
        self._swaps = {fs.realpath(path) for path in _swaps(fs.read("/proc/swaps"))}

    def uses(self, device: str) -> tuple[str, ...]:
        """What uses a block device. Multipath maps are looked at by themselves."""
        reasons = []
        for node in _stack(self._fs, device):
            if _is_map(node) and node.name != device:
                continue
            is_disk = node.name == device and not node.uuid
            suffix = "" if is_disk else " (through %s)" % node.name
            for point in self._mounts.get(node.number, []):
                reasons.append("mounted at %s%s%s" % (point, suffix, self._users(point)))
            if "/dev/" + node.name in self._swaps:
                reasons.append("swap" + suffix)
            if node.name != device and not _PARTITION_OF_MAP.match(node.uuid):
                reasons += _holder(self._fs, node)
        return tuple(dict.fromkeys(reasons))

    def _users(self, point: str) -> str:
        found = _processes(self._fs, point) if self._name_processes else []
        if not found:
            return ""
        more = " and others" if len(found) > _MOST_PROCESSES else ""
        return " and used by %s%s" % (", ".join(found[:_MOST_PROCESSES]), more)


def _stack(fs: FileSystem, device: str) -> Iterator[_Node]:
    """A block device, its partitions, and all that is built on them up to multipath maps."""
    yield from _above(fs, "%s/%s" % (BLOCK, device), device, set())


def _above(fs: FileSystem, path: str, name: str, seen: set[str]) -> Iterator[_Node]:
    if name in seen or not fs.exists(path + "/dev"):
        return
    below = bool(seen)
    seen.add(name)
    node = _Node(name, _attribute(fs, path + "/dev"), _attribute(fs, path + "/dm/uuid"))
    yield node
    if below and _is_map(node):
        return
    for partition in fs.listdir(path):
        if fs.exists("%s/%s/partition" % (path, partition)):
            yield from _above(fs, "%s/%s" % (path, partition), partition, seen)
    for holder in fs.listdir(path + "/holders"):
        yield from _above(fs, "%s/%s" % (BLOCK, holder), holder, seen)


def _is_map(node: _Node) -> bool:
    return node.uuid.startswith(_MULTIPATH)


def _holder(fs: FileSystem, node: _Node) -> list[str]:
    """What a block device is to those below it; nothing for a plain partition."""
    if fs.exists("%s/%s/md" % (BLOCK, node.name)):
        return ["held by RAID %s" % node.name]
    if not fs.exists("%s/%s" % (BLOCK, node.name)):
        return []
    kind = next((_VOLUMES[start] for start in _VOLUMES if node.uuid.startswith(start)), "device")
    name = _attribute(fs, "%s/%s/dm/name" % (BLOCK, node.name)) or node.name
    return ["held by %s %s" % (kind, name)]


def _uuid(fs: FileSystem, device: str) -> str:
    return _attribute(fs, "%s/%s/dm/uuid" % (BLOCK, device))


def _attribute(fs: FileSystem, path: str) -> str:
    """One attribute; empty when the device just went or has none."""
    try:
        return fs.read(path).strip()
    except OSError:
        return ""


def _mounts(fs: FileSystem) -> dict[str, list[str]]:
    """Mount points by device number (proc_pid_mountinfo(5)).

    A file system that is unmounted here can live on in a container or a service with a mount
    namespace of its own.
    """
    points = _points(fs.read("/proc/self/mountinfo"))
    here = set(points)
    seen = {_namespace(fs, "self")}
    for pid in _pids(fs):
        namespace = _namespace(fs, pid)
        if namespace in seen:
            continue
        seen.add(namespace)
        for number, there in _points(_attribute(fs, "/proc/%s/mountinfo" % pid)).items():
            if number not in here:
                whose = " in the mount namespace of %s" % _process(fs, pid)
                points.setdefault(number, []).extend(point + whose for point in there)
    return points


def _namespace(fs: FileSystem, pid: str) -> str:
    return fs.realpath("/proc/%s/ns/mnt" % pid).rpartition("/")[2]


def _points(mountinfo: str) -> dict[str, list[str]]:
    points: dict[str, list[str]] = {}
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        points.setdefault(fields[2], []).append(_unescaped(fields[4]))
    return points


def _processes(fs: FileSystem, point: str) -> list[str]:
    """The processes that have something under a mount point open; one more than are named."""
    found = []
    for pid in _pids(fs):
        if any(path == point or path.startswith(point + "/") for path in _opened(fs, pid)):
            found.append(_process(fs, pid))
        if len(found) > _MOST_PROCESSES:
            break
    return found


def _opened(fs: FileSystem, pid: str) -> Iterator[str]:
    """Paths that a process holds; as far as it may be looked at and is still there."""
    folder = "/proc/" + pid
    yield fs.realpath(folder + "/cwd")
    yield fs.realpath(folder + "/root")
    try:
        for number in fs.listdir(folder + "/fd"):
            yield fs.realpath("%s/fd/%s" % (folder, number))
    except OSError:
        return
    for line in _attribute(fs, folder + "/maps").splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6:
            yield fields[5]


def _pids(fs: FileSystem) -> list[str]:
    return [name for name in fs.listdir("/proc") if name.isdigit()]


def _process(fs: FileSystem, pid: str) -> str:
    return "%s (%s)" % (_attribute(fs, "/proc/%s/comm" % pid) or "process", pid)


def _swaps(text: str) -> list[str]:
    return [_unescaped(line.split()[0]) for line in text.splitlines()[1:]]


def _unescaped(text: str) -> str:
    """The kernel writes blanks in paths as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
