# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An initiator in memory: the record database, the sessions in sysfs, and the targets around it.

It takes the exact commands of the collection and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from _fakes.memory_fs import MemoryFileSystem
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed

DEFAULTS = {
    "node.startup": "manual",
    "node.session.auth.authmethod": "None",
    "node.session.auth.chap_algs": "MD5",
    "node.session.queue_depth": "32",
    "node.session.timeo.replacement_timeout": "120",
    "node.conn[0].timeo.login_timeout": "15",
}


@dataclass
class FakeTarget:
    """A target server.

    :param secrets: CHAP user name and secret of each initiator name that has an ACL.
    :param luns: WWID by LUN.
    """

    name: str
    secrets: dict[str, tuple[str, str]]
    luns: dict[int, str] = field(default_factory=dict)
    dead_portals: set[str] = field(default_factory=set)
    proves_itself: bool = True


class FakeInitiator:
    """Runner and files of a host with open-iscsi 2.1.8 on Debian 12.

    ``multipathd``: it runs and makes a map of every disk that comes, but for those of the sessions
    in ``lost_by_multipathd`` (their numbers). ``open_maps``: names of maps that something has open.
    ``failed_paths``: disks that their map does not send to. ``settles``: what udev has open until
    somebody waits for it.
    """

    root = "/etc/iscsi"

    def __init__(self, name: str, *targets: FakeTarget) -> None:
        self.name = name
        self.targets = {target.name: target for target in targets}
        self.fs = _Kernel(
            self._drop_disk,
            {
                "/etc/iscsi/initiatorname.iscsi": f"InitiatorName={name}\n",
                "/proc/self/mountinfo": "",
                "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
            },
        )
        self.iscsid_active = False
        self.iscsid_started = "Sun 2026-11-22 10:00:00.500000 UTC"
        self.journal: list[str] = []
        self.unknown_target = 5  # or 8, whatever comes first
        self.calls: list[list[str]] = []
        self.locked = 0
        self._next_sid = 1
        self.multipathd = False
        self.lost_by_multipathd: set[int] = set()
        self.open_maps: set[str] = set()
        self.failed_paths: set[str] = set()
        self.settles: set[str] = set()

    def available(self, command: str) -> bool:
        return True

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        words = list(argv)
        self.calls.append(words)
        if words == ["iscsiadm", "--version"]:
            return Completed(0, "iscsiadm version 2.1.8\n")
        if words == ["systemctl", "is-active", "--quiet", "iscsid.socket", "iscsid.service"]:
            return Completed(0 if self.iscsid_active else 3)
        if words[:2] == ["systemctl", "show"]:
            assert words[-1] == "iscsid.service"
            state = "active" if self.iscsid_active else "inactive"
            started = self.iscsid_started if self.iscsid_active else ""
            return Completed(0, f"ExecMainStartTimestamp={started}\nActiveState={state}\n")
        if words == ["systemctl", "start", "iscsid.socket"]:
            self.iscsid_active = True
            return Completed(0)
        if words[0] == "journalctl":
            return Completed(0, "\n".join(self.journal))
        if words[0] == "blockdev":
            assert words[1] == "--flushbufs"
            return self._flush_buffers(words[2][5:])
        if words[:3] in (["multipathd", "add", "path"], ["multipathd", "del", "path"]):
            if not self.multipathd:
                return Completed(1, "", "error receiving packet")
            (self._map if words[1] == "add" else self._unmap)(words[3])
            return Completed(0, "ok\n")
        if words[:6] == ["dmsetup", "info", "-c", "--noheadings", "-o", "open"]:
            return Completed(0, f"{self._open_count(words[6])}\n")
        if words[:2] == ["dmsetup", "status"]:
            return Completed(0, self._status(words[2]))
        if words[0] == "udevadm":
            assert words[1] == "settle"
            self.open_maps -= self.settles
            return Completed(0)
        if words[:2] == ["find", "/proc"]:
            links = [entry for entry in self.fs.links.items() if entry[0].startswith("/proc/")]
            return Completed(0, "".join(f"{link}\t{there}\n" for link, there in links))
        if words[:2] == ["multipath", "-f"]:
            return self._flush(words[2])
        if words[:3] == ["iscsiadm", "-m", "session"]:
            assert words[3] == "-r"
            assert words[5:] == ["--rescan"]
            return self._rescan(int(words[4]))
        assert words[:3] == ["iscsiadm", "-m", "node"], words
        if words[3:6] == ["-o", "new", "-T"]:
            return self._new(words[6], _portal(words[8]), words[10])
        assert (words[3], words[5]) == ("-T", "-p"), words
        target, portal = words[4], words[6]
        assert words[7] == "-I", words
        if words[9:] == ["--login"]:
            return self._login(target, portal, words[8])
        if words[9:] == ["--logout"]:
            return self._logout(target, portal, words[8])
        path = self._path(target, _portal(portal), words[8])
        if words[9:] == ["-o", "delete"]:
            return Completed(0 if self.fs.files.pop(path, None) else 21)
        assert words[9:11] == ["-o", "update"], words
        return self._update(path, words[11:])

    @property
    def deeds(self) -> list[list[str]]:
        """The commands that ran and do more than read."""
        done = [argv for argv in self.calls if argv != ["iscsiadm", "--version"]]
        return [argv for argv in done if argv[0] not in ("dmsetup", "find", "udevadm")]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The lock of the record database."""
        self.locked += 1
        yield

    def add_record(self, target: str, portal: str, iface: str = "default", **values: str) -> None:
        """Put a record there; ``values`` by the last part of their keys, with __ for a dot."""
        renamed = {"node." + key.replace("__", "."): value for key, value in values.items()}
        self._write(target, _portal(portal), iface, {**DEFAULTS, **renamed})

    def record(self, target: str, portal: str, iface: str = "default") -> dict[str, str]:
        """The keys of a record."""
        text = self.fs.files[self._path(target, _portal(portal), iface)]
        lines = [line.partition(" = ") for line in text.splitlines() if " = " in line]
        return {key: value for key, _separator, value in lines}

    def damage(self, target: str, portal: str) -> None:
        """Cut off the file of a record."""
        self.fs.files[self._path(target, _portal(portal), "default")] = ""

    def _new(self, target: str, portal: tuple[str, str, str], iface: str) -> Completed:
        if self.fs.files.get(self._path(target, portal, iface)) == "":
            return Completed(6, "", "iscsiadm: Error while adding record: iSCSI database failure")
        self._write(target, portal, iface, DEFAULTS)
        if self.iscsid_active:
            return Completed(0)
        return Completed(0, "", "iscsiadm: can not connect to iSCSI daemon (111)!")

    def _update(self, path: str, words: list[str]) -> Completed:
        if path not in self.fs.files:
            return Completed(21, "", "iscsiadm: No records found")
        lines = [line.partition(" = ") for line in self.fs.files[path].splitlines()[1:-1]]
        values = {key: value for key, _separator, value in lines}
        while words:
            (name, key, flag, value), words = words[:4], words[4:]
            assert (name, flag) == ("-n", "-v")
            assert "password" not in key
            values[key] = value
        self.fs.files[path] = _text(values)
        return Completed(0)

    def _login(self, target: str, portal: str, iface: str) -> Completed:
        address, _colon, port = portal.rpartition(":")
        path = self._path(target, (address.strip("[]"), port, "1"), iface)
        if path not in self.fs.files:
            return Completed(21, "", "iscsiadm: No records found")
        server = self.targets.get(target)
        if server is None:
            self.journal.append("connection1:0 login rejected: target error (03/01)")
            return Completed(self.unknown_target)
        if portal in server.dead_portals:
            return Completed(8)
        values = self.record(target, f"{portal},1", iface)
        given = tuple(values.get("node.session.auth." + key) for key in ("username", "password"))
        if self.name not in server.secrets:
            self.journal.append("login rejected: initiator failed authorization with target")
            return Completed(24)
        if given != server.secrets[self.name]:
            self.journal.append("login rejected: Initiator failed authentication with target")
            return Completed(24)
        if not server.proves_itself:
            self.journal.append(f"Login authentication failed with target {target}, ...")
            return Completed(19)
        sid = self.add_session(target, portal, "LOGGED_IN", iface)
        session = f"/sys/class/iscsi_session/session{sid}/"
        for name in ("username", "password", "username_in", "password_in"):
            value = values.get("node.session.auth." + name) or "(null)"
            self.fs.files[session + name] = value + "\n"
        connection = f"/sys/class/iscsi_connection/connection{sid}:0/"
        recovery = values.get("node.session.timeo.replacement_timeout", "120")
        self.fs.files[session + "recovery_tmo"] = recovery + "\n"
        for name, key in (("recv_tmo", "interval"), ("ping_tmo", "timeout")):
            value = values.get(f"node.conn[0].timeo.noop_out_{key}", "5")
            self.fs.files[connection + name] = value + "\n"
        return Completed(0)

    def add_session(self, target: str, portal: str, state: str, iface: str = "default") -> int:
        """Put a session into sysfs with the disks of its target."""
        sid, self._next_sid = self._next_sid, self._next_sid + 1
        address, _colon, port = portal.rpartition(":")
        session = f"/sys/class/iscsi_session/session{sid}/"
        connection = f"/sys/class/iscsi_connection/connection{sid}:0/"
        self.fs.files |= {
            session + "targetname": target + "\n",
            session + "tpgt": "1\n",
            session + "ifacename": iface + "\n",
            session + "state": state + "\n",
            session + "recovery_tmo": "120\n",
            connection + "persistent_address": address.strip("[]") + "\n",
            connection + "persistent_port": port + "\n",
            connection + "max_xmit_dlength": "8192\n",
            connection + "header_digest": "None\n",
        }
        self.fs.links[session + "device"] = self._host_folder(sid)
        self._rescan(sid)
        return sid

    def set_state(self, sid: int, state: str) -> None:
        """Change the state of a session."""
        self.fs.files[f"/sys/class/iscsi_session/session{sid}/state"] = state + "\n"

    def _rescan(self, sid: int) -> Completed:
        target = self.fs.read(f"/sys/class/iscsi_session/session{sid}/targetname").strip()
        for lun, wwid in self.targets[target].luns.items():
            name = f"sd{chr(ord('a') + sid)}{lun}"
            scsi = f"{self._host_folder(sid)}/target{sid}:0:0/{sid}:0:0:{lun}"
            self.fs.files |= {
                scsi + "/wwid": f"naa.{wwid[1:]}\n",
                scsi + "/state": "running\n",
                scsi + "/delete": "",
                f"{scsi}/block/{name}/size": "4194304\n",
                f"{scsi}/block/{name}/dev": f"8:{16 * sid + lun}\n",
            }
            self.fs.links[f"/sys/block/{name}"] = f"{scsi}/block/{name}"
            self.fs.links[f"{scsi}/block/{name}/device"] = scsi
            if self.multipathd and sid not in self.lost_by_multipathd:
                self._map(name)
        return Completed(0)

    def mount(self, device: str, point: str) -> None:
        """Mount a block device (kernel name)."""
        number = self.fs.read(f"/sys/block/{device}/dev").strip()
        line = f"36 35 {number} / {point} rw - xfs /dev/{device} rw\n"
        self.fs.files["/proc/self/mountinfo"] += line

    def maps(self) -> dict[str, list[str]]:
        """The disks in each multipath map, by its WWID."""
        return {
            wwid: self.fs.listdir(f"/sys/block/{device}/slaves")
            for wwid, device in self._devices_of_maps().items()
        }

    def _devices_of_maps(self) -> dict[str, str]:
        return {
            self.fs.read(f"/sys/block/{name}/dm/uuid").strip().removeprefix("mpath-"): name
            for name in self.fs.listdir("/sys/block")
            if self.fs.exists(f"/sys/block/{name}/dm/uuid")
        }

    def _map(self, disk: str) -> None:
        """Make a disk a path of the map with its WWID."""
        wwid = "3" + self.fs.read(f"/sys/block/{disk}/device/wwid").strip().removeprefix("naa.")
        there = self._devices_of_maps()
        taken = {int(name.removeprefix("dm-")) for name in there.values()}
        number = min(set(range(len(taken) + 1)) - taken)
        device = there.get(wwid, f"dm-{number}")
        folder = "/sys/devices/virtual/block/" + device
        if wwid not in there:
            self.fs.links["/sys/block/" + device] = folder
            self.fs.files |= {
                folder + "/dev": f"254:{number}\n",
                folder + "/dm/uuid": f"mpath-{wwid}\n",
                folder + "/dm/name": f"map-{wwid[-4:]}\n",
            }
        real = self.fs.realpath("/sys/block/" + disk)
        self.fs.links[f"{real}/holders/{device}"] = folder
        self.fs.links[f"{folder}/slaves/{disk}"] = real

    def _unmap(self, disk: str) -> None:
        """Take a disk out of its map; an unused map goes with its last path."""
        for wwid, paths in self.maps().items():
            if disk in paths:
                device = self._devices_of_maps()[wwid]
                real = self.fs.realpath("/sys/block/" + disk)
                del self.fs.links[f"{real}/holders/{device}"]
                del self.fs.links[f"/sys/devices/virtual/block/{device}/slaves/{disk}"]
                if paths == [disk] and not self._in_use(device):
                    self._drop_map(device)

    def _flush_buffers(self, disk: str) -> Completed:
        return Completed(0 if self.fs.exists("/sys/block/" + disk) else 1)

    def _flush(self, name: str) -> Completed:
        for wwid, device in self._devices_of_maps().items():
            if self.fs.read(f"/sys/block/{device}/dm/name").strip() == name:
                if name in self.open_maps or self._in_use(device):
                    return Completed(1, f"{name}: map in use\n")
                for disk in self.maps()[wwid]:
                    self._unmap(disk)
                if wwid in self.maps():
                    self._drop_map(device)
                return Completed(0)
        return Completed(1)

    def _device_of(self, name: str) -> str:
        """The kernel name of a device-mapper device."""
        devices = [device for device in self.fs.listdir("/sys/block") if device.startswith("dm-")]
        (found,) = (
            device
            for device in devices
            if self.fs.read(f"/sys/block/{device}/dm/name").strip() == name
        )
        return found

    def _open_count(self, name: str) -> int:
        device = self._device_of(name)
        number = self.fs.read(f"/sys/block/{device}/dev").strip()
        mounts = self.fs.files["/proc/self/mountinfo"].count(f" {number} ")
        holders = len(self.fs.listdir(f"/sys/block/{device}/holders"))
        return mounts + holders + (name in self.open_maps)

    def _status(self, name: str) -> str:
        paths = self.fs.listdir(f"/sys/block/{self._device_of(name)}/slaves")
        told = "".join(
            f" {self.fs.read(f'/sys/block/{disk}/dev').strip()} "
            + ("F 1" if disk in self.failed_paths else "A 0")
            for disk in paths
        )
        return f"0 4194304 multipath 2 0 0 0 1 1 A 0 {len(paths)} 0{told}\n"

    def _in_use(self, device: str) -> bool:
        number = self.fs.read(f"/sys/block/{device}/dev").strip()
        return f" {number} " in self.fs.files["/proc/self/mountinfo"]

    def _drop_map(self, device: str) -> None:
        folder = "/sys/devices/virtual/block/" + device
        for path in [path for path in self.fs.files if path.startswith(folder + "/")]:
            del self.fs.files[path]
        del self.fs.links["/sys/block/" + device]

    def _drop_disk(self, disk: str) -> None:
        """A disk goes, as after a write to its "delete" or with its session."""
        assert not self._in_use(disk), f"{disk} was deleted under a mount"
        for wwid, paths in self.maps().items():
            if paths == [disk]:
                assert not self._in_use(self._devices_of_maps()[wwid]), "the last path of a mount"
        self._unmap(disk)
        folder = self.fs.realpath(f"/sys/block/{disk}/device")
        for path in [path for path in self.fs.files if path.startswith(folder + "/")]:
            del self.fs.files[path]
        for path in [path for path in self.fs.links if path.startswith(folder + "/")]:
            del self.fs.links[path]
        del self.fs.links["/sys/block/" + disk]

    def _logout(self, target: str, portal: str, iface: str) -> Completed:
        address, _colon, port = portal.rpartition(":")
        for name in self.fs.listdir("/sys/class/iscsi_session"):
            sid = int(name[len("session") :])
            session = f"/sys/class/iscsi_session/{name}/"
            connection = f"/sys/class/iscsi_connection/connection{sid}:0/"
            there = (
                self.fs.read(session + "targetname").strip(),
                self.fs.read(connection + "persistent_address").strip(),
                self.fs.read(connection + "persistent_port").strip(),
                self.fs.read(session + "ifacename").strip(),
            )
            if there == (target, address.strip("[]"), port, iface):
                host = self.fs.realpath(session + "device")
                for disk, real in list(self.fs.links.items()):
                    if disk.startswith("/sys/block/sd") and real.startswith(host + "/"):
                        self._drop_disk(disk.rpartition("/")[2])
                gone = (session, connection, self._host_folder(sid))
                for path in [path for path in self.fs.files if path.startswith(gone)]:
                    del self.fs.files[path]
                del self.fs.links[session + "device"]
        return Completed(0)

    def _host_folder(self, sid: int) -> str:
        return f"/sys/devices/platform/host{sid}/session{sid}"

    def _path(self, target: str, portal: tuple[str, str, str], iface: str) -> str:
        return f"{self.root}/nodes/{target}/{','.join(portal)}/{iface}"

    def _write(
        self, target: str, portal: tuple[str, str, str], iface: str, values: dict[str, str]
    ) -> None:
        address, port, tpgt = portal
        names = {
            "node.name": target,
            "node.tpgt": tpgt,
            "node.conn[0].address": address,
            "node.conn[0].port": port,
        }
        self.fs.files[self._path(target, portal, iface)] = _text({**names, **values})


class _Kernel(MemoryFileSystem):
    """The files of the host; writing into a disk's "delete" removes the disk.

    A disk that a map has as a path counts as claimed.
    """

    def __init__(self, drop_disk: Callable[[str], None], files: dict[str, str]) -> None:
        super().__init__(files)
        self._drop_disk = drop_disk

    def write_attribute(self, path: str, text: str) -> None:
        if path.endswith("/recovery_tmo"):
            super().write_attribute(path, text + "\n")
            return
        self.read(path)
        assert (path.endswith("/device/delete"), text) == (True, "1"), path
        self._drop_disk(path.split("/")[3])

    def is_claimed(self, path: str) -> bool:
        return super().is_claimed(path) or bool(self.listdir(f"/sys/block/{path[5:]}/holders"))


def _portal(text: str) -> tuple[str, str, str]:
    """Address, port and tag from ``address:port,tag``."""
    place, _comma, tag = text.partition(",")
    address, _colon, port = place.rpartition(":")
    return address.strip("[]"), port, tag


def _text(values: dict[str, str]) -> str:
    lines = [f"{key} = {value}" for key, value in values.items() if value]
    return "\n".join(["# BEGIN RECORD 2.1.8", *lines, "# END RECORD"]) + "\n"
