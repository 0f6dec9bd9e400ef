# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.session.verdict import verdict


@pytest.mark.parametrize(
    ("line", "happened"),
    [
        (
            "session 1 login rejected: Initiator failed authentication with target",
            "does not accept its CHAP credentials",
        ),
        (
            "connection1:0 login rejected: initiator failed authorization with target",
            "no ACL for this initiator",
        ),
        (
            "Login authentication failed with target iqn.2026-11.com.example:store1",
            "could not prove itself",
        ),
    ],
)
def test_each_message_of_iscsid_has_its_own_reason(line: str, happened: str) -> None:
    found = verdict("iscsid: started\n" + line + "\nConnection1:0 is operational\n")
    assert found is not None
    assert happened in found.happened


def test_the_last_message_counts() -> None:
    found = verdict("failed authentication with target\nfailed authorization with target\n")
    assert found is not None
    assert "ACL" in found.happened


def test_silence_gives_no_reason() -> None:
    assert verdict("Connection1:0 is operational now\n") is None
