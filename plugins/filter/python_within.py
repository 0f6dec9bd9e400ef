# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a version of Python is one that a project can use."""

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: python_within
short_description: Whether a version of Python is one that a project can use
version_added: "0.1.0"
author:
  - The tts.modelstore authors (@tts-modelstore)
description:
  - Compares a version with what C(requires-python) of a C(pyproject.toml) asks for.
positional: _input, specifiers
options:
  _input:
    description:
      - A version like V(3.11.2).
      - One of two parts like V(3.11) stands for any of its releases.
    type: str
    required: true
  specifiers:
    description: What is asked for, like V(>=3.10,<3.12). Empty when every version will do.
    type: str
    required: true
"""

EXAMPLES = r"""
fits: "{{ '3.13.5' | tts.modelstore.python_within('>=3.10,<3.12') }}"
# => false
"""

RETURN = r"""
_value:
  description: Whether the version is within.
  type: bool
"""

# More releases than any version of Python has had.
_RELEASES = 40


def python_within(version: str, specifiers: str) -> bool:
    # Ansible itself needs it to run, but not to read the documentation.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        wanted, found = SpecifierSet(specifiers), Version(version)
    except (InvalidSpecifier, InvalidVersion) as error:
        raise AnsibleFilterError("python_within: %s" % error) from error
    if len(found.release) > 2:
        return wanted.contains(found, prereleases=True)
    return any(wanted.contains("%s.%d" % (found, number)) for number in range(_RELEASES))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"python_within": python_within}
