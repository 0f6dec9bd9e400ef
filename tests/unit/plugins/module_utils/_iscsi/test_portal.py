# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import target_name
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import parse_portal


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1:3260"),
        ("10.0.0.1:3261", "10.0.0.1:3261"),
        ("fd00::1", "[fd00::1]:3260"),
        ("FD00:0:0::1", "[fd00::1]:3260"),
        ("[fd00::1]", "[fd00::1]:3260"),
        ("[fd00::1]:3261", "[fd00::1]:3261"),
    ],
)
def test_every_spelling_gives_the_canonical_portal(text: str, canonical: str) -> None:
    assert str(parse_portal(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "store1",
        "store1:3260",
        "10.0.0.1:",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "10.0.0.1:+1",
        "10.0.0.1,3260",
        "[fd00::1",
        "[fd00::1]3260",
        "fe80::1%eth0",
        "0.0.0.0",
        "ff02::1",
    ],
)
def test_what_is_no_reachable_address_is_refused(text: str) -> None:
    with pytest.raises(ModelStoreError, match="with an optional port"):
        parse_portal(text)


@pytest.mark.parametrize(
    "name", ["iqn.2026-11.com.example:store1", "eui.0123456789abcdef", "iqn.2026-11.com.example"]
)
def test_iscsi_names_pass(name: str) -> None:
    assert target_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "store1",
        "iqn.2026-11.com.example:Store1",
        "iqn.2026-11.com.example:a/../b",
        "iqn.26-1.x",
        "",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ModelStoreError, match="an iSCSI name"):
        target_name(name)
