# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.model import (
    OfferedPortal,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.discovery.parse import (
    complaints,
    offers,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal

FIXTURES = Path(__file__).parents[4] / "fixtures" / "open-iscsi-2.1.8-debian12"
TARGET = "iqn.2026-11.com.example:store1"


@pytest.mark.parametrize(
    ("line", "portal", "tpgt"),
    [
        ("10.77.1.10:3260,1", Portal("10.77.1.10", 3260), 1),
        ("[fd00:0::10]:3261,2", Portal("fd00::10", 3261), 2),
        ("10.77.1.10:3260,0", Portal("10.77.1.10", 3260), 0),
        ("10.77.1.10:3260,-1", Portal("10.77.1.10", 3260), None),
    ],
)
def test_a_line_is_a_portal_of_a_target(line: str, portal: Portal, tpgt: int | None) -> None:
    assert offers(f"{line} {TARGET}\n") == (OfferedPortal(TARGET, portal, tpgt),)


@pytest.mark.parametrize("address", ["[fe80::1%eth0]", "0.0.0.0", "[storage]"])
def test_what_cannot_be_connected_to_is_left_out(address: str) -> None:
    assert offers(f"{address}:3260,1 {TARGET}\n10.77.1.10:3260,1 {TARGET}\n") == (
        OfferedPortal(TARGET, Portal("10.77.1.10"), 1),
    )


def test_a_target_whose_name_begins_with_that_of_another_is_another() -> None:
    found = offers(f"10.77.1.10:3260,1 {TARGET}\n10.77.1.10:3260,1 {TARGET}2\n")
    assert [offer.target for offer in found] == [TARGET, TARGET + "2"]


def test_a_portal_that_is_named_twice_counts_once() -> None:
    assert len(offers(f"10.77.1.10:3260,1 {TARGET}\n" * 2)) == 1


def test_that_there_is_no_target_is_no_complaint() -> None:
    assert complaints((FIXTURES / "discover-no-target.stderr").read_text()) == ()


def test_the_cause_of_a_failed_connection_comes_first_and_once() -> None:
    first, second, *_others = complaints((FIXTURES / "discover-refused.stderr").read_text())
    assert first == "cannot make connection to 10.77.1.10: Connection refused"
    assert second != first
