# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from pathlib import Path

import pytest
from _fakes.memory_fs import MemoryFileSystem
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Secret
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi import parse
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.database import (
    database_root,
    load_records,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.exit_codes import (
    EXIT_CODES,
    failure,
)
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.model import NO_RECORDS, Chap
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.portal import Portal

FIXTURES = Path(__file__).parents[3] / "fixtures" / "open-iscsi-2.1.8-debian12"
TARGET = "iqn.2026-11.com.example:store1"
NODES = f"/etc/iscsi/nodes/{TARGET}"


def fixture(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_a_record_with_chap_is_read_whole() -> None:
    fs = MemoryFileSystem({f"{NODES}/10.77.1.10,3260,1/default": fixture("record-chap")})
    (record,) = load_records(fs, "/etc/iscsi").records
    assert (record.target, record.portal, record.tpgt, record.iface) == (
        TARGET,
        Portal("10.77.1.10", 3260),
        1,
        "default",
    )
    assert record.chap == Chap(
        "gpu1", Secret("fixture-secret1"), "store1", Secret("fixture-secret2")
    )
    assert record.values["node.startup"] == "automatic"
    assert record.values["node.conn[0].timeo.login_timeout"] == "5"


def test_secrets_are_in_no_representation_of_a_record() -> None:
    fs = MemoryFileSystem({f"{NODES}/10.77.1.10,3260,1/default": fixture("record-chap")})
    assert "fixture-secret" not in repr(load_records(fs, "/etc/iscsi"))


def test_a_record_without_tag_is_a_file_of_its_own() -> None:
    fs = MemoryFileSystem({f"{NODES}/10.77.4.10,3260": fixture("record-without-tpgt")})
    (record,) = load_records(fs, "/etc/iscsi").records
    assert (record.portal, record.tpgt) == (Portal("10.77.4.10"), None)


def test_what_is_no_portal_in_the_folder_of_a_target_is_passed_over() -> None:
    fs = MemoryFileSystem({f"{NODES}/notes": "", f"{NODES}/10.77.1.10/default": ""})
    assert load_records(fs, "/etc/iscsi") == NO_RECORDS


@pytest.mark.parametrize("text", ["", fixture("record-truncated"), "\0" * 64])
def test_a_cut_off_record_is_reported_with_its_path(text: str) -> None:
    path = f"{NODES}/fd00::1,3260,1/default"
    found = load_records(MemoryFileSystem({path: text}), "/etc/iscsi")
    assert found.records == ()
    assert [(record.path, record.portal) for record in found.damaged] == [(path, Portal("fd00::1"))]


@pytest.mark.parametrize(
    ("files", "version", "root"),
    [
        (["/etc/iscsi/nodes/x"], "iscsiadm version 2.1.8", "/etc/iscsi"),
        (["/etc/iscsi/nodes/x"], "iscsiadm version 2.1.11", "/var/lib/iscsi"),
        (["/var/lib/iscsi/nodes/x"], None, "/var/lib/iscsi"),
        ([], "iscsiadm version 2.1.8", "/etc/iscsi"),
        ([], "iscsiadm version 2.1.9", "/etc/iscsi"),
        ([], "iscsiadm version 2.1.10", "/var/lib/iscsi"),
        ([], "iscsiadm version 6.2.1.9", "/var/lib/iscsi"),
        (
            ["/etc/iscsi/nodes/x", "/var/lib/iscsi/nodes/x"],
            "iscsiadm version 2.1.11",
            "/var/lib/iscsi",
        ),
    ],
)
def test_the_database_is_found(files: list[str], version: str | None, root: str) -> None:
    calls = [(["iscsiadm", "--version"], Completed(0, version))] if version else []
    with ScriptedRunner(*calls) as runner:
        assert database_root(runner, MemoryFileSystem(dict.fromkeys(files, ""))) == root


def test_a_host_without_open_iscsi_runs_nothing() -> None:
    with ScriptedRunner(missing=["iscsiadm"]) as runner:
        assert database_root(runner, MemoryFileSystem()) == "/etc/iscsi"


def test_the_version_is_read() -> None:
    assert parse.version(fixture("version")) == (2, 1, 8)
    assert parse.version("iscsiadm: unrecognized option '--version'") == ()


def test_a_whole_record_without_a_target_is_damaged() -> None:
    text = "# BEGIN RECORD 2.1.8\nnode.startup = manual\n# END RECORD\n"
    assert parse.record_values(text) is None


def test_comments_and_lines_without_a_value_are_no_settings() -> None:
    text = "# a = 1\n  # b = 2\nc =\n  d = x = y \nnode\n"
    assert parse.key_values(text) == {"d": "x = y"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("InitiatorName=iqn.2026-11.com.example:gpu1\n", "iqn.2026-11.com.example:gpu1"),
        ("## comment\nInitiatorName = iqn.x \n", "iqn.x"),
        ("#InitiatorName=iqn.x\n", None),
        ("GenerateName=yes\n", None),
    ],
)
def test_the_initiator_name_is_read(text: str, name: str | None) -> None:
    assert parse.initiator_name(text) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "ExecMainStartTimestamp=Sun 2026-11-22 10:00:00.500000 UTC\nActiveState=active\n",
            (True, 1795341600.5),
        ),
        (
            "ActiveState=inactive\nExecMainStartTimestamp=Sun 2026-11-22 10:00:00 UTC\n",
            (False, 1795341600.0),
        ),
        (
            "Environment=A=1 B=2\nExecMainStartTimestamp=Sun 2026-11-22 10:00:00 UTC\n",
            (False, 1795341600.0),
        ),
        ("ActiveState=active\nExecMainStartTimestamp=\n", (True, None)),
        ("", (False, None)),
    ],
)
def test_the_start_of_a_unit_is_read(text: str, told: tuple[bool, float | None]) -> None:
    assert parse.unit_start(text) == told


def test_the_time_of_a_unit_does_not_depend_on_the_time_zone_of_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-5")
        time.tzset()
        told = parse.unit_time("At=Sun 2026-11-22 10:00:00 UTC", "At")
    time.tzset()
    assert told == 1795341600.0


@pytest.mark.parametrize(
    ("text", "wwid"),
    [("naa.6001405abc\n", "36001405abc"), ("eui.0123\n", "20123"), ("", ""), ("\n", "")],
)
def test_sysfs_designators_become_wwids(text: str, wwid: str) -> None:
    assert parse.wwid(text) == wwid


def test_every_documented_exit_code_says_what_to_do() -> None:
    assert sorted(EXIT_CODES) == list(range(1, 34))
    assert all(code.advice.endswith(".") for code in EXIT_CODES.values())


def test_an_unknown_exit_code_is_shown() -> None:
    error = failure("login", Completed(255, "", "boom\n"), "a session")
    assert "exit code 255" in str(error)
    assert error.to_details()["stderr"] == "boom"
