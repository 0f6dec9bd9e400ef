"""Exit codes of iscsiadm provoked for real, and what our modules say about each.

The other codes are gone through in the unit tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from molecule.conftest import (
    PORTALS,
    TARGET,
    Host,
    active_paths,
    machine,
    module,
    said,
    site,
    wait_until,
)

NOBODY = "iqn.2026-11.com.example:nobody"
CLOSED = f"{PORTALS[0]}:3999"
SILENT = "10.77.1.99:3260"
QUICK = {"node.conn[0].timeo.login_timeout": 3, "node.session.initial_login_retry_max": 1}


@pytest.fixture
def gpu1() -> Iterator[Host]:
    """The node; records for targets that are not there are taken away again."""
    node = machine("gpu1")
    yield node
    for target, portals in ((NOBODY, [PORTALS[0]]), (TARGET, [CLOSED, SILENT])):
        done = module("gpu1", "iscsi_node", target=target, portals=portals, state="absent")
        assert done.returncode == 0, done.stdout


def record(target: str, portal: str) -> None:
    done = module(
        "gpu1", "iscsi_node", target=target, portals=[portal], startup="manual", settings=QUICK
    )
    assert done.returncode == 0, done.stdout


def login(node: Host, target: str, portal: str) -> int:
    code: int = node.run(f"iscsiadm -m node -T {target} -p {portal} --login").rc
    return code


def refused(target: str, portal: str) -> str:
    """What the module says about the same login."""
    done = module("gpu1", "iscsi_session", target=target, portals=[portal], login_timeout=30)
    assert done.returncode != 0, done.stdout
    return said(done)


def test_4_a_closed_port(gpu1: Host) -> None:
    record(TARGET, CLOSED)
    assert login(gpu1, TARGET, CLOSED) == 4
    assert "the connection to the portal failed (iscsiadm: exit code 4" in refused(TARGET, CLOSED)


def test_8_a_portal_that_never_answers(gpu1: Host) -> None:
    # A neighbour that is known and silent: packets vanish, as behind a firewall.
    nic = gpu1.check_output(f"ip -o route get {PORTALS[0]}").split()[2]
    gpu1.check_output(
        f"ip neigh replace 10.77.1.99 lladdr 52:54:00:00:00:99 dev {nic} nud permanent"
    )
    record(TARGET, SILENT)
    assert login(gpu1, TARGET, SILENT) == 8
    text = refused(TARGET, SILENT)
    assert "the portal did not answer in time (iscsiadm: exit code 8" in text
    gpu1.check_output(f"ip neigh del 10.77.1.99 dev {nic}")


def test_15_a_session_that_is_there(gpu1: Host) -> None:
    # To be logged in is what the module asks for; to delete a record in use is an error for both.
    assert login(gpu1, TARGET, PORTALS[0]) == 15
    done = module("gpu1", "iscsi_session", target=TARGET, portals=[PORTALS[0]])
    assert done.returncode == 0 and '"changed": false' in done.stdout
    assert gpu1.run(f"iscsiadm -m node -T {TARGET} -p {PORTALS[0]} -o delete").rc == 15
    done = module("gpu1", "iscsi_node", target=TARGET, portals=[PORTALS[0]], state="absent")
    assert done.returncode != 0
    assert "End the session first" in said(done)


def test_19_a_target_that_the_portal_does_not_have(gpu1: Host) -> None:
    record(NOBODY, PORTALS[0])
    assert login(gpu1, NOBODY, PORTALS[0]) == 19
    assert "no such target there) (iscsiadm: exit code 19" in refused(NOBODY, PORTALS[0])


def test_20_no_iscsid(gpu1: Host) -> None:
    record(TARGET, CLOSED)
    gpu1.check_output("systemctl stop iscsid.socket iscsid.service")
    try:
        assert login(gpu1, TARGET, CLOSED) == 20
        assert "iscsid could not be reached (iscsiadm: exit code 20" in refused(TARGET, CLOSED)
    finally:
        gpu1.check_output("systemctl start iscsid.socket iscsid.service")


def test_21_no_record(gpu1: Host) -> None:
    assert login(gpu1, NOBODY, PORTALS[0]) == 21
    assert "no such record or session (iscsiadm: exit code 21" in refused(NOBODY, PORTALS[0])


def test_24_a_wrong_secret(gpu1: Host) -> None:
    portal = PORTALS[1]
    gpu1.check_output(f"iscsiadm -m node -T {TARGET} -p {portal} --logout")
    done = module(
        "gpu1",
        "iscsi_node",
        target=TARGET,
        portals=[portal],
        chap_username="iqn.2026-11.com.example:gpu1",
        chap_password="wrong-secret-1",
    )
    assert done.returncode == 0, done.stdout
    assert login(gpu1, TARGET, portal) == 24
    text = refused(TARGET, portal)
    assert "does not accept its CHAP credentials" in text and "exit code 24" in text
    site()
    wait_until("two paths", lambda: active_paths(gpu1) == 2)
