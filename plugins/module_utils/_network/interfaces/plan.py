# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From the interfaces that are there to those that should be."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces import (
    commands,
    rollback,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.desired import (
    Desired,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    BACKENDS,
    BOND,
    ETHERNET,
    IFUPDOWN,
    NETPLAN,
    NETWORKD,
    NETWORKMANAGER,
    VLAN,
    Device,
    Observed,
    Wanted,
    Write,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.render import (
    render,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.resolve import (
    resolve,
)

_SOURCE = re.compile(r"^\s*source(-directory)?\s+(/etc/network/)?interfaces\.d", re.MULTILINE)


@dataclass(frozen=True)
class Goal:
    """What the task comes to on this host.

    :param files: our files as they should be, of this backend: path → text.
    """

    backend: str
    wanted: tuple[Wanted, ...]
    files: dict[str, str]


def goal(desired: Desired, observed: Observed) -> Goal:
    """What the task comes to on this host.

    :raises ModelStoreError: it cannot be had, or not safely.
    """
    wanted = resolve(desired.links, observed)
    known = _backend_before(observed)
    if not wanted and not known:
        return Goal("", (), {})
    backend = _backend(desired.backend, wanted, known, observed)
    for one in wanted:
        _refuse(one, backend, observed)
    files = render(backend, wanted)
    if wanted:
        files = {rollback.STATE: rollback.state([one.name for one in wanted], backend), **files}
    return Goal(backend, wanted, files)


def plan_network(desired: Desired, observed: Observed) -> Plan:
    """The steps towards the interfaces of the task."""
    aim = goal(desired, observed)
    stale = _stale(aim, observed)
    changed = _changed(aim, observed)
    files = _files(aim, observed)
    before, after = _shown(aim, observed, now=True), _shown(aim, observed, now=False)
    if not (stale or changed or files):
        disarm = desired.confirm and observed.armed
        return Plan((Action("disarm_rollback", rollback.UNIT),) if disarm else (), before, after)
    if desired.confirm:
        raise ModelStoreError(
            "interfaces %s" % ", ".join(changed or stale or [one.name for one in aim.wanted]),
            "the old configuration, or another one than the task has made",
            "the new one to be in force",
            "Nobody reached this host with it in time, so that the old one came back by itself. See "
            "whether an address of the task is in the network that Ansible comes from.",
        )
    return Plan(
        (
            _arm(desired, aim, observed, changed, stale),
            *_steps(aim, observed, files, changed, stale),
        ),
        before,
        after,
    )


def _files(aim: Goal, observed: Observed) -> list[Action]:
    """The steps from our files as they are to those of the goal."""
    gone = sorted(set(observed.files) - set(aim.files))
    return [
        *(Action("remove_file", path) for path in gone),
        *(
            Write("write_file", path, {}, {path: text})
            for path, text in aim.files.items()
            if observed.files.get(path) != text
        ),
    ]


def _arm(
    desired: Desired, aim: Goal, observed: Observed, changed: list[str], stale: list[str]
) -> Action:
    touched = [d for d in observed.devices if d.name in changed or d.name in stale]
    made = [name for name in changed if observed.device(name) is None]
    script = rollback.script(
        _backend_before(observed) or aim.backend,
        before=observed.files,
        after=aim.files,
        devices=touched,
        made=made,
    )
    return Write(
        "arm_rollback",
        rollback.UNIT,
        {"seconds": desired.rollback, "interfaces": [d.name for d in touched] + made},
        {rollback.SCRIPT: script, **rollback.units(desired.rollback)},
    )


def _steps(
    aim: Goal, observed: Observed, files: list[Action], changed: list[str], stale: list[str]
) -> list[Action]:
    before = _backend_before(observed) or aim.backend
    known = _owned(observed)
    there = [name for name in (*stale, *changed) if observed.device(name)]
    cards = [name for name in there if not _is_software(name, observed)]
    remade = [one.name for one in aim.wanted if _has_to_be_remade(one, observed)]
    doomed = [name for name in (*stale, *remade) if _is_software(name, observed)]
    # What nobody configures any more keeps its addresses, and ifup only adds to what is there.
    flushed = [n for n in cards if n in stale or IFUPDOWN in (before, aim.backend)]
    actions: list[Action] = []
    # The backend before this one knows how to take down what it has made.
    down = [
        device.name
        for kind in (VLAN, BOND, ETHERNET)  # what is on top first
        for device in observed.devices
        if device.kind == kind and device.name in there and device.name in known
    ]
    actions += [_run("take_down", argv) for argv in commands.take_down(before, down)]
    actions += files
    actions += [_run("delete_interface", argv) for argv in commands.delete(doomed)]
    actions += [_run("flush_addresses", argv) for argv in commands.flush(flushed)]
    if before != aim.backend or not aim.wanted:
        actions += [_run("apply", argv) for argv in commands.bring_up(before, {}, ())]
    if aim.wanted:
        argvs = commands.bring_up(aim.backend, aim.files, changed)
        actions += [_run("apply", argv) for argv in argvs]
    return actions


def _backend_before(observed: Observed) -> str:
    return rollback.owner(observed.files.get(rollback.STATE, ""))


def _owned(observed: Observed) -> frozenset[str]:
    """The interfaces that are ours already."""
    return rollback.owned_devices(observed.files.get(rollback.STATE, ""))


def state(desired: Desired, observed: Observed) -> dict[str, Any]:
    """What the task speaks of, in the form the user sees."""
    aim = goal(desired, observed)
    return {
        "backend": aim.backend or None,
        "interfaces": _interfaces(aim, observed),
        "shared_subnets": shared_subnets(aim.wanted),
        "rollback_armed": observed.armed,
    }


def shared_subnets(wanted: Iterable[Wanted]) -> list[str]:
    """The interfaces whose IPv4 subnet another one has as well."""
    owners: dict[ipaddress.IPv4Network, set[str]] = {}
    for one in wanted:
        for address in map(ipaddress.ip_interface, one.addresses):
            if isinstance(address, ipaddress.IPv4Interface):
                owners.setdefault(address.network, set()).add(one.name)
    return sorted({name for names in owners.values() if len(names) > 1 for name in names})


def unlike(desired: Desired, devices: tuple[Device, ...]) -> list[str]:
    """What is not yet as the task asks for, in words."""
    observed = Observed(devices)
    found = []
    for one in resolve(desired.links, observed):
        device = observed.device(one.name)
        if one.differs(device):
            found.append(
                "%s with mtu %d and %s"
                % (one.name, device.mtu, " ".join(device.addresses) or "no address")
                if device
                else "no %s" % one.name
            )
    return found


def _run(name: str, argv: list[str]) -> Action:
    return Action(name, " ".join(argv), {"argv": argv})


def _backend(asked: str, wanted: tuple[Wanted, ...], known: str, observed: Observed) -> str:
    usable = [name for name in BACKENDS if name in observed.backends]
    if {one.name for one in wanted} & observed.unmanaged:
        usable = [name for name in usable if name != NETWORKMANAGER]
    if asked == "auto" and (known in usable or not wanted):
        return known  # what has it goes on with it
    if asked == "auto" and usable:
        return usable[0]
    if asked not in usable:
        raise ModelStoreError(
            "backend %s" % asked,
            "%s in charge of the network" % (" and ".join(usable) or "nothing that is known here"),
            "one of %s" % ", ".join(BACKENDS) if asked == "auto" else asked,
            "Nothing was changed. Start the one that the host is to use, or name another one.",
        )
    return asked


def _refuse(one: Wanted, backend: str, observed: Observed) -> None:
    """Refuse what could not come out as it is wanted."""
    device = observed.device(one.name)
    if device and device.max_mtu and one.mtu > device.max_mtu:
        raise ModelStoreError(
            "interface %s" % one.name,
            "a largest mtu of %d" % device.max_mtu,
            "%d or more" % one.mtu,
            "Nothing was changed. Set mtu to what the card can do.",
        )
    known = _owned(observed)
    if device and device.name not in known and (device.master or device.kind != one.kind):
        raise ModelStoreError(
            "interface %s" % one.name,
            "it part of %s" % device.master if device.master else "a %s" % device.kind,
            "nothing of somebody else's",
            "Nothing was changed. Name a card that is free.",
        )
    for path, text in observed.foreign.items():
        if _names(path, text, one.name, backend):
            raise ModelStoreError(
                "interface %s" % one.name,
                "it configured in %s" % path,
                "no other file that configures it",
                "Nothing was changed. Take it out of that file first.",
            )
    interfaces = observed.foreign.get("/etc/network/interfaces", "")
    if backend == IFUPDOWN and not _SOURCE.search(interfaces):
        raise ModelStoreError(
            "/etc/network/interfaces",
            "no line that reads the folder interfaces.d",
            "one",
            "Nothing was changed. Add the line: source /etc/network/interfaces.d/*",
        )


def _names(path: str, text: str, name: str, backend: str) -> bool:
    if backend == IFUPDOWN and path.startswith("/etc/network/"):
        return bool(re.search(r"^\s*iface\s+%s\s" % re.escape(name), text, re.MULTILINE))
    if backend == NETPLAN and path.startswith("/etc/netplan/"):
        return bool(re.search(r"^\s+[\"']?%s[\"']?\s*:" % re.escape(name), text, re.MULTILINE))
    return False


def _stale(aim: Goal, observed: Observed) -> list[str]:
    """Our interfaces that are not wanted any more, those on top first."""
    known = _owned(observed)
    names = {one.name for one in aim.wanted}
    there = [d.name for d in observed.devices if d.name in known and d.name not in names]
    return sorted(there, key=lambda name: not _is_software(name, observed))


def _changed(aim: Goal, observed: Observed) -> list[str]:
    """The wanted interfaces that the backend has to look at again, those below first."""
    one_each = aim.backend in (NETWORKD, NETWORKMANAGER)
    changed = set()
    for one in aim.wanted:
        files = render(aim.backend, (one,)) if one_each else {}
        rewritten = any(observed.files.get(path) != text for path, text in files.items())
        if rewritten or one.differs(observed.device(one.name)):
            changed |= {one.name, *one.members, *([one.master] if one.master else [])}
    return [one.name for one in aim.wanted if one.name in changed]


def _has_to_be_remade(one: Wanted, observed: Observed) -> bool:
    """Whether it is there in a form that cannot be changed into the wanted one."""
    device = observed.device(one.name)
    return device is not None and (
        device.kind != one.kind
        or (device.parent, device.vlan) != (one.parent, one.vlan)
        or device.bond_mode != one.bond_mode
    )


def _is_software(name: str, observed: Observed) -> bool:
    device = observed.device(name)
    return device is not None and device.kind != ETHERNET


def _shown(aim: Goal, observed: Observed, *, now: bool) -> dict[str, Any]:
    files = observed.files if now else aim.files
    wanted = {one.name: one.public() for one in aim.wanted}
    return {
        # Line by line, so that a diff shows the lines that change.
        "files": {path: text.splitlines() for path, text in files.items()},
        "interfaces": _interfaces(aim, observed) if now else wanted,
    }


def _interfaces(aim: Goal, observed: Observed) -> dict[str, Any]:
    devices = (observed.device(one.name) for one in aim.wanted)
    return {d.name: {"mtu": d.mtu, "addresses": list(d.addresses)} for d in devices if d}
