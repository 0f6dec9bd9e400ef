# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import doctest
import re

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._storage import wwid as names
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn, wwid
from hypothesis import given
from hypothesis import strategies as st

STORE = "iqn.2026-11.com.example:store1"


def test_the_examples_in_the_source_are_right() -> None:
    result = doctest.testmod(names)
    assert result.attempted == 2
    assert result.failed == 0


def test_the_same_names_give_the_same_serial_and_other_names_another() -> None:
    serials = {
        volume_wwn(target, volume)
        for target in (STORE, STORE + "b")
        for volume in ("gpu1", "gpu2")
        for _again in range(2)
    }
    assert len(serials) == 4


@given(st.uuids())
def test_a_wwid_is_the_prefix_of_lio_and_the_first_25_digits(serial) -> None:
    assert wwid(str(serial)) == "36001405" + serial.hex[:25]


@pytest.mark.parametrize(
    "spelling",
    [
        "280b50a7-db4a-5f0b-bf32-84145f727045",
        "280B50A7-DB4A-5F0B-BF32-84145F727045",
        "280b50a7db4a5f0bbf3284145f727045",
    ],
)
def test_the_spelling_of_the_serial_does_not_matter(spelling: str) -> None:
    assert wwid(spelling) == "36001405280b50a7db4a5f0bbf3284145"


@given(st.text())
def test_any_serial_gives_33_hexadecimal_digits(serial: str) -> None:
    assert re.fullmatch("36001405[0-9a-f]{25}", wwid(serial))


def test_a_serial_with_few_digits_is_filled_with_zeroes() -> None:
    assert wwid("models-1") == "36001405de1" + "0" * 22
