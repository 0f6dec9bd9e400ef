# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""A backstore as it is wanted, and the device it is to be made of."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import Configuration


@dataclass(frozen=True)
class DesiredBackstore:
    """What the module's options ask for. ``device`` and ``wwn`` are empty for state absent."""

    name: str
    present: bool
    device: str = ""
    wwn: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """A block device of this host.

    :param exists: there is something at the path.
    :param is_block: and it is a block device.
    :param uses: who uses it here, as text ("mounted at /srv").
    """

    exists: bool = False
    is_block: bool = False
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """What was found.

    :param saved: None when nothing was ever saved.
    :param nodes: the device node behind each device path spoken of.
    :param sizes: the size in bytes behind each device path, None when it is not there.
    """

    running: Configuration
    saved: Configuration | None
    device: Device
    nodes: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int | None] = field(default_factory=dict)


def desired_backstore(params: Mapping[str, Any]) -> DesiredBackstore:
    """The module's options, checked.

    :raises ModelStoreError: a value that LIO would not take.
    """
    name = params["name"]
    if not name or re.search(r"[/\s]", name):
        raise ModelStoreError(
            "name",
            repr(name),
            "a name without blanks and '/'",
            "Choose a name such as the inventory name of the node that uses the volume.",
        )
    if params["state"] == "absent":
        return DesiredBackstore(name, present=False)
    return DesiredBackstore(
        name,
        present=True,
        device=params["device"],
        wwn=_uuid(name, params["wwn"]),
        attributes={
            key: str(int(value) if isinstance(value, bool) else value)
            for key, value in params["attributes"].items()
        },
    )


def _uuid(name: str, wwn: str) -> str:
    try:
        return str(uuid.UUID(wwn))
    except ValueError as error:
        raise ModelStoreError(
            "wwn of backstore %s" % name,
            wwn,
            "a UUID",
            "The filter tts.modelstore.volume_wwn makes one from the target's IQN and the name.",
        ) from error
