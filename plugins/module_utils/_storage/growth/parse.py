# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What the tools of XFS and multipath print."""

from __future__ import annotations

import re

# The line of the data section in what xfs_growfs and xfs_info print.
_DATA = re.compile(r"^data\s+=\s+bsize=(\d+)\s+blocks=(\d+),", re.MULTILINE)


def parse_geometry(text: str) -> tuple[int, int] | None:
    """Bytes of a block and the number of blocks; None when the text is something else.

    >>> parse_geometry("data     =           bsize=4096   blocks=81920, imaxpct=25")
    (4096, 81920)
    """
    found = _DATA.search(text)
    return (int(found[1]), int(found[2])) if found else None
