# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The initiator in memory with discovery and iface records; they behave as those of 2.1.8 do."""

from __future__ import annotations

from collections.abc import Sequence

from _fakes.iscsi import FakeInitiator
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import CommandTimeout
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed

DISCOVERY_DEFAULTS = {
    "discovery.startup": "manual",
    "discovery.type": "sendtargets",
    "discovery.sendtargets.auth.authmethod": "None",
    "node.session.auth.chap_algs": "MD5",
}
OTHER_BINDING = {
    "iface.net_ifacename": "iface.hwaddress",
    "iface.hwaddress": "iface.net_ifacename",
}
IFACE_DEFAULTS = {"iface.prefix_len": "0", "iface.transport_name": "tcp"}


class FakeIscsiadm(FakeInitiator):
    """The same host, asked about portals and ifaces as well.

    :ivar answers: what each portal prints when it is asked; one that is not here is unreachable.
    :ivar credentials: name and secret that each portal asks for.
    :ivar silent: portals that do not answer at all.
    """

    version = "2.1.8"

    def __init__(self, name: str = "iqn.2026-11.com.example:gpu1") -> None:
        super().__init__(name)
        self.answers: dict[str, str] = {}
        self.credentials: dict[str, tuple[str, str]] = {}
        self.silent: set[str] = set()

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        words = list(argv)
        discovery = ["iscsiadm", "-m", "discoverydb", "-t", "sendtargets", "-p"]
        if words == ["iscsiadm", "--version"]:
            answer = Completed(0, f"iscsiadm version {self.version}\n")
        elif words[:6] == discovery:
            answer = self._discoverydb(words[6], words[7:])
        elif words[:4] == ["iscsiadm", "-m", "iface", "-I"]:
            answer = self._iface(words[4], words[5:])
        else:
            return super().run(argv, timeout=timeout)
        self.calls.append(words)
        return answer

    def discovery_file(self, portal: str) -> str:
        """Where the discovery record of a portal lies."""
        address, _colon, port = portal.rpartition(":")
        return f"{self.root}/send_targets/{address.strip('[]')},{port}/st_config"

    def iface_file(self, name: str) -> str:
        """Where an iface record lies."""
        return f"{self.root}/ifaces/{name}"

    def values(self, path: str) -> dict[str, str]:
        """The keys of a record."""
        lines = [line.partition(" = ") for line in self.fs.files[path].splitlines()[1:-1]]
        return {key: value for key, _separator, value in lines}

    def link(self, portal: str, target: str, iface: str = "default") -> str:
        """Make a node record as one that came from a discovery; return its file."""
        self.add_record(target, portal + ",1")
        address, _colon, port = portal.rpartition(":")
        place = f"{address.strip('[]')},{port},1"
        folder = self.discovery_file(portal).rpartition("/")[0]
        node = f"{self.root}/nodes/{target}/{place}"
        self.fs.links[f"{folder}/{target},{place},{iface}"] = node
        return f"{node}/{iface}"

    def _discoverydb(self, portal: str, words: list[str]) -> Completed:
        path = self.discovery_file(portal)
        if words == ["--discover", "-o", "nonpersistent", "-I", "default"]:
            return self._discover(portal, path)
        if words == ["-o", "new"]:
            self._write_values(path, DISCOVERY_DEFAULTS)
            return self._with_daemon_message()
        if path not in self.fs.files:
            return Completed(6, "", "iscsiadm: Discovery record not found.")
        if words == ["-o", "delete"]:
            if not self.fs.files[path]:
                return Completed(0)
            folder = path.rpartition("/")[0]
            for link in [link for link in self.fs.links if link.startswith(folder + "/")]:
                iface = link.rpartition(",")[2]
                self.fs.remove(f"{self.fs.links.pop(link)}/{iface}")
            del self.fs.files[path]
            return Completed(0)
        assert words[:3] == ["-o", "update", "-n"], words
        self._write_values(path, {**self.values(path), words[3]: words[5]})
        return Completed(0)

    def _discover(self, portal: str, path: str) -> Completed:
        if portal in self.silent:
            raise CommandTimeout("command", "no end", "it to end", "Look.")
        if portal not in self.answers:
            return Completed(11, "", "iscsiadm: cannot make connection to it: Connection refused\n")
        auth = "discovery.sendtargets.auth."
        values = self.values(path) if path in self.fs.files else {}
        given = (values.get(auth + "username"), values.get(auth + "password"))
        if self.credentials.get(portal, given) != given:
            return Completed(24, "", "iscsiadm: discovery login rejected")
        if not self.answers[portal]:
            return Completed(21, "", "iscsiadm: No portals found\n")
        return Completed(0, self.answers[portal])

    def _iface(self, name: str, words: list[str]) -> Completed:
        path = self.iface_file(name)
        if words == ["-o", "new"]:
            self._write_values(path, {"iface.iscsi_ifacename": name, **IFACE_DEFAULTS})
            return Completed(0)
        if path not in self.fs.files:
            return Completed(7, "", f"iscsiadm: Could not read iface info for {name}.")
        if words == ["-o", "delete"]:
            nodes = [file for file in self.fs.files if "/nodes/" in file]
            for file in [path, *(file for file in nodes if file.endswith("/" + name))]:
                del self.fs.files[file]
            return Completed(0)
        assert words[:2] == ["-o", "update"], words
        values, words = self.values(path), words[2:]
        bound = dict(values)
        while words:
            (flag, key, value_flag, value), words = words[:4], words[4:]
            assert (flag, value_flag) == ("-n", "-v")
            if bound.get(OTHER_BINDING.get(key, "")):
                return Completed(0, "", f"iscsiadm: Could not update iface {name}")
            values[key] = value
        self._write_values(path, values)
        return Completed(0)

    def _with_daemon_message(self) -> Completed:
        if self.iscsid_active:
            return Completed(0)
        return Completed(0, "", "iscsiadm: can not connect to iSCSI daemon (111)!")

    def _write_values(self, path: str, values: dict[str, str]) -> None:
        lines = [f"{key} = {value}" for key, value in values.items() if value]
        text = "\n".join([f"# BEGIN RECORD {self.version}", *lines, "# END RECORD"]) + "\n"
        self.fs.files[path] = text


class FakeIscsiadm13(FakeIscsiadm):
    """The same on Debian 13, which keeps the records elsewhere.

    :ivar stale_lock: an iscsiadm that was killed left its lock behind. 2.1.8 takes it over after 30
        seconds; this one waits up to three times as long and gives up.
    """

    root = "/var/lib/iscsi"
    version = "2.1.11"
    stale_lock = False

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> Completed:
        words = list(argv)
        if not self.stale_lock or words[:2] != ["iscsiadm", "-m"]:
            return super().run(argv, timeout=timeout)
        if timeout < 95:
            raise CommandTimeout("command", "no end", "it to end", "Look.")
        lock = "/run/lock/iscsi/lock.write: 17: File exists"
        stderr = f"iscsiadm: Timeout on acquiring lock on DB: {lock}\n"
        return Completed(7 if words[2] == "iface" else 6, "", stderr)
