# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dump of rtslib as the model, and sessions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret, public
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import (
    Acl,
    Backstore,
    Chap,
    Configuration,
    DiscoveryAuth,
    Lun,
    MappedLun,
    Portal,
    Target,
    Tpg,
)
from ansible_collections.tts.modelstore.plugins.module_utils._lio.parse import (
    parse_configuration,
    parse_portal,
    parse_session,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "rtslib-2.1.75-by-hand"
CONFIGURATION = parse_configuration(json.loads((FIXTURES / "saveconfig.json").read_text()))
TPG = CONFIGURATION.targets[0].tpgs[0]


def test_backstores_are_named_as_luns_name_them():
    assert [backstore.key for backstore in CONFIGURATION.backstores] == ["fileio/scratch", "gpu1"]
    assert TPG.luns == (Lun(0, "gpu1"), Lun(1, "fileio/scratch"))


def test_backstore_says_where_it_is_exported_and_under_which_wwid():
    shown = CONFIGURATION.backstore("gpu1").public(512, CONFIGURATION.exports("gpu1"))
    assert shown["wwid"] == "36001405280b50a7db4a5f0bbf3284145"
    assert shown["exported_by"] == ["iqn.2026-11.com.example:store1 tpg1 lun0"]


def test_portals_are_in_canonical_spelling():
    assert TPG.portals == (Portal("10.77.1.10", 3260), Portal("fd00::10", 3260))


def test_settings_are_text_whether_saved_as_number_or_not():
    assert TPG.attributes["authentication"] == "1"
    assert TPG.parameters["MaxBurstLength"] == "262144"


def test_acl_has_credentials_and_mapped_luns():
    acl = TPG.acl("iqn.2026-11.com.example:gpu1")
    assert acl.mapped_luns == (MappedLun(0, 0, False), MappedLun(7, 1, True))
    assert acl.chap.is_set
    assert not acl.chap.is_mutual


def test_nothing_shown_holds_a_secret():
    shown = repr(CONFIGURATION) + json.dumps(public(CONFIGURATION.targets[0].public()))
    assert "abcdefghijkl" not in shown


def test_order_of_the_dump_does_not_matter():
    dump = json.loads((FIXTURES / "saveconfig.json").read_text())
    dump["storage_objects"].reverse()
    for section in ("luns", "portals"):
        dump["targets"][0]["tpgs"][0][section].reverse()
    assert parse_configuration(dump) == CONFIGURATION


@pytest.mark.parametrize(
    ("spelling", "address"),
    [("[::0]", "::"), ("0.0.0.0", "0.0.0.0"), ("[FD00::0001]", "fd00::1"), ("fd00::1", "fd00::1")],
)
def test_spellings_of_an_address_are_one_portal(spelling, address):
    assert parse_portal(spelling, 3260) == Portal(address, 3260)


def test_ipv6_portal_is_given_to_lio_in_brackets():
    assert str(Portal("fd00::1", 3260)) == "[fd00::1]:3260"


def test_session_of_a_logged_in_initiator():
    assert parse_session((FIXTURES / "acl-info.txt").read_text()).public() == {
        "id": 3,
        "type": "Normal",
        "state": "LOGGED_IN",
        "alias": "gpu1",
        "addresses": ["10.77.2.21"],
    }


def test_no_session_without_a_login():
    assert parse_session((FIXTURES / "acl-info-none.txt").read_text()) is None


def test_an_empty_alias_stays_empty():
    info = (FIXTURES / "acl-info.txt").read_text().replace("Alias: gpu1", "Alias: ")
    assert parse_session(info).alias == ""


def test_backstore_has_the_modes_that_it_was_made_with():
    entry = {"plugin": "fileio", "name": "a", "dev": "/srv/a", "wwn": "b", "size": 512}
    dump = {"storage_objects": [{**entry, "readonly": True, "write_back": True}]}
    wanted = Backstore("fileio", "a", "/srv/a", "b", {}, True, True, 512)
    assert parse_configuration(dump) == Configuration((wanted,))


def test_what_a_dump_leaves_out_is_empty_and_a_tpg_then_enabled():
    dump = {
        "storage_objects": [{"plugin": "block", "name": "a"}],
        "targets": [
            {"wwn": "b", "fabric": "iscsi", "tpgs": [{"tag": 1}]},
            {"wwn": "c", "fabric": "f"},
        ],
        "fabric_modules": [{"name": "iscsi"}],
    }
    targets = (Target("c", "f"), Target("b", tpgs=(Tpg(1, True),)))
    assert parse_configuration(dump) == Configuration((Backstore("block", "a", "", ""),), targets)
    assert parse_configuration({}) == Configuration()


def test_discovery_auth_is_that_of_the_iscsi_fabric():
    credentials = {
        "discovery_userid": "us",
        "discovery_password": "our-secret-12",
        "discovery_mutual_userid": "them",
        "discovery_mutual_password": "their-secret-12",
    }
    fabrics = [
        {"name": "loopback", "discovery_enable_auth": False},
        {"name": "iscsi", "discovery_enable_auth": True, **credentials},
    ]
    chap = Chap("us", Secret("our-secret-12"), "them", Secret("their-secret-12"))
    found = parse_configuration({"fabric_modules": fabrics})
    assert found.discovery_auth == DiscoveryAuth(True, chap)


@pytest.mark.parametrize(
    ("attributes", "authentication"),
    [
        ({"authentication": "0"}, False),
        ({"authentication": 1}, True),
        ({"authentication": "-1"}, None),
        ({}, None),
    ],
)
def test_an_acl_tells_whether_it_decides_about_chap_by_itself(attributes, authentication):
    tpg = {"tag": 1, "enable": False, "node_acls": [{"node_wwn": "a", "attributes": attributes}]}
    dump = {"targets": [{"wwn": "b", "fabric": "iscsi", "tpgs": [tpg]}]}
    wanted = Target("b", tpgs=(Tpg(1, False, acls=(Acl("a", authentication=authentication),)),))
    assert parse_configuration(dump).targets == (wanted,)
