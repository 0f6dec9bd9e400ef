# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""From a target as it is wanted and what was found to the steps.

Access is closed before it is opened: first goes everything that an initiator has and should not
have, then objects are made, mapped read-only and opened for writing, then portals, and a TPG is
enabled last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan
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
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    DesiredTarget,
    DesiredTpg,
    Observed,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn


def plan_target(desired: DesiredTarget, observed: Observed, *, predict: bool) -> Plan:
    """The steps.

    :param predict: check mode: a backstore that is not there yet is no error.
    :raises ModelStoreError: the steps would not be safe.
    """
    running = observed.running.target(desired.name)
    goal = _goal(desired, running)
    if goal:
        if not predict:
            _refuse_missing_backstores(goal, observed)
        _refuse_two_writers(goal, observed)
    elif observed.logged_in and not desired.disconnect:
        _refuse_logged_in(desired.name, observed.logged_in)
    # What nobody asked for is neither compared nor shown.
    seen = _declared(running, desired)
    saved = _declared(observed.saved.target(desired.name) if observed.saved else None, desired)
    actions = list(_steps(desired.name, seen, goal))
    deleted = _backstores_to_delete(desired, goal, observed)
    for key in deleted:
        if observed.running.backstore(key):
            actions.append(Action("delete_backstore", "backstore %s" % key, {"backstore": key}))
    if actions or deleted or seen != saved:
        actions.append(Action("save", desired.name, {"backstores": deleted} if deleted else {}))
    return Plan(tuple(actions), seen.public() if seen else {}, goal.public() if goal else {})


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
    undeclared = [lun.backstore for lun in desired.luns if lun.number is None]
    for lun in running.luns if running else ():
        taken = lun.backstore in numbers or lun.number in numbers.values()
        if lun.backstore in undeclared and not taken:
            numbers[lun.backstore] = lun.number
    for backstore in undeclared:
        if backstore not in numbers:
            used = set(numbers.values())
            numbers[backstore] = next(n for n in range(len(used) + 1) if n not in used)
    return numbers


def _backstores_to_delete(
    desired: DesiredTarget, goal: Target | None, observed: Observed
) -> tuple[str, ...]:
    """Backstores of the target that no LUN exports any more, running or saved."""
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
    return tuple(sorted(candidates - _exported([goal, *others] if goal else others)))


def _is_own(wwn: str, target: str, name: str) -> bool:
    return wwn.lower() == volume_wwn(target, name)


def _exported(targets: Iterable[Target]) -> set[str]:
    return {lun.backstore for target in targets for tpg in target.tpgs for lun in tpg.luns}


def _refuse_missing_backstores(goal: Target, observed: Observed) -> None:
    """To go on without one would take it out of the saved configuration for good."""
    for tpg in goal.tpgs:
        for lun in tpg.luns:
            if observed.running.backstore(lun.backstore) is None:
                raise _missing_backstore(lun.backstore, goal.name, observed.saved)


def _missing_backstore(key: str, target: str, saved: Configuration | None) -> ModelStoreError:
    what = "backstore %s of target %s" % (key, target)
    before = saved.backstore(key) if saved else None
    if before is None:
        return ModelStoreError(
            what, "no such backstore", "it to run", "Make it with lio_backstore first."
        )
    return ModelStoreError(
        what,
        "it saved but not running, with %s" % before.device,
        "it to run",
        "Bring the device back and start the backstore with lio_backstore, or take it out of luns.",
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
    writers: dict[str, str] = {}
    for target in (goal, *_others(goal, observed)):
        for backstore, initiator in _writers(target):
            first = writers.setdefault(backstore, initiator)
            if first != initiator and any(
                lun.backstore == backstore for tpg in goal.tpgs for lun in tpg.luns
            ):
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
        demo_mode = tpg.attributes.get("generate_node_acls") == "1"
        if demo_mode and tpg.attributes.get("demo_mode_write_protect") == "0":
            for lun in tpg.luns:
                yield lun.backstore, "any initiator (demo mode of %s)" % target.name
        for acl in tpg.acls:
            for mapped in acl.mapped_luns:
                if not mapped.write_protect:
                    yield tpg.backstore_of(mapped), acl.initiator


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


def _steps(name: str, running: Target | None, goal: Target | None) -> Iterator[Action]:
    if goal is None:
        if running:
            yield Action("delete_target", name)
        return
    if running is None:
        yield Action("create_target", name)
    pairs = []
    for tpg in running.tpgs if running else ():
        if goal.tpg(tpg.tag) is None:
            yield _Step(name, tpg.tag)("delete_tpg")
    for wanted in goal.tpgs:
        found = running.tpg(wanted.tag) if running else None
        pairs.append((_Step(name, wanted.tag), found or Tpg(wanted.tag), wanted))
        if found is None:
            yield _Step(name, wanted.tag)("create_tpg")
    # All TPGs are closed before the first is opened: an initiator may lose a LUN in one of them
    # that another one gets elsewhere.
    portals = [portal for tpg in goal.tpgs for portal in tpg.portals]
    for step, found, wanted in pairs:
        yield from _close(step, found, wanted)
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
    """Take away what somebody has and should not have."""
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
            if not _stays(mapped, acl, kept, found, wanted):
                yield _mapping(step, "unmap_lun", found, acl, mapped)
            elif _mapped(kept, mapped.number).write_protect and not mapped.write_protect:
                yield _mapping(step, "protect_lun", found, acl, mapped)
        if acl.chap != kept.chap:
            yield _set_chap(step, kept)
    for lun in found.luns:
        if lun not in wanted.luns:
            yield step("delete_lun", "lun%d" % lun.number, lun=lun.number, backstore=lun.backstore)


def _open(step: _Step, found: Tpg, wanted: Tpg, portals: Sequence[Portal]) -> Iterator[Action]:
    """Make what is missing, and give access to it."""
    parameters = _changed(found.parameters, wanted.parameters)
    if parameters:
        yield step("set_parameters", parameters=parameters)
    for lun in wanted.luns:
        if lun not in found.luns:
            yield step("create_lun", "lun%d" % lun.number, lun=lun.number, backstore=lun.backstore)
    for acl in wanted.acls:
        before = found.acl(acl.initiator)
        if before is None:
            yield step.acl("create_acl", acl.initiator)
            if acl.chap != Chap():
                yield _set_chap(step, acl)
        for mapped in acl.mapped_luns:
            if before is None or not any(
                old.number == mapped.number and _stays(old, before, acl, found, wanted)
                for old in before.mapped_luns
            ):
                yield _mapping(step, "map_lun", wanted, acl, mapped, mapped.write_protect)
            elif not mapped.write_protect and _mapped(before, mapped.number).write_protect:
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


def _stays(mapped: MappedLun, acl: Acl, kept: Acl, found: Tpg, wanted: Tpg) -> bool:
    """Whether a mapped LUN is wanted as it is, write protection aside."""
    return any(
        (other.number, other.lun) == (mapped.number, mapped.lun) for other in kept.mapped_luns
    ) and found.backstore_of(mapped) == wanted.backstore_of(mapped)


def _mapped(acl: Acl, number: int) -> MappedLun:
    return next(mapped for mapped in acl.mapped_luns if mapped.number == number)


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
    wildcards = ("0.0.0.0", "::")
    return any(
        portal.port == other.port
        and (portal.address in (other.address, *wildcards) or other.address in wildcards)
        for other in others
    )


def _portal(step: _Step, verb: str, portal: Portal) -> Action:
    return step(verb, str(portal), address=portal.address, port=portal.port)
