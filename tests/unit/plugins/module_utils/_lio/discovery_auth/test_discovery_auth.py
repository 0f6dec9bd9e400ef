# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The discovery CHAP of a host, on a LIO in memory."""

from __future__ import annotations

import contextlib
import json

import pytest
from _fakes.lio import NO_DISCOVERY_AUTH, SAVE_FILE, FakeLio, empty_tpg
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import public
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.host import (
    apply_discovery_auth,
    load_discovery_auth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.model import (
    desired_discovery_auth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.discovery_auth.plan import (
    plan_discovery_auth,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio
from hypothesis import given, settings
from hypothesis import strategies as st

STORE = "iqn.2026-11.com.example:store1"
FOREIGN = "iqn.2020-01.org.example:theirs"
SECRET, MUTUAL = "secret-to-ask", "secret-of-store"
ONE_WAY = {"chap_username": "discovery", "chap_password": SECRET}
BOTH_WAYS = {**ONE_WAY, "chap_mutual_username": "store1", "chap_mutual_password": MUTUAL}
ABSENT = {"state": "absent"}


def options(**changes):
    unset = dict.fromkeys(
        ("chap_username", "chap_password", "chap_mutual_username", "chap_mutual_password")
    )
    return {**unset, "targets": [STORE], "allow_foreign": False, "state": "present", **changes}


def plan_of(fake, changes):
    observed = load_discovery_auth(Lio(fake.rtslib, fake.fs, predict=False))
    return plan_discovery_auth(desired_discovery_auth(options(**changes)), observed)


def converge(fake, changes):
    """Apply the plan and return its steps; the next plan has to be empty."""
    plan = plan_of(fake, changes)
    assert {action.subject for action in plan.actions} <= {"discovery authentication"}
    for action in plan.actions:
        apply_discovery_auth(Lio(fake.rtslib, fake.fs, predict=False), action)
    again = plan_of(fake, changes)
    assert again.actions == ()
    assert again.before == again.after == plan.after
    return [action.name for action in plan.actions]


@pytest.fixture
def fake():
    lio = FakeLio()
    lio.add_target(STORE, {1: empty_tpg()})
    return lio


def test_credentials_are_set_before_they_are_asked_for_and_kept_after_the_opposite(fake):
    moments = []
    fake.watch = lambda: moments.append(dict(fake.discovery))
    assert converge(fake, BOTH_WAYS) == [
        "set_discovery_chap",
        "enable_discovery_auth",
        "save",
    ]
    assert converge(fake, ABSENT) == ["disable_discovery_auth", "set_discovery_chap", "save"]
    assert fake.discovery == NO_DISCOVERY_AUTH
    for moment in moments:
        if moment["enable"]:
            assert moment["discovery_password"] == SECRET
            assert moment["discovery_userid"] == "discovery"


def test_one_way_leaves_the_mutual_credentials_empty(fake):
    converge(fake, BOTH_WAYS)
    assert converge(fake, ONE_WAY) == ["set_discovery_chap", "save"]
    assert fake.discovery["discovery_mutual_userid"] == ""
    assert fake.discovery["discovery_mutual_password"] == ""


def test_nothing_is_done_where_nothing_is_set(fake):
    assert converge(fake, ABSENT) == []
    assert not fake.fs.exists(SAVE_FILE)


def test_it_can_be_set_before_there_is_any_target():
    fake = FakeLio()
    assert converge(fake, ONE_WAY)[-1] == "save"
    assert fake.discovery["enable"] is True


def test_only_the_credentials_change_in_the_file(fake):
    others = {
        "fabric_modules": [{"name": "other", "x": 1}, {"name": "iscsi", "cpus_allowed_list": "0"}],
        "storage_objects": [{"plugin": "block", "name": "theirs"}],
        "targets": [{"wwn": STORE, "fabric": "iscsi", "tpgs": []}],
        "unknown": "kept",
    }
    fake.fs.files[SAVE_FILE] = json.dumps(others)
    converge(fake, BOTH_WAYS)
    saved = json.loads(fake.fs.read(SAVE_FILE))
    assert saved.pop("fabric_modules") == [
        {"name": "other", "x": 1},
        {
            "name": "iscsi",
            "cpus_allowed_list": "0",
            "discovery_enable_auth": True,
            "discovery_userid": "discovery",
            "discovery_password": SECRET,
            "discovery_mutual_userid": "store1",
            "discovery_mutual_password": MUTUAL,
        },
    ]
    assert saved == {key: others[key] for key in others if key != "fabric_modules"}
    assert SAVE_FILE in fake.fs.private
    converge(fake, ABSENT)
    assert SECRET not in fake.fs.read(SAVE_FILE)


def test_only_the_file_is_written_when_only_the_file_is_stale(fake):
    converge(fake, ONE_WAY)
    fake.fs.files[SAVE_FILE] = json.dumps({"targets": []})
    assert converge(fake, ONE_WAY) == ["save"]


@pytest.mark.parametrize("running", [True, False])
def test_a_target_of_others_running_or_saved_is_not_given_our_credentials(fake, running):
    if running:
        fake.add_target(FOREIGN, {1: empty_tpg()})
    else:
        saved = {"targets": [{"wwn": FOREIGN, "fabric": "iscsi", "tpgs": []}]}
        fake.fs.files[SAVE_FILE] = json.dumps(saved)
    with pytest.raises(ModelStoreError) as caught:
        plan_of(fake, {**ONE_WAY, "targets": []})
    assert caught.value.to_details() == {
        "what": "discovery authentication",
        "found": "targets of others: %s, %s" % (FOREIGN, STORE),
        "expected": "only targets named in targets",
        "hint": "Discovery CHAP is one for the whole host: their initiators would be asked for it "
        "as well. Name them in targets, or set allow_foreign: true.",
        "foreign_targets": [FOREIGN, STORE],
    }
    with pytest.raises(ModelStoreError) as caught:
        plan_of(fake, ONE_WAY)
    assert caught.value.details == {"foreign_targets": [FOREIGN]}
    assert converge(fake, {**ONE_WAY, "allow_foreign": True})
    # What is as it should be already concerns nobody.
    assert converge(fake, ONE_WAY) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({**ONE_WAY, "chap_password": "short"}, "of 5 characters"),
        ({**BOTH_WAYS, "chap_mutual_password": SECRET}, "same secret"),
        ({**BOTH_WAYS, "chap_mutual_password": None}, "only one of chap_mutual_username"),
        ({}, "no chap_username and chap_password"),
    ],
)
def test_credentials_that_are_not_safe_are_refused_without_showing_them(changes, fault):
    with pytest.raises(ModelStoreError) as caught:
        desired_discovery_auth(options(**changes))
    assert fault in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_secret_is_shown(fake):
    plan = plan_of(fake, BOTH_WAYS)
    shown = json.dumps([public(plan.after), [action.public() for action in plan.actions]])
    assert SECRET not in shown + repr(plan)
    assert MUTUAL not in shown + repr(plan)


class Killed(BaseException):
    """SIGKILL: nobody cleans up."""


STATES = st.sampled_from([ABSENT, ONE_WAY, BOTH_WAYS, {**ONE_WAY, "chap_password": "another-one!"}])


@settings(max_examples=60, deadline=None)
@given(before=STATES, wanted=STATES, changes=st.integers(0, 6))
def test_a_run_killed_at_any_change_is_finished_by_the_next(before, wanted, changes):
    fake = FakeLio()
    fake.add_target(STORE, {1: empty_tpg()})
    converge(fake, before)
    countdown = iter(range(changes))

    def kill():
        if next(countdown, None) is None:
            raise Killed

    fake.watch = kill
    with contextlib.suppress(Killed):
        for action in plan_of(fake, wanted).actions:
            kill()
            apply_discovery_auth(Lio(fake.rtslib, fake.fs, predict=False), action)
    fake.watch = lambda: None
    converge(fake, wanted)
