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
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.model import (
    RUNNING,
    Map,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.block import (
    BLOCK,
    attribute,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.device_mapper import (
    active_paths,
    open_count,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.parse import (
    parse_mounts,
    parse_swaps,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.processes import (
    load_processes,
)

_MULTIPATH = "mpath-"
_PARTITION_OF_MAP = re.compile(r"part\d+-mpath-")  # kpartx; flushing the map takes them along
_MOST_PROCESSES = 10  # named in one message
_WATCHER = "multipathd"  # has the paths of its maps open all the time, to check them
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
    runner: Runner,
    fs: FileSystem,
    disks: Sequence[str],
    wwids: Collection[str],
    *,
    taken: Collection[str] = (),
) -> Usage:
    """Read what is built on disks (kernel names), and the maps of WWIDs with or without paths.

    :param taken: those of the disks that are to go. They and their maps are looked at closely: for
        whatever has them open, and for the processes that work on a mount.
    """
    tops = _Tops(runner, fs)
    uses = {disk: tops.uses(disk, closely=disk in taken) for disk in disks}
    found = {holder.name for disk in disks for holder in _stack(fs, disk) if _is_map(holder)}
    for device in fs.listdir(BLOCK):
        if device.startswith("dm-") and _uuid(fs, device)[len(_MULTIPATH) :] in wwids:
            found.add(device)
    return Usage(
        {disk: reasons for disk, reasons in uses.items() if reasons},
        tuple(_map(runner, fs, device, tops, taken) for device in sorted(found)),
    )


def map_with(fs: FileSystem, disk: str, wwid: str) -> str | None:
    """The kernel name of the map with this WWID that a disk is a path of."""
    for holder in fs.listdir("%s/%s/holders" % (BLOCK, disk)):
        if _uuid(fs, holder) == _MULTIPATH + wwid:
            return holder
    return None


def is_working_path(runner: Runner, fs: FileSystem, disk: str, wwid: str) -> bool:
    """Whether the map with this WWID can send to a disk."""
    device = map_with(fs, disk, wwid)
    return device is not None and _paths(runner, fs, device).get(disk, False)


def map_exists(fs: FileSystem, wwid: str) -> bool:
    """Whether there is a map with this WWID."""
    return any(_uuid(fs, device) == _MULTIPATH + wwid for device in fs.listdir(BLOCK))


def _map(runner: Runner, fs: FileSystem, device: str, tops: _Tops, taken: Collection[str]) -> Map:
    paths = _paths(runner, fs, device)
    closely = not paths or any(disk in taken for disk in paths)
    return Map(
        device,
        _name(fs, device),
        _uuid(fs, device)[len(_MULTIPATH) :],
        paths,
        tops.uses(device, closely=closely),
    )


def _paths(runner: Runner, fs: FileSystem, device: str) -> dict[str, bool]:
    """The disks of a map, and whether each works: the map sends to it, and it takes commands.

    A disk that came back runs before multipathd's next check has the map send to it again.
    """
    active = active_paths(runner, _name(fs, device))
    paths = {}
    for disk in fs.listdir("%s/%s/slaves" % (BLOCK, device)):
        folder = "%s/%s" % (BLOCK, disk)
        running = attribute(fs, folder + "/device/state") == RUNNING
        paths[disk] = running and attribute(fs, folder + "/dev") in active
    return paths


class _Tops:
    """What the host has on its block devices."""

    def __init__(self, runner: Runner, fs: FileSystem) -> None:
        self._runner = runner
        self._fs = fs
        self._mounts = _mounts(fs)
        self._swaps = {fs.realpath(path) for path in parse_swaps(fs.read("/proc/swaps"))}
        self._loops = _loops(fs)

    def uses(self, device: str, *, closely: bool) -> tuple[str, ...]:
        """What uses a block device. Multipath maps are looked at by themselves.

        :param closely: name processes, and look whether something has it open that left no trace.
        """
        reasons = []
        stack = list(_stack(self._fs, device))
        nodes = [node for node in stack if node.name == device or not _is_map(node)]
        for node in nodes:
            path = "/dev/" + node.name
            is_disk = node.name == device and not node.uuid
            suffix = "" if is_disk else " (through %s)" % node.name
            for point in (*self._mounts.get(node.number, ()), *self._mounts.get(path, ())):
                users = _named(load_processes(self._runner, self._fs, point)) if closely else ""
                used = " and used by " + users if users else ""
                reasons.append("mounted at %s%s%s" % (point, suffix, used))
            if path in self._swaps:
                reasons.append("swap" + suffix)
            if path in self._loops:
                reasons.append("held by loop device %s%s" % (self._loops[path], suffix))
            if node.name != device and not _PARTITION_OF_MAP.match(node.uuid):
                reasons += _holder(self._fs, node)
        if closely and not reasons:
            reasons = self._opened(nodes, in_map=len(stack) > len(nodes))
        return tuple(dict.fromkeys(reasons))

    def _opened(self, nodes: Sequence[_Node], *, in_map: bool) -> list[str]:
        """What has a device open: raw use, or a part of the kernel that is no holder in sysfs.

        Such are btrfs, ZFS, the external log of XFS and the LUNs of a target.
        """
        if self._is_open(nodes, in_map):
            # udev looks into each device that changed.
            self._runner.run(["udevadm", "settle", "--timeout=10"])
            if self._is_open(nodes, in_map):
                users = _named(self._openers(nodes))
                return ["open in " + (users or "the kernel (ZFS, a LUN of a target, ...)")]
        return []

    def _is_open(self, nodes: Sequence[_Node], in_map: bool) -> bool:
        device = nodes[0]
        if device.uuid:
            # The partitions of a map are device-mapper devices of their own.
            return any(
                open_count(self._runner, _name(self._fs, node.name))
                > len(self._fs.listdir("%s/%s/holders" % (BLOCK, node.name)))
                for node in nodes
            )
        state = attribute(self._fs, "%s/%s/device/state" % (BLOCK, device.name))
        # A map claims its paths. To open a disk that does not answer can take long.
        claimed = not in_map and state == RUNNING and self._fs.is_claimed("/dev/" + device.name)
        return claimed or bool(self._openers(nodes))

    def _openers(self, nodes: Sequence[_Node]) -> list[dict[str, Any]]:
        found = [
            process
            for node in nodes
            for process in load_processes(self._runner, self._fs, "/dev/" + node.name)
        ]
        return [process for process in found if process["command"] != _WATCHER]


def _named(processes: Sequence[Mapping[str, Any]]) -> str:
    names = ["%s (%d)" % (process["command"], process["pid"]) for process in processes]
    more = " and others" if len(names) > _MOST_PROCESSES else ""
    return ", ".join(names[:_MOST_PROCESSES]) + more


def _stack(fs: FileSystem, device: str) -> Iterator[_Node]:
    """A block device, its partitions, and all that is built on them up to multipath maps."""
    yield from _above(fs, "%s/%s" % (BLOCK, device), device, set())


def _above(fs: FileSystem, path: str, name: str, seen: set[str]) -> Iterator[_Node]:
    if name in seen or not fs.exists(path + "/dev"):
        return
    below = bool(seen)
    seen.add(name)
    node = _Node(name, attribute(fs, path + "/dev"), attribute(fs, path + "/dm/uuid"))
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
    return ["held by %s %s" % (kind, _name(fs, node.name) or node.name)]


def _name(fs: FileSystem, device: str) -> str:
    return attribute(fs, "%s/%s/dm/name" % (BLOCK, device))


def _uuid(fs: FileSystem, device: str) -> str:
    return attribute(fs, "%s/%s/dm/uuid" % (BLOCK, device))


def _mounts(fs: FileSystem) -> dict[str, list[str]]:
    """Mount points by device number, and those of btrfs by device (proc_pid_mountinfo(5)).

    A file system that is unmounted here can live on in a container or a service with a mount
    namespace of its own.
    """
    points = _points(fs, fs.read("/proc/self/mountinfo"))
    here = set(points)
    seen = {_namespace(fs, "self")}
    for pid in _pids(fs):
        namespace = _namespace(fs, pid)
        if namespace in seen:
            continue
        seen.add(namespace)
        for key, there in _points(fs, attribute(fs, "/proc/%s/mountinfo" % pid)).items():
            if key not in here:
                whose = " in the mount namespace of %s" % _process(fs, pid)
                points.setdefault(key, []).extend(point + whose for point in there)
    return points


def _namespace(fs: FileSystem, pid: str) -> str:
    return fs.realpath("/proc/%s/ns/mnt" % pid).rpartition("/")[2]


def _points(fs: FileSystem, mountinfo: str) -> dict[str, list[str]]:
    points: dict[str, list[str]] = {}
    for number, source, point in parse_mounts(mountinfo):
        # btrfs has a number of its own that is no device's.
        own = number.startswith("0:") and source.startswith("/dev/")
        points.setdefault(fs.realpath(source) if own else number, []).append(point)
    return points


def _loops(fs: FileSystem) -> dict[str, str]:
    """The loop devices over block devices, by what they are over."""
    loops = {}
    for name in fs.listdir(BLOCK):
        if name.startswith("loop"):
            path = attribute(fs, "%s/%s/loop/backing_file" % (BLOCK, name))
            if path.startswith("/dev/"):
                loops[path] = name
    return loops


def _pids(fs: FileSystem) -> list[str]:
    return [name for name in fs.listdir("/proc") if name.isdigit()]


def _process(fs: FileSystem, pid: str) -> str:
    return "%s (%s)" % (attribute(fs, "/proc/%s/comm" % pid) or "process", pid)
