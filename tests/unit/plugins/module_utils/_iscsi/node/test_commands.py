# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_CHAP, Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node import commands

FIXTURES = Path(__file__).parents[4] / "fixtures" / "open-iscsi-2.1.8-debian12"
TARGET = "iqn.2026-11.com.example:store1"
WHERE = {"target": TARGET, "portal": "10.77.1.10:3260", "tpgt": 1, "iface": "default"}


def test_an_update_sets_all_values_in_one_call() -> None:
    values = {"node.startup": "automatic", "node.session.queue_depth": "64"}
    assert commands.update_command(Action("update_record", "x", {**WHERE, "values": values})) == [
        *["iscsiadm", "-m", "node", "-T", TARGET, "-p", "10.77.1.10:3260,1", "-I", "default"],
        *["-o", "update", "-n", "node.startup", "-v", "automatic"],
        *["-n", "node.session.queue_depth", "-v", "64"],
    ]


def test_a_record_of_the_old_form_is_deleted_without_a_tag() -> None:
    argv = commands.delete_command(Action("delete_record", "x", {**WHERE, "tpgt": None}))
    assert argv[argv.index("-p") + 1] == "10.77.1.10:3260"


def test_credentials_are_put_into_a_recorded_file_and_nothing_else_changes() -> None:
    before = (FIXTURES / "record-default").read_text()
    chap = Chap("gpu1", Secret("secret = of # 1"), "store1", Secret("other-secret1"))
    after = commands.with_chap(before, chap)
    values = parse.record_values(after)
    assert values is not None
    assert parse.chap_of(values) == chap
    assert values["node.session.auth.authmethod"] == "CHAP"
    auth = {"node.session.auth.authmethod", *parse.CREDENTIAL_KEYS}
    unchanged = {key: value for key, value in values.items() if key not in auth}
    assert {**unchanged, "node.session.auth.authmethod": "None"} == parse.record_values(before)


def test_taking_chap_out_leaves_no_secret_in_the_file() -> None:
    after = commands.with_chap((FIXTURES / "record-chap").read_text(), NO_CHAP)
    assert "fixture-secret" not in after
    assert "node.session.auth.authmethod = None\n" in after
    assert "node.session.auth.chap_algs = SHA3-256,SHA256\n" in after


def test_writing_the_same_credentials_twice_changes_nothing() -> None:
    chap = Chap("gpu1", Secret("a-good-secret"))
    once = commands.with_chap((FIXTURES / "record-default").read_text(), chap)
    assert commands.with_chap(once, chap) == once
