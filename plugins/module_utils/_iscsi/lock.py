# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The lock that iscsiadm takes around every change of its database (idbm_lock in its idbm.c)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Callable

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError

LOCK_FOLDER = "/run/lock/iscsi"

# Seconds for a command on records. iscsiadm waits 30 for the lock, some commands three times (a
# new iface); ended before, it could not say what it waited for.
COMMAND_TIMEOUT = 120.0

Lock = Callable[[], AbstractContextManager[None]]


@contextmanager
def database_lock(folder: str = LOCK_FOLDER, timeout: float = 30.0) -> Iterator[None]:
    """Hold the lock: a hard link from ``lock`` to ``lock.write``, which only one can make.

    :param timeout: seconds to wait for it; iscsiadm waits as long.
    """
    lock, held = folder + "/lock", folder + "/lock.write"
    os.makedirs(folder, mode=0o770, exist_ok=True)
    os.close(os.open(lock, os.O_RDWR | os.O_CREAT, 0o666))
    deadline = time.monotonic() + timeout
    while True:
        try:
            os.link(lock, held)
            break
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise ModelStoreError(
                    "lock of the iSCSI record database (%s)" % held,
                    "it held by another for %g s" % timeout,
                    "it to be free",
                    "If no iscsiadm runs (pgrep iscsiadm), one was killed and left it behind: "
                    "remove %s, then run again." % held,
                ) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        os.unlink(held)
