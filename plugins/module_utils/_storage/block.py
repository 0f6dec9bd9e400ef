# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Block devices in sysfs."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import FileSystem

BLOCK = "/sys/block"
SECTOR = 512  # the unit of the file size, whatever the device's own sectors are


def attribute(fs: FileSystem, path: str) -> str:
    """One attribute; empty when the device just went, has none or does not answer."""
    try:
        return fs.read(path).strip()
    except OSError:
        return ""


def disk_name(fs: FileSystem, device: str) -> str:
    """The kernel's name of the whole disk or the map behind a path.

    :raises ModelStoreError: there is none.
    """
    name = fs.realpath(device).rpartition("/")[2]
    if not fs.exists("%s/%s" % (BLOCK, name)):
        raise ModelStoreError(
            "device %s" % device,
            "no whole disk or map at this path",
            "a disk or a multipath map",
            "Look at 'ls -l /dev/disk/by-id' on this host.",
        )
    return name
