# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Block devices in sysfs."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem

BLOCK = "/sys/block"
SECTOR = 512  # the unit of the file size, whatever the device's own sectors are


def attribute(fs: FileSystem, path: str) -> str:
    """One attribute; empty when the device just went, has none or does not answer."""
    try:
        return fs.read(path).strip()
    except OSError:
        return ""
