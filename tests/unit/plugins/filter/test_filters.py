# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters as templates use them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.tts.modelstore.plugins.filter.client_initiators import (
    FilterModule as ClientInitiators,
)
from ansible_collections.tts.modelstore.plugins.filter.exclusive_volumes import (
    FilterModule as ExclusiveVolumes,
)
from ansible_collections.tts.modelstore.plugins.filter.portal import portal
from ansible_collections.tts.modelstore.plugins.filter.python_within import python_within
from ansible_collections.tts.modelstore.plugins.filter.systemd_unit import systemd_unit
from ansible_collections.tts.modelstore.plugins.filter.target_acls import (
    FilterModule as TargetAcls,
)
from ansible_collections.tts.modelstore.plugins.filter.volume_wwn import (
    FilterModule as VolumeWwn,
)

STORE = "iqn.2026-11.com.example:store1"
client_initiators = ClientInitiators().filters()["client_initiators"]
exclusive_volumes = ExclusiveVolumes().filters()["exclusive_volumes"]
target_acls = TargetAcls().filters()["target_acls"]
volume_wwn = VolumeWwn().filters()["volume_wwn"]


# What systemd-escape 252 --path --suffix=mount prints.
@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/", "-.mount"),
        ("/mnt/cache_hub", "mnt-cache_hub.mount"),
        ("/mnt/a-b", r"mnt-a\x2db.mount"),
        ("/a b", r"a\x20b.mount"),
        ("/.hidden", r"\x2ehidden.mount"),
        ("/a/.b", "a-.b.mount"),
        ("/a/b.", "a-b..mount"),
        ("/\u00e9", r"\xc3\xa9.mount"),
        ("//x//y/", "x-y.mount"),
        ("/mnt/./x", "mnt-x.mount"),
        ("/a\\b", r"a\x5cb.mount"),
        ("/a@b:c_d.e", r"a\x40b:c_d.e.mount"),
    ],
)
def test_a_path_is_escaped_as_systemd_does_it(path: str, unit: str) -> None:
    assert systemd_unit(path, "mount") == unit


def test_a_device_has_a_unit_as_well() -> None:
    assert systemd_unit("/dev/disk/by-id/dm-uuid-mpath-36001405", "device") == (
        r"dev-disk-by\x2did-dm\x2duuid\x2dmpath\x2d36001405.device"
    )


@pytest.mark.parametrize("path", ["", "mnt/cache_hub", "/..", "/a/../b"])
def test_systemd_has_no_unit_for_a_path_that_is_not_absolute_and_normal(path: str) -> None:
    with pytest.raises(AnsibleFilterError, match="systemd_unit"):
        systemd_unit(path, "mount")


def test_a_portal_is_split_and_has_a_port() -> None:
    assert portal("[FD00::10]:3261") == {"address": "fd00::10", "port": 3261}
    assert portal("10.77.1.10") == {"address": "10.77.1.10", "port": 3260}


def test_what_is_no_portal_is_an_error_of_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match="store1.*expected an IP address"):
        portal("store1")


@pytest.mark.parametrize(("volume", "target"), [("", STORE), ("gpu1", "")])
def test_no_serial_is_made_of_an_empty_name(volume: str, target: str) -> None:
    with pytest.raises(AnsibleFilterError, match="volume_wwn takes"):
        volume_wwn(volume, target)


def test_the_default_store_is_an_option_of_the_filters() -> None:
    clients = ({"gpu1": {}}, "store2")
    assert exclusive_volumes(["gpu1"], *clients, STORE, default_store="store1") == []
    assert client_initiators(["gpu1"], *clients, default_store="store1") == []


def test_a_client_without_a_disk_is_an_error_of_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match="volume of gpu1: found no modelstore_disk"):
        exclusive_volumes(["gpu1"], {"gpu1": {}}, "store1", STORE)


def test_a_client_without_a_secret_is_an_error_of_the_filter() -> None:
    variables = {"gpu1": {"modelstore_initiator_name": "iqn.2026-11.com.example:gpu1"}}
    with pytest.raises(AnsibleFilterError, match="CHAP secret of gpu1"):
        client_initiators(["gpu1"], variables, "store1")


def test_an_initiator_without_credentials_is_an_error_of_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match="initiator x: found a volume mapped to it"):
        target_acls([{"name": "gpu1", "initiators": [{"name": "x"}]}], [])


@pytest.mark.parametrize(
    ("version", "specifiers", "fits"),
    [
        ("3.11.2", ">=3.10,<3.12", True),
        ("3.10.0", ">=3.10,<3.12", True),
        ("3.12.0", ">=3.10,<3.12", False),
        ("3.13.5", ">=3.10,<3.12", False),  # Debian 13
        ("3.9.2", ">=3.10", False),
        ("3.13.5", ">=3.10", True),
        ("3.13.5", ">=3.10,>=3.10,<3.12", False),
        ("3.13.0rc1", ">=3.13", False),
        ("3.13.0rc1", ">=3.10", True),
        ("3.11", ">=3.11.5", True),  # some 3.11 is
        ("3.11", "==3.11.*", True),
        ("3.12", ">=3.10,<3.12", False),
        ("3.13.5", "", True),
    ],
)
def test_a_python_is_held_against_what_a_project_asks_for(
    version: str, specifiers: str, fits: bool
) -> None:
    assert python_within(version, specifiers) is fits


@pytest.mark.parametrize(("version", "specifiers"), [("three", ""), ("3.11", "about 3.11")])
def test_what_is_no_version_and_no_specifier_is_told(version: str, specifiers: str) -> None:
    with pytest.raises(AnsibleFilterError, match="python_within"):
        python_within(version, specifiers)
