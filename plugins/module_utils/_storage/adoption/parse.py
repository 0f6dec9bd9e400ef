# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The record of what was copied and verified: one line of JSON for each file."""

from __future__ import annotations

import json

from ansible_collections.tts.modelstore.plugins.module_utils._storage.adoption.model import Copied


def format_line(path: str, copied: Copied) -> str:
    entry = {"path": path, "size": copied.size, "mtime": copied.mtime, "sha256": copied.sha256}
    return json.dumps(entry) + "\n"


def parse_record(text: str) -> dict[str, Copied]:
    """The record by path; of several lines for one file the last one counts.

    A line that is not whole was being written when a run was killed. Its file is copied again.
    """
    record = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            path = entry["path"]
            copied = Copied(int(entry["size"]), int(entry["mtime"]), str(entry["sha256"]))
        except (ValueError, TypeError, KeyError):
            continue
        record[path] = copied
    return record
