# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.settings import (
    canonical_settings,
)


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("node.session.queue_depth", 64, "64"),
        ("node.session.queue_depth", "064", "64"),
        ("node.session.cmds_max", 2048, "2048"),
        ("node.session.timeo.replacement_timeout", -1, "-1"),
        ("node.session.xmit_thread_priority", -20, "-20"),
        ("node.session.reopen_max", 0, "0"),
        ("node.session.err_timeo.lu_reset_timeout", 20, "20"),
        ("node.session.iscsi.FastAbort", False, "No"),
        ("node.session.iscsi.ImmediateData", True, "Yes"),
        ("node.session.iscsi.InitialR2T", "No", "No"),
        ("node.conn[0].iscsi.MaxXmitDataSegmentLength", 0, "0"),
        ("node.conn[0].iscsi.HeaderDigest", "CRC32C,None", "CRC32C,None"),
    ],
)
def test_values_are_written_as_a_record_has_them(key: str, value: Any, stored: str) -> None:
    assert canonical_settings({key: value}) == {key: stored}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node.session.queue_depth", "abc"),
        ("node.session.queue_depth", True),
        ("node.session.queue_depth", 1025),
        ("node.session.cmds_max", 100),
        ("node.session.cmds_max", 4096),
        ("node.session.timeo.replacement_timeout", -2),
        ("node.session.xmit_thread_priority", -21),
        ("node.session.reopen_max", -1),
        ("node.session.err_timeo.abort_timeout", "fast"),
        ("node.conn[0].timeo.logout_timeout", 0),
        ("node.session.iscsi.FirstBurstLength", 511),
        ("node.session.iscsi.MaxBurstLength", 16777216),
        ("node.conn[0].iscsi.HeaderDigest", None),
        ("node.conn[0].iscsi.HeaderDigest", "crc32c"),
        ("node.session.scan", True),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(key: str, value: Any) -> None:
    with pytest.raises(ModelStoreError, match=r"expected (one of|a whole number|a power of two)"):
        canonical_settings({key: value})


@pytest.mark.parametrize("key", ["node.session.auth.password", "node.startup", "queue_depth"])
def test_keys_that_are_no_parameters_are_refused(key: str) -> None:
    with pytest.raises(ModelStoreError, match="Correct the key"):
        canonical_settings({key: "x"})


def test_a_first_burst_longer_than_the_largest_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="at most"):
        canonical_settings(
            {
                "node.session.iscsi.FirstBurstLength": 262144,
                "node.session.iscsi.MaxBurstLength": 65536,
            }
        )
