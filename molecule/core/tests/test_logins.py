"""Logins that must fail, and a secret that somebody changed on the target."""

from __future__ import annotations

from molecule.conftest import (
    ISCSI,
    active_paths,
    ansible,
    changes,
    machine,
    play,
    secrets,
    wait_until,
)


def test_a_refused_login_names_its_reason_and_site_mends_it_without_a_word_of_secrets() -> None:
    node = machine("gpu2")
    refused = ansible("ansible-playbook", "molecule/core/logins.yml")
    assert refused.returncode == 0, refused.stdout
    # As talkative as it gets.
    done = play("site", ISCSI, "--diff", "-vvv")
    assert done.returncode == 0, done.stdout
    assert changes(done) > 0
    wait_until("both paths", lambda: active_paths(node) == 2)
    assert "chap_password" in done.stdout
    said = done.stdout
    assert said.count('"action": "set_chap"') + said.count("action: set_chap") >= 2
    assert not [secret for secret in secrets() if secret in refused.stdout + said]
