# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make bench: the target that it makes is sound, and whatever happens it leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from _fakes.lio import target_options
from ansible_collections.tts.modelstore.plugins.module_utils._lio.target.model import (
    desired_target,
)
from benchmarks import change, peers, sample


@pytest.mark.parametrize(("luns", "count"), [(8, 4), (4, 8), (4, 256)])
def test_everybody_sees_all_luns_and_each_has_one_writer(luns: int, count: int) -> None:
    admitted = sample.initiators(count)
    options = sample.make_target(sample.backstores(luns), admitted)["tts.modelstore.lio_target"]
    (tpg,) = desired_target(target_options(options["name"], *options["tpgs"])).tpgs
    assert [acl.initiator for acl in tpg.acls] == sorted(one.name for one in admitted)
    mapped = [lun for acl in tpg.acls for lun in acl.luns]
    assert Counter(lun.number for lun in mapped) == dict.fromkeys(range(luns), count)
    writable = Counter(lun.number for lun in mapped if not lun.write_protect)
    assert writable == dict.fromkeys(range(luns), 1)


def test_the_backstores_of_all_luns_are_made_in_the_same_call() -> None:
    names = sample.backstores(8)
    for admitted in ([], sample.initiators(4)):
        options = sample.make_target(names, admitted)["tts.modelstore.lio_target"]
        (tpg,) = options["tpgs"]
        declared = [f"{one['type']}/{one['name']}" for one in options["backstores"]]
        assert declared == [lun["backstore"] for lun in tpg["luns"]]
        assert {one["path"] for one in options["backstores"]} == set(map(sample.image, names))


def test_the_port_is_not_the_one_of_the_demo() -> None:
    options = sample.make_target(["bench0"], sample.initiators(1))["tts.modelstore.lio_target"]
    assert [portal["port"] for portal in options["tpgs"][0]["portals"]] != [3260]


def stopped(*_arguments: Any, **_keywords: Any) -> int:
    raise KeyboardInterrupt


class Machines:
    """Takes down what is run on the machines."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def run(self, *arguments: str) -> str:
        self.commands.append(arguments)
        return ""


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Machines:
    machines = Machines()
    for module in (sample, change, peers):
        monkeypatch.setattr(module, "shell", machines.run)
    monkeypatch.setattr(peers, "rig", machines.run)
    return machines


def test_the_record_of_a_login_is_removed_when_it_is_interrupted(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "play", stopped)
    with pytest.raises(KeyboardInterrupt):
        sample.login()
    ((host, script),) = machines.commands
    assert host == "gpu1"
    assert f"--targetname {sample.IQN} --logout" in script
    assert f"--targetname {sample.IQN} --op delete" in script


def test_the_other_node_is_taken_out_and_its_disk_removed_when_it_is_interrupted(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[list[str]] = []
    monkeypatch.setattr(change, "_site", runs.append)
    with pytest.raises(KeyboardInterrupt), change._another_node():
        stopped()
    assert runs == [[]]
    assert "losetup --detach" in machines.commands[-1][1]


def test_the_demo_is_brought_back_after_an_interrupted_peer(machines: Machines) -> None:
    with pytest.raises(KeyboardInterrupt), peers.thrown_away(["bench0"]):
        stopped()
    assert machines.commands[0] == ("snapshot", "bench")
    assert machines.commands[-1] == ("restore", "bench")


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.name)
def test_a_peer_is_asked_for_the_same_target(peer: peers.Peer) -> None:
    names, admitted = sample.backstores(8), sample.initiators(4)
    asked = str(peer.variables(names, admitted))
    for text in (sample.IQN.partition(":")[2], str(sample.PORT), *map(sample.image, names)):
        assert text in asked
    for initiator in admitted:
        assert initiator.name in asked
        assert initiator.secret in asked


def test_missing_checkouts_are_named_before_anything_is_measured(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ansible-role-iscsi_target").mkdir()
    monkeypatch.setenv("PEERS", str(tmp_path))
    with pytest.raises(SystemExit, match="found no targetcli-modules, iscsi-target, linuxhl5"):
        peers.checkouts()
