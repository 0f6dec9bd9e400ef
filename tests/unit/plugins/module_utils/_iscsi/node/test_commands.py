# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.node import commands

TARGET = "iqn.2026-11.com.example:store1"
WHERE = {"target": TARGET, "portal": "10.77.1.10:3260", "tpgt": 1, "iface": "default"}


def test_an_update_sets_all_values_in_one_call() -> None:
    values = {"node.startup": "automatic", "node.session.queue_depth": "64"}
    assert commands.update_command(Action("update_record", "x", {**WHERE, "values": values})) == [
        *["iscsiadm", "-m", "node", "-T", TARGET, "-p", "10.77.1.10:3260,1", "-I", "default"],
        *["-o", "update", "-n", "node.startup", "-v", "automatic"],
        *["-n", "node.session.queue_depth", "-v", "64"],
    ]


def test_a_record_of_the_old_form_is_deleted_without_a_tag() -> None:
    argv = commands.delete_command(Action("delete_record", "x", {**WHERE, "tpgt": None}))
    assert argv[argv.index("-p") + 1] == "10.77.1.10:3260"
