# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Network interfaces of a real host: reading them, and doing the steps of a plan."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem, Runner
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces import (
    parse,
    rollback,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.desired import (
    Desired,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    IFUPDOWN,
    NETPLAN,
    NETWORKD,
    NETWORKMANAGER,
    Device,
    Observed,
    Write,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.plan import (
    unlike,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.render import (
    FOLDERS,
    mode_of,
)

# Seconds that the backend has for what it was told. networkd and NetworkManager answer before they
# are done; a second each was seen, and much more on a busy machine.
SETTLE = 20.0
# ifup and nmcli wait for what they do.
_APPLY_TIMEOUT = 60.0

_SERVICES = {
    NETWORKD: "systemd-networkd.service",
    NETWORKMANAGER: "NetworkManager.service",
    IFUPDOWN: "networking.service",
}


def load(runner: Runner, fs: FileSystem) -> Observed:
    """Read what the host has."""
    devices = _devices(runner, fs)
    backends = _backends(runner, fs)
    unmanaged: frozenset[str] = frozenset()
    if NETWORKMANAGER in backends:
        argv = ["nmcli", "--terse", "--fields", "DEVICE,STATE", "device"]
        unmanaged = parse.unmanaged_devices(_output(runner, argv))
    return Observed(
        devices=devices,
        protected=_protected(runner, fs, devices),
        backends=backends,
        unmanaged=unmanaged,
        files=_own_files(fs),
        foreign=_foreign_files(fs),
        armed=fs.exists(rollback.SCRIPT),
    )


def apply(action: Action, runner: Runner, fs: FileSystem) -> None:
    """Do one step. One that fails brings the old configuration back at once."""
    if isinstance(action, Write):
        _write(action, runner, fs)
    elif action.name == "remove_file":
        fs.remove(action.subject)
    elif action.name == "disarm_rollback":
        _disarm(runner, fs)
    else:
        completed = runner.run(action.arguments["argv"], timeout=_APPLY_TIMEOUT)
        # ifdown may have removed it, and it goes with the card or bond that it is on.
        name = action.arguments["argv"][-1]
        gone = action.name == "delete_interface" and not fs.exists("/sys/class/net/" + name)
        if completed.returncode and not gone:
            said = (completed.stderr or completed.stdout).strip().splitlines()
            _roll_back(
                runner,
                "command %s" % action.subject,
                "exit status %d (%s)" % (completed.returncode, said[-1] if said else "no message"),
                "it to succeed",
            )


def settle(
    desired: Desired,
    runner: Runner,
    fs: FileSystem,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the interfaces are what they should be, or bring the old ones back.

    :raises ModelStoreError: they did not come; the old configuration is back.
    """
    left = SETTLE
    while True:
        found = unlike(desired, _devices(runner, fs))
        if not found:
            return
        if left <= 0:
            break
        sleep(1.0)
        left -= 1.0
    _roll_back(
        runner,
        "storage interfaces",
        ", ".join(found),
        "the mtu and the addresses of the task within %d s" % SETTLE,
    )


def _write(action: Write, runner: Runner, fs: FileSystem) -> None:
    files = dict(action.files)
    if fs.exists(rollback.SCRIPT):
        # While one waits already, its way back is the one to what was confirmed last.
        files.pop(rollback.SCRIPT, None)
    for path, text in files.items():
        fs.write_file(path, text, mode_of(path))
    if action.name == "arm_rollback":
        _systemctl(runner, "daemon-reload")
        _systemctl(runner, "enable", rollback.UNIT + ".timer")
        _systemctl(runner, "restart", rollback.UNIT + ".timer")


def _disarm(runner: Runner, fs: FileSystem) -> None:
    _systemctl(runner, "disable", "--now", rollback.UNIT + ".timer")
    for path in (rollback.SCRIPT, rollback.SERVICE, rollback.TIMER):
        fs.remove(path)
    _systemctl(runner, "daemon-reload")


def _roll_back(runner: Runner, what: str, found: str, expected: str) -> None:
    """Put the old configuration back and say why."""
    back = runner.run(["systemctl", "start", rollback.UNIT + ".service"], timeout=120.0)
    raise ModelStoreError(
        what,
        found,
        expected,
        "The configuration from before is back. Look at the journal of this host, correct "
        "the interfaces and run again."
        if back.returncode == 0
        else "Putting the configuration from before back failed as well: look at "
        "journalctl --unit %s." % rollback.UNIT,
    )


def _systemctl(runner: Runner, *arguments: str) -> None:
    completed = runner.run(["systemctl", *arguments])
    if completed.returncode:
        raise ModelStoreError(
            "systemctl %s" % " ".join(arguments),
            "exit status %d (%s)" % (completed.returncode, completed.stderr.strip()),
            "it to succeed",
            "The network was not changed by this step. Look at the journal of this host.",
        )


def _devices(runner: Runner, fs: FileSystem) -> tuple[Device, ...]:
    names = fs.listdir("/sys/class/net")
    paths = {name: fs.realpath("/sys/class/net/%s/device" % name) for name in names}
    shown = _output(runner, ["ip", "-json", "-details", "address", "show"])
    return parse.devices(shown, paths)


def _output(runner: Runner, argv: list[str]) -> str:
    completed = runner.run(argv)
    return completed.stdout if completed.returncode == 0 else ""


def _backends(runner: Runner, fs: FileSystem) -> frozenset[str]:
    units = list(_SERVICES.values())
    states = runner.run(["systemctl", "is-active", *units]).stdout.split()
    found = {name for name, state in zip(_SERVICES, states) if state == "active"}
    if IFUPDOWN in found and not runner.available("ifup"):
        found.discard(IFUPDOWN)
    yaml = [name for name in fs.listdir(FOLDERS[NETPLAN][0]) if name.endswith(".yaml")]
    # Where netplan has NetworkManager do the work, that is who is asked.
    if yaml and NETWORKD in found and runner.available("netplan"):
        found.add(NETPLAN)
    return frozenset(found)


def _own_files(fs: FileSystem) -> dict[str, str]:
    paths = [rollback.STATE] if fs.exists(rollback.STATE) else []
    for folder, prefix in FOLDERS.values():
        paths += ["%s/%s" % (folder, n) for n in fs.listdir(folder) if n.startswith(prefix)]
    return {path: fs.read(path) for path in paths}


def _foreign_files(fs: FileSystem) -> dict[str, str]:
    paths = ["/etc/network/interfaces"] if fs.exists("/etc/network/interfaces") else []
    for backend in (IFUPDOWN, NETPLAN):
        folder, prefix = FOLDERS[backend]
        paths += ["%s/%s" % (folder, n) for n in fs.listdir(folder) if not n.startswith(prefix)]
    return {path: fs.read(path) for path in paths}


def _protected(runner: Runner, fs: FileSystem, devices: tuple[Device, ...]) -> dict[str, str]:
    """The interfaces that are not touched, and why."""
    found = {}
    routes = [["ip", "-json", *v, "route", "show", "default"] for v in ([], ["-6"])]
    for name in parse.default_route_devices(_output(runner, argv) for argv in routes):
        found[name] = "it with the default route of this host"
    address = _connection_address(fs)
    for device in devices:
        if address and any(own.split("/")[0] == address for own in device.addresses):
            found[device.name] = "it with %s, which Ansible is connected to" % address
    # What is below one of them carries it.
    for _round in devices:
        for device in devices:
            if device.name in found and device.parent:
                found.setdefault(device.parent, found[device.name])
            if device.master in found:
                found.setdefault(device.name, found[device.master])
    return found


def _connection_address(fs: FileSystem) -> str | None:
    """This host's end of the ssh connection; None when there is none.

    sudo takes the variable out of the environment, so the processes above are asked as well.
    """
    process = "self"
    while process != "0":
        try:
            address = parse.connection_address(fs.read("/proc/%s/environ" % process))
            if address:
                return address
            process = str(parse.parent_process(fs.read("/proc/%s/status" % process)))
        except OSError:
            return None
    return None
