# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The service iscsid."""

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Runner

# Either of the two answers: the socket starts iscsid on demand.
_UNITS = ["iscsid.socket", "iscsid.service"]


def iscsid_answers(runner: Runner) -> bool:
    """Whether iscsiadm finds an iscsid; without one new records get compiled-in defaults."""
    return (
        runner.available("systemctl")
        and runner.run(["systemctl", "is-active", "--quiet", *_UNITS]).returncode == 0
    )


def start_iscsid(runner: Runner) -> None:
    """Let systemd listen for iscsiadm."""
    completed = runner.run(["systemctl", "start", "iscsid.socket"])
    if completed.returncode != 0:
        raise ModelStoreError(
            "unit iscsid.socket",
            completed.stderr.strip() or "exit code %d" % completed.returncode,
            "it to start",
            "Look at 'systemctl status iscsid.socket' and 'journalctl -u iscsid.socket'.",
        )


def no_iscsid(what: str, messages: str) -> ModelStoreError:
    """The error for a new record that iscsid did not tell the defaults of.

    :param messages: what iscsiadm said when it made the record.
    """
    return ModelStoreError(
        what,
        "no iscsid to tell the defaults of new records (%s)" % messages.splitlines()[-1],
        "iscsid to answer",
        "Look at 'systemctl status iscsid.socket iscsid.service' and 'journalctl -u iscsid'.",
    )
