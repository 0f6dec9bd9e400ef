# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The way back: what puts a host's network as it was, without Ansible. Pure.

A timer on the host starts it when nobody has confirmed that the host can still be reached. The timer
is enabled, so that it also runs after a reboot in between.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces import commands
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    ETHERNET,
    NETPLAN,
    NETWORKD,
    Device,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.render import (
    mode_of,
)

FOLDER = "/var/lib/modelstore/network"
# Which interfaces are ours: those that are no longer wanted are found by it.
STATE = FOLDER + "/interfaces.json"
SCRIPT = FOLDER + "/restore"
UNIT = "modelstore-network-rollback"
SERVICE = "/etc/systemd/system/%s.service" % UNIT
TIMER = "/etc/systemd/system/%s.timer" % UNIT
_LINK = "/etc/systemd/system/timers.target.wants/%s.timer" % UNIT

_END = "END-OF-FILE"


def units(seconds: int) -> dict[str, str]:
    """The timer and what it starts: path → text."""
    return {
        SERVICE: "[Unit]\nDescription=Put the storage network back as it was\n\n"
        "[Service]\nType=oneshot\nExecStart=/bin/sh %s\n" % SCRIPT,
        TIMER: "[Unit]\nDescription=Wait for the new storage network to be confirmed\n\n"
        "[Timer]\nOnActiveSec=%d\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n" % seconds,
    }


def script(
    backend: str,
    *,
    before: Mapping[str, str],
    after: Mapping[str, str],
    devices: Sequence[Device],
    made: Sequence[str],
) -> str:
    """The way back as a shell script.

    :param before: our files as they were: path → text.
    :param after: our files as they are going to be.
    :param devices: the interfaces that are touched, as they were.
    :param made: interfaces that are going to be made.
    """
    lines = [
        "# Written by tts.modelstore: the network as it was before a change that nobody confirmed."
    ]
    lines += _lines(commands.take_down(backend, [*made, *_names(devices)]))
    lines += ["ip link delete dev %s" % shlex.quote(name) for name in made]
    lines += ["rm -f %s" % shlex.quote(path) for path in after if path not in before]
    for path, text in before.items():
        lines += [
            "cat > %s <<'%s'" % (shlex.quote(path), _END),
            text.rstrip("\n"),
            _END,
            "chmod %o %s" % (mode_of(path), shlex.quote(path)),
        ]
    cards = [device.name for device in devices if device.kind == ETHERNET]
    lines += _lines(commands.flush(cards))
    lines += ["ip link set dev %s nomaster" % shlex.quote(name) for name in cards]
    owned = owned_devices(before.get(STATE, ""))
    # networkd has files of others to go back to.
    again = [n for n in _names(devices) if n in owned or backend in (NETWORKD, NETPLAN)]
    lines += _lines(commands.bring_up(backend, before, again))
    for device in devices:
        name = device.name
        lines += _lines([["ip", "link", "set", "dev", name, "mtu", str(device.mtu)]])
        if device.name not in owned:
            # What was set by hand, or by something that does not know that it is gone.
            lines += _lines([["ip", "link", "set", "dev", name, "up" if device.up else "down"]])
            lines += _lines(
                [["ip", "address", "replace", address, "dev", name] for address in device.addresses]
            )
    # The timer goes first: without its file, and without that of the service that runs this, systemd
    # ends both in ways of its own.
    lines += ["systemctl stop %s.timer" % UNIT]
    lines += ["rm -f %s %s %s %s" % (SCRIPT, SERVICE, TIMER, _LINK), "systemctl daemon-reload"]
    lines += ["exit 0"]
    return "\n".join(lines) + "\n"


def state(names: Sequence[str], backend: str) -> str:
    """The text of the state file."""
    return json.dumps({"backend": backend, "interfaces": list(names)}, indent=2) + "\n"


def owned_devices(text: str) -> frozenset[str]:
    """The interfaces in the state file."""
    return frozenset(json.loads(text)["interfaces"]) if text else frozenset()


def owner(text: str) -> str:
    """The backend in the state file; empty when there is none."""
    return str(json.loads(text)["backend"]) if text else ""


def _names(devices: Sequence[Device]) -> list[str]:
    return [device.name for device in devices]


def _lines(argvs: Sequence[Sequence[str]]) -> list[str]:
    return [" ".join(map(shlex.quote, argv)) for argv in argvs]
