"""New secrets for the whole fleet while it works."""

from __future__ import annotations

from molecule.conftest import (
    ISCSI,
    NODES,
    PORTALS,
    TARGET,
    active_paths,
    changes,
    credentials,
    machine,
    module,
    new_secret,
    play,
    said,
    secrets,
    site,
    wait_until,
    workload,
)


def test_secrets_change_under_verified_io_without_an_error() -> None:
    old = secrets()
    jobs = [workload(name) for name in NODES]
    for job in jobs:
        job.start()
    try:
        new = [new_secret(name) for name in NODES]
        site(ISCSI)
    finally:
        results = [job.stop() for job in jobs]
    for name, result in zip(NODES, results, strict=True):
        print(f"{name}: longest stall {result.longest_stall:.1f} s, {result}")
        assert result.error == 0
        assert result.verified_bytes > 0
    for name, secret in zip(NODES, new, strict=True):
        live = [found["password"] for found in credentials(machine(name))]
        assert live == [secret] * len(PORTALS)

    node, portal = machine("gpu1"), PORTALS[1]
    record = f"iscsiadm -m node -T {TARGET} -p {portal}"
    # The new one opens the door at any time, the old one no more.
    node.check_output(f"{record} --logout && {record} --login")
    wait_until("two paths", lambda: active_paths(node) == 2)
    node.check_output(f"{record} --logout")
    written = module(
        "gpu1",
        "iscsi_node",
        target=TARGET,
        portals=[portal],
        chap_username="iqn.2026-11.com.example:gpu1",
        chap_password=old[0],
    )
    assert written.returncode == 0, written.stdout
    refused = module("gpu1", "iscsi_session", target=TARGET, portals=[portal])
    assert refused.returncode != 0
    assert "does not accept its CHAP credentials" in said(refused)

    site(ISCSI)
    wait_until("two paths", lambda: active_paths(node) == 2)
    again = play("site", ISCSI)
    assert again.returncode == 0, again.stdout
    assert changes(again) == 0, again.stdout
