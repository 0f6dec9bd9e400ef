# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import (
    CommandTimeout,
    ModelStoreError,
)

PARTS = {
    "what": "backstore block/gpu1",
    "found": "/dev/vdb",
    "expected": "/dev/vdc",
    "hint": "Change its device.",
}


def test_the_text_names_object_finding_expectation_and_hint() -> None:
    assert str(ModelStoreError(**PARTS)) == (
        "backstore block/gpu1: found /dev/vdb, expected /dev/vdc. Change its device."
    )


def test_the_details_hold_the_parts_and_what_else_was_given() -> None:
    error = ModelStoreError(**PARTS, details={"exported_by": ["lun0"]})
    assert json.loads(json.dumps(error.to_details())) == {**PARTS, "exported_by": ["lun0"]}


def test_details_changed_by_the_caller_later_leave_the_error_alone() -> None:
    details = {"paths": 2}
    error = ModelStoreError(**PARTS, details=details)
    details["paths"] = 1
    assert error.details == {"paths": 2}


def test_a_timeout_is_caught_as_an_error_of_the_family() -> None:
    assert isinstance(CommandTimeout(**PARTS), ModelStoreError)
