# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of the filters shows, tried out."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.tts.modelstore.plugins.module_utils._storage import wwid
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment

COLLECTION = "tts.modelstore"
FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "filter"
FILTERS = {
    path.stem: import_module(f"ansible_collections.{COLLECTION}.plugins.filter.{path.stem}")
    for path in FOLDER.glob("*.py")
}
RESULT = "# => "

PREFIX = "iqn.2026-11.com.example"
GPU1 = f"{PREFIX}:gpu1"
VARIABLES = {
    "groups": {"gpu_nodes": ["gpu1"]},
    "hostvars": {
        "gpu1": {
            "modelstore_iqn_prefix": PREFIX,
            "modelstore_disk": "/dev/disk/by-id/virtio-models-gpu1",
            "modelstore_chap_password": "secret-of-gpu1",
        }
    },
    "iscsi_target_volumes": [{"name": "gpu1", "initiators": [{"name": GPU1, "lun": 0}]}],
    "iscsi_target_initiators": [{"name": GPU1, "chap_password": "secret-of-gpu1"}],
}


def evaluate(module: ModuleType) -> Any:
    """The value of the only example."""
    environment = NativeEnvironment(undefined=StrictUndefined)
    for one in FILTERS.values():
        for name, function in one.FilterModule().filters().items():
            environment.filters[f"{COLLECTION}.{name}"] = function
    (template,) = yaml.safe_load(module.EXAMPLES).values()
    return environment.from_string(template).render(VARIABLES)


def shown(module: ModuleType) -> Any:
    """The result that stands below the example."""
    (line,) = (line for line in module.EXAMPLES.splitlines() if line.startswith(RESULT))
    return yaml.safe_load(line.removeprefix(RESULT))


@pytest.mark.parametrize("name", FILTERS)
def test_a_file_brings_the_filter_it_is_named_after(name: str) -> None:
    assert list(FILTERS[name].FilterModule().filters()) == [name]
    assert yaml.safe_load(FILTERS[name].DOCUMENTATION)["name"] == name


@pytest.mark.parametrize("name", ["portal", "systemd_unit", "volume_wwn", "wwid"])
def test_an_example_gives_the_result_it_shows(name: str) -> None:
    assert evaluate(FILTERS[name]) == shown(FILTERS[name])


@pytest.mark.parametrize("name", ["client_initiators", "exclusive_volumes", "target_acls"])
def test_an_example_runs_and_gives_one_entry_for_the_node(name: str) -> None:
    (entry,) = evaluate(FILTERS[name])
    documented = {
        "client_initiators": {"name", "chap_username", "chap_password"},
        "exclusive_volumes": {"name", "device", "wwn", "initiators"},
        "target_acls": {"initiator", "luns", "chap_password"},
    }
    assert entry.keys() == documented[name]


def test_filters_and_functions_show_the_same_serial_for_the_demo_volume() -> None:
    (example,) = (
        example
        for found in doctest.DocTestFinder().find(wwid.volume_wwn)
        for example in found.examples
    )
    serial = example.want.strip().strip("'")
    assert shown(FILTERS["volume_wwn"]) == serial
    assert shown(FILTERS["wwid"]) == wwid.wwid(serial)
    assert serial in FILTERS["wwid"].EXAMPLES
