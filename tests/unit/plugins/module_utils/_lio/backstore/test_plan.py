# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before anything is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.model import (
    DesiredBackstore,
    Device,
    Observed,
    desired_backstore,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.backstore.plan import (
    Changes,
    plan_backstore,
    plan_backstores,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Backstore,
    Configuration,
    Lun,
    Target,
    Tpg,
)

DISK = "/dev/disk/by-id/virtio-models-gpu1"
WWN = "280b50a7-db4a-5f0b-bf32-84145f727045"
SAME_WWID = WWN[:-3] + "fff"
OTHER_WWN = "11111111-2222-5333-8444-555555555555"
WANTED = DesiredBackstore("gpu1", True, DISK, WWN)
NODES = {
    DISK: "/dev/vdb",
    **{path: path for path in ("/dev/vdb", "/dev/vdc", "/srv/x", "/srv/gpu1.img")},
}
FREE = Device(exists=True, is_block=True)


def observed(*backstores, device=FREE, targets=(), saved=None):
    devices = dict.fromkeys(("gpu1", "fileio/gpu1"), device)
    return Observed(Configuration(backstores, targets), saved, devices, NODES)


def refusal(desired, found, predict=False):
    with pytest.raises(ModelStoreError) as caught:
        plan_backstore(desired, found, predict=predict)
    return str(caught.value)


def test_another_device_behind_the_name_is_refused():
    text = refusal(WANTED, observed(Backstore("block", "gpu1", "/dev/vdc", WWN)))
    assert "found /dev/vdc, expected %s" % DISK in text


def test_another_spelling_of_the_same_device_is_no_change():
    running = Backstore("block", "gpu1", "/dev/vdb", WWN)
    found = observed(running, saved=Configuration((running,)))
    assert plan_backstore(WANTED, found, predict=False).actions == ()


def test_a_running_backstore_may_be_in_use_by_its_initiator():
    running = Backstore("block", "gpu1", DISK, WWN)
    used = Device(exists=True, is_block=True, uses=("vdb held by dm-0",))
    found = observed(running, device=used, saved=Configuration((running,)))
    assert plan_backstore(WANTED, found, predict=False).actions == ()


def test_a_device_of_another_backstore_is_refused_in_any_spelling():
    text = refusal(WANTED, observed(Backstore("block", "gpu2", "/dev/vdb", OTHER_WWN)))
    assert "backstore gpu2" in text


def test_a_wwid_of_another_backstore_is_refused():
    text = refusal(WANTED, observed(Backstore("fileio", "x", "/srv/x", SAME_WWID)))
    assert "36001405280b50a7db4a5f0bbf3284145 that backstore fileio/x has" in text


def test_a_device_or_wwid_of_a_saved_backstore_is_refused():
    saved = Configuration((Backstore("block", "gpu2", "/dev/vdb", OTHER_WWN),))
    text = refusal(WANTED, observed(saved=saved))
    assert "it in backstore gpu2 (saved)" in text
    assert "keep the name gpu2 (modelstore_volume of the node)" in text
    saved = Configuration((Backstore("fileio", "x", "/srv/x", SAME_WWID),))
    assert "backstore fileio/x (saved) has" in refusal(WANTED, observed(saved=saved))


ALIAS = replace(WANTED, attributes={"emulate_model_alias": "1"})
EXPORTS = (Target("iqn.2026-11.com.example:store1", tpgs=(Tpg(1, luns=(Lun(0, "gpu1"),)),)),)


def test_an_attribute_that_lio_does_not_change_while_exported_is_refused():
    running = Backstore("block", "gpu1", DISK, WWN, {"emulate_model_alias": "0"})
    text = refusal(ALIAS, observed(running, targets=EXPORTS))
    assert text.startswith("emulate_model_alias of backstore gpu1: found another value, exported")
    assert "iscsi_target_backstore_attributes" in text
    plan = plan_backstore(ALIAS, observed(running), predict=False)
    assert [action.name for action in plan.actions] == ["set_backstore_attributes", "save"]


def test_an_attribute_that_has_its_value_does_not_matter_while_exported():
    running = Backstore("block", "gpu1", DISK, WWN, {"emulate_model_alias": "1"})
    found = observed(running, targets=EXPORTS, saved=Configuration((running,)))
    assert plan_backstore(ALIAS, found, predict=False).actions == ()


def test_an_attribute_that_the_kernel_does_not_have_is_refused_before_anything_is_changed():
    running = Backstore("block", "gpu1", DISK, WWN, {"emulate_tpu": "0"})
    wanted = replace(WANTED, attributes={"emulate_tpu": "1", "emulate_nonsense": "1"})
    assert "found emulate_nonsense, which" in refusal(wanted, observed(running))


def test_a_missing_device_is_refused_for_real_and_predicted_in_check_mode():
    found = observed(device=Device())
    assert "nothing at this path" in refusal(WANTED, found)
    plan = plan_backstore(WANTED, found, predict=True)
    assert [action.name for action in plan.actions] == ["create_backstore", "save"]
    assert plan.after["wwid"] == "36001405280b50a7db4a5f0bbf3284145"


@pytest.mark.parametrize("predict", [False, True])
def test_a_device_in_use_is_refused_in_check_mode_too(predict):
    used = Device(exists=True, is_block=True, uses=("vdb mounted at /srv",))
    assert "vdb mounted at /srv" in refusal(WANTED, observed(device=used), predict)


def test_a_backstore_that_is_only_saved_is_removed_from_the_file():
    found = observed(saved=Configuration((Backstore("block", "gpu1", DISK, WWN),)))
    plan = plan_backstore(DesiredBackstore("gpu1", False), found, predict=False)
    assert [action.name for action in plan.actions] == ["save"]


def test_nothing_is_done_when_there_is_nothing_to_remove():
    assert not plan_backstore(DesiredBackstore("gpu1", False), observed(), predict=False)


def params(**changes):
    return {
        "name": "gpu1",
        "type": "block",
        "device": DISK,
        "path": None,
        "size": None,
        "write_protect": False,
        "write_back": False,
        "wwn": WWN,
        "attributes": {},
        "state": "present",
        **changes,
    }


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\tb"])
def test_a_name_that_lio_does_not_take_is_refused(name):
    with pytest.raises(ModelStoreError, match="name"):
        desired_backstore(params(name=name))


def test_a_wwn_that_is_no_uuid_is_refused():
    with pytest.raises(ModelStoreError, match="a UUID"):
        desired_backstore(params(wwn="models"))


def test_options_take_one_spelling():
    desired = desired_backstore(params(wwn=WWN.upper(), attributes={"a": True, "b": 5, "c": "x"}))
    assert desired.wwn == WWN
    assert desired.attributes == {"a": "1", "b": "5", "c": "x"}


def test_a_backstore_that_a_saved_lun_needs_is_not_removed():
    target = Target("iqn.2026-11.com.example:store1", tpgs=(Tpg(1, luns=(Lun(0, "gpu1"),)),))
    saved = Configuration((Backstore("block", "gpu1", DISK, WWN),), (target,))
    for found in (observed(saved=saved), observed(saved.backstores[0], saved=saved)):
        text = refusal(DesiredBackstore("gpu1", False), found)
        assert "iqn.2026-11.com.example:store1 tpg1 lun0 (saved)" in text


def test_write_protection_is_changed_by_making_the_backstore_anew():
    running = Backstore("block", "gpu1", DISK, WWN)
    found = observed(running, saved=Configuration((running,)))
    plan = plan_backstore(replace(WANTED, write_protect=True), found, predict=False)
    assert [action.name for action in plan.actions] == [
        "delete_backstore",
        "create_backstore",
        "save",
    ]
    assert plan.actions[1].arguments["wwn"] == WWN
    assert plan.actions[1].arguments["write_protect"] is True


def test_write_protection_is_not_changed_while_it_is_exported():
    target = Target("iqn.2026-11.com.example:store1", tpgs=(Tpg(1, luns=(Lun(0, "gpu1"),)),))
    found = observed(Backstore("block", "gpu1", DISK, WWN), targets=(target,))
    text = refusal(replace(WANTED, write_protect=True), found)
    assert text.startswith("write_protect of backstore gpu1: found False, exported by iqn")
    assert "the data and the WWID stay" in text


FILEIO = {"type": "fileio", "device": None, "path": "/srv/gpu1.img", "size": "20G"}


def test_a_size_has_binary_units():
    desired = desired_backstore(params(**FILEIO))
    assert (desired.key, desired.device, desired.size) == (
        "fileio/gpu1",
        "/srv/gpu1.img",
        20 * 1024**3,
    )
    assert desired_backstore(params(**{**FILEIO, "size": "512"})).size == 512


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"device": None}, "no device"),
        ({"path": "/srv/x"}, "path together with type block"),
        ({"size": "1G"}, "size together with type block"),
        ({"write_back": True}, "write_back together with type block"),
        ({**FILEIO, "path": None}, "no path"),
        ({**FILEIO, "size": None}, "no size"),
        ({**FILEIO, "device": DISK}, "device together with type fileio"),
        ({**FILEIO, "write_protect": True}, "set write_protect of the mapped LUNs in lio_target"),
        ({**FILEIO, "path": "srv/x"}, "an absolute path"),
        ({**FILEIO, "path": "/srv/a,b"}, "without commas"),
        ({**FILEIO, "attributes": {"emulate_write_cache": 1}}, "the option write_back"),
        *[({**FILEIO, "size": size}, "size of") for size in ("0", "-1G", "1.5G", "1000", "x")],
    ],
)
def test_options_that_do_not_go_together_are_refused(changes, fault):
    with pytest.raises(ModelStoreError) as caught:
        desired_backstore(params(**changes))
    assert fault in str(caught.value)


IMAGE = "/srv/gpu1.img"
IN_FILE = DesiredBackstore("gpu1", True, IMAGE, WWN, plugin="fileio", size=4096)
FILE = Device(exists=True, is_file=True, size=4096)
RUNS = Backstore("block", "gpu1", DISK, WWN, {"emulate_tas": "1", "emulate_ua_intlck_ctrl": "0"})
FILE_RUNS = Backstore("fileio", "gpu1", IMAGE, WWN, size=4096)
FILE_EXPORTS = (
    Target("iqn.2026-11.com.example:store1", tpgs=(Tpg(1, luns=(Lun(0, "fileio/gpu1"),)),)),
)
LUN = "iqn.2026-11.com.example:store1 tpg1 lun0"
WWID = "36001405280b50a7db4a5f0bbf3284145"


@pytest.mark.parametrize(
    ("desired", "state", "what", "found", "expected", "hint", "details"),
    [
        pytest.param(
            IN_FILE,
            observed(FILE_RUNS, device=Device()),
            "file " + IMAGE,
            "it deleted while backstore fileio/gpu1 still has it open",
            "the file with the volume's data",
            "Copy the data elsewhere while an initiator has the volume; it is lost when the "
            "backstore goes.",
            {},
            id="deleted file",
        ),
        pytest.param(
            IN_FILE,
            observed(device=Device(), saved=Configuration((FILE_RUNS,))),
            "file " + IMAGE,
            "nothing at this path, but backstore fileio/gpu1 saved",
            "the file with the volume's data",
            "Mount the file system that it is on. To start with an empty one on purpose, remove "
            "the backstore with state absent first.",
            {},
            id="missing file",
        ),
        pytest.param(
            IN_FILE,
            observed(FILE_RUNS, device=replace(FILE, size=1024)),
            "file " + IMAGE,
            "1024 bytes",
            "the 4096 bytes that backstore fileio/gpu1 was made with",
            "LIO makes an empty file at boot when the file system that the file is on is not "
            "mounted. Mount it, then restart the service that restores the saved configuration; "
            "this ends all sessions. Let no initiator use the volume before.",
            {},
            id="small file",
        ),
        pytest.param(
            IN_FILE,
            observed(device=replace(FILE, size=8192)),
            "file " + IMAGE,
            "8192 bytes",
            "4096 at most",
            "A volume is never made smaller. Set size to what the file has, or to more.",
            {},
            id="large file",
        ),
        pytest.param(
            IN_FILE,
            observed(device=Device(has_folder=False)),
            "file " + IMAGE,
            "no folder that it could be in",
            "the folder",
            "Make it, or mount the file system that it is on.",
            {},
            id="no folder",
        ),
        pytest.param(
            IN_FILE,
            observed(device=Device(exists=True)),
            "file " + IMAGE,
            "something that is not a regular file",
            "a file, or nothing",
            "Give the path of a file, or export a disk with type: block.",
            {},
            id="no file",
        ),
        pytest.param(
            IN_FILE,
            observed(device=replace(FILE, uses=("behind /dev/loop0", "used as swap"))),
            "file " + IMAGE,
            "behind /dev/loop0, used as swap",
            "nothing on the target server to use it",
            "Give another one, or stop using this one here first.",
            {"uses": ["behind /dev/loop0", "used as swap"]},
            id="used file",
        ),
        pytest.param(
            replace(IN_FILE, size=8192, write_back=True),
            observed(FILE_RUNS, device=FILE, targets=FILE_EXPORTS),
            "write_back and size of backstore fileio/gpu1",
            "False, 4096, exported by " + LUN,
            "True, 8192",
            "LIO takes it only when the backstore is made. Take the backstore out of the target "
            "with lio_target, run again, and put it back; the data and the WWID stay.",
            {"exported_by": [LUN]},
            id="exported file",
        ),
        pytest.param(
            WANTED,
            observed(device=Device()),
            "device " + DISK,
            "nothing at this path",
            "a block device",
            "Look at 'ls -l /dev/disk/by-id' on the target server.",
            {},
            id="missing device",
        ),
        pytest.param(
            WANTED,
            observed(device=FILE),
            "device " + DISK,
            "something that is not a block device",
            "a block device",
            "Give the path of a disk, a partition or a logical volume.",
            {},
            id="no device",
        ),
        pytest.param(
            WANTED,
            observed(device=replace(FREE, uses=("vdb used as swap",))),
            "device " + DISK,
            "vdb used as swap",
            "nothing on the target server to use it",
            "Give another one, or stop using this one here first.",
            {"uses": ["vdb used as swap"]},
            id="used device",
        ),
        pytest.param(
            WANTED,
            observed(Backstore("fileio", "x", "/dev/vdb", OTHER_WWN)),
            "device " + DISK,
            "it in backstore fileio/x",
            "a device that no other backstore has",
            "Give backstore gpu1 a device of its own. To go on with the volume under its old WWID, "
            "keep the name x (modelstore_volume of the node). To make another volume of the "
            "device, remove backstore fileio/x first, with state absent or by a run of the role "
            "without the new volume.",
            {},
            id="device of another backstore",
        ),
        pytest.param(
            WANTED,
            observed(Backstore("block", "gpu2", "/dev/vdc", SAME_WWID)),
            "wwn of backstore gpu1",
            "the WWID %s that backstore gpu2 has already" % WWID,
            "a WWID of its own",
            "Initiators would take the two for one disk. The first 25 hexadecimal digits of the "
            "wwn have to differ.",
            {},
            id="WWID of another backstore",
        ),
        pytest.param(
            WANTED,
            observed(replace(RUNS, wwn=OTHER_WWN)),
            "wwn of backstore gpu1",
            OTHER_WWN,
            WWN,
            "It cannot be changed: initiators know the disk by it. To replace the disk on purpose, "
            "remove the backstore with state absent first.",
            {},
            id="another wwn",
        ),
        pytest.param(
            WANTED,
            observed(Backstore("block", "gpu1", "", ""), targets=EXPORTS * 2),
            "backstore gpu1",
            "no unit serial that could be read, but it exported by %s, %s" % (LUN, LUN),
            "a unit serial",
            "Nothing was changed. Look at /sys/kernel/config/target/core and at dmesg.",
            {"exported_by": [LUN, LUN]},
            id="exported backstore that cannot be read",
        ),
        pytest.param(
            replace(WANTED, attributes={"emulate_tas": "0", "nonsense": "1", "folly": "1"}),
            observed(RUNS),
            "attributes of backstore gpu1",
            "folly, nonsense, which this kernel does not have",
            "some of emulate_tas, emulate_ua_intlck_ctrl",
            "Correct the names, or take them out of attributes.",
            {},
            id="unknown attributes",
        ),
        pytest.param(
            replace(WANTED, attributes={"emulate_ua_intlck_ctrl": "2", "emulate_tas": "0"}),
            observed(RUNS, targets=EXPORTS),
            "emulate_tas and emulate_ua_intlck_ctrl of backstore gpu1",
            "another value, exported by " + LUN,
            "0, 2",
            "LIO takes it only while no LUN exports the backstore. Take it out of the target with "
            "lio_target, run again, and put it back; or take it out of attributes "
            "(iscsi_target_backstore_attributes of the role).",
            {"exported_by": [LUN]},
            id="attributes of an exported backstore",
        ),
        pytest.param(
            DesiredBackstore("gpu1", False),
            observed(RUNS, targets=EXPORTS, saved=Configuration((RUNS,), EXPORTS)),
            "backstore gpu1",
            "exported by " + LUN,
            "no LUN that exports it",
            "Take it out of the target with lio_target first.",
            {"exported_by": [LUN]},
            id="exported backstore",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(
    desired, state, what, found, expected, hint, details
):
    with pytest.raises(ModelStoreError) as caught:
        plan_backstore(desired, state, predict=False)
    assert caught.value.to_details() == {
        "what": what,
        "found": found,
        "expected": expected,
        "hint": hint,
        **details,
    }


def steps(desired, found):
    """The steps with all their arguments."""
    plan = plan_backstore(desired, found, predict=False)
    assert {action.subject for action in plan.actions} == {"backstore " + desired.key}
    assert {action.arguments["backstore"] for action in plan.actions} == {desired.key}
    return [
        (action.name, {k: v for k, v in action.arguments.items() if k != "backstore"})
        for action in plan.actions
    ]


def test_an_unfinished_file_backstore_is_made_anew():
    unfinished = Backstore("fileio", "gpu1", "", "")
    create = {"path": IMAGE, "size": 4096, "wwn": WWN, "write_back": False}
    assert steps(IN_FILE, observed(unfinished, device=Device())) == [
        ("delete_backstore", {}),
        ("create_file", {"path": IMAGE, "size": 4096}),
        ("create_backstore", create),
        ("save", {}),
    ]


def test_each_step_names_its_backstore_and_has_all_that_it_needs():
    grown = {"path": IMAGE, "size": 8192, "wwn": WWN, "write_back": False}
    assert steps(replace(IN_FILE, size=8192), observed(FILE_RUNS, device=FILE)) == [
        ("grow_file", {"path": IMAGE, "size": 8192}),
        ("delete_backstore", {}),
        ("create_backstore", grown),
        ("save", {}),
    ]
    wanted = replace(WANTED, attributes={"emulate_tas": "0"})
    assert steps(wanted, observed()) == [
        ("create_backstore", {"device": DISK, "wwn": WWN, "write_protect": False}),
        ("set_backstore_attributes", {"attributes": {"emulate_tas": "0"}}),
        ("save", {}),
    ]
    gone = DesiredBackstore("gpu1", False)
    assert steps(gone, observed(RUNS)) == [("delete_backstore", {}), ("save", {})]


def test_the_spelling_of_a_running_device_and_the_write_cache_of_a_disk_stay():
    running = Backstore("block", "gpu1", "/dev/vdb", WWN, write_back=True)
    plan = plan_backstore(WANTED, observed(running), predict=False)
    assert [action.name for action in plan.actions] == ["save"]
    assert plan.after == plan.before
    assert plan.after["device"] == "/dev/vdb"


# Several at once.

BESIDE = DesiredBackstore("gpu2", True, "/dev/vdc", OTHER_WWN)


def several(*desired, found=()):
    state = replace(observed(*found), devices={entry.key: FREE for entry in desired})
    return plan_backstores(desired, state, predict=False)


def test_several_are_planned_in_their_order_and_each_that_is_not_saved_is_named():
    running = Backstore("block", "gpu3", "/dev/vdd", "33333333-2222-5333-8444-555555555555")
    state = replace(
        observed(running, saved=Configuration((running,))),
        devices={"gpu1": FREE, "gpu2": FREE, "gpu3": FREE},
        nodes={**NODES, "/dev/vdd": "/dev/vdd"},
    )
    third = DesiredBackstore("gpu3", True, running.device, running.wwn)
    changes = plan_backstores([BESIDE, third, WANTED], state, predict=False)
    assert [(step.name, step.arguments["backstore"]) for step in changes.actions] == [
        ("create_backstore", "gpu2"),
        ("create_backstore", "gpu1"),
    ]
    assert changes.unsaved == ("gpu2", "gpu1")
    assert {entry.key: entry.device for entry in changes.running.backstores} == {
        "gpu1": DISK,
        "gpu2": "/dev/vdc",
        "gpu3": "/dev/vdd",
    }


def test_nothing_declared_is_nothing_to_do():
    state = observed(RUNS)
    assert plan_backstores([], state, predict=False) == Changes((), (), state.running)


def test_one_that_only_has_to_be_saved_is_named_and_has_no_steps():
    changes = several(WANTED, found=[Backstore("block", "gpu1", DISK, WWN)])
    assert (changes.actions, changes.unsaved) == ((), ("gpu1",))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"device": "/dev/vdb"}, "device /dev/vdb: found it in backstore gpu1, expected"),
        ({"wwn": SAME_WWID}, "wwn of backstore gpu2: found the WWID %s that backstore gpu1" % WWID),
    ],
)
def test_two_new_ones_with_one_device_or_one_wwid_are_refused(change, what):
    with pytest.raises(ModelStoreError) as caught:
        several(WANTED, replace(BESIDE, **change))
    assert str(caught.value).startswith(what)


@pytest.mark.parametrize("order", [1, -1])
def test_a_device_that_a_declared_one_gives_up_after_a_reboot_is_free(order):
    saved = Configuration((Backstore("block", "gpu1", "/dev/vdc", WWN),))
    desired = [WANTED, BESIDE][::order]
    state = replace(observed(saved=saved), devices={"gpu1": FREE, "gpu2": FREE})
    assert len(plan_backstores(desired, state, predict=False).actions) == 2
    with pytest.raises(ModelStoreError, match="it in backstore gpu1 .saved."):
        plan_backstores([BESIDE], state, predict=False)
