# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans of lio_target tell: each step in full, and each refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from _fakes.lio import target_options
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Acl,
    Backstore,
    Chap,
    Configuration,
    Lun,
    MappedLun,
    Portal,
    Target,
    Tpg,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    Observed,
    desired_target,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.plan import plan_target

STORE = "iqn.2026-11.com.example:store1"
FOREIGN = "iqn.2020-01.org.example:theirs"
GPU1, GPU2 = "iqn.2026-11.com.example:gpu1", "iqn.2026-11.com.example:gpu2"
BACKSTORES = tuple(Backstore("block", name, "/dev/" + name, name) for name in ("gpu1", "gpu2"))
CHAP = Chap("gpu1", Secret("secret-of-gpu1"))
PORTAL = Portal("10.77.1.10", 3260)


def options(write_protect=False):
    """One volume for one node."""
    lun = {"backstore": "gpu1", "lun": 7, "write_protect": write_protect}
    chap = {"chap_username": "gpu1", "chap_password": "secret-of-gpu1"}
    tpg = {
        "portals": [{"address": "10.77.1.10"}],
        "luns": [{"backstore": "gpu1"}],
        "acls": [{"initiator": GPU1, **chap, "luns": [lun]}],
    }
    return target_options(STORE, tpg)


def observed(*targets, backstores=BACKSTORES, saved=None, logged_in=()):
    return Observed(Configuration(backstores, targets), saved, logged_in)


def plan(params, state):
    return plan_target(desired_target(params), state, predict=False)


def steps(params, state):
    """The steps with their subjects, without the name of the target, and all arguments."""
    return [
        (action.name, action.subject.replace(STORE, "").strip(), action.arguments)
        for action in plan(params, state).actions
    ]


def running(*acls, **changes):
    """A target that runs as it is asked for."""
    desired = desired_target(options()).tpgs[0]
    tpg = Tpg(
        1,
        True,
        (PORTAL,),
        (Lun(0, "gpu1"),),
        acls or (Acl(GPU1, CHAP, (MappedLun(7, 0, False),)),),
        desired.attributes,
    )
    return Target(STORE, tpgs=(replace(tpg, **changes),))


def test_each_step_names_its_object_and_has_all_that_it_needs():
    attributes = desired_target(options()).tpgs[0].attributes
    acl = {"tpg": 1, "initiator": GPU1}
    assert steps(options(), observed()) == [
        ("create_target", "", {}),
        ("create_tpg", "tpg1", {"tpg": 1}),
        ("set_attributes", "tpg1", {"tpg": 1, "attributes": attributes}),
        ("create_lun", "tpg1 lun0", {"tpg": 1, "lun": 0, "backstore": "gpu1"}),
        ("create_acl", "tpg1 " + GPU1, acl),
        (
            "set_chap",
            "tpg1 " + GPU1,
            {**acl, "username": "gpu1", "password": CHAP.password},
        ),
        (
            "map_lun",
            "tpg1 " + GPU1,
            {**acl, "lun": 7, "tpg_lun": 0, "backstore": "gpu1", "write_protect": False},
        ),
        (
            "add_portal",
            "tpg1 10.77.1.10:3260",
            {"tpg": 1, "address": "10.77.1.10", "port": 3260},
        ),
        ("enable_tpg", "tpg1", {"tpg": 1}),
        ("save", "", {}),
    ]


def test_each_step_that_closes_names_its_object_and_has_all_that_it_needs():
    found = running(
        Acl(GPU1, CHAP, (MappedLun(3, 1, False), MappedLun(7, 0, False)), authentication=False),
        Acl(GPU2, CHAP),
        luns=(Lun(0, "gpu1"), Lun(1, "gpu2")),
        portals=(PORTAL, Portal("10.77.2.10", 3261)),
    )
    second = Tpg(2)
    acl = {"tpg": 1, "initiator": GPU1}
    assert steps(
        options(write_protect=True), observed(replace(found, tpgs=(*found.tpgs, second)))
    ) == [
        ("delete_tpg", "tpg2", {"tpg": 2}),
        ("unmap_lun", "tpg1 " + GPU1, {**acl, "lun": 3, "backstore": "gpu2"}),
        ("protect_lun", "tpg1 " + GPU1, {**acl, "lun": 7, "backstore": "gpu1"}),
        ("inherit_authentication", "tpg1 " + GPU1, acl),
        ("delete_acl", "tpg1 " + GPU2, {"tpg": 1, "initiator": GPU2}),
        ("delete_lun", "tpg1 lun1", {"tpg": 1, "lun": 1, "backstore": "gpu2"}),
        (
            "remove_portal",
            "tpg1 10.77.2.10:3261",
            {"tpg": 1, "address": "10.77.2.10", "port": 3261},
        ),
        ("save", "", {}),
    ]


def test_a_target_and_its_backstores_go_by_name():
    absent = {**target_options(STORE, state="absent"), "delete_backstores": "all"}
    found = observed(running(luns=(Lun(0, "gpu2"), Lun(1, "gpu1"))))
    assert steps(absent, found) == [
        ("delete_target", "", {}),
        ("delete_backstore", "backstore gpu1", {"backstore": "gpu1"}),
        ("delete_backstore", "backstore gpu2", {"backstore": "gpu2"}),
        ("save", "", {"backstores": ("gpu1", "gpu2")}),
    ]


def refused(params, state, **parts):
    with pytest.raises(ModelStoreError) as caught:
        plan(params, state)
    assert caught.value.to_details() == parts


def test_a_refusal_of_a_missing_backstore_tells_whether_it_was_ever_saved():
    what, expected = "backstore gpu1 of target " + STORE, "it to run"
    refused(
        options(),
        observed(backstores=()),
        what=what,
        found="no such backstore",
        expected=expected,
        hint="Make it with lio_backstore first.",
    )
    refused(
        options(),
        observed(backstores=(), saved=Configuration(BACKSTORES)),
        what=what,
        found="it saved but not running, with /dev/gpu1",
        expected=expected,
        hint="Bring the device back and start the backstore with lio_backstore, or take it out of "
        "luns.",
    )


def test_a_refusal_to_remove_a_target_names_who_is_logged_in():
    refused(
        target_options(STORE, state="absent"),
        observed(running(), logged_in=(GPU1, GPU2)),
        what="target " + STORE,
        found="%s, %s logged in" % (GPU1, GPU2),
        expected="no initiator that is",
        hint="Unmount and log out there first. With disconnect: true their sessions are ended.",
        logged_in=[GPU1, GPU2],
    )


def test_a_refusal_of_two_writers_names_both():
    theirs = Tpg(1, luns=(Lun(0, "gpu1"),), acls=(Acl(GPU2, Chap(), (MappedLun(0, 0, False),)),))
    refused(
        options(),
        observed(Target(FOREIGN, tpgs=(theirs,))),
        what="backstore gpu1",
        found="write access for %s and for %s" % (GPU1, GPU2),
        expected="one initiator at most that can write",
        hint="XFS is no cluster file system: give each node its own volume.",
        initiators=[GPU1, GPU2],
    )


def test_a_refusal_of_a_portal_names_the_other_target_and_its_portal():
    theirs = Tpg(1, portals=(Portal("0.0.0.0", 3261), Portal("0.0.0.0", 3260)))
    refused(
        options(),
        observed(Target(FOREIGN, tpgs=(theirs,))),
        what="portal 10.77.1.10:3260 of target " + STORE,
        found="target %s on 0.0.0.0:3260, which takes in the same address" % FOREIGN,
        expected="the port without a wildcard address beside others",
        hint="Give both targets the addresses that they serve instead of 0.0.0.0 or ::, "
        "or another port.",
        target=FOREIGN,
        portal={"address": "0.0.0.0", "port": 3260},
    )
