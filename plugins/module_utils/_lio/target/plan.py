# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From a target as it is wanted and what was found to the steps.

Access is closed before it is opened: first goes everything that an initiator has and should not
have, and that is saved, so that it does not come back at boot when a later step fails. Then
backstores are made or changed: a disk that LIO does not take must not keep anybody's access open,
and some changes are only possible while no LUN exports the backstore. Then objects are made, mapped
read-only and opened for writing, then portals, and a TPG is enabled last. Backstores and target are
saved in one piece at the end. What an interrupted run did not save, the next one finds unsaved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.plan import (
    plan_backstores,
    show_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.chap import chap_arguments
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Acl,
    Chap,
    Configuration,
    Lun,
    MappedLun,
    Portal,
    Target,
    Tpg,
    only,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.saved import same_target
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    DesiredTarget,
    DesiredTpg,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn

# Fabrics without ACLs: whoever is on the other side can write to all LUNs.
_WITHOUT_ACLS = frozenset(("loopback", "usb_gadget", "vhost", "xen-pvscsi"))


def plan_target(desired: DesiredTarget, observed: Observed, *, predict: bool) -> Plan:
    """The steps.

    :param predict: check mode: a backstore that is not there yet is no error.
    :raises ModelStoreError: the steps would not be safe.
    """
    running = observed.running.target(desired.name)
    goal = _goal(desired, running)
    closed = _with(observed.running, desired.name, _closed(running, goal))
    made = plan_backstores(desired.backstores, replace(observed, running=closed), predict=predict)
    after = _with(made.running, desired.name, goal)
    if goal:
        if not predict:
            _refuse_missing_backstores(goal, after, observed.saved)
        _refuse_two_writers(goal, observed)
        _refuse_portals_of_others(goal, running, observed)
    elif observed.logged_in and not desired.disconnect:
        _refuse_logged_in(desired.name, observed.logged_in)
    saved = observed.saved.target(desired.name) if observed.saved else None
    # What nobody asked for is not shown.
    seen = _declared(running, desired)
    closing = list(_closing(desired.name, seen, goal))
    deleted = _backstores_to_delete(desired, goal, observed)
    rest = [
        *made.actions,
        *(_opening(desired.name, seen, goal) if goal else ()),
        *(
            Action("delete_backstore", "backstore %s" % key, {"backstore": key})
            for key in deleted
            if observed.running.backstore(key)
        ),
    ]
    if closing and rest and saved:
        closing.append(Action("save", desired.name))
    actions = closing + rest
    backstores = (*made.unsaved, *deleted)
    if actions or backstores or not same_target(running, saved):
        arguments = {"backstores": backstores} if backstores else {}
        actions.append(Action("save", desired.name, arguments))
    return Plan(
        tuple(actions),
        _shown(desired, seen, observed, observed.running),
        _shown(desired, goal, observed, after),
    )


def _shown(
    desired: DesiredTarget, target: Target | None, observed: Observed, running: Configuration
) -> dict[str, Any]:
    """The target and the declared backstores in the form that the user sees."""
    backstores = (show_backstore(each, running, observed.sizes) for each in desired.backstores)
    return {
        "target": target.public() if target else None,
        "backstores": [backstore for backstore in backstores if backstore],
    }


def _with(running: Configuration, name: str, target: Target | None) -> Configuration:
    """What runs when the target is as it is given, None for gone."""
    others = [entry for entry in running.targets if (entry.fabric, entry.name) != ("iscsi", name)]
    targets = [*others, target] if target else others
    return replace(
        running, targets=tuple(sorted(targets, key=lambda entry: (entry.fabric, entry.name)))
    )


def _closed(running: Target | None, goal: Target | None) -> Target | None:
    """The target's LUNs when everything that is not wanted is gone."""
    if running is None or goal is None:
        return None
    tpgs = []
    for found in running.tpgs:
        wanted = goal.tpg(found.tag)
        if wanted:
            luns = set(wanted.luns)
            tpgs.append(replace(found, luns=tuple(lun for lun in found.luns if lun in luns)))
    return replace(running, tpgs=tuple(tpgs))


def _goal(desired: DesiredTarget, running: Target | None) -> Target | None:
    if not desired.tpgs:
        return None
    return Target(
        desired.name,
        tpgs=tuple(
            _goal_tpg(tpg, running.tpg(tpg.tag) if running else None) for tpg in desired.tpgs
        ),
    )


def _goal_tpg(desired: DesiredTpg, running: Tpg | None) -> Tpg:
    numbers = _number_luns(desired, running)
    return Tpg(
        tag=desired.tag,
        enabled=True,
        portals=desired.portals,
        luns=tuple(sorted(Lun(number, backstore) for backstore, number in numbers.items())),
        acls=tuple(
            Acl(
                acl.initiator,
                acl.chap,
                tuple(
                    sorted(
                        MappedLun(lun.number, numbers[lun.backstore], lun.write_protect)
                        for lun in acl.luns
                    )
                ),
            )
            for acl in desired.acls
        ),
        attributes=desired.attributes,
        parameters=desired.parameters,
    )


def _number_luns(desired: DesiredTpg, running: Tpg | None) -> dict[str, int]:
    """A number for each backstore: the declared one, the one it has, or the lowest free one."""
    numbers = {lun.backstore: lun.number for lun in desired.luns if lun.number is not None}
    used = set(numbers.values())
    undeclared = {lun.backstore: None for lun in desired.luns if lun.number is None}
    for lun in running.luns if running else ():
        taken = lun.backstore in numbers or lun.number in used
        if lun.backstore in undeclared and not taken:
            numbers[lun.backstore] = lun.number
            used.add(lun.number)
    free = (number for number in count() if number not in used)
    for backstore in undeclared:
        if backstore not in numbers:
            numbers[backstore] = next(free)
    return numbers


def _backstores_to_delete(
    desired: DesiredTarget, goal: Target | None, observed: Observed
) -> tuple[str, ...]:
    """Backstores of the target that are not declared and that no LUN exports any more, running or
    saved.
    """
    configurations = [observed.saved or Configuration(), observed.running]
    found = {entry.key: entry for found in configurations for entry in found.backstores}
    candidates = set()
    if desired.delete_backstores == "own":
        candidates = {
            key for key, entry in found.items() if _is_own(entry.wwn, desired.name, entry.name)
        }
    elif desired.delete_backstores == "all":
        targets = [target for each in configurations if (target := each.target(desired.name))]
        candidates = _exported(targets) & found.keys()
    others = [
        target
        for configuration in configurations
        for target in configuration.targets
        if (target.fabric, target.name) != ("iscsi", desired.name)
    ]
    candidates -= {backstore.key for backstore in desired.backstores}
    return tuple(sorted(candidates - _exported([goal, *others] if goal else others)))


def _is_own(wwn: str, target: str, name: str) -> bool:
    return wwn.lower() == volume_wwn(target, name)


def _exported(targets: Iterable[Target]) -> set[str]:
    return {lun.backstore for target in targets for tpg in target.tpgs for lun in tpg.luns}


def _refuse_missing_backstores(
    goal: Target, running: Configuration, saved: Configuration | None
) -> None:
    """To go on without one would take it out of the saved configuration for good."""
    for tpg in goal.tpgs:
        for lun in tpg.luns:
            if running.backstore(lun.backstore) is None:
                raise _missing_backstore(lun.backstore, goal.name, saved)


def _missing_backstore(key: str, target: str, saved: Configuration | None) -> ModelStoreError:
    what = "backstore %s of target %s" % (key, target)
    before = saved.backstore(key) if saved else None
    if before is None:
        return ModelStoreError(
            what,
            "no such backstore",
            "it to run",
            "Declare it in backstores, or make it with lio_backstore first.",
        )
    return ModelStoreError(
        what,
        "it saved but not running, with %s" % before.device,
        "it to run",
        "Bring the device back and declare the backstore in backstores, or start it with "
        "lio_backstore, or take it out of luns.",
    )


def _refuse_logged_in(name: str, initiators: tuple[str, ...]) -> None:
    raise ModelStoreError(
        "target %s" % name,
        "%s logged in" % ", ".join(initiators),
        "no initiator that is",
        "Unmount and log out there first. With disconnect: true their sessions are ended.",
        {"logged_in": list(initiators)},
    )


def _refuse_two_writers(goal: Target, observed: Observed) -> None:
    exported = _exported([goal])
    writers: dict[str, str] = {}
    for target in (goal, *_others(goal, observed)):
        for backstore, initiator in _writers(target):
            first = writers.setdefault(backstore, initiator)
            if first != initiator and backstore in exported:
                raise ModelStoreError(
                    "backstore %s" % backstore,
                    "write access for %s and for %s" % (first, initiator),
                    "one initiator at most that can write",
                    "XFS is no cluster file system: give each node its own volume.",
                    {"initiators": [first, initiator]},
                )


def _others(goal: Target, observed: Observed) -> list[Target]:
    """All other targets: those that run, and those that will run after a reboot."""
    others = {}
    for configuration in (observed.saved or Configuration(), observed.running):
        for target in configuration.targets:
            if (target.fabric, target.name) != (goal.fabric, goal.name):
                others[target.fabric, target.name] = target
    return list(others.values())


def _writers(target: Target) -> Iterator[tuple[str, str]]:
    """The backstores that can be written to through a target, and by whom."""
    for tpg in target.tpgs:
        if target.fabric in _WITHOUT_ACLS:
            for lun in tpg.luns:
                yield lun.backstore, "%s target %s" % (target.fabric, target.name)
        demo_mode = tpg.attributes.get("generate_node_acls") == "1"
        if demo_mode and tpg.attributes.get("demo_mode_write_protect") == "0":
            for lun in tpg.luns:
                yield lun.backstore, "any initiator (demo mode of %s)" % target.name
        for acl in tpg.acls:
            for mapped in acl.mapped_luns:
                if not mapped.write_protect:
                    yield tpg.backstore_of(mapped), acl.initiator


def _refuse_portals_of_others(goal: Target, running: Target | None, observed: Observed) -> None:
    """LIO shares a portal between targets, but cannot listen beside a wildcard of the same port."""
    mine = {portal for tpg in running.tpgs for portal in tpg.portals} if running else set()
    new = [portal for tpg in goal.tpgs for portal in tpg.portals if portal not in mine]
    for target in _others(goal, observed):
        for other in (portal for tpg in target.tpgs for portal in tpg.portals):
            for portal in new:
                if target.fabric == goal.fabric and _collide(portal, other):
                    raise ModelStoreError(
                        "portal %s of target %s" % (portal, goal.name),
                        "target %s on %s, which takes in the same address" % (target.name, other),
                        "the port without a wildcard address beside others",
                        "Give both targets the addresses that they serve instead of 0.0.0.0 or ::, "
                        "or another port.",
                        {"target": target.name, "portal": other.public()},
                    )


def _declared(target: Target | None, desired: DesiredTarget) -> Target | None:
    """The target without attributes and parameters that nobody asked for."""
    if target is None:
        return None
    asked = {tpg.tag: (tpg.attributes, tpg.parameters) for tpg in desired.tpgs}
    tpgs = []
    for tpg in target.tpgs:
        attributes, parameters = asked.get(tpg.tag, ({}, {}))
        tpgs.append(
            replace(
                tpg,
                attributes=only(tpg.attributes, attributes),
                parameters=only(tpg.parameters, parameters),
            )
        )
    return replace(target, tpgs=tuple(tpgs))


def _closing(name: str, running: Target | None, goal: Target | None) -> Iterator[Action]:
    """Take away what somebody has and should not have.

    All TPGs are closed before the first is opened: an initiator may lose a LUN in one of them that
    another one gets elsewhere.
    """
    if running is None:
        return
    if goal is None:
        yield Action("delete_target", name)
        return
    for found in running.tpgs:
        if goal.tpg(found.tag) is None:
            yield _Step(name, found.tag)("delete_tpg")
    for found in running.tpgs:
        wanted = goal.tpg(found.tag)
        if wanted:
            yield from _close(_Step(name, found.tag), found, wanted)


def _opening(name: str, running: Target | None, goal: Target) -> Iterator[Action]:
    """Make what is missing, and give access to it."""
    if running is None:
        yield Action("create_target", name)
    pairs = []
    for wanted in goal.tpgs:
        step = _Step(name, wanted.tag)
        found = running.tpg(wanted.tag) if running else None
        if found is None:
            yield step("create_tpg")
            found = Tpg(wanted.tag)
            yield from _close(step, found, wanted)
        pairs.append((step, found, wanted))
    portals = [portal for tpg in goal.tpgs for portal in tpg.portals]
    for step, found, wanted in pairs:
        for portal in found.portals:
            if portal not in wanted.portals and _in_the_way(portal, portals):
                yield _portal(step, "remove_portal", portal)
    for step, found, wanted in pairs:
        yield from _open(step, found, wanted, portals)


@dataclass(frozen=True)
class _Step:
    """Makes the steps of one TPG."""

    target: str
    tag: int

    def __call__(self, verb: str, subject: str = "", **arguments: Any) -> Action:
        where = "%s tpg%d %s" % (self.target, self.tag, subject)
        return Action(verb, where.strip(), {"tpg": self.tag, **arguments})

    def acl(self, verb: str, initiator: str, **arguments: Any) -> Action:
        return self(verb, initiator, initiator=initiator, **arguments)


def _close(step: _Step, found: Tpg, wanted: Tpg) -> Iterator[Action]:
    attributes = {
        name: value
        for name, value in _changed(found.attributes, wanted.attributes).items()
        if (name, value) != ("authentication", "0")
    }
    if attributes:
        yield step("set_attributes", attributes=attributes)
    for acl in found.acls:
        kept = wanted.acl(acl.initiator)
        if kept is None:
            yield step.acl("delete_acl", acl.initiator)
            continue
        for mapped in acl.mapped_luns:
            new = kept.mapped_lun(mapped.number)
            if new is None or not _stays(mapped, kept, found, wanted):
                yield _mapping(step, "unmap_lun", found, acl, mapped)
            elif new.write_protect and not mapped.write_protect:
                yield _mapping(step, "protect_lun", found, acl, mapped)
        if acl.chap != kept.chap:
            yield _set_chap(step, kept)
        if acl.authentication is False:
            yield step.acl("inherit_authentication", acl.initiator)
    luns = set(wanted.luns)
    for lun in found.luns:
        if lun not in luns:
            yield step("delete_lun", "lun%d" % lun.number, lun=lun.number, backstore=lun.backstore)


def _open(step: _Step, found: Tpg, wanted: Tpg, portals: Sequence[Portal]) -> Iterator[Action]:
    parameters = _changed(found.parameters, wanted.parameters)
    if parameters:
        yield step("set_parameters", parameters=parameters)
    luns = set(found.luns)
    for lun in wanted.luns:
        if lun not in luns:
            yield step("create_lun", "lun%d" % lun.number, lun=lun.number, backstore=lun.backstore)
    for acl in wanted.acls:
        before = found.acl(acl.initiator)
        if before is None:
            yield step.acl("create_acl", acl.initiator)
            if acl.chap != Chap():
                yield _set_chap(step, acl)
        elif before.authentication:
            yield step.acl("inherit_authentication", acl.initiator)
        for mapped in acl.mapped_luns:
            old = before.mapped_lun(mapped.number) if before else None
            if old is None or not _stays(old, acl, found, wanted):
                yield _mapping(step, "map_lun", wanted, acl, mapped, mapped.write_protect)
            elif old.write_protect and not mapped.write_protect:
                yield _mapping(step, "unprotect_lun", wanted, acl, mapped)
    if wanted.attributes["authentication"] == "0" and found.attributes.get("authentication") != "0":
        yield step("set_attributes", attributes={"authentication": "0"})
    # New portals come before old ones go, so that there always is one.
    for portal in wanted.portals:
        if portal not in found.portals:
            yield _portal(step, "add_portal", portal)
    for portal in found.portals:
        if portal not in wanted.portals and not _in_the_way(portal, portals):
            yield _portal(step, "remove_portal", portal)
    if not found.enabled:
        yield step("enable_tpg")


def _stays(mapped: MappedLun, kept: Acl, found: Tpg, wanted: Tpg) -> bool:
    """Whether a mapped LUN is wanted as it is, write protection aside."""
    new = kept.mapped_lun(mapped.number)
    return (
        new is not None
        and new.lun == mapped.lun
        and found.backstore_of(mapped) == wanted.backstore_of(mapped)
    )


def _mapping(
    step: _Step,
    verb: str,
    tpg: Tpg,
    acl: Acl,
    mapped: MappedLun,
    write_protect: bool | None = None,
) -> Action:
    arguments: dict[str, Any] = {"lun": mapped.number, "backstore": tpg.backstore_of(mapped)}
    if write_protect is not None:
        arguments.update(tpg_lun=mapped.lun, write_protect=write_protect)
    return step.acl(verb, acl.initiator, **arguments)


def _set_chap(step: _Step, acl: Acl) -> Action:
    """Set the credentials that are there and clear the others."""
    return step.acl("set_chap", acl.initiator, **chap_arguments(acl.chap))


def _changed(found: Any, wanted: Any) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if found.get(name) != value}


def _in_the_way(portal: Portal, others: Sequence[Portal]) -> bool:
    """Whether LIO cannot listen at one of the others as long as it listens at this portal."""
    return any(portal == other or _collide(portal, other) for other in others)


def _collide(portal: Portal, other: Portal) -> bool:
    """Whether one of two different portals is a wildcard that takes in the other one."""
    if portal == other or portal.port != other.port:
        return False
    addresses = {portal.address, other.address}
    # A socket that listens at :: takes IPv4 as well.
    return "::" in addresses or (
        "0.0.0.0" in addresses and not any(":" in address for address in addresses)
    )


def _portal(step: _Step, verb: str, portal: Portal) -> Action:
    return step(verb, str(portal), address=portal.address, port=portal.port)
