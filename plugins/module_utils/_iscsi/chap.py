# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""CHAP credentials: as options, as a part of a step, and in the text of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.chap import secret_fault
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Secret
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.parse import (
    credential_keys,
)


def desired_chap(params: Mapping[str, Any]) -> Chap:
    """Check the CHAP options of a module. No credentials asked for means that none should be there."""
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
        if secret and secret_fault(secret):
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


def chap_arguments(chap: Chap) -> dict[str, Any]:
    """The credentials as arguments of a step."""
    arguments = {"username": chap.username, "password": chap.password}
    if not chap.mutual_username:
        return arguments
    return {
        **arguments,
        "mutual_username": chap.mutual_username,
        "mutual_password": chap.mutual_password,
    }


def chap_of_action(action: Action) -> Chap:
    """The credentials that a step sets."""
    parts = ("username", "password", "mutual_username", "mutual_password")
    return Chap(**{part: action.arguments[part] for part in parts if part in action.arguments})


def with_chap(text: str, chap: Chap, prefix: str) -> str:
    """The text of a record with these credentials in place of its own.

    :param prefix: what the keys begin with; node and discovery records have different ones.
    """
    method, keys = prefix + "authmethod", credential_keys(prefix)
    values = (
        chap.username,
        chap.password.value,
        chap.mutual_username,
        chap.mutual_password.value,
    )
    # iscsiadm expects no line for an empty value.
    ours = ["%s = %s" % (method, chap.method)]
    ours += ["%s = %s" % pair for pair in zip(keys, values) if pair[1]]
    kept = [line for line in text.splitlines() if line.partition(" = ")[0] not in (method, *keys)]
    end = kept.index("# END RECORD")
    return "\n".join([*kept[:end], *ours, *kept[end:]]) + "\n"


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
