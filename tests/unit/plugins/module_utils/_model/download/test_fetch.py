# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that runs a client: what it makes of its failures, and when it tries again."""

from __future__ import annotations

import errno
import json

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._model.download import fetch
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import Verified
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.parse import (
    format_line,
    parse_answer,
    parse_record,
)


class Answer:
    def __init__(self, status):
        self.status_code = status


class RequestException(OSError):
    """As requests' own, which is an OSError without a number."""

    def __init__(self, text, response=None):
        super().__init__(text)
        self.response = response


class ChunkedEncodingError(RequestException):
    pass


class FileMetadataError(OSError):
    pass


class FileIntegrityError(Exception):
    pass


class APIError(Exception):
    def __init__(self, status):
        super().__init__("the hub's own words")
        self.status_code = status


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "problem", "status"),
    [
        (RequestException("x", Answer(401)), "refused", 401),
        (RequestException("x", Answer(403)), "refused", 403),
        (RequestException("x", Answer(404)), "not found", 404),
        (RequestException("x", Answer(502)), "failed", 502),
        (APIError(404), "not found", 404),
        (caused(ValueError("not in the cache"), RequestException("x", Answer(503))), "failed", 503),
        (caused(ValueError("not in the cache"), RequestException("refused")), "unreachable", None),
        (OSError(errno.ENOSPC, "No space left"), "no space", None),
        (caused(RuntimeError(), OSError(errno.EDQUOT, "quota")), "no space", None),
        (ChunkedEncodingError("broken"), "unreachable", None),
        (OSError("Consistency check failed: file should be of size 3"), "unreachable", None),
        (ModuleNotFoundError("No module named 'huggingface_hub'"), "no client", None),
        (FileMetadataError("no ETag"), "no hub", None),
        (FileIntegrityError("Hash mismatch"), "different", None),
        (ValueError("something"), "unknown", None),
    ],
)
def test_failures_are_told_apart(error, problem, status):
    answer = fetch.explain(error)
    assert (answer["problem"], answer["status"]) == (problem, status)


def test_nothing_that_gives_access_is_passed_on():
    text = fetch.explain(
        ValueError(
            "HTTPSConnectionPool(host='s3', port=443): url: /a/b?X-Amz-Signature=deadbeef (Caused), "
            "https://me:secret@mirror/x and https://cdn/file?Policy=abc&Signature=def end"
        )
    )["text"]
    for secret in ("deadbeef", "secret", "Policy", "def"):
        assert secret not in text
    assert "/a/b?..." in text and "https://mirror/x" in text and "end" in text


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setenv(
        fetch.JOB,
        json.dumps({"hub": "huggingface", "folder": str(tmp_path)}),
    )
    monkeypatch.setattr(fetch.time, "sleep", lambda seconds: None)
    return tmp_path


def scripted(monkeypatch, results):
    """A client that fails as it is told to, or writes so many bytes before that."""
    calls = []

    def run(job):
        result = results[len(calls)]
        calls.append(job)
        if callable(result):
            result()
        elif result:
            raise result

    monkeypatch.setattr(fetch, "_fetch", run)
    return calls


def test_a_transfer_that_broke_off_goes_on_as_long_as_it_brings_something(job, monkeypatch):
    def bring_some():
        with (job / "file.incomplete").open("ab") as stream:
            stream.write(b"some")
        raise ChunkedEncodingError("broken")

    calls = scripted(monkeypatch, [bring_some] * 20 + [None])
    assert fetch.main() == 0
    assert len(calls) == 21


def test_a_transfer_that_brings_nothing_ends(job, monkeypatch, capsys):
    calls = scripted(monkeypatch, [ChunkedEncodingError("broken")] * 20)
    assert fetch.main() == 1
    assert len(calls) == 5
    assert parse_answer(capsys.readouterr().out)["problem"] == "unreachable"


def test_a_refusal_is_not_tried_again(job, monkeypatch, capsys):
    calls = scripted(monkeypatch, [RequestException("x", Answer(401))] * 2)
    assert fetch.main() == 1
    assert len(calls) == 1
    assert parse_answer(capsys.readouterr().out)["status"] == 401


def test_the_last_answer_counts_and_noise_is_passed_by():
    assert parse_answer('noise\n{"problem": "a"}\n{"problem": "b"}\nmore [\n[1]\n') == {
        "problem": "b"
    }
    assert parse_answer("") == {}


def test_the_record_keeps_the_last_line_of_each_file():
    one, two = Verified(1, 2, "a"), Verified(3, 4, "b")
    text = format_line("x", one) + '{"place": "x", "si\n' + format_line("x", two) + "[]\n"
    assert parse_record(text) == {"x": two}
