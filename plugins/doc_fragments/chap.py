# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CHAP credentials in the records of open-iscsi."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  chap_username:
    description:
      - Name that this initiator proves itself with, up to 255 ASCII characters.
      - Without it CHAP is taken out of the records.
    type: str
  chap_password:
    description:
      - Secret that this initiator proves itself with - 12 to 16 ASCII characters without a blank at
        the ends.
      - RFC 7143 asks for 96 bits at least, and some targets take no more than 16 characters.
    type: str
  chap_mutual_username:
    description:
      - Name that the target proves itself with, up to 255 ASCII characters.
      - Without it mutual CHAP is taken out of the records.
    type: str
  chap_mutual_password:
    description:
      - Secret that the target proves itself with. Rules as for O(chap_password), and it must be
        another one.
    type: str
  chap_algorithms:
    description:
      - Digests offered for CHAP, the preferred one first. LIO takes the first one that it knows.
      - Without it the records keep what they have (open-iscsi's default is V(MD5)).
    type: list
    elements: str
    choices: [MD5, SHA1, SHA256, SHA3-256]
"""
