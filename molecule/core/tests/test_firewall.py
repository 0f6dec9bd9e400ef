"""A portal is reached through the network that it belongs to, and through no other."""

from __future__ import annotations

from molecule.conftest import PORTALS, TARGET, Host, connects, site

UNIT = f"modelstore-firewall-{TARGET.replace(':', '-')}.service"
OTHER = "table inet somebody { chain input { type filter hook input priority 0; }; }"


def test_what_the_kernel_would_answer_is_dropped(store: Host, node: Host) -> None:
    wrong = (PORTALS[0], "enp0s5")
    assert connects(node, PORTALS[0], "enp0s4")
    assert not connects(node, *wrong)
    # That it is the rules that do it shows when they are gone.
    store.check_output(f"systemctl stop {UNIT}")
    try:
        assert connects(node, *wrong)
    finally:
        store.check_output(f"systemctl start {UNIT}")
    assert not connects(node, *wrong)


def test_the_next_run_puts_flushed_rules_back_and_leaves_those_of_others(store: Host) -> None:
    store.check_output(f"nft flush ruleset && nft '{OTHER}'")
    assert site("--tags=iscsi_target", "--limit=store1") == 1
    shown = store.check_output("nft list ruleset")
    assert "tcp dport 3260 fib daddr . iif type != local drop" in shown
    assert "table inet somebody" in shown
    store.check_output("nft delete table inet somebody")
    assert site("--tags=iscsi_target", "--limit=store1") == 0
