# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans of lio_target tell: each step in full, and each refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from _fakes.lio import backstore_options, target_options
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import Device
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
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn

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
    return Observed(Configuration(backstores, targets), saved, logged_in=logged_in)


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
        hint="Declare it in backstores, or make it with lio_backstore first.",
    )
    refused(
        options(),
        observed(backstores=(), saved=Configuration(BACKSTORES)),
        what=what,
        found="it saved but not running, with /dev/gpu1",
        expected=expected,
        hint="Bring the device back and declare the backstore in backstores, or start it with "
        "lio_backstore, or take it out of luns.",
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


# Backstores in the same call.

WWN = "280b50a7-db4a-5f0b-bf32-84145f727045"
OTHER_WWN = "11111111-2222-5333-8444-555555555555"
DISK = Device(exists=True, is_block=True)
MADE = Backstore("block", "gpu1", "/dev/gpu1", WWN)


def with_backstores(params, *backstores):
    return {**params, "backstores": list(backstores)}


def declared(name="gpu1", wwn=WWN, **changes):
    return backstore_options(name, **{"device": "/dev/" + name, "wwn": wwn, **changes})


def disks(state, **found):
    """What is behind the paths of the declared backstores."""
    paths = ["/dev/" + name for name in ("gpu1", "gpu2", "gpu3", "theirs")]
    return replace(
        state,
        devices={**dict.fromkeys(("gpu1", "gpu2", "gpu3"), DISK), **found},
        nodes={path: path for path in paths},
        sizes=dict.fromkeys(paths, 1024),
    )


def names(params, state):
    return [action.name for action in plan(params, state).actions]


def test_a_declared_backstore_is_made_before_the_target_and_saved_with_it():
    state = disks(observed(backstores=()))
    found = steps(with_backstores(options(), declared(attributes={"emulate_tpu": 1})), state)
    create = {"backstore": "gpu1", "device": "/dev/gpu1", "wwn": WWN, "write_protect": False}
    assert found[:3] == [
        ("create_backstore", "backstore gpu1", create),
        (
            "set_backstore_attributes",
            "backstore gpu1",
            {"backstore": "gpu1", "attributes": {"emulate_tpu": "1"}},
        ),
        ("create_target", "", {}),
    ]
    assert found[-1] == ("save", "", {"backstores": ("gpu1",)})
    assert [name for name, _subject, _arguments in found].count("save") == 1


def test_access_is_closed_and_saved_before_a_backstore_is_touched():
    found = running(Acl(GPU1, CHAP, (MappedLun(7, 0, False),)), Acl(GPU2, CHAP))
    state = disks(observed(found, backstores=(MADE,), saved=Configuration((MADE,), (found,))))
    params = with_backstores(options(), declared(), declared("gpu2", OTHER_WWN))
    create = {"backstore": "gpu2", "device": "/dev/gpu2", "wwn": OTHER_WWN, "write_protect": False}
    assert steps(params, state) == [
        ("delete_acl", "tpg1 " + GPU2, {"tpg": 1, "initiator": GPU2}),
        ("save", "", {}),
        ("create_backstore", "backstore gpu2", create),
        ("save", "", {"backstores": ("gpu2",)}),
    ]


def test_before_and_after_hold_the_target_and_what_is_declared():
    params = with_backstores(options(), declared("gpu2", OTHER_WWN), declared())
    theirs = Backstore("block", "theirs", "/dev/theirs", "")
    state = disks(observed(backstores=(theirs, MADE)))
    told = plan(params, state)
    (before,) = told.before["backstores"]
    assert (before["name"], before["exported_by"], told.before["target"]) == ("gpu1", [], None)
    made, kept = told.after["backstores"]
    assert made == {
        "name": "gpu2",
        "plugin": "block",
        "device": "/dev/gpu2",
        "wwn": OTHER_WWN,
        "wwid": "36001405" + "1111111122225333844455555",
        "size_bytes": 1024,
        "write_protect": False,
        "write_back": False,
        "exported_by": [],
        "attributes": {},
    }
    assert kept["exported_by"] == [STORE + " tpg1 lun0"]
    assert told.after["target"]["name"] == STORE


def test_the_exports_of_other_targets_are_shown_in_the_order_of_the_targets():
    theirs = Target(FOREIGN, tpgs=(Tpg(1, luns=(Lun(5, "gpu1"),)),))
    told = plan(with_backstores(options(), declared()), disks(observed(theirs, backstores=(MADE,))))
    (after,) = told.after["backstores"]
    assert after["exported_by"] == [FOREIGN + " tpg1 lun5", STORE + " tpg1 lun0"]


def test_nothing_is_done_when_backstores_and_target_run_and_are_saved():
    everything = Configuration((MADE,), (running(),))
    state = disks(observed(running(), backstores=(MADE,), saved=everything))
    told = plan(with_backstores(options(), declared()), state)
    assert told.actions == ()
    assert told.before == told.after


def test_a_backstore_that_an_interrupted_run_did_not_save_is_saved():
    state = disks(observed(running(), backstores=(MADE,), saved=Configuration((), (running(),))))
    assert steps(with_backstores(options(), declared()), state) == [
        ("save", "", {"backstores": ("gpu1",)})
    ]


@pytest.mark.parametrize("which", ["own", "all"])
def test_a_declared_backstore_stays_though_no_lun_exports_it(which):
    own = replace(MADE, wwn=volume_wwn(STORE, "gpu1"))
    other = Backstore("block", "gpu2", "/dev/gpu2", volume_wwn(STORE, "gpu2"))
    found = running(luns=(Lun(0, "gpu1"), Lun(1, "gpu2")))
    state = disks(
        observed(found, backstores=(own, other), saved=Configuration((own, other), (found,)))
    )
    params = with_backstores(target_options(STORE, {"luns": []}), declared(wwn=own.wwn))
    params["delete_backstores"] = which
    assert steps(params, state)[-2:] == [
        ("delete_backstore", "backstore gpu2", {"backstore": "gpu2"}),
        ("save", "", {"backstores": ("gpu2",)}),
    ]


def test_a_backstore_whose_lun_goes_in_the_same_run_can_be_made_otherwise():
    found = running()
    state = disks(observed(found, backstores=(MADE,), saved=Configuration((MADE,), (found,))))
    params = with_backstores(
        target_options(STORE, {"portals": [{"address": "10.77.1.10"}]}),
        declared(write_protect=True),
    )
    assert names(params, state) == [
        "delete_acl",
        "delete_lun",
        "save",
        "delete_backstore",
        "create_backstore",
        "save",
    ]


def test_a_backstore_whose_lun_stays_cannot_be_made_otherwise():
    state = disks(observed(running(), backstores=(MADE,)))
    with pytest.raises(ModelStoreError, match="exported by %s tpg1 lun0" % STORE):
        plan(with_backstores(options(), declared(write_protect=True)), state)


def test_a_backstore_whose_tpg_goes_in_the_same_run_can_be_made_otherwise():
    second = Tpg(2, luns=(Lun(0, "gpu1"),))
    found = running(luns=())
    state = disks(observed(replace(found, tpgs=(*found.tpgs, second)), backstores=(MADE,)))
    params = with_backstores(options(), declared(write_protect=True))
    assert names(params, state)[:3] == ["delete_tpg", "unmap_lun", "delete_backstore"]


@pytest.mark.parametrize("predict", [False, True])
def test_one_backstore_in_use_refuses_all(predict):
    used = replace(DISK, uses=("gpu2 mounted at /srv",))
    state = disks(observed(backstores=()), gpu2=used)
    desired = desired_target(with_backstores(options(), declared(), declared("gpu2", OTHER_WWN)))
    with pytest.raises(ModelStoreError, match="gpu2 mounted at /srv"):
        plan_target(desired, state, predict=predict)


def test_a_missing_device_is_predicted_in_check_mode_and_named_for_real():
    desired = desired_target(with_backstores(options(), declared()))
    state = disks(observed(backstores=()), gpu1=Device())
    told = plan_target(desired, state, predict=True)
    assert told.actions[0].name == "create_backstore"
    with pytest.raises(ModelStoreError, match="device /dev/gpu1: found nothing at this path"):
        plan_target(desired, state, predict=False)


def test_a_lun_without_a_backstore_is_refused_beside_declared_ones():
    params = with_backstores(options(), declared("gpu2", OTHER_WWN))
    with pytest.raises(ModelStoreError, match="backstore gpu1 of target %s: found no" % STORE):
        plan(params, disks(observed(backstores=())))


def test_each_backstore_is_declared_once_and_only_for_a_target_that_is_to_be_there():
    file = {"type": "fileio", "device": None, "path": "/srv/gpu1.img", "size": "1M"}
    twins = with_backstores(options(), declared(), declared(**file))
    assert [entry.key for entry in desired_target(twins).backstores] == ["gpu1", "fileio/gpu1"]
    with pytest.raises(ModelStoreError, match="backstores of target .* name gpu1 twice"):
        desired_target(with_backstores(options(), declared(), declared(device="/dev/gpu2")))
    with pytest.raises(ModelStoreError) as caught:
        desired_target(with_backstores(target_options(STORE, state="absent"), declared()))
    assert caught.value.to_details() == {
        "what": "target " + STORE,
        "found": "backstores together with state absent",
        "expected": "them with state present only",
        "hint": "Take backstores out. delete_backstores says which of them go with the target.",
    }


def test_a_backstore_that_is_only_saved_is_taken_out_of_the_file_without_a_step():
    own = Backstore("block", "gpu2", "/dev/gpu2", volume_wwn(STORE, "gpu2"))
    saved = Configuration((MADE, own), (running(),))
    state = disks(observed(running(), backstores=(MADE,), saved=saved))
    params = {**with_backstores(options(), declared()), "delete_backstores": "own"}
    assert steps(params, state) == [("save", "", {"backstores": ("gpu2",)})]
