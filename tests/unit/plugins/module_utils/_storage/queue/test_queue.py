# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.model import (
    Observed,
    Queue,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.parse import (
    parse_queue,
)
from ansible_collections.tts.modelstore.plugins.module_utils._storage.queue.plan import (
    plan_queue,
    show_queues,
)
from hypothesis import given
from hypothesis import strategies as st


def queue(name: str, *, size: str = "1280", ahead: str = "128", scheduler: str = "none") -> Queue:
    values = {"max_sectors_kb": size, "read_ahead_kb": ahead, "scheduler": scheduler}
    return Queue(name, values, ("none", "mq-deadline"), 32767)


def writes(desired: dict[str, str], observed: Observed) -> list[str]:
    actions = plan_queue(desired, observed).actions
    return [f"{action.subject} {action.arguments['value']}" for action in actions]


MAP = Observed(queue("dm-0"), (queue("sda"), queue("sdb")))


def test_read_ahead_is_a_matter_of_the_map_alone() -> None:
    assert writes({"read_ahead_kb": "8192"}, MAP) == ["dm-0 read_ahead_kb 8192"]


def test_only_what_differs_is_written() -> None:
    mixed = Observed(queue("dm-0"), (queue("sda", scheduler="mq-deadline"), queue("sdb")))
    assert writes({"scheduler": "none"}, mixed) == ["sda scheduler none"]
    assert not plan_queue({"scheduler": "none", "read_ahead_kb": "128"}, MAP)
    assert not plan_queue({}, MAP)


def test_a_path_takes_at_any_time_what_the_map_lets_through() -> None:
    assert [line.split()[0] for line in writes({"max_sectors_kb": "4096"}, MAP)] == [
        "sda",
        "sdb",
        "dm-0",
    ]
    assert [line.split()[0] for line in writes({"max_sectors_kb": "512"}, MAP)] == [
        "dm-0",
        "sda",
        "sdb",
    ]


def test_the_scheduler_comes_before_what_it_sets_anew() -> None:
    assert writes({"nr_requests": "64", "scheduler": "mq-deadline"}, Observed(queue("sda"))) == [
        "sda scheduler mq-deadline",
        "sda nr_requests 64",
    ]


@pytest.mark.parametrize(
    ("desired", "said"),
    [
        ({"scheduler": "bfq"}, "found none, mq-deadline to choose from, expected bfq"),
        ({"max_sectors_kb": "65536"}, "found 32767 as the most that the hardware takes"),
    ],
)
def test_what_a_device_does_not_take_is_refused(desired: dict[str, str], said: str) -> None:
    with pytest.raises(ModelStoreError, match=said):
        plan_queue(desired, MAP)


def test_the_chosen_scheduler_is_the_one_in_brackets() -> None:
    found = parse_queue(
        "sda", {"scheduler": "none [mq-deadline]", "max_hw_sectors_kb": "64", "nr_requests": ""}
    )
    assert found == Queue("sda", {"scheduler": "mq-deadline"}, ("none", "mq-deadline"), 64)
    assert parse_queue("dm-0", {"scheduler": "none"}).values == {"scheduler": "none"}


SIZES = st.sampled_from(["64", "1280", "4096"])
QUEUES = st.builds(queue, st.just("x"), size=SIZES, ahead=SIZES)


@given(QUEUES, st.lists(QUEUES, max_size=3), SIZES, SIZES)
def test_after_the_writes_nothing_is_left_and_no_path_was_ever_too_small(
    top: Queue, paths: list[Queue], size: str, ahead: str
) -> None:
    desired = {"max_sectors_kb": size, "read_ahead_kb": ahead}
    named = [
        Queue(f"sd{number}", path.values, path.schedulers, path.largest_kb)
        for number, path in enumerate(paths)
    ]
    values = {each.name: dict(each.values) for each in (top, *named)}
    fitted = all(
        int(path.values["max_sectors_kb"]) >= int(top.values["max_sectors_kb"]) for path in named
    )
    for action in plan_queue(desired, Observed(top, tuple(named))).actions:
        name, setting = action.subject.split()
        values[name][setting] = action.arguments["value"]
        if fitted:
            assert all(
                int(values[path.name]["max_sectors_kb"]) >= int(values["x"]["max_sectors_kb"])
                for path in named
            )
    after = Observed(
        Queue("x", values["x"], top.schedulers, 32767),
        tuple(Queue(path.name, values[path.name], path.schedulers, 32767) for path in named),
    )
    assert not plan_queue(desired, after)
    shown = show_queues(desired, after)
    assert shown["x"] == desired
    assert all(shown[path.name]["max_sectors_kb"] == size for path in named)
