# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""storage_queue as Ansible calls it."""

from __future__ import annotations

import pytest
import yaml
from _fakes.memory_fs import MemoryFileSystem
from _fakes.run_module import run_module
from ansible_collections.tts.modelstore.plugins.modules import storage_queue

DEVICE = "/dev/disk/by-id/dm-uuid-mpath-36001405280b50a7db4a5f0bbf3284145"


@pytest.fixture
def fs(monkeypatch):
    attributes = {
        "read_ahead_kb": "128\n",
        "scheduler": "none [mq-deadline]\n",
        "max_sectors_kb": "1280\n",
        "max_hw_sectors_kb": "32767\n",
        "nr_requests": "256\n",
    }
    files = MemoryFileSystem(
        {
            f"/sys/block/{name}/queue/{key}": text
            for name in ("dm-0", "sda", "sdb", "sdc")
            for key, text in attributes.items()
        },
        {
            DEVICE: "/dev/dm-0",
            "/sys/block/dm-0/slaves/sda": "/sys/block/sda",
            "/sys/block/dm-0/slaves/sdb": "/sys/block/sdb",
        },
    )
    monkeypatch.setattr(storage_queue, "LocalFileSystem", lambda: files)
    return files


@pytest.fixture
def run(fs, capsys):
    def with_options(check=False, **options):
        return run_module(storage_queue, capsys, {"device": DEVICE, **options}, check=check)[0]

    return with_options


WANTED = {"read_ahead_kb": 8192, "scheduler": "none"}


def test_the_device_and_its_paths_are_set_and_no_other(fs, run):
    before = dict(fs.files)
    predicted = run(check=True, **WANTED)
    assert fs.files == before
    # The kernel puts the brackets around the one that was written.
    fs.write_attribute = lambda path, text: fs.files.update(
        {path: "[none] mq-deadline\n" if path.endswith("scheduler") else text + "\n"}
    )
    result = run(**WANTED)
    assert result["actions"] == predicted["actions"]
    assert [action["subject"] for action in result["actions"]] == [
        "dm-0 scheduler",
        "dm-0 read_ahead_kb",
        "sda scheduler",
        "sdb scheduler",
    ]
    assert result["queues"]["dm-0"] == {"read_ahead_kb": "8192", "scheduler": "none"}
    assert {path for path in fs.files if fs.files[path] != before[path]} == {
        "/sys/block/dm-0/queue/read_ahead_kb",
        *(f"/sys/block/{name}/queue/scheduler" for name in ("dm-0", "sda", "sdb")),
    }
    assert run(**WANTED)["changed"] is False


def test_a_value_that_the_kernel_refuses_is_a_failure_with_its_name(fs, run):
    def refuse(path, text):
        raise OSError(22, "Invalid argument")

    fs.write_attribute = refuse
    failure = run(nr_requests=100000)
    assert (
        "nr_requests of dm-0: found 256, and Invalid argument when it was written"
        in (failure["msg"])
    )


def test_a_value_that_does_not_stay_is_a_failure(fs, run):
    fs.write_attribute = lambda path, text: None
    assert "did not converge" in run(**WANTED)["msg"]


def test_a_device_that_is_not_there_is_a_failure(fs, run):
    fs.links.pop(DEVICE)
    assert "found no whole disk or map" in run(**WANTED)["msg"]


def test_the_sample_in_the_documentation_has_all_that_is_returned(run):
    documented = yaml.safe_load(storage_queue.RETURN)["queues"]["sample"]
    result = run(check=True, **WANTED)
    assert result["queues"]["sda"].keys() == documented["sda"].keys()
