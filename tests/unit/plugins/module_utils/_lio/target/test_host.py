# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of lio_target, carried out on a LIO in memory.

Every single change that reaches LIO is watched, not only the state after each step.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import stat
import time

import pytest
from _fakes.lio import (
    CONFIGFS,
    SAVE_FILE,
    TPG_ATTRIBUTES,
    TPG_PARAMETERS,
    UNFINISHED,
    FakeLio,
    backstore_options,
    empty_acl,
    empty_tpg,
    target_options,
)
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret, public
from ansible_collections.tts.modelstore.plugins.module_utils._lio.host import Lio
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Acl,
    Backstore,
    Chap,
    Configuration,
    Lun,
    MappedLun,
    Target,
    Tpg,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.host import (
    TargetChanger,
    load_target,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    Observed,
    desired_target,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.plan import plan_target
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn
from hypothesis import given, settings
from hypothesis import strategies as st

STORE = "iqn.2026-11.com.example:store1"
FOREIGN = "iqn.2020-01.org.example:theirs"
GPU1, GPU2, GPU3 = ("iqn.2026-11.com.example:gpu%d" % number for number in (1, 2, 3))
SECRETS = {GPU1: "secret-of-gpu1", GPU2: "secret-of-gpu2", GPU3: "secret-of-gpu3"}
BACKSTORES = ("gpu1", "gpu2", "gpu3")


def acl(initiator, *luns, **changes):
    return {
        "initiator": initiator,
        "chap_username": initiator,
        "chap_password": SECRETS[initiator],
        "luns": list(luns),
        **changes,
    }


def exclusive(*nodes):
    """One volume for each node."""
    return {
        "portals": [{"address": "10.77.1.10"}, {"address": "10.77.2.10"}],
        "luns": [{"backstore": node.rsplit(":")[-1]} for node in nodes],
        "acls": [acl(node, {"backstore": node.rsplit(":")[-1]}) for node in nodes],
    }


@pytest.fixture
def fake():
    return new_fake()


def new_fake():
    lio = FakeLio()
    lio.fs.files.update({"/proc/self/mountinfo": "", "/proc/swaps": ""})
    for name in BACKSTORES:
        lio.add_backstore(name, "/dev/" + name, name)
        lio.fs.files["/dev/" + name] = ""
        lio.fs.files["/sys/class/block/%s/dev" % name] = "254:16"
        lio.fs.files["/sys/class/block/%s/size" % name] = "2048"
    return lio


def lio_of(fake):
    return Lio(fake.rtslib, fake.fs, predict=False)


def plan_of(fake, options, predict=False):
    desired = desired_target(options)
    return plan_target(desired, load_target(lio_of(fake), desired), predict=predict)


def converge(fake, options):
    """Apply the plan and return it; the next one has to be empty."""
    plan = plan_of(fake, options)
    changer = TargetChanger(lio_of(fake), options["name"])
    for action in plan.actions:
        changer.apply(action)
    again = plan_of(fake, options)
    assert again.actions == ()
    assert again.before == again.after == plan.after
    return plan


def verbs(plan):
    return [action.name for action in plan.actions]


def test_a_target_is_made_closed_and_enabled_last(fake):
    plan = converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    assert verbs(plan) == [
        "create_target",
        "create_tpg",
        "set_attributes",
        "create_lun",
        "create_lun",
        "create_acl",
        "set_chap",
        "map_lun",
        "create_acl",
        "set_chap",
        "map_lun",
        "add_portal",
        "add_portal",
        "enable_tpg",
        "save",
    ]
    assert fake.access() == {
        (STORE, 1, GPU1, SECRETS[GPU1], 0, "gpu1"): 2,
        (STORE, 1, GPU2, SECRETS[GPU2], 0, "gpu2"): 2,
    }
    assert fake.targets[STORE][1]["attributes"] == {
        **TPG_ATTRIBUTES,
        "demo_mode_discovery": "0",
        "prod_mode_write_protect": "1",
    }


def test_one_way_chap_leaves_the_mutual_credentials_empty(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    stored = fake.targets[STORE][1]["acls"][GPU1]
    assert (stored["chap_mutual_userid"], stored["chap_mutual_password"]) == ("", "")


def test_a_new_secret_touches_one_acl_only(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    tpg = exclusive(GPU1, GPU2)
    tpg["acls"][0]["chap_password"] = "another-secret"
    plan = converge(fake, target_options(STORE, tpg))
    assert verbs(plan) == ["set_chap", "save"]
    assert plan.actions[0].arguments["initiator"] == GPU1


def test_mutual_chap_is_set_and_cleared(fake):
    tpg = exclusive(GPU1)
    tpg["acls"][0].update(chap_mutual_username="store1", chap_mutual_password="mutual-secret")
    converge(fake, target_options(STORE, tpg))
    assert fake.targets[STORE][1]["acls"][GPU1]["chap_mutual_password"] == "mutual-secret"
    converge(fake, target_options(STORE, exclusive(GPU1)))
    assert fake.targets[STORE][1]["acls"][GPU1]["chap_mutual_password"] == ""


def test_no_secret_is_shown(fake):
    plan = plan_of(fake, target_options(STORE, exclusive(GPU1)))
    shown = json.dumps(
        [public(plan.before), public(plan.after), [action.public() for action in plan.actions]]
    )
    assert SECRETS[GPU1] not in shown + repr(plan)


def test_who_is_not_declared_any_more_loses_access_before_anything_else(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    plan = converge(fake, target_options(STORE, exclusive(GPU2, GPU3)))
    assert verbs(plan)[:2] == ["delete_acl", "delete_lun"]
    assert {key[2] for key in fake.access()} == {GPU2, GPU3}


def test_luns_keep_their_numbers_when_nodes_come_and_go(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    converge(fake, target_options(STORE, exclusive(GPU2, GPU3)))
    assert fake.targets[STORE][1]["luns"] == {0: "gpu3", 1: "gpu2"}


def test_a_declared_number_moves_a_lun_with_its_mappings(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    tpg = exclusive(GPU1)
    tpg["luns"] = [{"backstore": "gpu2", "lun": 0}, {"backstore": "gpu1"}]
    converge(fake, target_options(STORE, tpg))
    assert fake.targets[STORE][1]["luns"] == {0: "gpu2", 1: "gpu1"}
    assert fake.targets[STORE][1]["acls"][GPU1]["mapped"] == {0: (1, False)}


def test_write_access_moves_without_two_writers_at_any_moment(fake):
    def tpg(first, second):
        return {
            "luns": [{"backstore": "gpu1"}],
            "acls": [
                acl(GPU1, {"backstore": "gpu1", "write_protect": first}),
                acl(GPU2, {"backstore": "gpu1", "write_protect": second}),
            ],
        }

    converge(fake, target_options(STORE, tpg(False, True)))
    seen = []
    fake.watch = lambda: seen.append(sorted(fake.access().values()))
    assert verbs(converge(fake, target_options(STORE, tpg(True, False)))) == [
        "protect_lun",
        "save",
        "unprotect_lun",
        "save",
    ]
    assert seen == [[1, 1], [1, 2]]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("10.77.1.10", "10.77.1.11", ["add_portal", "remove_portal", "save"]),
        ("0.0.0.0", "10.77.1.10", ["remove_portal", "add_portal", "save"]),
        ("10.77.1.10", "::", ["remove_portal", "add_portal", "save"]),
        ("0.0.0.0", "0.0.0.0", []),
        ("[::0]", "::", []),
        ("FD00::0010", "fd00::10", []),
    ],
)
def test_portals_move_with_a_gap_only_where_lio_cannot_do_without(fake, old, new, expected):
    converge(fake, target_options(STORE, {"portals": [{"address": old}]}))
    plan = converge(fake, target_options(STORE, {"portals": [{"address": new}]}))
    assert verbs(plan) == expected


def test_a_portal_made_under_another_spelling_is_known_and_can_be_removed(fake):
    converge(fake, target_options(STORE, {"portals": [{"address": "fd00::10"}]}))
    fake.targets[STORE][1]["portals"] = [("[FD00:0::10]", 3260)]
    assert verbs(plan_of(fake, target_options(STORE, {"portals": [{"address": "fd00::10"}]}))) == []
    converge(fake, target_options(STORE, {"portals": [{"address": "10.77.1.10"}]}))
    assert fake.targets[STORE][1]["portals"] == [("10.77.1.10", 3260)]


def test_a_portal_moves_between_tpgs(fake):
    def tpgs(first, second):
        return [{"tag": 1, "portals": first}, {"tag": 2, "portals": second}]

    portal = [{"address": "10.77.1.10"}]
    converge(fake, target_options(STORE, *tpgs([], portal)))
    converge(fake, target_options(STORE, *tpgs(portal, [])))
    assert [tpg["portals"] for tpg in fake.targets[STORE].values()] == [[("10.77.1.10", 3260)], []]


def test_switching_chap_off_comes_after_all_that_closes(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    tpg = {**exclusive(GPU1), "authentication": False}
    plan = converge(fake, target_options(STORE, tpg))
    assert verbs(plan) == ["delete_acl", "delete_lun", "save", "set_attributes", "save"]


def test_only_the_file_is_written_when_only_the_file_is_stale(fake):
    options = target_options(STORE, exclusive(GPU1))
    converge(fake, options)
    saved = json.loads(fake.fs.read(SAVE_FILE))
    saved["targets"][0]["tpgs"][0]["node_acls"][0]["chap_password"] = "an-old-secret"
    fake.fs.files[SAVE_FILE] = json.dumps(saved)
    assert verbs(converge(fake, options)) == ["save"]


def test_parameters_are_set_once(fake):
    tpg = {**exclusive(GPU1), "parameters": {"InitialR2T": False, "MaxBurstLength": 16776192}}
    plan = converge(fake, target_options(STORE, tpg))
    assert plan.after["target"]["tpgs"][0]["parameters"] == {
        "InitialR2T": "No",
        "MaxBurstLength": "16776192",
    }


def test_the_whole_target_is_removed_and_the_backstores_stay(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    plan = converge(fake, target_options(STORE, state="absent"))
    assert verbs(plan) == ["delete_target", "save"]
    assert fake.targets == {}
    assert set(fake.storage) == set(BACKSTORES)
    assert json.loads(fake.fs.read(SAVE_FILE))["targets"] == []


@pytest.mark.parametrize(
    ("which", "left"),
    [("none", {"gpu1", "gpu2", "gpu3"}), ("own", {"gpu1", "gpu3"}), ("all", {"gpu2", "gpu3"})],
)
def test_backstores_go_with_the_target_only_on_demand(fake, which, left):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    fake.storage["gpu2"]["wwn"] = volume_wwn(STORE, "gpu2")
    options = {**target_options(STORE, state="absent"), "delete_backstores": which}
    converge(fake, options)
    saved = json.loads(fake.fs.read(SAVE_FILE))["storage_objects"]
    assert set(fake.storage) == {entry["name"] for entry in saved} == left


def test_a_node_that_leaves_takes_its_backstore_along_and_nothing_else(fake):
    for node in ("gpu1", "gpu2"):
        fake.storage[node]["wwn"] = volume_wwn(STORE, node)
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    options = {**target_options(STORE, exclusive(GPU2)), "delete_backstores": "own"}
    assert verbs(converge(fake, options)) == [
        "delete_acl",
        "delete_lun",
        "save",
        "delete_backstore",
        "save",
    ]
    assert set(fake.storage) == {"gpu2", "gpu3"}


@pytest.mark.parametrize("running", [True, False])
def test_a_backstore_that_another_target_exports_stays(fake, running):
    fake.add_target(FOREIGN, {1: empty_tpg(luns={0: "gpu1"})})
    converge(fake, target_options(STORE, exclusive(GPU1)))
    if not running:
        fake.targets.pop(FOREIGN)
    converge(fake, {**target_options(STORE, state="absent"), "delete_backstores": "all"})
    assert "gpu1" in fake.storage


def test_removing_a_target_that_is_not_there_does_nothing(fake):
    assert verbs(plan_of(fake, target_options(STORE, state="absent"))) == []


# Backstores in the same call.


def declared(name, **changes):
    options = {"device": "/dev/" + name, "wwn": volume_wwn(STORE, name), **changes}
    return backstore_options(name, **options)


def with_backstores(*nodes, **changes):
    """A volume for each node, made in the same call."""
    names = [node.rsplit(":")[-1] for node in nodes]
    return {
        **target_options(STORE, exclusive(*nodes)),
        "backstores": [declared(name, **changes) for name in names],
    }


@pytest.fixture
def bare(fake):
    fake.storage.clear()
    return fake


def test_backstores_and_target_are_made_in_one_run_and_saved_once(bare):
    options = with_backstores(GPU1, GPU2, attributes={"emulate_tpu": True})
    plan = converge(bare, options)
    assert verbs(plan)[:5] == [
        "create_backstore",
        "set_backstore_attributes",
        "create_backstore",
        "set_backstore_attributes",
        "create_target",
    ]
    assert verbs(plan).count("save") == 1
    assert [entry["exported_by"] for entry in plan.after["backstores"]] == [
        [STORE + " tpg1 lun0"],
        [STORE + " tpg1 lun1"],
    ]
    assert [entry["size_bytes"] for entry in plan.after["backstores"]] == [1048576, 1048576]
    saved = json.loads(bare.fs.read(SAVE_FILE))
    assert [entry["wwn"] for entry in saved["storage_objects"]] == [
        volume_wwn(STORE, name) for name in ("gpu1", "gpu2")
    ]
    assert saved["storage_objects"][0]["attributes"]["emulate_tpu"] == 1


def test_backstores_in_files_are_made_too(bare, tmp_path):
    image = str(tmp_path / "gpu1.img")
    file = {"type": "fileio", "device": None, "path": image, "size": "1M"}
    tpg = {"luns": [{"backstore": "fileio/gpu1"}], "acls": []}
    options = {**target_options(STORE, tpg), "backstores": [declared("gpu1", **file)]}
    assert verbs(converge(bare, options))[:2] == ["create_file", "create_backstore"]
    assert os.path.getsize(image) == 1024 * 1024
    assert bare.targets[STORE][1]["luns"] == {0: "fileio/gpu1"}
    options["backstores"][0]["attributes"] = {"emulate_tpu": "1"}
    assert verbs(converge(bare, options)) == ["set_backstore_attributes", "save"]
    assert bare.storage["fileio/gpu1"]["attributes"]["emulate_tpu"] == "1"


def test_a_refusal_of_one_backstore_or_of_the_target_leaves_everything_as_it_was(bare):
    converge(bare, with_backstores(GPU1))
    before = copy.deepcopy((bare.targets, bare.storage, bare.fs.files))
    bad = with_backstores(GPU1, GPU2, GPU3)
    bad["backstores"][2]["device"] = "/dev/gpu2"
    two = with_backstores(GPU1, GPU2)
    two["tpgs"][0]["acls"][0]["luns"].append(
        {"backstore": "gpu2", "lun": 1, "write_protect": False}
    )
    for options, message in ((bad, "it in backstore gpu2"), (two, "write access for")):
        with pytest.raises(ModelStoreError, match=message):
            converge(bare, options)
        assert (bare.targets, bare.storage, bare.fs.files) == before


def test_a_backstore_that_lio_does_not_take_keeps_nobodys_access_open(bare):
    converge(bare, with_backstores(GPU1, GPU2))
    options = with_backstores(GPU1, GPU3, attributes={})
    options["backstores"][1]["attributes"] = {"emulate_nonsense": "1"}
    with pytest.raises(ModelStoreError, match="set_backstore_attributes of backstore gpu3"):
        converge(bare, options)
    assert {key[2] for key in bare.access()} == {GPU1}
    (tpg,) = json.loads(bare.fs.read(SAVE_FILE))["targets"][0]["tpgs"]
    assert [entry["node_wwn"] for entry in tpg["node_acls"]] == [GPU1]
    options["backstores"][1]["attributes"] = {}
    converge(bare, options)


def test_the_server_is_read_once_for_all_backstores(bare, monkeypatch):
    converge(bare, with_backstores(GPU1, GPU2, GPU3))
    lio, reads = lio_of(bare), []
    for name in ("running", "saved"):
        read = getattr(lio, name)
        monkeypatch.setattr(
            lio, name, lambda name=name, read=read, **options: reads.append(name) or read(**options)
        )
    desired = desired_target(with_backstores(GPU1, GPU2, GPU3))
    assert load_target(lio, desired).running.backstore("gpu3")
    assert reads == ["running", "saved"]


def test_a_missing_backstore_is_refused_for_real_and_predicted_in_check_mode():
    options = target_options(STORE, exclusive(GPU1))
    with pytest.raises(ModelStoreError, match="backstore gpu1 .* no such backstore"):
        plan_of(FakeLio(), options)
    assert "map_lun" in verbs(plan_of(FakeLio(), options, predict=True))


def two_writers(fake, *tpgs):
    with pytest.raises(ModelStoreError) as caught:
        plan_of(fake, target_options(STORE, *tpgs))
    return str(caught.value)


def test_two_writers_in_one_tpg_are_refused_by_name(fake):
    tpg = exclusive(GPU1)
    tpg["acls"].append(acl(GPU2, {"backstore": "gpu1"}))
    message = two_writers(fake, tpg)
    assert "write access for %s and for %s" % (GPU1, GPU2) in message
    assert "give each node its own volume" in message


def test_two_writers_in_two_tpgs_are_refused(fake):
    second = {"tag": 2, "luns": [{"backstore": "gpu1"}], "acls": [acl(GPU2, {"backstore": "gpu1"})]}
    assert GPU2 in two_writers(fake, exclusive(GPU1), second)


def test_one_initiator_may_write_through_two_tpgs(fake):
    second = {"tag": 2, "luns": [{"backstore": "gpu1"}], "acls": [acl(GPU1, {"backstore": "gpu1"})]}
    converge(fake, target_options(STORE, exclusive(GPU1), second))


def test_a_writer_of_another_target_is_refused_and_a_reader_is_not(fake):
    theirs = empty_tpg(luns={0: "gpu1"}, acls={GPU2: empty_acl(mapped={0: (0, False)})})
    fake.add_target(FOREIGN, {1: theirs})
    assert GPU2 in two_writers(fake, exclusive(GPU1))
    fake.targets[FOREIGN][1]["acls"][GPU2]["mapped"] = {0: (0, True)}
    converge(fake, target_options(STORE, exclusive(GPU1)))


def test_another_target_in_writable_demo_mode_is_refused(fake):
    open_to_all = {**TPG_ATTRIBUTES, "generate_node_acls": "1", "demo_mode_write_protect": "0"}
    fake.add_target(FOREIGN, {1: empty_tpg(luns={0: "gpu1"}, attributes=open_to_all)})
    assert "demo mode of %s" % FOREIGN in two_writers(fake, exclusive(GPU1))


@pytest.mark.parametrize(("demo_mode", "protected"), [("1", "1"), ("0", "0")])
def test_another_target_in_read_only_or_without_demo_mode_is_no_writer(fake, demo_mode, protected):
    attributes = {
        **TPG_ATTRIBUTES,
        "generate_node_acls": demo_mode,
        "demo_mode_write_protect": protected,
    }
    fake.add_target(FOREIGN, {1: empty_tpg(luns={0: "gpu1"}, attributes=attributes)})
    converge(fake, target_options(STORE, exclusive(GPU1)))


@pytest.mark.parametrize("fabric", ["loopback", "usb_gadget", "vhost", "xen-pvscsi"])
def test_a_fabric_without_acls_counts_as_a_writer(fake, fabric):
    theirs = {
        "wwn": "naa.5001405aabbccdd0",
        "fabric": fabric,
        "tpgs": [{"tag": 1, "luns": [{"index": 0, "storage_object": "/backstores/block/gpu1"}]}],
    }
    fake.fs.files[SAVE_FILE] = json.dumps({"storage_objects": [], "targets": [theirs]})
    message = two_writers(fake, exclusive(GPU1))
    assert "%s target naa.5001405aabbccdd0" % fabric in message


def test_a_failing_step_does_not_bring_closed_access_back_at_boot(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    fake.targets[STORE][1]["luns"][7] = UNFINISHED
    options = target_options(STORE, {**exclusive(GPU1, GPU3), "parameters": {"MaxNonsense": 1}})
    with pytest.raises(ModelStoreError, match="MaxNonsense"):
        converge(fake, options)
    (tpg,) = json.loads(fake.fs.read(SAVE_FILE))["targets"][0]["tpgs"]
    assert [entry["node_wwn"] for entry in tpg["node_acls"]] == [GPU1]
    assert all("storage_object" in lun for lun in tpg["luns"])


def test_a_saved_target_that_does_not_run_is_not_overwritten_before_it_is_whole(fake):
    options = target_options(STORE, exclusive(GPU1))
    converge(fake, options)
    fake.targets.clear()
    assert verbs(converge(fake, options)).count("save") == 1


@pytest.mark.parametrize(("own", "authentication"), [("0", True), ("1", False)])
def test_an_acl_that_decides_about_chap_by_itself_is_set_back(fake, own, authentication):
    options = target_options(STORE, {**exclusive(GPU1), "authentication": authentication})
    converge(fake, options)
    attributes = fake.targets[STORE][1]["acls"][GPU1]["attributes"]
    attributes["authentication"] = own
    assert verbs(converge(fake, options)) == ["inherit_authentication", "save"]
    assert attributes["authentication"] == "-1"


def test_a_saved_acl_that_decides_about_chap_by_itself_is_saved_anew(fake):
    options = target_options(STORE, exclusive(GPU1))
    converge(fake, options)
    saved = json.loads(fake.fs.read(SAVE_FILE))
    saved["targets"][0]["tpgs"][0]["node_acls"][0]["attributes"] = {"authentication": 0}
    fake.fs.files[SAVE_FILE] = json.dumps(saved)
    assert verbs(converge(fake, options)) == ["save"]


def test_an_attribute_that_nobody_declares_is_saved_as_it_runs(fake):
    options = target_options(STORE, exclusive(GPU1))
    converge(fake, options)
    fake.targets[STORE][1]["attributes"]["default_cmdsn_depth"] = "128"
    assert verbs(converge(fake, options)) == ["save"]


@pytest.mark.parametrize(
    ("theirs", "mine", "refused"),
    [
        ("0.0.0.0", "10.77.1.10", True),
        ("10.99.0.1", "0.0.0.0", True),
        ("[::0]", "10.77.1.10", True),
        ("[::0]", "0.0.0.0", True),
        ("[fd00::1]", "::", True),
        ("10.77.1.10", "10.77.1.10", False),
        ("0.0.0.0", "0.0.0.0", False),
        ("0.0.0.0", "fd00::10", False),
        ("10.99.0.1", "10.77.1.10", False),
    ],
)
@pytest.mark.parametrize("runs", [True, False])
def test_a_portal_that_another_target_takes_in_is_refused(fake, theirs, mine, refused, runs):
    fake.add_target(FOREIGN, {1: empty_tpg(portals=[(theirs, 3260)])})
    converge(fake, target_options(STORE, {"portals": []}))
    if not runs:
        fake.targets.pop(FOREIGN)
    options = target_options(STORE, {"portals": [{"address": mine}]})
    if refused:
        with pytest.raises(ModelStoreError, match="found target %s on" % FOREIGN):
            plan_of(fake, options, predict=True)
    else:
        converge(fake, options)
    converge(fake, target_options(STORE, {"portals": [{"address": mine, "port": 3261}]}))


def test_a_portal_that_runs_is_not_asked_about(fake):
    options = target_options(STORE, {"portals": [{"address": "10.77.1.10"}]})
    converge(fake, options)
    fake.add_target(FOREIGN, {1: empty_tpg(portals=[("0.0.0.0", 3260)])})
    assert verbs(plan_of(fake, options)) == []


def test_a_session_in_demo_mode_keeps_the_target(fake):
    fake.add_target(STORE, {1: empty_tpg()})
    fake.fs.files["%s/iscsi/%s/tpgt_1/dynamic_sessions" % (CONFIGFS, STORE)] = "%s\n\0%s\n\0" % (
        GPU1,
        GPU2,
    )
    with pytest.raises(ModelStoreError, match="found %s, %s logged in" % (GPU1, GPU2)):
        plan_of(fake, target_options(STORE, state="absent"))


def test_256_initiators_with_256_luns_and_backstores_are_compared_in_a_second():
    readers = tuple(MappedLun(number, number, True) for number in range(256))
    luns = tuple(Lun(number, "v%d" % number) for number in range(256))
    initiators = ["%s-%03d" % (GPU1, number) for number in range(256)]
    chap = Chap("name", Secret("secret-of-gpu1"))
    options = target_options(
        STORE,
        {
            "luns": [{"backstore": lun.backstore} for lun in luns],
            "acls": [
                {
                    "initiator": initiator,
                    "chap_username": "name",
                    "chap_password": "secret-of-gpu1",
                    "luns": [
                        {"backstore": "v%d" % lun.number, "lun": lun.number, "write_protect": True}
                        for lun in readers
                    ],
                }
                for initiator in initiators
            ],
        },
    )
    desired = desired_target(options)
    tpg = Tpg(
        1,
        True,
        luns=luns,
        acls=tuple(Acl(initiator, chap, readers) for initiator in initiators),
        attributes=desired.tpgs[0].attributes,
    )
    wwns = {lun.backstore: volume_wwn(STORE, lun.backstore) for lun in luns}
    backstores = tuple(Backstore("block", name, "/dev/" + name, wwns[name]) for name in wwns)
    options["backstores"] = [declared(name) for name in wwns]
    desired = desired_target(options)
    everything = Configuration(backstores, (Target(STORE, tpgs=(tpg,)),))
    nodes = {entry.device: entry.device for entry in backstores}
    begin = time.process_time()
    plan = plan_target(desired, Observed(everything, everything, nodes=nodes), predict=False)
    assert plan.actions == ()
    assert time.process_time() - begin < 1


def test_a_mapped_lun_that_cannot_be_protected_is_taken_back(fake):
    class Open(fake.rtslib.MappedLUN):
        def _set_write_protect(self, _value):
            super()._set_write_protect(False)

    fake.rtslib.MappedLUN = Open
    with pytest.raises(ModelStoreError, match="start read-only"):
        converge(fake, target_options(STORE, exclusive(GPU1)))
    assert fake.targets[STORE][1]["acls"][GPU1]["mapped"] == {}


def test_what_lio_refuses_is_reported_with_the_step(fake):
    tpg = {**exclusive(GPU1), "parameters": {"MaxNonsense": 1}}
    with pytest.raises(ModelStoreError, match="set_parameters of %s tpg1: .*MaxNonsense" % STORE):
        converge(fake, target_options(STORE, tpg))


# What an initiator notices.


def test_who_is_removed_is_logged_out_and_nobody_else_is(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    for node in (GPU1, GPU2):
        fake.log_in(STORE, 1, node)
    converge(fake, target_options(STORE, exclusive(GPU2, GPU3)))
    assert fake.sessions == {(STORE, 1, GPU2)}


def test_a_lun_that_is_not_declared_any_more_is_taken_from_who_is_logged_in(fake):
    tpg = exclusive(GPU1)
    tpg["luns"].append({"backstore": "gpu2"})
    tpg["acls"][0]["luns"].append({"backstore": "gpu2", "lun": 1})
    converge(fake, target_options(STORE, tpg))
    fake.log_in(STORE, 1, GPU1)
    converge(fake, target_options(STORE, exclusive(GPU1)))
    assert {key[5] for key in fake.access()} == {"gpu1"}
    assert fake.sessions == {(STORE, 1, GPU1)}


def test_a_new_secret_ends_no_session_and_counts_from_the_next_login(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    fake.log_in(STORE, 1, GPU1)
    tpg = exclusive(GPU1)
    tpg["acls"][0]["chap_password"] = "another-secret"
    converge(fake, target_options(STORE, tpg))
    assert fake.sessions == {(STORE, 1, GPU1)}
    assert {key[3] for key in fake.access()} == {"another-secret"}


def test_a_target_with_sessions_is_removed_only_on_demand(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    fake.log_in(STORE, 1, GPU1)
    absent = target_options(STORE, state="absent")
    for predict in (False, True):
        with pytest.raises(ModelStoreError, match="found %s logged in" % GPU1) as caught:
            plan_of(fake, absent, predict=predict)
        assert caught.value.details == {"logged_in": [GPU1]}
    assert verbs(converge(fake, {**absent, "disconnect": True})) == ["delete_target", "save"]
    assert fake.sessions == set()


def test_a_session_of_discovery_does_not_keep_a_target(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    fake.log_in(STORE, 1, GPU1, kind="Discovery")
    assert verbs(converge(fake, target_options(STORE, state="absent")))[0] == "delete_target"


def test_what_was_changed_by_hand_is_found_and_set_back(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    tpg = fake.targets[STORE][1]
    tpg["acls"][GPU1]["mapped"].clear()
    tpg["luns"].pop(0)
    tpg["acls"][GPU2]["chap_password"] = "set-by-hand!"
    tpg["attributes"]["generate_node_acls"] = "1"
    assert verbs(converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))) == [
        "set_attributes",
        "set_chap",
        "save",
        "create_lun",
        "map_lun",
        "save",
    ]


def test_another_backstore_behind_a_mapped_lun_is_a_change(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    tpg = {**exclusive(GPU1), "luns": [{"backstore": "gpu2"}]}
    tpg["acls"] = [acl(GPU1, {"backstore": "gpu2"})]
    converge(fake, target_options(STORE, tpg))
    assert {key[5] for key in fake.access()} == {"gpu2"}


def test_planning_changes_nothing(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    before = copy.deepcopy((fake.targets, fake.storage, fake.fs.files))
    assert plan_of(fake, target_options(STORE, exclusive(GPU2, GPU3)), predict=True)
    assert (fake.targets, fake.storage, fake.fs.files) == before


# What a killed run left, and what a missing disk must not cost.


def test_unfinished_luns_are_shown_and_made_anew(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    tpg = fake.targets[STORE][1]
    tpg["luns"][1] = UNFINISHED
    tpg["acls"][GPU2]["mapped"] = {0: UNFINISHED}
    plan = converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    assert plan.before["target"]["tpgs"][0]["luns"][1] == {"lun": 1, "backstore": None}
    assert verbs(plan) == ["unmap_lun", "delete_lun", "save", "create_lun", "map_lun", "save"]
    assert fake.access()[(STORE, 1, GPU2, SECRETS[GPU2], 0, "gpu2")] == 2


def test_an_unfinished_lun_of_others_is_left_alone_and_their_saved_form_too(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    theirs = {"wwn": FOREIGN, "fabric": "iscsi", "tpgs": [{"tag": 1, "theirs": "kept"}]}
    saved = json.loads(fake.fs.read(SAVE_FILE))
    saved["targets"].append(theirs)
    fake.fs.files[SAVE_FILE] = json.dumps(saved)
    acls = {GPU2: empty_acl(mapped={0: UNFINISHED})}
    fake.add_target(FOREIGN, {1: empty_tpg(luns={0: UNFINISHED}, acls=acls)})
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    assert fake.targets[FOREIGN][1]["luns"] == {0: UNFINISHED}
    assert json.loads(fake.fs.read(SAVE_FILE))["targets"][1] == theirs


def test_the_first_save_leaves_out_what_was_never_finished(fake):
    acls = {GPU2: empty_acl(mapped={0: UNFINISHED, 1: (1, True)})}
    fake.add_target(FOREIGN, {1: empty_tpg(luns={0: UNFINISHED, 1: "gpu2"}, acls=acls)})
    fake.add_backstore("half", "", "")
    converge(fake, target_options(STORE, exclusive(GPU1)))
    saved = json.loads(fake.fs.read(SAVE_FILE))
    (tpg,) = next(entry for entry in saved["targets"] if entry["wwn"] == FOREIGN)["tpgs"]
    assert [lun["index"] for lun in tpg["luns"]] == [1]
    assert [lun["index"] for lun in tpg["node_acls"][0]["mapped_luns"]] == [1]
    assert "half" not in [entry["name"] for entry in saved["storage_objects"]]


def test_a_saved_lun_whose_disk_is_missing_is_not_erased(fake):
    converge(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    tpg = fake.targets[STORE][1]
    fake.storage.pop("gpu2")
    tpg["luns"].pop(1)
    tpg["acls"][GPU2]["mapped"] = {}
    before = fake.fs.read(SAVE_FILE)
    with pytest.raises(ModelStoreError, match="saved but not running, with /dev/gpu2"):
        plan_of(fake, target_options(STORE, exclusive(GPU1, GPU2)))
    assert fake.fs.read(SAVE_FILE) == before
    # Taken out of the declaration, it is gone on purpose.
    assert verbs(converge(fake, target_options(STORE, exclusive(GPU1)))) == ["delete_acl", "save"]


def test_the_folders_of_the_kernels_database_are_made_for_root_only(fake):
    converge(fake, target_options(STORE, exclusive(GPU1)))
    for name in ("pr", "alua"):
        mode = os.stat(os.path.join(os.path.dirname(SAVE_FILE), name)).st_mode
        assert stat.S_IMODE(mode) == 0o700


def test_a_writer_of_a_saved_target_that_does_not_run_is_refused(fake):
    theirs = empty_tpg(luns={0: "gpu1"}, acls={GPU2: empty_acl(mapped={0: (0, False)})})
    fake.add_target(FOREIGN, {1: theirs})
    converge(fake, target_options(STORE, {"portals": [{"address": "10.77.1.10"}]}))
    fake.targets.pop(FOREIGN)
    assert GPU2 in two_writers(fake, exclusive(GPU1))


def test_an_ipv6_portal_has_brackets_in_lio_and_none_in_results(fake):
    plan = converge(fake, target_options(STORE, {"portals": [{"address": "[FD00:0::0010]"}]}))
    assert fake.targets[STORE][1]["portals"] == [("[fd00::10]", 3260)]
    assert plan.after["target"]["tpgs"][0]["portals"] == [{"address": "fd00::10", "port": 3260}]


# Any state of LIO, to any declaration.

numbers = st.integers(0, 3)
addresses = st.sampled_from(["10.77.1.10", "10.77.2.10", "0.0.0.0", "[fd00::10]", "[::0]"])


def sets_of(values):
    return st.lists(values, unique=True, max_size=3)


@st.composite
def running_tpgs(draw, backstores=BACKSTORES):
    luns = draw(st.dictionaries(numbers, st.sampled_from([*backstores, UNFINISHED]), max_size=3))
    finished = sorted(number for number, backstore in luns.items() if backstore is not UNFINISHED)
    mapped = st.dictionaries(
        numbers,
        st.just(UNFINISHED)
        | (st.tuples(st.sampled_from(finished), st.booleans()) if finished else st.nothing()),
        max_size=2,
    )
    acls = {
        initiator: empty_acl(
            mapped=draw(mapped),
            attributes={"authentication": draw(st.sampled_from(["-1", "0", "1"]))},
            **draw(st.sampled_from(STORED)),
        )
        for initiator in draw(sets_of(st.sampled_from(sorted(SECRETS))))
    }
    attributes = {
        name: draw(st.sampled_from("01"))
        for name in TPG_ATTRIBUTES
        if name != "default_cmdsn_depth"
    }
    return empty_tpg(
        enable=draw(st.booleans()),
        luns=luns,
        acls=acls,
        attributes={**TPG_ATTRIBUTES, **attributes},
        portals=[(address, 3260) for address in draw(st.lists(addresses, max_size=1))],
    )


STORED = [
    {},
    {"chap_userid": "old", "chap_password": "an-old-secret"},
    {
        "chap_userid": "old",
        "chap_password": "an-old-secret",
        "chap_mutual_userid": "store1",
        "chap_mutual_password": "mutual-secret",
    },
]


@st.composite
def declared_tpgs(draw, tag, writers):
    backstores = draw(sets_of(st.sampled_from(BACKSTORES)))
    explicit = draw(st.permutations(range(4)))
    luns = [
        {"backstore": backstore, "lun": number if draw(st.booleans()) else None}
        for backstore, number in zip(backstores, explicit, strict=False)
    ]
    acls = []
    for initiator in draw(sets_of(st.sampled_from(sorted(SECRETS)))):
        wanted = draw(sets_of(st.sampled_from(backstores))) if backstores else []
        acls.append(
            acl(
                initiator,
                *[
                    {
                        "backstore": backstore,
                        "lun": number,
                        "write_protect": writers[backstore] != initiator,
                    }
                    for backstore, number in zip(
                        wanted, draw(st.permutations(range(4))), strict=False
                    )
                ],
            )
        )
    return {
        "tag": tag,
        "luns": luns,
        "acls": acls,
        "authentication": draw(st.booleans()),
        "portals": [
            {"address": address, "port": 3260 + tag}
            for address in draw(st.lists(addresses, max_size=1))
        ],
        "parameters": draw(st.sampled_from([{}, {"MaxBurstLength": 524288}])),
    }


@st.composite
def declarations(draw):
    writers = {name: draw(st.sampled_from(sorted(SECRETS))) for name in BACKSTORES}
    tags = draw(st.lists(st.sampled_from([1, 2]), unique=True, min_size=1))
    return target_options(STORE, *[draw(declared_tpgs(tag, writers)) for tag in tags])


BACKSTORE_STATES = st.fixed_dictionaries(
    {
        name: st.sampled_from(["right", "drifted", "protected", "unfinished", "saved", "missing"])
        for name in BACKSTORES
    }
)


def exportable(states):
    """The backstores that LIO can export, and that need not be made anew."""
    return [name for name, state in states.items() if state in ("right", "drifted")]


def put_backstores(fake, states):
    """Bring the backstores into these states; all but the missing ones are saved."""
    for name in states:
        fake.storage[name]["wwn"] = volume_wwn(STORE, name)
    entries = [entry.dump() for entry in fake.rtslib.tcm.StorageObject.all()]
    for name, state in states.items():
        if state == "drifted":
            fake.storage[name]["attributes"]["emulate_tpu"] = "0"
        elif state == "protected":
            fake.storage[name]["made"] = {"readonly": True}
        elif state == "unfinished":
            fake.storage[name].update(wwn="", dev="")
        elif state in ("saved", "missing"):
            fake.storage.pop(name)
    saved = [entry for entry in entries if states[entry["name"]] != "missing"]
    fake.fs.files[SAVE_FILE] = json.dumps({"storage_objects": saved, "targets": []})


@settings(max_examples=100, deadline=None)
@given(data=st.data(), states=BACKSTORE_STATES, saved=st.booleans(), changes=st.integers(0, 30))
def test_backstores_in_any_state_are_made_even_after_a_run_killed_at_any_change(
    data, states, saved, changes
):
    fake = new_fake()
    put_backstores(fake, states)
    if not saved:
        fake.fs.remove(SAVE_FILE)
    tpgs = running_tpgs(exportable(states)) if exportable(states) else st.just(empty_tpg())
    fake.add_target(STORE, {1: data.draw(tpgs)})
    options = data.draw(declarations())
    options["backstores"] = [
        declared(name, attributes={"emulate_tpu": 1})
        for name in data.draw(st.permutations(BACKSTORES))
    ]
    countdown = iter(range(changes))

    def kill():
        if next(countdown, None) is None:
            raise Killed

    fake.watch = kill
    changer = TargetChanger(lio_of(fake), STORE)
    with contextlib.suppress(Killed):
        for action in plan_of(fake, options).actions:
            kill()
            changer.apply(action)
    fake.watch = lambda: None
    converge(fake, options)
    for name in BACKSTORES:
        assert fake.storage[name]["wwn"] == volume_wwn(STORE, name)
        assert fake.storage[name]["attributes"]["emulate_tpu"] == "1"
    stored = json.loads(fake.fs.read(SAVE_FILE))["storage_objects"]
    assert sorted(entry["name"] for entry in stored) == sorted(BACKSTORES)


def writers_of(access):
    """Who can write to what, over all targets."""
    return {(key[5], key[2]) for key, level in access.items() if level == 2}


@settings(max_examples=100, deadline=None)
@given(
    running=st.dictionaries(st.sampled_from([1, 2, 3]), running_tpgs(), max_size=2),
    options=declarations(),
    saved=st.booleans(),
)
def test_from_any_state_the_declaration_is_reached_and_nobody_has_more_on_the_way(
    running, options, saved
):
    fake = new_fake()
    if running:
        fake.add_target(STORE, running)
    theirs = empty_tpg(
        enable=True,
        luns={0: "gpu1"},
        acls={GPU1: empty_acl(mapped={0: (0, True)}, chap_password="their-secret")},
        portals=[("10.99.0.1", 3260)],
        parameters=dict(TPG_PARAMETERS),
    )
    fake.add_target(FOREIGN, {1: theirs})
    if saved:
        lio = lio_of(fake)
        fake.fs.files[SAVE_FILE] = json.dumps(
            {"targets": [{"wwn": FOREIGN, "fabric": "iscsi", "tpgs": []}], "theirs": 1}
        )
        assert lio.saved() is not None
    before = fake.access()
    foreign = copy.deepcopy(fake.targets[FOREIGN])
    moments = []
    fake.watch = lambda: moments.append((fake.access(), copy.deepcopy(fake.targets[FOREIGN])))

    converge(fake, options)

    after = fake.access()
    for access, theirs_now in moments:
        assert theirs_now == foreign
        for who, level in access.items():
            # Where no secret is asked for, one with a secret gets in as well.
            anybody = (*who[:3], None, *who[4:])
            allowed = [at.get(one, 0) for at in (before, after) for one in (who, anybody)]
            assert level <= max(allowed), who
        # Nobody starts to write as long as somebody who may not do so any more still can.
        if writers_of(access) - writers_of(before):
            assert writers_of(access) <= writers_of(after)
    if saved:
        kept = json.loads(fake.fs.read(SAVE_FILE))
        assert kept["theirs"] == 1
        assert kept["targets"][0] == {"wwn": FOREIGN, "fabric": "iscsi", "tpgs": []}


class Killed(BaseException):
    """SIGKILL: nobody cleans up."""


@settings(max_examples=50, deadline=None)
@given(
    running=st.dictionaries(st.sampled_from([1, 2]), running_tpgs(), max_size=1),
    options=declarations(),
    which=st.sampled_from(["none", "own", "all"]),
    changes=st.integers(0, 40),
)
def test_a_run_killed_at_any_change_is_finished_by_the_next(running, options, which, changes):
    fake = new_fake()
    for name in BACKSTORES:
        fake.storage[name]["wwn"] = volume_wwn(STORE, name)
    options["delete_backstores"] = which
    if running:
        fake.add_target(STORE, running)
    countdown = iter(range(changes))

    def kill():
        if next(countdown, None) is None:
            raise Killed

    fake.watch = kill
    changer = TargetChanger(lio_of(fake), STORE)
    with contextlib.suppress(Killed):
        for action in plan_of(fake, options).actions:
            changer.apply(action)
    fake.watch = lambda: None
    converge(fake, options)
