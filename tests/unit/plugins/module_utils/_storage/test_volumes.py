# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage.volumes import (
    client_initiators,
    exclusive_volumes,
    initiator_name,
    target_acls,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.wwid import volume_wwn

PREFIX = "iqn.2026-11.com.example"
STORE1 = PREFIX + ":store1"
GPU1, GPU2 = PREFIX + ":gpu1", PREFIX + ":gpu2"
NODES = ["gpu1", "gpu2"]


def hostvars(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of two nodes; a change of None takes a variable away."""
    variables = {}
    for node in NODES:
        one = {
            "modelstore_iqn_prefix": PREFIX,
            "modelstore_disk": "/dev/disk/by-id/virtio-models-" + node,
            "modelstore_chap_password": "secret-of-" + node,
            **changes.get(node, {}),
        }
        variables[node] = {key: value for key, value in one.items() if value is not None}
    return variables


def volumes(store: str = "store1", **changes: dict[str, Any]) -> list[dict[str, Any]]:
    return exclusive_volumes(NODES, hostvars(**changes), store, PREFIX + ":" + store)


def initiators(store: str = "store1", **changes: dict[str, Any]) -> list[dict[str, Any]]:
    return client_initiators(NODES, hostvars(**changes), store)


def test_an_initiator_is_named_after_its_host() -> None:
    assert initiator_name("gpu1", {"modelstore_iqn_prefix": PREFIX}) == GPU1


def test_an_initiator_name_of_its_own_goes_first() -> None:
    own = {"modelstore_iqn_prefix": PREFIX, "modelstore_initiator_name": "iqn.1993-08.org:x"}
    assert initiator_name("gpu1", own) == "iqn.1993-08.org:x"


@pytest.mark.parametrize(
    "variables",
    [{"modelstore_iqn_prefix": PREFIX}, {"modelstore_initiator_name": PREFIX + ":GPU1"}],
)
def test_initiator_names_are_lower_case(variables: dict[str, str]) -> None:
    assert initiator_name("GPU1", variables) == GPU1


def test_a_host_without_any_name_is_told_what_to_set() -> None:
    with pytest.raises(ModelStoreError, match="gpu1: .* Set modelstore_iqn_prefix"):
        initiator_name("gpu1", {})


def test_each_client_has_a_volume_that_is_mapped_to_it_alone() -> None:
    assert volumes() == [
        {
            "name": node,
            "device": "/dev/disk/by-id/virtio-models-" + node,
            "wwn": volume_wwn(STORE1, node),
            "initiators": [{"name": initiator, "lun": 0}],
        }
        for node, initiator in zip(NODES, (GPU1, GPU2), strict=True)
    ]


def test_a_volume_can_have_another_name_and_its_serial_follows() -> None:
    volume = volumes(gpu1={"modelstore_volume": "voices"})[0]
    assert (volume["name"], volume["wwn"]) == ("voices", volume_wwn(STORE1, "voices"))


@pytest.mark.parametrize(("store", "nodes"), [("store1", ["gpu1"]), ("store2", ["gpu2"])])
def test_each_of_several_stores_serves_its_own_clients(store: str, nodes: list[str]) -> None:
    targets = {node: {"modelstore_target": "store" + node[-1]} for node in NODES}
    assert [volume["name"] for volume in volumes(store, **targets)] == nodes
    assert [entry["name"] for entry in initiators(store, **targets)] == [
        f"{PREFIX}:{node}" for node in nodes
    ]


@pytest.mark.parametrize("unset", [{}, {"modelstore_target": ""}, {"modelstore_target": None}])
def test_a_client_that_names_no_store_belongs_to_the_default_one_only(
    unset: dict[str, Any],
) -> None:
    variables = hostvars(gpu1=unset, gpu2={"modelstore_target": "store2"})
    for store, node in (("store1", "gpu1"), ("store2", "gpu2")):
        (volume,) = exclusive_volumes(
            NODES, variables, store, f"{PREFIX}:{store}", default_store="store1"
        )
        (client,) = client_initiators(NODES, variables, store, default_store="store1")
        assert (volume["name"], client["name"]) == (node, f"{PREFIX}:{node}")


def test_an_empty_store_counts_as_none() -> None:
    assert len(volumes(gpu1={"modelstore_target": ""})) == len(NODES)


def test_clients_of_other_stores_may_lack_what_this_store_asks_for() -> None:
    elsewhere = {
        "modelstore_target": "store2",
        "modelstore_disk": None,
        "modelstore_chap_password": None,
    }
    assert len(volumes(gpu2=elsewhere)) == len(initiators(gpu2=elsewhere)) == 1


def test_stores_may_use_the_same_disk_path_and_volume_name() -> None:
    same = {"modelstore_disk": "/dev/vdb", "modelstore_volume": "models"}
    changes = {node: {**same, "modelstore_target": "store" + node[-1]} for node in NODES}
    (first,), (second,) = volumes("store1", **changes), volumes("store2", **changes)
    assert first["name"] == second["name"]
    assert first["wwn"] != second["wwn"]


def test_a_client_without_a_disk_is_named() -> None:
    with pytest.raises(ModelStoreError) as caught:
        volumes(gpu2={"modelstore_disk": None})
    assert str(caught.value) == (
        "volume of gpu2: found no modelstore_disk and no modelstore_size, expected the path of its"
        " disk on store1, or a size. Set modelstore_disk for gpu2 to a path under /dev/disk/by-id"
        " on store1, or modelstore_size and modelstore_volume_group."
    )


def test_two_clients_with_one_disk_are_refused() -> None:
    disk = "/dev/disk/by-id/virtio-models"
    with pytest.raises(ModelStoreError, match=f"modelstore_disk {disk}: found gpu1 and gpu2"):
        volumes(
            gpu1={"modelstore_disk": disk, "modelstore_volume": "voices"},
            gpu2={"modelstore_disk": disk},
        )


def test_two_volumes_with_one_name_are_refused() -> None:
    with pytest.raises(ModelStoreError, match="volume name voices: found gpu1 and gpu2"):
        volumes(**{node: {"modelstore_volume": "voices"} for node in NODES})


def test_the_chap_username_is_the_initiator_name_unless_given() -> None:
    first, second = initiators(gpu2={"modelstore_chap_username": "second"})
    assert first == {"name": GPU1, "chap_username": GPU1, "chap_password": "secret-of-gpu1"}
    assert second["chap_username"] == "second"


@pytest.mark.parametrize("password", [None, ""])
def test_a_client_without_a_secret_is_named(password: str | None) -> None:
    with pytest.raises(ModelStoreError, match="CHAP secret of gpu2: .* for gpu2 in a vault"):
        initiators(gpu2={"modelstore_chap_password": password})


@pytest.mark.parametrize("name", [GPU1, GPU1.upper()])
def test_two_clients_with_one_initiator_name_are_refused(name: str) -> None:
    with pytest.raises(ModelStoreError) as caught:
        initiators(gpu2={"modelstore_initiator_name": name})
    assert f"initiator name {GPU1}: found gpu1 and gpu2" in str(caught.value)
    assert "Cloned images" in str(caught.value)
    assert "secret-of" not in str(caught.value)


def test_volumes_and_initiators_of_an_inventory_make_the_acls() -> None:
    assert target_acls(volumes(), initiators()) == [
        {
            "initiator": initiator,
            "luns": [{"backstore": node, "lun": 0, "write_protect": False}],
            "chap_username": initiator,
            "chap_password": "secret-of-" + node,
        }
        for node, initiator in zip(NODES, (GPU1, GPU2), strict=True)
    ]


def test_an_initiator_of_several_volumes_has_one_acl_with_all_of_them() -> None:
    mapped = [
        {"name": "gpu1", "initiators": [{"name": GPU1, "lun": 0}]},
        {"name": "voices", "initiators": [{"name": GPU1, "lun": 1, "write_protect": True}]},
    ]
    (acl,) = target_acls(mapped, initiators())
    assert acl["luns"] == [
        {"backstore": "gpu1", "lun": 0, "write_protect": False},
        {"backstore": "voices", "lun": 1, "write_protect": True},
    ]


def test_an_initiator_without_a_volume_gets_no_acl() -> None:
    assert [acl["initiator"] for acl in target_acls(volumes()[:1], initiators())] == [GPU1]


def test_initiators_match_in_any_case() -> None:
    mapped = [{"name": "gpu1", "initiators": [{"name": GPU1.upper()}]}]
    (acl,) = target_acls(mapped, [{"name": GPU1, "chap_password": "x"}])
    assert acl["initiator"] == GPU1
    assert acl["luns"][0]["lun"] == 0


def test_a_volume_of_an_initiator_without_credentials_is_refused() -> None:
    with pytest.raises(ModelStoreError, match=f"initiator {GPU2}: .*iscsi_target_initiators"):
        target_acls(volumes(), initiators()[:1])


LV = {"modelstore_disk": None, "modelstore_size": "20g"}


def test_a_size_makes_a_logical_volume_of_the_volume_in_the_group_of_the_client() -> None:
    volume = volumes(gpu1={**LV, "modelstore_volume_group": "models"})[0]
    assert volume == {
        "name": "gpu1",
        "device": "/dev/models/gpu1",
        "volume_group": "models",
        "size": "20G",
        "wwn": volume_wwn(STORE1, "gpu1"),
        "initiators": [{"name": GPU1, "lun": 0}],
    }


def test_the_group_of_the_store_counts_for_clients_without_one() -> None:
    variables = hostvars(gpu1=LV, gpu2={**LV, "modelstore_volume_group": "fast"})
    variables["store1"] = {"modelstore_volume_group": "models"}
    made = exclusive_volumes(NODES, variables, "store1", STORE1)
    assert [volume["volume_group"] for volume in made] == ["models", "fast"]


def test_a_size_without_a_group_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="volume group of gpu1: .* for store1 or for gpu1"):
        volumes(gpu1=LV)


def test_a_disk_and_a_size_at_once_are_refused() -> None:
    with pytest.raises(ModelStoreError, match="volume of gpu1: found modelstore_disk and"):
        volumes(gpu1={"modelstore_size": "20G", "modelstore_volume_group": "models"})


CLONE = {"modelstore_disk": None, "modelstore_clone_of": "golden"}


def test_a_clone_is_a_volume_of_the_group_of_its_golden_volume() -> None:
    variables = hostvars(gpu1=CLONE, gpu2={**CLONE, "modelstore_size": "30g"})
    variables["store1"] = {"modelstore_volume_group": "models", "modelstore_thin_pool": "pool"}
    made = exclusive_volumes(NODES, variables, "store1", STORE1)
    assert [volume["device"] for volume in made] == ["/dev/models/gpu1", "/dev/models/gpu2"]
    assert [volume["clone_of"] for volume in made] == ["golden", "golden"]
    assert [volume.get("size") for volume in made] == [None, "30G"]
    # Its space comes from the pool of its origin, wherever that is.
    assert not any("thin_pool" in volume for volume in made)


def test_the_thin_pool_of_the_store_counts_for_clients_without_one() -> None:
    variables = hostvars(gpu1=LV, gpu2={**LV, "modelstore_thin_pool": "fast"})
    variables["store1"] = {"modelstore_volume_group": "models", "modelstore_thin_pool": "pool"}
    made = exclusive_volumes(NODES, variables, "store1", STORE1)
    assert [volume["thin_pool"] for volume in made] == ["pool", "fast"]


def test_a_disk_and_a_clone_at_once_are_refused() -> None:
    with pytest.raises(ModelStoreError, match="found modelstore_disk and modelstore_clone_of"):
        volumes(gpu1={"modelstore_clone_of": "golden", "modelstore_volume_group": "models"})


def test_a_clone_of_itself_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="found a clone of itself"):
        volumes(gpu1={**CLONE, "modelstore_clone_of": "gpu1", "modelstore_volume_group": "models"})


@pytest.mark.parametrize("size", ["20", "0G", "1.5G", "50%FREE", "+1G", "20GB"])
def test_a_size_is_a_whole_number_with_a_unit(size: str) -> None:
    with pytest.raises(ModelStoreError, match="modelstore_size of gpu1"):
        volumes(gpu1={**LV, "modelstore_size": size, "modelstore_volume_group": "models"})


@pytest.mark.parametrize("name", ["a b", "a:b", "-a", ".", "..", "snapshot1", "pvmove0", "x" * 128])
def test_names_that_lvm_does_not_take_are_refused(name: str) -> None:
    group = {**LV, "modelstore_volume_group": "models"}
    with pytest.raises(ModelStoreError, match="volume of gpu1: .* LVM takes"):
        volumes(gpu1={**group, "modelstore_volume": name})
    with pytest.raises(ModelStoreError, match="volume group of gpu1: .* LVM takes"):
        volumes(gpu1={**group, "modelstore_volume_group": name})
    with pytest.raises(ModelStoreError, match="modelstore_thin_pool of gpu1: .* LVM takes"):
        volumes(gpu1={**group, "modelstore_thin_pool": name})
    with pytest.raises(ModelStoreError, match="modelstore_clone_of of gpu1: .* LVM takes"):
        volumes(gpu1={**group, "modelstore_clone_of": name})


def test_a_disk_may_have_a_volume_name_that_lvm_does_not_take() -> None:
    assert volumes(gpu1={"modelstore_volume": "a:b"})[0]["name"] == "a:b"


def test_a_logical_volume_that_is_another_clients_disk_is_refused() -> None:
    with pytest.raises(ModelStoreError, match="/dev/models/gpu1: found gpu1 and gpu2"):
        volumes(
            gpu1={**LV, "modelstore_volume_group": "models"},
            gpu2={"modelstore_disk": "/dev/models/gpu1"},
        )


def test_mutual_chap_takes_the_name_of_the_store_unless_given() -> None:
    secret = {"modelstore_chap_mutual_password": "secret-of-store"}
    own = {**secret, "modelstore_chap_mutual_username": "models"}
    first, second = initiators(gpu1=secret, gpu2=own)
    assert (first["chap_mutual_username"], second["chap_mutual_username"]) == ("store1", "models")
    assert first["chap_mutual_password"] == "secret-of-store"


def test_a_mutual_name_without_a_secret_is_no_mutual_chap() -> None:
    first, _second = initiators(gpu1={"modelstore_chap_mutual_username": "models"})
    assert first.keys() == {"name", "chap_username", "chap_password"}


def test_acls_hold_the_mutual_credentials() -> None:
    secret = {"modelstore_chap_mutual_password": "secret-of-store"}
    first, second = target_acls(volumes(), initiators(gpu1=secret))
    assert first["chap_mutual_username"] == "store1"
    assert first["chap_mutual_password"] == "secret-of-store"
    assert "chap_mutual_password" not in second
