"""CHAP in both directions, for the login and for discovery: put in, enforced, and taken out again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from molecule.conftest import (
    ISCSI,
    NODES,
    PORTALS,
    TARGET,
    Host,
    changes,
    credentials,
    extra_vars,
    machine,
    module,
    play,
    said,
    secrets,
    site,
)

MUTUAL = {
    "modelstore_chap_mutual_username": "store1",
    "modelstore_chap_mutual_password": "Mutual-Secret-1",
}
DISCOVERY = {
    "iscsi_initiator_discovery": True,
    "modelstore_discovery_chap_username": "discovery",
    "modelstore_discovery_chap_password": "Discover-Out-1",
    "modelstore_discovery_chap_mutual_username": "discovery-target",
    "modelstore_discovery_chap_mutual_password": "Discover-In-12",
}
NO_DISCOVERY_AUTH = "--extra-vars=iscsi_target_discovery_auth=absent"


@pytest.fixture(scope="module")
def everything() -> Iterator[str]:
    """Both kinds of CHAP in force, and the option that asks for them."""
    option = extra_vars("chap", **MUTUAL, **DISCOVERY)
    assert site(option, ISCSI) > 0
    yield option
    site(NO_DISCOVERY_AUTH, ISCSI)


def discover(node: Host) -> int:
    """Ask a portal without any credentials, beside the records, which stay as they are."""
    code: int = node.run(
        "cp -a /etc/iscsi /tmp/iscsi && unshare --mount sh -c 'mount --bind /tmp/iscsi /etc/iscsi; "
        f"iscsiadm -m discovery -t sendtargets -p {PORTALS[0]}'; code=$?; rm -r /tmp/iscsi; exit $code"
    ).rc
    return code


def test_both_sides_prove_themselves_in_every_session(everything: str) -> None:
    for name, secret in zip(NODES, secrets(), strict=True):
        expected = {
            "username": f"iqn.2026-11.com.example:{name}",
            "password": secret,
            "username_in": MUTUAL["modelstore_chap_mutual_username"],
            "password_in": MUTUAL["modelstore_chap_mutual_password"],
        }
        assert credentials(machine(name)) == [expected] * len(PORTALS)


def test_a_second_run_with_all_of_it_changes_nothing(everything: str) -> None:
    done = play("site", everything, ISCSI)
    assert done.returncode == 0, done.stdout
    assert changes(done) == 0, done.stdout


def test_no_secret_is_in_the_output(everything: str) -> None:
    done = play("site", everything, ISCSI, "--check", "--diff", "-vvv")
    assert done.returncode == 0, done.stdout
    for values in (MUTUAL, DISCOVERY):
        for key, value in values.items():
            if key.endswith("password"):
                assert str(value) not in done.stdout, key


def test_discovery_without_credentials_is_refused(everything: str) -> None:
    assert discover(machine("gpu1")) == 24


def test_a_target_that_cannot_prove_itself_is_refused(everything: str) -> None:
    node = machine("gpu1")
    portal = PORTALS[0]
    node.check_output(f"iscsiadm -m node -T {TARGET} -p {portal} --logout")
    written = module(
        "gpu1",
        "iscsi_node",
        target=TARGET,
        portals=[portal],
        chap_username="iqn.2026-11.com.example:gpu1",
        chap_password=secrets()[0],
        chap_mutual_username=MUTUAL["modelstore_chap_mutual_username"],
        chap_mutual_password="Wrong-Mutual-1",
    )
    assert written.returncode == 0, written.stdout
    refused = module("gpu1", "iscsi_session", target=TARGET, portals=[portal])
    assert refused.returncode != 0
    assert "could not prove itself (mutual CHAP)" in said(refused)
    assert portal in said(refused) and "exit code 19" in said(refused)
    assert "Wrong-Mutual-1" not in written.stdout + refused.stdout
    assert site(everything, ISCSI) > 0
    assert len(credentials(node)) == len(PORTALS)


def test_taken_out_of_the_inventory_it_is_gone_on_both_sides(everything: str) -> None:
    assert site(NO_DISCOVERY_AUTH, ISCSI) > 0
    for name, secret in zip(NODES, secrets(), strict=True):
        expected = {"username": f"iqn.2026-11.com.example:{name}", "password": secret}
        assert credentials(machine(name)) == [expected] * len(PORTALS)
    assert discover(machine("gpu1")) == 0
    assert site(ISCSI) == 0
