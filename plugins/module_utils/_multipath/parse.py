# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.


"""From what multipathd prints to the model."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._multipath.model import Map, Path

_SECTION = ["multipaths", "multipath"]
_OPENING = re.compile(r"(\w+)\s*\{")


def parse_maps(text: str) -> tuple[Map, ...]:
    """What ``multipathd show maps json`` prints."""
    try:
        entries = json.loads(text)["maps"]
    except (ValueError, KeyError, TypeError):
        # A daemon that is busy, or has no time for the question, answers with a word.
        raise ModelStoreError(
            "multipathd",
            "the answer %r to show maps json" % text.strip()[:80],
            "a list of maps",
            "Look at journalctl -u multipathd on this host, then run again.",
        ) from None
    return tuple(_map(entry) for entry in entries)


def parse_settings(text: str) -> dict[str, dict[str, str]]:
    """The ``multipaths`` section of what ``multipathd show config`` prints, by WWID.

    >>> parse_settings('multipaths {\\n multipath {\\n wwid "36001"\\n no_path_retry 12\\n }\\n}')
    {'36001': {'no_path_retry': '12'}}
    """
    settings: dict[str, dict[str, str]] = {}
    sections: list[str] = []
    values: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        opening = _OPENING.fullmatch(line)
        if opening:
            sections.append(opening.group(1))
            values = {}
        elif line == "}":
            if sections == _SECTION and "wwid" in values:
                settings.setdefault(values.pop("wwid"), {}).update(values)
            sections = sections[:-1]
        elif line:
            key, _space, value = line.partition(" ")
            values[key] = value.strip().strip('"')
    return settings


def _map(entry: dict[str, Any]) -> Map:
    return Map(
        name=entry["name"],
        wwid=entry["uuid"],
        node=entry["sysfs"],
        queueing=entry["queueing"],
        write_protected=entry["write_prot"] == "ro",
        paths=tuple(
            Path(
                device=path["dev"],
                state=path["dm_st"],
                checker=path["chk_st"],
                device_state=path["dev_st"],
            )
            for group in entry.get("path_groups") or []
            for path in group.get("paths") or []
        ),
    )
