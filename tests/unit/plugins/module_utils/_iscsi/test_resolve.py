# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.resolve import resolve_portals

HOSTS = {
    "store1": ["10.77.1.10", "FD00:0::10", "10.77.1.10"],
    "store1-b.example.com.": ["10.77.2.10"],
    "any": ["0.0.0.0"],
    "link": ["fd00::1", "fe80::1%eth0"],
    "nothing": [],
}


def lookup(host: str, port: int, *, type: int) -> Sequence[tuple[Any, ...]]:
    assert type == socket.SOCK_STREAM
    if host not in HOSTS:
        raise socket.gaierror(-2, "Name or service not known")
    return [(socket.AF_UNSPEC, type, 6, "", (address, port)) for address in HOSTS[host]]


def resolved(*texts: str) -> list[str]:
    return [str(portal) for portal in resolve_portals(texts, lookup)]


def test_a_name_stands_for_all_its_addresses_in_their_order_and_each_once() -> None:
    assert resolved("store1:3261") == ["10.77.1.10:3261", "[fd00::10]:3261"]


def test_names_and_addresses_mix_and_keep_their_order() -> None:
    assert resolved("store1-b.example.com.", "10.77.1.10", "store1") == [
        "10.77.2.10:3260",
        "10.77.1.10:3260",
        "[fd00::10]:3260",
    ]


def test_addresses_are_not_looked_up() -> None:
    assert resolve_portals(["10.0.0.1", "[fd00::1]:3261"], pytest.fail) != ()


def test_a_name_without_an_address_is_refused_with_the_reason() -> None:
    with pytest.raises(ModelStoreError) as caught:
        resolved("10.77.1.10", "store9")
    assert str(caught.value).startswith(
        "portal store9: found no address for store9 (Name or service not known), expected a name"
    )


@pytest.mark.parametrize("name", ["any", "link", "nothing"])
def test_a_name_of_an_address_that_cannot_be_connected_to_is_refused(name: str) -> None:
    with pytest.raises(ModelStoreError, match="expected addresses that can be connected to"):
        resolved(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":3260",
        "10.77.1",
        "10.77.1.300",
        "store 1",
        "-store1",
        "store1:0",
        "[store1]",
        "a..b",
        "store1,3260",
        "a" * 64,
        "fe80::1%eth0",
    ],
)
def test_what_is_neither_an_address_nor_a_name_is_refused(text: str) -> None:
    with pytest.raises(ModelStoreError, match="portal: found"):
        resolve_portals([text], pytest.fail)
