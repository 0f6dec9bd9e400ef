"""Site killed at many stages, each followed by nothing but the next run; the tests build on each other."""

from __future__ import annotations

import re

import pytest

from molecule.conftest import (
    ISCSI,
    MOUNT,
    NODES,
    PORTALS,
    changes,
    credentials,
    interrupted_play,
    machine,
    new_secret,
    play,
    site,
    tasks_of,
    volume_uuid,
)

STAGES = 14
LOOKS = re.compile(r" : (validate \||Validating )")
# Seconds into the task for every third stage: not at its boundary but somewhere within.
WITHIN = (2, 3, 4, 5)


def test_site_killed_at_every_stage_comes_to_its_end_all_the_same() -> None:
    # Those that only look leave nothing behind that the one before them has not left.
    tasks = [name for name in tasks_of("site") if not LOOKS.search(name)]
    assert len(tasks) > STAGES
    # Spread over the whole playbook, each run going further than the one before.
    stages = [tasks[(number + 1) * len(tasks) // (STAGES + 1)] for number in range(STAGES)]
    assert len(set(stages)) == STAGES
    for number, stage in enumerate(stages):
        within, rest = divmod(number, 3)
        print(interrupted_play("site", stage, after=WITHIN[within] if rest == 2 else 0))
    site()


def test_no_volume_was_formatted_twice() -> None:
    for name in NODES:
        node = machine(name)
        records = node.check_output("cat /var/log/audit/audit.log*")
        runs = re.findall(r'^type=EXECVE .*a0="[^"]*mkfs\.xfs"', records, re.MULTILINE)
        assert len(runs) == 1, runs
        uuid = node.check_output(f"findmnt --noheadings --output UUID --mountpoint {MOUNT}")
        assert uuid == volume_uuid(name)


@pytest.mark.parametrize(
    ("stage", "after"),
    [
        ("iscsi_target : configure | Set up the target", 3),
        ("iscsi_initiator : connect | Write the node records", 0),
        ("iscsi_initiator : connect | Log in over every portal", 4),
    ],
)
def test_new_secrets_killed_on_their_way_are_in_force_after_the_next_run(
    stage: str, after: float
) -> None:
    created = {name: birth(name) for name in NODES}
    wanted = {name: new_secret(name) for name in NODES}
    print(interrupted_play("site", stage, ISCSI, after=after))
    site(ISCSI)
    for name, secret in wanted.items():
        assert [live["password"] for live in credentials(machine(name))] == [secret] * len(PORTALS)
    assert {name: birth(name) for name in NODES} == created


def test_a_further_run_changes_nothing() -> None:
    done = play("site")
    assert done.returncode == 0, done.stdout
    assert changes(done) == 0, done.stdout


def birth(name: str) -> str:
    """When the file system was made: the birth of its root folder."""
    made: str = machine(name).check_output(f"stat --format %W {MOUNT}")
    assert int(made) > 0
    return made
