# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Texts of open-iscsi and the kernel as data."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import Chap

AUTH = "node.session.auth."
CREDENTIAL_KEYS = (
    AUTH + "username",
    AUTH + "password",
    AUTH + "username_in",
    AUTH + "password_in",
)

# udev and multipath write the designator type as the first digit of a WWID (scsi_id).
_WWID_TYPES = {"t10.": "1", "eui.": "2", "naa.": "3"}


def key_values(text: str) -> dict[str, str]:
    """The ``key = value`` lines of a record or of iscsid.conf."""
    values = {}
    for line in text.splitlines():
        key, separator, value = line.partition(" = ")
        if separator and not key.lstrip().startswith("#"):
            values[key.strip()] = value.strip()
    return values


def record_values(text: str) -> dict[str, str] | None:
    """The keys of a whole record; None when the file was cut off (a full disk, a power cut).

    iscsiadm writes no line for an empty value, and always the closing line.
    """
    values = key_values(text)
    whole = text.startswith("# BEGIN RECORD") and text.rstrip().endswith("# END RECORD")
    return values if whole and values.get("node.name") else None


def chap_of(values: Mapping[str, str]) -> Chap:
    """The credentials of a record or of iscsid.conf."""
    username, password, username_in, password_in = (values.get(k, "") for k in CREDENTIAL_KEYS)
    return Chap(username, Secret(password), username_in, Secret(password_in))


def portal_folder(name: str) -> tuple[str, int, int | None] | None:
    """Address, port and tag from a name in ``nodes/<target>``; None when it is not one.

    >>> portal_folder("fd00::1,3260,1")
    ('fd00::1', 3260, 1)
    >>> portal_folder("10.0.0.1,3260")
    ('10.0.0.1', 3260, None)
    """
    match = re.fullmatch(r"([^,]+),(\d+)(?:,(\d+))?", name)
    if not match:
        return None
    tag = match.group(3)
    return match.group(1), int(match.group(2)), None if tag is None else int(tag)


def version(text: str) -> tuple[int, ...]:
    """From ``iscsiadm --version``; empty when there is no number in it.

    >>> version("iscsiadm version 2.1.8")
    (2, 1, 8)
    """
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def initiator_name(text: str) -> str | None:
    """From initiatorname.iscsi; None when it holds none."""
    match = re.search(r"^\s*InitiatorName\s*=\s*(\S+)", text, re.MULTILINE)
    return match.group(1) if match else None


def wwid(text: str) -> str:
    """The WWID that udev and multipath make of sysfs' ``wwid``; empty when it is of no known type.

    >>> wwid("naa.60014051111111122225333844455555")
    '360014051111111122225333844455555'
    """
    designator = text.strip()
    kind = _WWID_TYPES.get(designator[:4])
    return kind + designator[4:] if kind else ""
