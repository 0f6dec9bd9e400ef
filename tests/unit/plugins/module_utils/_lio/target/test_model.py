# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of lio_target that are refused."""

from __future__ import annotations

import pytest
from _fakes.lio import target_options
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    desired_target,
    iscsi_name,
)

STORE = "iqn.2026-11.com.example:store1"
GPU1 = "iqn.2026-11.com.example:gpu1"
SECRET = "abcdefghijkl"
MUTUAL = "mnopqrstuvwx"


def acl(**changes):
    return {"initiator": GPU1, "chap_username": "gpu1", "chap_password": SECRET, **changes}


def refusal(*tpgs):
    with pytest.raises(ModelStoreError) as caught:
        desired_target(target_options(STORE, *tpgs))
    return str(caught.value)


@pytest.mark.parametrize(
    "name", [STORE, "iqn.2026-11.com.example", "eui.0123456789abcdef", "naa.5001405123456789"]
)
def test_names_that_lio_takes(name):
    assert iscsi_name("name", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "store1",
        "iqn.2026-11.com.example:Store1",
        "iqn.2026-11.com.example:store_1",
        "iqn.2026-11.com.example:store 1",
        "iqn.2026-11.com.example:store1\n",
        "iqn.2026-11.com.example/../store1",
        "iqn.2026-31.com.example",
        "iqn.2026-11.example",
        "eui.0123",
        "naa.6001405123456789",
        "iqn.2026-11.com.example:" + "x" * 223,
    ],
)
def test_names_that_lio_does_not_take(name):
    with pytest.raises(ModelStoreError):
        iscsi_name("name", name)


def test_present_takes_a_tpg():
    assert "at least one" in refusal()


def test_chap_is_demanded_unless_it_is_switched_off():
    bare = {"initiator": GPU1}
    assert "no chap_username and chap_password" in refusal({"acls": [bare]})
    desired_target(target_options(STORE, {"acls": [bare], "authentication": False}))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"chap_password": "short"}, "of 5 characters"),
        ({"chap_password": "x" * 17}, "of 17 characters"),
        ({"chap_password": " bcdefghijkl"}, "blanks at its ends"),
        ({"chap_password": "abcdefghijk "}, "blanks at its ends"),
        ({"chap_password": "abcdef\nghijkl"}, "not printable ASCII"),
        ({"chap_password": "abcdefghijké"}, "not printable ASCII"),
        ({"chap_password": "NULLdefghijkl"}, "starts with NULL"),
        ({"chap_password": None}, "only one of chap_username and chap_password"),
        ({"chap_username": None}, "only one of chap_username and chap_password"),
        ({"chap_username": " gpu1"}, "chap_username with blanks"),
        ({"chap_username": "NULL"}, "NULL"),
        ({"chap_mutual_username": "s"}, "only one of chap_mutual_username"),
        ({"chap_mutual_username": "s", "chap_mutual_password": SECRET}, "same secret"),
    ],
)
def test_credentials_that_do_not_work_are_refused_without_showing_them(changes, fault):
    text = refusal({"acls": [acl(**changes)]})
    assert fault in text
    assert SECRET not in text


@pytest.mark.parametrize("secret", ["a b'c\"d$e#f&g", "=(%)/\\!?*-_:;", "x" * 12, "x" * 16])
def test_secrets_may_hold_any_printable_character(secret):
    target = desired_target(target_options(STORE, {"acls": [acl(chap_password=secret)]}))
    assert target.tpgs[0].acls[0].chap.password.value == secret


def test_mutual_credentials_take_the_initiators_own():
    mutual = {"initiator": GPU1, "chap_mutual_username": "s", "chap_mutual_password": MUTUAL}
    text = refusal({"authentication": False, "acls": [mutual]})
    assert "without the initiator's own" in text


@pytest.mark.parametrize(
    ("tpgs", "twin"),
    [
        ([{"tag": 1}, {"tag": 1}], "tag 1"),
        ([{"acls": [acl(), acl()]}], "initiator " + GPU1),
        ([{"portals": [{"address": "::"}, {"address": "[::0]"}]}], "portal [::]:3260"),
        (
            [
                {"portals": [{"address": "10.77.1.10"}]},
                {"tag": 2, "portals": [{"address": "10.77.1.10"}]},
            ],
            "portal 10.77.1.10:3260",
        ),
        ([{"luns": [{"backstore": "a"}, {"backstore": "a"}]}], "backstore among the LUNs a"),
        ([{"luns": [{"backstore": "a", "lun": 0}, {"backstore": "b", "lun": 0}]}], "LUN number 0"),
        (
            [
                {
                    "luns": [{"backstore": "a"}, {"backstore": "b"}],
                    "acls": [acl(luns=[{"backstore": "a"}, {"backstore": "b"}])],
                }
            ],
            "mapped LUN number 0",
        ),
    ],
)
def test_twins_are_refused(tpgs, twin):
    assert "found %s twice" % twin in refusal(*tpgs)


@pytest.mark.parametrize(
    "tpg",
    [
        {"tag": 65536},
        {"portals": [{"address": "10.77.1.10", "port": 0}]},
        {"luns": [{"backstore": "a", "lun": 65536}]},
        {"luns": [{"backstore": "a"}], "acls": [acl(luns=[{"backstore": "a", "lun": 256}])]},
    ],
)
def test_numbers_out_of_range_are_refused(tpg):
    assert "expected " in refusal(tpg)


def test_a_host_name_is_no_portal():
    assert "'store1'" in refusal({"portals": [{"address": "store1"}]})


def test_a_mapped_lun_has_to_be_exported():
    assert "backstore gpu1 mapped" in refusal({"acls": [acl(luns=[{"backstore": "gpu1"}])]})


@pytest.mark.parametrize("name", ["generate_node_acls", "authentication", "demo_mode_discovery"])
def test_attributes_that_decide_about_access_are_refused(name):
    assert "attribute " + name in refusal({"attributes": {name: 1}})


def test_yaml_booleans_are_what_lio_calls_them():
    tpg = {"attributes": {"default_cmdsn_depth": 128}, "parameters": {"InitialR2T": False}}
    desired = desired_target(target_options(STORE, tpg)).tpgs[0]
    assert desired.parameters == {"InitialR2T": "No"}
    assert desired.attributes["default_cmdsn_depth"] == "128"
    assert desired.attributes["generate_node_acls"] == "0"
