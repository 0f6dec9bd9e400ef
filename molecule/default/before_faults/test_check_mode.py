"""What check mode said on the bare machines, against what was done to them afterwards."""

from __future__ import annotations

import re
from collections import defaultdict

from molecule.conftest import NODES, STATE

# Each line names the process of the run that wrote it.
LINE = re.compile(r"^\S+ \S+ p=(\d+) \S+ \S+ \w+\| (.*)$", re.MULTILINE)
TASK = re.compile(r"(?:TASK|RUNNING HANDLER) \[(.*?)\] \*+")
CHANGED = re.compile(r"changed: \[(\w+)\]")
RECAP = re.compile(r"(\w+) +: ok=\d+ +changed=\d+ +unreachable=(\d+) +failed=(\d+)")


def test_check_mode_on_fresh_machines_predicted_the_changes() -> None:
    runs: dict[str, list[str]] = {}
    for process, text in LINE.findall((STATE / "ansible.log").read_text()):
        runs.setdefault(process, []).append(text)
    sites = [lines for lines in runs.values() if any("PLAY [Target" in line for line in lines)]
    check, converge = sites[:2]
    assert problems(check) == problems(converge) == {"store1": 0, "gpu1": 0, "gpu2": 0}

    predicted, done = changed(check), changed(converge)
    for host in ("store1", *NODES):
        made = done[host]
        # The file system is announced by a task of its own.
        in_vain = {task for task in predicted[host] - made if "Say what is going" not in task}
        assert not in_vain, host
        # Handlers and the start of services that are not installed yet cannot be predicted.
        assert len(made - predicted[host]) <= 6, made - predicted[host]


def changed(lines: list[str]) -> dict[str, set[str]]:
    """The tasks that changed something, for each host."""
    found: dict[str, set[str]] = defaultdict(set)
    task = ""
    for line in lines:
        if started := TASK.match(line):
            task = started[1]
        elif result := CHANGED.match(line):
            found[result[1]].add(task)
    return found


def problems(lines: list[str]) -> dict[str, int]:
    """How often each host failed or could not be reached."""
    recaps = filter(None, map(RECAP.match, lines))
    return {recap[1]: int(recap[2]) + int(recap[3]) for recap in recaps}
