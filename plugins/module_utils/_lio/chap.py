# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""CHAP credentials: checked before anything is touched, and set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tts.modelstore.plugins.module_utils._core.chap import secret_fault
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._lio.model import NO_SECRET, Chap


def desired_chap(what: str, options: Mapping[str, Any]) -> Chap:
    """The credentials among a module's options.

    :param what: whom they belong to, for messages.
    :raises ModelStoreError: LIO or an initiator would not take them, or they are not safe.
    """
    chap = Chap(
        options["chap_username"] or "",
        Secret(options["chap_password"] or ""),
        options["chap_mutual_username"] or "",
        Secret(options["chap_mutual_password"] or ""),
    )
    for prefix, username, password in (
        ("chap", chap.username, chap.password.value),
        ("chap_mutual", chap.mutual_username, chap.mutual_password.value),
    ):
        if bool(username) != bool(password):
            raise _chap_error(what, "only one of %s_username and %s_password" % (prefix, prefix))
        if username:
            _check_username(what, prefix, username)
            _check_password(what, prefix, password)
    if chap.is_mutual and not chap.is_set:
        raise _chap_error(what, "mutual credentials without the initiator's own")
    if chap.is_mutual and chap.password == chap.mutual_password:
        raise _chap_error(what, "the same secret in both directions")
    return chap


def chap_arguments(chap: Chap) -> dict[str, Any]:
    """The credentials that are set, as arguments of a step."""
    arguments: dict[str, Any] = {}
    if chap.is_set:
        arguments.update(username=chap.username, password=chap.password)
    if chap.is_mutual:
        arguments.update(mutual_username=chap.mutual_username, mutual_password=chap.mutual_password)
    return arguments


def set_credentials(node: Any, prefix: str, arguments: Mapping[str, Any]) -> None:
    """Set what :func:`chap_arguments` gave on an object of rtslib, and clear the others.

    :param prefix: of the object's attributes.
    """
    # rtslib clears a credential that is set to an empty string. The password goes first: an old
    # secret never works for a new name.
    for attribute, value in (
        ("password", arguments.get("password", NO_SECRET).value),
        ("userid", arguments.get("username", "")),
        ("mutual_password", arguments.get("mutual_password", NO_SECRET).value),
        ("mutual_userid", arguments.get("mutual_username", "")),
    ):
        if getattr(node, prefix + attribute) != value:
            setattr(node, prefix + attribute, value)


def _check_username(what: str, prefix: str, username: str) -> None:
    if username != username.strip() or "\n" in username or username.startswith("NULL"):
        raise _chap_error(
            what, "a %s_username with blanks at its ends, a line break or NULL" % prefix
        )
    if len(username) > 255:
        raise _chap_error(what, "a %s_username of more than 255 characters" % prefix)


def _check_password(what: str, prefix: str, password: str) -> None:
    fault = secret_fault(password)
    if password.startswith("NULL"):
        fault = fault or "that starts with NULL, which LIO takes for none"
    if fault:
        raise _chap_error(what, "a %s_password %s" % (prefix, fault))


def _chap_error(what: str, found: str) -> ModelStoreError:
    return ModelStoreError(
        what,
        found,
        "a user name and a secret of 12 to 16 ASCII characters for each direction that is used",
        "Choose random secrets, a different one for each direction.",
    )
