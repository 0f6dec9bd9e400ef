# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.chap import with_chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_CHAP, Chap

FIXTURES = Path(__file__).parents[3] / "fixtures" / "open-iscsi-2.1.8-debian12"


def test_credentials_are_put_into_a_recorded_file_and_nothing_else_changes() -> None:
    before = (FIXTURES / "record-default").read_text()
    chap = Chap("gpu1", Secret("secret = of # 1"), "store1", Secret("other-secret1"))
    after = with_chap(before, chap, parse.AUTH)
    values = parse.record_values(after)
    assert values is not None
    assert parse.chap_of(values) == chap
    assert values["node.session.auth.authmethod"] == "CHAP"
    auth = {"node.session.auth.authmethod", *parse.credential_keys(parse.AUTH)}
    unchanged = {key: value for key, value in values.items() if key not in auth}
    assert {**unchanged, "node.session.auth.authmethod": "None"} == parse.record_values(before)


def test_taking_chap_out_leaves_no_secret_in_the_file() -> None:
    after = with_chap((FIXTURES / "record-chap").read_text(), NO_CHAP, parse.AUTH)
    assert "fixture-secret" not in after
    assert "node.session.auth.authmethod = None\n" in after
    assert "node.session.auth.chap_algs = SHA3-256,SHA256\n" in after


def test_writing_the_same_credentials_twice_changes_nothing() -> None:
    chap = Chap("gpu1", Secret("a-good-secret"))
    once = with_chap((FIXTURES / "record-default").read_text(), chap, parse.AUTH)
    assert with_chap(once, chap, parse.AUTH) == once
