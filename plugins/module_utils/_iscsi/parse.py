# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Texts of open-iscsi and the kernel as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import Chap

AUTH = "node.session.auth."
DISCOVERY_AUTH = "discovery.sendtargets.auth."
_CREDENTIALS = ("username", "password", "username_in", "password_in")

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
    """The keys of a whole node record; None when the file was cut off (a full disk, a power cut)."""
    values = whole_record(text)
    return values if values and values.get("node.name") else None


def whole_record(text: str) -> dict[str, str] | None:
    """The keys of a record of any kind; None when the file was cut off.

    iscsiadm writes no line for an empty value, and always the closing line.
    """
    whole = text.startswith("# BEGIN RECORD") and text.rstrip().endswith("# END RECORD")
    return key_values(text) if whole else None


def credential_keys(prefix: str) -> tuple[str, ...]:
    """The keys of names and secrets in a record, in the order of :class:`Chap`."""
    return tuple(prefix + key for key in _CREDENTIALS)


def chap_of(values: Mapping[str, str], prefix: str = AUTH) -> Chap:
    """The credentials of a record or of iscsid.conf."""
    username, password, username_in, password_in = (
        values.get(key, "") for key in credential_keys(prefix)
    )
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


def unit_start(text: str) -> tuple[bool, float | None]:
    """Whether a unit is active, and since when its main process runs (seconds since the epoch).

    >>> unit_start("ExecMainStartTimestamp=Sun 2026-11-22 10:00:00.500000 UTC\\nActiveState=active\\n")
    (True, 1795341600.5)
    """
    return "ActiveState=active" in text.splitlines(), unit_time(text, "ExecMainStartTimestamp")


def unit_time(text: str, name: str) -> float | None:
    """A time that ``systemctl show --timestamp=us+utc`` tells (seconds since the epoch).

    >>> unit_time("StateChangeTimestamp=Sun 2026-11-22 10:00:00.500000 UTC", "StateChangeTimestamp")
    1795341600.5
    """
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    match = re.search(
        r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{6})?) UTC",
        values.get(name, ""),
    )
    if not match:
        return None
    return datetime.fromisoformat(match.group(1)).replace(tzinfo=timezone.utc).timestamp()


def wwid(text: str) -> str:
    """The WWID that udev and multipath make of sysfs' ``wwid``; empty when it is of no known type.

    >>> wwid("naa.60014051111111122225333844455555")
    '360014051111111122225333844455555'
    """
    designator = text.strip()
    kind = _WWID_TYPES.get(designator[:4])
    return kind + designator[4:] if kind else ""
