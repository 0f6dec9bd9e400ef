"""A path that does not carry what its ends send is found before any volume is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from molecule.conftest import Done, Host, machine, play, said

# The cards on the first storage network.
CARDS = {"gpu1": "enp0s4", "store1": "enp0s6"}


@pytest.fixture
def mtu() -> Iterator[None]:
    yield
    for name, card in CARDS.items():
        machine(name).check_output(f"ip link set dev {card} mtu 1500")


def large(name: str) -> Host:
    host = machine(name)
    host.check_output(f"ip link set dev {CARDS[name]} mtu 9000")
    return host


def refused(*names: str) -> str:
    done: Done = play("site", f"--limit={','.join(names)}")
    assert done.returncode != 0
    # Nothing of what comes after it has begun.
    assert "iscsi_target :" not in done.stdout and "iscsi_initiator :" not in done.stdout
    return said(done)


def test_an_end_that_was_left_at_1500_is_named_with_both_sizes(mtu: None) -> None:
    large("gpu1")
    text = refused("store1", "gpu1", "gpu2")
    assert (
        "gpu1 enp0s4 (mtu 9000) to portal 10.77.1.10 on store1 enp0s6 (mtu 1500): "
        "at most 1500 bytes pass in one piece both ways" in text
    )
    # Whose ends agree is not blamed; that its links were looked at is said all the same.
    assert "gpu2 enp0s4 (mtu" not in text
    assert "fatal: [gpu2]" not in text


def test_something_between_that_drops_large_packets_is_found(mtu: None) -> None:
    large("store1")
    node = large("gpu1")
    node.check_output(
        "tc qdisc add dev enp0s4 clsact && tc filter add dev enp0s4 ingress matchall "
        "action police mtu 4014 rate 100gbit burst 100m conform-exceed drop/ok"
    )
    try:
        text = refused("store1", "gpu1")
    finally:
        node.check_output("tc qdisc delete dev enp0s4 clsact")
    assert (
        "gpu1 enp0s4 (mtu 9000) to portal 10.77.1.10 on store1 enp0s6 (mtu 9000): "
        "at most 4000 bytes pass in one piece both ways" in text
    )
