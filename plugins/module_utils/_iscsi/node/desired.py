# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What an iscsi_node task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_CHAP, Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.names import target_name
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node.settings import (
    canonical_settings,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import AUTH
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import (
    Portal,
    parse_portal,
)


@dataclass(frozen=True)
class DesiredNode:
    """The records of one target as they should be.

    :param values: keys and values that each record should have, secrets apart.
    :param settings: those of ``values`` that the user named under ``settings``.
    """

    target: str
    portals: tuple[Portal, ...]
    tpgt: int
    present: bool
    chap: Chap = NO_CHAP
    values: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()


def desired_node(params: Mapping[str, Any]) -> DesiredNode:
    """Check the options of the module."""
    if not 0 <= params["tpgt"] <= 65535:
        raise ModelStoreError(
            "tpgt",
            str(params["tpgt"]),
            "a number from 0 to 65535",
            "Take the tag of the target's portal group (LIO: 1 for tpg1).",
        )
    settings = canonical_settings(params["settings"])
    values = {"node.startup": params["startup"], **settings}
    if params["chap_algorithms"]:
        values[AUTH + "chap_algs"] = ",".join(params["chap_algorithms"])
    return DesiredNode(
        target=target_name(params["target"]),
        portals=tuple(dict.fromkeys(parse_portal(text) for text in params["portals"])),
        tpgt=params["tpgt"],
        present=params["state"] == "present",
        chap=_chap(params),
        values=values,
        settings=tuple(settings),
    )


def _chap(params: Mapping[str, Any]) -> Chap:
    username, password = params["chap_username"] or "", params["chap_password"] or ""
    mutual_username = params["chap_mutual_username"] or ""
    mutual_password = params["chap_mutual_password"] or ""
    if mutual_username and not username:
        raise ModelStoreError(
            "chap_mutual_username",
            "it without chap_username",
            "both",
            "A target proves itself only to an initiator that does so too.",
        )
    for option, name in (
        ("chap_username", username),
        ("chap_mutual_username", mutual_username),
    ):
        # iscsiadm strips blanks, and cuts values at 255 bytes.
        if name and (name != name.strip() or not _plain(name) or len(name) > 255):
            raise ModelStoreError(
                option,
                repr(name),
                "up to 255 printable ASCII characters without a blank at the ends",
                "Choose another name.",
            )
    for option, name, secret in (
        ("chap_password", username, password),
        ("chap_mutual_password", mutual_username, mutual_password),
    ):
        if bool(name) != bool(secret):
            raise ModelStoreError(
                option,
                "only one of user name and password",
                "both or none",
                "Set the other one too, or leave both out.",
            )
        if secret and not _good_secret(secret):
            raise ModelStoreError(
                option,
                "a secret of %d characters that does not fit" % len(secret),
                "12 to 16 printable ASCII characters without a blank at the ends",
                "Choose another secret; this is what all targets and initiators take.",
            )
    if password and password == mutual_password:
        raise ModelStoreError(
            "chap_mutual_password",
            "the same secret as chap_password",
            "another one",
            "Choose two secrets: with one, CHAP can be fooled by its own answers.",
        )
    return Chap(username, Secret(password), mutual_username, Secret(mutual_password))


def _good_secret(secret: str) -> bool:
    return 12 <= len(secret) <= 16 and secret == secret.strip() and _plain(secret)


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
