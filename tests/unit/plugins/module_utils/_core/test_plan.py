# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import (
    MASK,
    Action,
    Plan,
    Secret,
    public,
)
from hypothesis import given
from hypothesis import strategies as st

PASSWORD = "not-to-be-shown"

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
WITH_SECRETS = st.recursive(
    st.integers() | st.just(Secret(PASSWORD)),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner)
    ),
)


@pytest.mark.parametrize("form", ["%s", "%r", "{}"])
def test_a_secret_is_not_in_any_text_made_of_it(form: str) -> None:
    secret = Secret(PASSWORD)
    assert PASSWORD not in (form.format(secret) if form == "{}" else form % secret)


def test_secrets_are_equal_when_their_values_are() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")


@given(WITH_SECRETS)
def test_no_secret_is_left_however_deep_it_was(value: Any) -> None:
    assert PASSWORD not in json.dumps(public(value))


@given(PLAIN)
def test_plain_data_stays_as_it_is(value: Any) -> None:
    assert public(value) == value


def test_the_copy_is_no_view_of_the_original() -> None:
    original = {"luns": [0]}
    public(original)["luns"].append(1)
    assert original == {"luns": [0]}


def test_tuples_become_lists_and_keys_become_text() -> None:
    assert public({1: ("a", ("b",))}) == {"1": ["a", ["b"]]}


def test_an_action_shows_verb_subject_and_arguments_without_secrets() -> None:
    action = Action("set_chap", "store1 tpg1", {"user": "gpu1", "password": Secret(PASSWORD)})
    assert action.public() == {
        "action": "set_chap",
        "subject": "store1 tpg1",
        "user": "gpu1",
        "password": MASK,
    }


def test_a_plan_is_true_only_when_it_has_steps() -> None:
    assert not Plan(before={"size": 1}, after={"size": 2})
    assert Plan(actions=(Action("grow", "gpu1"),))
