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


def record(target: str, portal: str, **settings: str) -> None:
    done = module(
        "gpu1",
        "iscsi_node",
        target=target,
        portals=[portal],
        startup="manual",
        settings={**QUICK, **settings},
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


def test_8_login_at_a_closed_port(gpu1: Host) -> None:
    # iscsid tries again until the time is over.
    record(TARGET, CLOSED)
    assert login(gpu1, TARGET, CLOSED) == 8
    text = refused(TARGET, CLOSED)
    assert "the portal did not answer in time (iscsiadm: exit code 8" in text
    assert "listens on the portal" in text


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


def test_11_discovery_at_a_closed_port(gpu1: Host) -> None:
    discovery = f"iscsiadm -m discoverydb -t sendtargets -p {CLOSED}"
    gpu1.check_output(f"{discovery} -o new")
    assert gpu1.run(f"{discovery} --discover -o nonpersistent").rc == 11
    gpu1.check_output(f"{discovery} -o delete")
    done = module("gpu1", "iscsi_discovery", portals=[CLOSED])
    assert done.returncode != 0
    assert f"discovery at {CLOSED}: found no connection" in said(done)
    assert "exit_code: 11" in said(done)


def test_15_a_session_that_is_there(gpu1: Host) -> None:
    # To be logged in is what the module asks for; to delete a record in use is an error for both.
    assert login(gpu1, TARGET, PORTALS[0]) == 15
    done = module("gpu1", "iscsi_session", target=TARGET, portals=[PORTALS[0]])
    assert done.returncode == 0 and "changed: false" in done.stdout
    assert gpu1.run(f"iscsiadm -m node -T {TARGET} -p {PORTALS[0]} -o delete").rc == 15
    done = module("gpu1", "iscsi_node", target=TARGET, portals=[PORTALS[0]], state="absent")
    assert done.returncode != 0
    assert "End the session first" in said(done)


def test_5_or_8_a_target_that_the_portal_does_not_have(gpu1: Host) -> None:
    # LIO calls it an error of its own (03/01), which iscsid tries again until the time is over.
    record(NOBODY, PORTALS[0])
    assert login(gpu1, NOBODY, PORTALS[0]) in (5, 8)
    text = refused(NOBODY, PORTALS[0])
    assert "the portal does not serve this target (iscsiadm: exit code" in text
    assert f"Check on the target server that it has {NOBODY}" in text


def test_19_no_digest_in_common(gpu1: Host) -> None:
    store, portal = machine("store1"), PORTALS[1]
    digests = f"/sys/kernel/config/target/iscsi/{TARGET}/tpgt_1/param/HeaderDigest"
    before = store.check_output(f"cat {digests}")
    here = f"iscsiadm -m node -T {TARGET} -p {portal}"
    header = "-o update -n 'node.conn[0].iscsi.HeaderDigest' -v"
    gpu1.check_output(f"{here} --logout && {here} {header} CRC32C")
    store.check_output(f"echo None > {digests}")
    try:
        assert login(gpu1, TARGET, portal) == 19
        text = refused(TARGET, portal)
        assert "refused the login for good" in text and "exit code 19" in text
        assert "settings such as digests" in text
    finally:
        store.check_output(f"echo {before} > {digests}")
        gpu1.check_output(f"{here} {header} None && {here} --login")
    wait_until("two paths", lambda: active_paths(gpu1) == 2)


def test_20_no_iscsid(gpu1: Host) -> None:
    # Masked, as iscsiadm itself starts the socket that it does not find.
    units = "iscsid.socket iscsid.service"
    record(TARGET, CLOSED)
    gpu1.check_output(f"systemctl mask --runtime --now {units}")
    try:
        assert login(gpu1, TARGET, CLOSED) == 20
        assert "iscsid could not be reached (iscsiadm: exit code 20" in refused(TARGET, CLOSED)
    finally:
        gpu1.check_output(f"systemctl unmask --runtime {units} && systemctl start {units}")


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
