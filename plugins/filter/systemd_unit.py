# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd unit of a path."""

from __future__ import annotations

import string
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: systemd_unit
short_description: The name of the systemd unit that stands for a path
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Escapes the path the way systemd.unit(5) describes, as C(systemd-escape --path --suffix=...) does.
positional: _input, type
options:
  _input:
    description: An absolute path without C(..).
    type: str
    required: true
  type:
    description: The type of the unit.
    type: str
    choices: [mount, device]
    required: true
"""

EXAMPLES = r"""
mount_unit: "{{ '/mnt/cache_hub' | tts.modelstore.systemd_unit('mount') }}"
# => mnt-cache_hub.mount
"""

RETURN = r"""
_value:
  description: The name of the unit.
  type: str
"""

_PLAIN = frozenset(string.ascii_letters + string.digits + ":_.")


def systemd_unit(path: str, type: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or ".." in parts:
        raise AnsibleFilterError(
            "systemd_unit: found '%s', expected an absolute path without '..'." % path
        )
    name = "-".join(_escape(part, first=number == 0) for number, part in enumerate(parts))
    return "%s.%s" % (name or "-", type)


def _escape(part: str, first: bool) -> str:
    return "".join(
        character
        if character in _PLAIN and not (first and number == 0 and character == ".")
        else "".join("\\x%02x" % byte for byte in character.encode())
        for number, character in enumerate(part)
    )


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"systemd_unit": systemd_unit}
