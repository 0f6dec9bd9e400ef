"""What was started while the machines were set up."""

from __future__ import annotations

from molecule.conftest import Host, check_command_lines


def test_no_secret_was_on_a_command_line_and_no_record_was_lost(store: Host, node: Host) -> None:
    for host, expected in ((store, "python3"), (node, "iscsiadm")):
        assert "\nlost 0\n" in host.check_output("auditctl -s")
        check_command_lines(host, expected)
