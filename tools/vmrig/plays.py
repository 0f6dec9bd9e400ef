# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of Ansible on a rig, for the tests and the benchmarks."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """What Ansible is started with, in the checkout."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": "tests/rig/ansible.cfg",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        # Molecule asks for colours, and the output is read.
        "ANSIBLE_FORCE_COLOR": "0",
    }


def changes(output: str) -> int:
    """What the recap of ansible-playbook counts, over all hosts."""
    counts = re.findall(r"^\S+ +: ok=\d+ +changed=(\d+) ", output, re.MULTILINE)
    if not counts:
        raise ValueError(f"no recap in {output!r}")
    return sum(map(int, counts))
