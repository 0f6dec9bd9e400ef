# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Names of volumes that everybody can work out beforehand.

The unit serial of a volume's backstore is the name-based UUID (RFC 4122, version 5) of
``<target IQN>/<volume>``. LIO makes the NAA identifier from it: ``6001405`` (NAA 6 and the
IEEE company identifier of LIO) and the first 25 hexadecimal digits of the serial
(``spc_gen_naa_6h_vendor_specific`` in the kernel's target_core_spc.c). udev and multipath put
a ``3`` in front: NAA designator.
"""

from __future__ import annotations

import uuid
from functools import cache

LIO_NAA_PREFIX = "6001405"


def volume_wwn(target: str, volume: str) -> str:
    """The unit serial of a volume: a UUID that depends on nothing but the two names.

    >>> volume_wwn("iqn.2026-11.com.example:store1", "gpu1")
    '280b50a7-db4a-5f0b-bf32-84145f727045'
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "%s/%s" % (target, volume)))


@cache
def wwid(wwn: str) -> str:
    """The WWID that initiators see for a LIO backstore with this unit serial.

    >>> wwid("11111111-2222-5333-8444-555555555555")
    '360014051111111122225333844455555'
    """
    digits = [digit for digit in wwn.lower() if digit in "0123456789abcdef"]
    return "3" + LIO_NAA_PREFIX + "".join(digits[:25]).ljust(25, "0")
