# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of Ansible on a rig, and what their output says."""

from __future__ import annotations

import pytest
from vmrig.plays import changes, environment

RECAP = """\
PLAY RECAP *********************************************************************
gpu1                       : ok=3    changed=1    unreachable=0    failed=0    skipped=0
store1                     : ok=11   changed=12   unreachable=0    failed=0    skipped=2
"""


def test_the_changes_of_all_hosts_are_counted() -> None:
    assert changes("TASK [changed=7 is no recap]\n" + RECAP) == 13


def test_an_output_without_a_recap_is_no_run_without_changes() -> None:
    with pytest.raises(ValueError, match="no recap in 'ERROR! no such playbook'"):
        changes("ERROR! no such playbook")


def test_output_that_is_read_has_no_colours_whatever_the_caller_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANSIBLE_FORCE_COLOR", "1")
    assert environment()["ANSIBLE_FORCE_COLOR"] == "0"
