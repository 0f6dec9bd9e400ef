# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Plans: what a module is going to do, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MASK = "********"


@dataclass(frozen=True)
class Secret:
    """A value that is never shown: its ``repr`` and :func:`public` print a mask.

    Two secrets are equal when their values are.
    """

    value: str = field(repr=False)

    def __str__(self) -> str:
        return MASK


@dataclass(frozen=True)
class Action:
    """One step of a plan.

    :param name: the verb ("create_lun").
    :param subject: the object it acts on ("iqn.2026-11.com.example:store1 tpg1 lun0").
    :param arguments: how; secrets are wrapped in :class:`Secret`.
    """

    name: str
    subject: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def public(self) -> dict[str, Any]:
        """The step as the user sees it in ``actions``."""
        return {"action": self.name, "subject": self.subject, **public(dict(self.arguments))}


@dataclass(frozen=True)
class Plan:
    """The steps from what was found to what is wanted, in their order.

    :param actions: the steps; none means that nothing is to be changed.
    :param before: what was found, in the form the user sees.
    :param after: what will be there once the steps are done, in the same form.
    """

    actions: tuple[Action, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.actions)


def public(value: Any) -> Any:
    """A copy of plain data in which every secret is masked and tuples are lists."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        return {str(key): public(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [public(item) for item in value]
    return value
