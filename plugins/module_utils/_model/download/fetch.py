# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Fetch one file with its hub's own client.

This one file is also the program that runs in the clients' virtual environment, as the owner of the
volume. It imports nothing of the collection. The job is in the environment, as JSON without secrets;
what went wrong is said in the last line of stdout, as JSON.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

JOB = "MODELSTORE_JOB"

_BROKEN_OFF = {"RequestException", "ConnectionError", "NetworkError", "TimeoutError"}
_SHORT = "Consistency check failed"  # how huggingface_hub calls a transfer that is too short

_FRUITLESS = 5  # transfers in a row that broke off before the client had kept more of the file


def main() -> int:
    """Do the job.

    :returns: the exit code: 0 when the file is there.
    """
    job = json.loads(os.environ[JOB])
    fruitless, before = 0, arrived(job["folder"])
    while True:
        try:
            _fetch(job)
        except Exception as error:  # noqa: BLE001 - told by its kind
            kept = arrived(job["folder"])
            fruitless, before = (0 if kept > before else fruitless + 1), kept
            # The client goes on where it ended. A hub that does not answer it tries often enough.
            if _broke_off(error) and fruitless < _FRUITLESS:
                time.sleep(1 + fruitless)
                continue
            sys.stdout.write("\n%s\n" % json.dumps(explain(error)))
            return 1
        return 0


def arrived(folder: str) -> int:
    """Bytes that the client has kept of the file; what it notes beside it is small."""
    sizes = [0]
    for path, _folders, names in os.walk(folder):
        for name in names:
            # A client renames its files while this looks at them.
            with contextlib.suppress(FileNotFoundError):
                sizes.append(os.lstat(os.path.join(path, name)).st_size)
    return max(sizes)


def explain(error: BaseException) -> dict[str, Any]:
    """What kind of failure it is: ``problem``, the HTTP ``status`` and the client's ``text``.

    A client's exception often has the one that tells as its cause.
    """
    chain = list(_chain(error))
    status = next((code for code in map(_status, chain) if code), None)
    numbers = {one.errno for one in chain if isinstance(one, OSError)}
    names = {name for one in chain for name in _names(one)}
    if numbers & {errno.ENOSPC, errno.EDQUOT}:
        problem = "no space"
    elif status in (401, 403):
        problem = "refused"
    elif status in (404, 410):
        problem = "not found"
    elif status and status >= 400:
        problem = "failed"
    elif names & {"FileIntegrityError"}:
        problem = "different"
    elif names & {"ImportError"}:
        problem = "no client"
    elif names & {"FileMetadataError"}:
        problem = "no hub"
    elif names & _BROKEN_OFF or any(_SHORT in str(one) for one in chain):
        problem = "unreachable"
    else:
        problem = "unknown"
    return {"problem": problem, "status": status, "text": _clean("%s: %s" % (_kind(error), error))}


def _fetch(job: Mapping[str, Any]) -> None:
    if job["hub"] == "modelscope":
        _from_modelscope(job)
    else:
        _from_huggingface(job)


def _from_huggingface(job: Mapping[str, Any]) -> None:
    from huggingface_hub import hf_hub_download

    # The token and the mirror are in the environment.
    hf_hub_download(
        job["repository"], job["path"], revision=job["revision"], local_dir=job["folder"]
    )


def _from_modelscope(job: Mapping[str, Any]) -> None:
    from modelscope_hub import HubApi

    HubApi().download_file(
        job["repository"],
        "model",
        job["path"],
        revision=job["revision"],
        local_dir=job["folder"],
        expected_sha256=job["sha256"],
        file_size=job["size"],
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _broke_off(error: BaseException) -> bool:
    chain = list(_chain(error))
    names = {name for one in chain for name in _names(one)}
    return "ChunkedEncodingError" in names or any(_SHORT in str(one) for one in chain)


def _status(error: BaseException) -> int | None:
    for holder in (getattr(error, "response", None), error):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _clean(text: str) -> str:
    """A text without what may give access: signed queries, and users with passwords in URLs."""
    text = re.sub(r"(https?://)[^/\s@]*@", r"\1", text)
    text = re.sub(r"(https?://[^\s?]*)\?\S*", r"\1?...", text)
    return re.sub(r"(/[^\s?]*)\?[^\s)]*", r"\1?...", text)[:2000]


def _end_with(parent: int) -> None:
    """End when the module has ended: nobody would put in place what is fetched."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    watched = json.loads(os.environ[JOB])["parent"]
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
    raise SystemExit(main())
