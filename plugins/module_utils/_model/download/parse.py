# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The record of verified files, and what the clients say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import Verified


def parse_record(text: str) -> dict[str, Verified]:
    """The last line of each file; lines that a killed run left unfinished are passed by."""
    record: dict[str, Verified] = {}
    for line in text.splitlines():
        try:
            data = json.loads(line)
            record[str(data["place"])] = Verified(
                int(data["size"]), int(data["mtime"]), str(data["sha256"])
            )
        except (ValueError, TypeError, KeyError):
            continue
    return record


def format_line(place: str, verified: Verified) -> str:
    """A line of the record."""
    return json.dumps({"place": place, **asdict(verified)}, sort_keys=True) + "\n"


def parse_answer(stdout: str) -> Mapping[str, Any]:
    """What the program that runs the client said at last; nothing when it was killed."""
    for line in reversed(stdout.splitlines()):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            return answer
    return {}
