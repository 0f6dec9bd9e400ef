# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""multipath_info as Ansible calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from _fakes.memory_fs import MemoryFileSystem
from _fakes.run_module import run_module
from _fakes.scripted_runner import ScriptedRunner
from ansible_collections.tts.modelstore.plugins.module_utils._core.runner import Completed
from ansible_collections.tts.modelstore.plugins.modules import multipath_info

FIXTURES = Path(__file__).parents[2] / "fixtures" / "multipath-tools-0.9.4-by-hand"
OURS = "36001405280b50a7db4a5f0bbf3284145"
FOREIGN = "3600a098038303053453f463045727654"
TARGET = "iqn.2026-11.com.example:store1"

ACTIVE = (["systemctl", "is-active", "--quiet", "multipathd.service"], Completed(0))
STOPPED = (ACTIVE[0], Completed(3))
MAPS = (["multipathd", "show", "maps", "json"], (FIXTURES / "show-maps.json").read_text())
CONFIG = (["multipathd", "show", "config"], (FIXTURES / "show-config").read_text())
SINCE = (
    [
        *["systemctl", "show", "--timestamp=us+utc", "--property", "StateChangeTimestamp"],
        "multipathd.service",
    ],
    "StateChangeTimestamp=Sun 2026-11-22 10:00:00.500000 UTC\n",
)
ANSWERS = [ACTIVE, *((argv, Completed(0, text)) for argv, text in (MAPS, CONFIG, SINCE))]


def disk(name, wwid):
    return {
        f"/sys/block/{name}/device/wwid": f"naa.{wwid[1:]}\n",
        f"/sys/block/{name}/device/state": "running\n",
    }


def session(sid, address, name):
    """A session that brings one disk."""
    folder = f"/sys/devices/platform/host{sid}/session{sid}"
    scsi = f"{folder}/target{sid}:0:0/{sid}:0:0:0"
    files = {
        f"/sys/class/iscsi_session/session{sid}/targetname": TARGET,
        f"/sys/class/iscsi_session/session{sid}/state": "LOGGED_IN",
        f"/sys/class/iscsi_connection/connection{sid}:0/persistent_address": address,
        f"/sys/class/iscsi_connection/connection{sid}:0/persistent_port": "3260",
        f"{scsi}/wwid": f"naa.{OURS[1:]}",
        f"{scsi}/block/{name}/size": "4194304",
    }
    return files, {f"/sys/class/iscsi_session/session{sid}/device": folder}


@pytest.fixture
def fs(monkeypatch):
    files = MemoryFileSystem(
        {
            "/sys/block/dm-0/size": "4194304\n",
            "/sys/block/vda/size": "1",
            **disk("sda", OURS),
            **disk("sdb", OURS),
            **disk("sdc", OURS),
            **disk("sdd", FOREIGN),
        }
    )
    for number, name in ((1, "sda"), (2, "sdb"), (3, "sdc")):
        attributes, links = session(number, f"10.77.{number}.10", name)
        files.files.update(attributes)
        files.links.update(links)
    monkeypatch.setattr(multipath_info, "LocalFileSystem", lambda: files)
    return files


@pytest.fixture
def run(fs, capsys, monkeypatch):
    def with_script(*script, missing=(), check=False, **options):
        with ScriptedRunner(*script, missing=missing) as runner:
            monkeypatch.setattr(multipath_info, "ModuleRunner", lambda _module: runner)
            return run_module(multipath_info, capsys, options, check=check)[0]

    return with_script


@pytest.mark.parametrize("check", [False, True])
def test_a_map_is_told_with_its_paths_and_their_portals(run, check):
    result = run(*ANSWERS, check=check)
    assert not result["changed"]
    assert result["running"]
    ours, foreign = result["maps"]
    assert (ours["device"], ours["size_bytes"]) == ("/dev/dm-0", 2 * 1024**3)
    assert ours["active_paths"] == 1
    assert [(path["device"], path["portal"]) for path in ours["paths"]] == [
        ("sda", "10.77.1.10:3260"),
        ("sdb", "10.77.2.10:3260"),
    ]
    assert foreign["read_only"]


def test_disks_that_multipathd_lost_are_told(run):
    lost = run(*ANSWERS)["orphans"]
    assert [(entry["device"], entry["target"]) for entry in lost] == [
        ("sdc", TARGET),
        ("sdd", None),
    ]


def test_a_disk_that_went_while_it_was_looked_at_is_no_orphan(run, fs):
    del fs.files["/sys/block/sdc/device/wwid"]
    assert [entry["device"] for entry in run(*ANSWERS, wwids=[OURS])["orphans"]] == []


def test_with_wwids_nothing_else_is_told(run):
    result = run(*ANSWERS, wwids=[OURS])
    assert [found["wwid"] for found in result["maps"]] == [OURS]
    assert [entry["device"] for entry in result["orphans"]] == ["sdc"]
    assert result["settings"] == {OURS: {"path_selector": "service-time 0", "no_path_retry": "12"}}


def test_a_daemon_that_does_not_run_is_not_started_by_a_question(run):
    result = run(STOPPED, wwids=[OURS])
    assert result["running"] is False
    assert result["maps"] == result["orphans"] == []
    assert result["settings"] == {}


@pytest.mark.parametrize(
    ("changed", "time", "outdated"),
    [
        ("/etc/multipath.conf", 1795341600.4, False),
        ("/etc/multipath.conf", 1795341600.6, True),
        ("/etc/multipath/conf.d/ours.conf", 1795341600.6, True),
        ("/etc/multipath/conf.d", 1795341600.6, True),
        ("/etc/multipath/wwids", 1795341600.6, False),
    ],
)
def test_a_configuration_younger_than_the_last_reload_is_told(run, fs, changed, time, outdated):
    fs.files |= {"/etc/multipath.conf": "", "/etc/multipath/conf.d/ours.conf": ""}
    fs.files["/etc/multipath/wwids"] = ""
    fs.mtimes[changed] = time
    assert run(*ANSWERS)["outdated"] is outdated


def test_without_multipath_tools_nothing_is_asked(run):
    assert run(missing=["multipathd"], wwids=[OURS])["running"] is False


def test_a_daemon_that_refuses_to_answer_is_a_failure(run):
    result = run(ACTIVE, (MAPS[0], Completed(1, "timeout\n")))
    assert result["failed"]
    assert "no answer to show maps json (timeout)" in result["msg"]


def test_all_that_is_returned_is_documented(run):
    documented = yaml.safe_load(multipath_info.RETURN)
    result = run(*ANSWERS)
    assert documented.keys() <= result.keys()
    maps = documented["maps"]["contains"]
    assert result["maps"][0].keys() == maps.keys()
    assert result["maps"][0]["paths"][0].keys() == maps["paths"]["contains"].keys()
    assert result["orphans"][0].keys() == documented["orphans"]["contains"].keys()
