# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An initiator in memory: the record database, the sessions in sysfs, and the targets around it.

It takes the exact commands of the collection and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


class FakeInitiator:
    """Runner and files of a host with open-iscsi 2.1.8 on Debian 12."""

    root = "/etc/iscsi"

    def __init__(self, name: str, *targets: FakeTarget) -> None:
        self.name = name
        self.targets = {target.name: target for target in targets}
        self.fs = MemoryFileSystem(
            {
                "/etc/iscsi/initiatorname.iscsi": f"InitiatorName={name}\n",
                "/proc/self/mountinfo": "",
                "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
            }
        )
        self.iscsid_active = False
        self.journal: list[str] = []
        self.calls: list[list[str]] = []
        self.locked = 0
        self._next_sid = 1

    def available(self, command: str) -> bool:
        return True

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        words = list(argv)
        self.calls.append(words)
        if words == ["iscsiadm", "--version"]:
            return Completed(0, "iscsiadm version 2.1.8\n")
        if words == ["systemctl", "is-active", "--quiet", "iscsid.socket", "iscsid.service"]:
            return Completed(0 if self.iscsid_active else 3)
        if words == ["systemctl", "start", "iscsid.socket"]:
            self.iscsid_active = True
            return Completed(0)
        if words[0] == "journalctl":
            return Completed(0, "\n".join(self.journal))
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
        if words[8:] == ["default", "--login"]:
            return self._login(target, portal)
        if words[8:] == ["default", "--logout"]:
            return self._logout(target, portal)
        path = self._path(target, _portal(portal), words[8])
        if words[9:] == ["-o", "delete"]:
            return Completed(0 if self.fs.files.pop(path, None) else 21)
        assert words[9:11] == ["-o", "update"], words
        return self._update(path, words[11:])

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The lock of the record database."""
        self.locked += 1
        yield

    def add_record(self, target: str, portal: str, **values: str) -> None:
        """Put a record there; ``values`` by the last part of their keys, with __ for a dot."""
        renamed = {"node." + key.replace("__", "."): value for key, value in values.items()}
        self._write(target, _portal(portal), "default", {**DEFAULTS, **renamed})

    def record(self, target: str, portal: str) -> dict[str, str]:
        """The keys of a record."""
        text = self.fs.files[self._path(target, _portal(portal), "default")]
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

    def _login(self, target: str, portal: str) -> Completed:
        address, _colon, port = portal.rpartition(":")
        path = self._path(target, (address.strip("[]"), port, "1"), "default")
        if path not in self.fs.files:
            return Completed(21, "", "iscsiadm: No records found")
        server = self.targets.get(target)
        if server is None:
            return Completed(19)
        if portal in server.dead_portals:
            return Completed(8)
        values = self.record(target, f"{portal},1")
        given = tuple(values.get("node.session.auth." + key) for key in ("username", "password"))
        if self.name not in server.secrets:
            self.journal.append("login rejected: initiator failed authorization with target")
            return Completed(24)
        if given != server.secrets[self.name]:
            self.journal.append("login rejected: Initiator failed authentication with target")
            return Completed(24)
        self.add_session(target, portal, "LOGGED_IN")
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
                f"{scsi}/block/{name}/size": "4194304\n",
                f"{scsi}/block/{name}/dev": f"8:{16 * sid + lun}\n",
            }
            self.fs.links[f"/sys/block/{name}"] = f"{scsi}/block/{name}"
        return Completed(0)

    def _logout(self, target: str, portal: str) -> Completed:
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
            if there == (target, address.strip("[]"), port, "default"):
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


def _portal(text: str) -> tuple[str, str, str]:
    """Address, port and tag from ``address:port,tag``."""
    place, _comma, tag = text.partition(",")
    address, _colon, port = place.rpartition(":")
    return address.strip("[]"), port, tag


def _text(values: dict[str, str]) -> str:
    lines = [f"{key} = {value}" for key, value in values.items() if value]
    return "\n".join(["# BEGIN RECORD 2.1.8", *lines, "# END RECORD"]) + "\n"
