# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The exit codes of iscsiadm: what happened, and what to do.

Names and numbers are those of open-iscsi's include/iscsi_err.h.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed

IDBM = 6
INVALID = 7
NO_TRANSPORT = 12
SESSION_EXISTS = 15
FATAL_LOGIN = 19
NOT_FOUND = 21
AUTH_FAILED = 24
# What a login can end with that one of the two sides refused.
REFUSALS = (5, 8, FATAL_LOGIN, AUTH_FAILED)
# The portal cannot be reached, or stopped answering.
NO_CONNECTION = (4, 8, 11)


class ExitCode(NamedTuple):
    """One exit code."""

    name: str
    happened: str
    advice: str


_NETWORK = (
    "Check that the storage network is up, that the target server listens on the portal and that "
    "no firewall is between."
)
_ISCSID = "Look at 'systemctl status iscsid.socket iscsid.service' and 'journalctl -u iscsid'."
_DATABASE = (
    "Look at the files under /etc/iscsi/nodes or /var/lib/iscsi/nodes, and for a stale "
    "/run/lock/iscsi/lock.write."
)
_REPORT = "This is not expected here: run the command by hand with '-d 3' and look at its messages."
_USE = "Look for what uses the session's disks: mounts, multipath maps, volume groups."

EXIT_CODES = {
    1: ExitCode("ISCSI_ERR", "an error without a kind", _REPORT),
    2: ExitCode("SESS_NOT_FOUND", "no such session", "It ended meanwhile: run again."),
    3: ExitCode(
        "NOMEM",
        "no memory left, or no record of the iface that was named",
        "Make the iface record first (tts.modelstore.iscsi_iface); else free memory on this host.",
    ),
    4: ExitCode("TRANS", "the connection to the portal failed", _NETWORK),
    5: ExitCode("LOGIN", "the login failed", _ISCSID),
    6: ExitCode("IDBM", "the record database could not be read or locked", _DATABASE),
    7: ExitCode("INVAL", "an argument that this version does not accept", _REPORT),
    8: ExitCode("TRANS_TIMEOUT", "the portal did not answer in time", _NETWORK),
    9: ExitCode("INTERNAL", "an internal error", _REPORT),
    10: ExitCode("LOGOUT", "the logout failed", _ISCSID),
    11: ExitCode("PDU_TIMEOUT", "the target stopped answering in the middle of it", _NETWORK),
    12: ExitCode(
        "TRANS_NOT_FOUND",
        "the kernel has no such iSCSI transport",
        "Load the module iscsi_tcp (modprobe iscsi_tcp); it comes with the kernel package.",
    ),
    13: ExitCode("ACCESS", "permission denied", "Run as root (become: true)."),
    14: ExitCode("TRANS_CAPS", "something that the transport cannot do", _REPORT),
    15: ExitCode("SESS_EXISTS", "a session that is there already", "End the session first."),
    16: ExitCode("INVALID_MGMT_REQ", "a request that iscsid does not accept", _ISCSID),
    17: ExitCode("ISNS_UNAVAILABLE", "no iSNS server", "Check the iSNS server."),
    18: ExitCode("ISCSID_COMM_ERR", "the talk with iscsid broke off", _ISCSID),
    19: ExitCode(
        "FATAL_LOGIN",
        "the target refused the login for good (no such target there, or no setting in common)",
        "Compare the target's name, and settings such as digests, with those on the target server.",
    ),
    20: ExitCode("ISCSID_NOTCONN", "iscsid could not be reached", _ISCSID),
    21: ExitCode("NO_OBJS_FOUND", "no such record or session", "Create the node record first."),
    22: ExitCode("SYSFS_LOOKUP", "an object missing in sysfs", "It ended meanwhile: run again."),
    23: ExitCode("HOST_NOT_FOUND", "no such iSCSI host", _REPORT),
    24: ExitCode(
        "LOGIN_AUTH_FAILED",
        "the target refused this initiator",
        "Check the CHAP credentials on both sides, and that the target has an ACL for this "
        "initiator name.",
    ),
    25: ExitCode("ISNS_QUERY", "the iSNS query failed", "Check the iSNS server."),
    26: ExitCode("ISNS_REG_FAILED", "the iSNS registration failed", "Check the iSNS server."),
    27: ExitCode("OP_NOT_SUPP", "an operation that is not supported", _REPORT),
    28: ExitCode("BUSY", "the session is in use", _USE),
    29: ExitCode("AGAIN", "busy for the moment", "Run again."),
    30: ExitCode("UNKNOWN_DISCOVERY_TYPE", "an unknown kind of discovery", _REPORT),
    31: ExitCode("CHILD_TERMINATED", "a child process of iscsiadm was ended", "Run again."),
    32: ExitCode("SESSION_NOT_CONNECTED", "the session is not connected", _NETWORK),
    33: ExitCode("REQ_TIMEDOUT", "iscsid did not answer the request in time", _ISCSID),
}
_UNKNOWN = ExitCode("unknown", "an exit code that open-iscsi does not document", _REPORT)

_NO_LOCK = "Timeout on acquiring lock"


def failure(
    what: str,
    completed: Completed,
    expected: str,
    *,
    happened: str | None = None,
    advice: str | None = None,
) -> ModelStoreError:
    """The error for an iscsiadm command that failed.

    :param happened: what is known beyond the exit code; goes in place of its text.
    :param advice: the same for what to do.
    """
    code = EXIT_CODES.get(completed.returncode, _UNKNOWN)
    # Without the lock iscsiadm can go on, and end with the code of whatever it could not read.
    told = EXIT_CODES[IDBM] if _NO_LOCK in completed.stderr else code
    return ModelStoreError(
        what,
        "%s (iscsiadm: exit code %d, %s)"
        % (happened or told.happened, completed.returncode, code.name),
        expected,
        advice or told.advice,
        {"exit_code": completed.returncode, "stderr": completed.stderr.strip()},
    )
