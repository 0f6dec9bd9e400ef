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
    plan_backstore,
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
NODES = {DISK: "/dev/vdb", "/dev/vdb": "/dev/vdb", "/dev/vdc": "/dev/vdc"}
FREE = Device(exists=True, is_block=True)


def observed(*backstores, device=FREE, targets=(), saved=None):
    return Observed(Configuration(backstores, targets), saved, device, NODES)


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


def test_another_wwn_is_refused():
    text = refusal(WANTED, observed(Backstore("block", "gpu1", DISK, OTHER_WWN)))
    assert "found %s, expected %s" % (OTHER_WWN, WWN) in text


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
    assert [action.name for action in plan.actions] == ["set_attributes", "save"]


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


def test_a_file_is_refused():
    assert "not a block device" in refusal(WANTED, observed(device=Device(exists=True)))


@pytest.mark.parametrize("predict", [False, True])
def test_a_device_in_use_is_refused_in_check_mode_too(predict):
    used = Device(exists=True, is_block=True, uses=("vdb mounted at /srv",))
    assert "vdb mounted at /srv" in refusal(WANTED, observed(device=used), predict)


def test_an_exported_backstore_is_not_removed():
    target = Target("iqn.2026-11.com.example:store1", tpgs=(Tpg(1, luns=(Lun(0, "gpu1"),)),))
    found = observed(Backstore("block", "gpu1", DISK, WWN), targets=(target,))
    text = refusal(DesiredBackstore("gpu1", False), found)
    assert "iqn.2026-11.com.example:store1 tpg1 lun0" in text


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
