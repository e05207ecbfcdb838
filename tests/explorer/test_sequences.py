"""Sequences of programs, faults, restarts, drift and other stacks against the promises of the lifecycle.

`EXPLORER_SEQUENCES=10000 pytest tests/explorer` draws so many, others each time; without it there are 120, the same
each time, and with SAME_DRAWS these are too. What fails is printed as the steps of its smallest form: put it into
REGRESSIONS.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from biot_provider.emulator import Platform

from .choices import STACKS
from .explorer import Explorer, Step
from .sequences import sequences
from .world import World

SEQUENCES = int(os.environ.get("EXPLORER_SEQUENCES", "120"))
PARTS = 4
"""Tests that share the sequences, so that several processes do."""

REGRESSIONS: dict[str, list[Step]] = {
    "renamed and moved to the other provider in one update": [
        ("code", 0, 0, 0),
        ("up", 0),
        ("rename", 0, 0, 1),
        ("move", 0),
        ("up", 0),
    ],
    "half-made, with code": [
        ("code", 0, 0, 0),
        ("up", 0, ("rollback failed", "lost after commit", "never sent")),
        ("up", 0),
    ],
    "half-made, then unreadable": [
        ("code", 0, 0, 0),
        ("up", 0, ("reads fail after commit",)),
        ("show", "cronSchedule", 1),
    ],
    "renamed and moved, where the other backend has the former name": [
        ("code", 0, 0, 0),
        ("code", 2, 0, 0),
        ("up", 0),
        ("rename", 0, 0, 1),
    ],
    "two resources of one name below parents of different type": [
        ("set", 0, 3, "timeout", 2),
        ("up", 0),
        ("image", 0, 0, 2),
        ("up", 0),
        ("drop", 0, 3),
    ],
    "a create whose answer is lost, where another resource has that name": [
        ("code", 0, 3, 1),
        ("set", 0, 0, "cron_schedule", 1),
        ("up", 0, ("lost after commit",)),
    ],
    "an interception of an unknown type": [("code", 0, 0, 1), ("up", 0), ("console", "a", "interception")],
    "an unknown state": [("code", 0, 0, 1), ("up", 0), ("console", "a", "state")],
    "an unknown method, ignored": [("ignore", 0, 0, "cors"), ("up", 0), ("console", "a", "cors")],
    "an empty variable, ignored": [
        ("set", 0, 0, "environment_variables", 1),
        ("ignore", 0, 0, "environment_variables"),
        ("up", 0),
        ("console", "a", "empty variable"),
    ],
    "remade by hand": [("code", 0, 0, 1), ("up", 0), ("console", "a", "remake with code")],
    "remade by hand, and adopted": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("console", "a", "remake"),
        ("set", 0, 0, "adopt", 1),
        ("up", 0),
    ],
    "remade by hand of another type": [("code", 0, 0, 1), ("up", 0), ("console", "a", "remake of an image")],
    "an image remade as a zip by the other backend": [("image", 2, 0, 1), ("up", 2), ("code", 0, 0, 1), ("up", 0)],
    "an image replaced while another resource fails": [
        ("image", 0, 0, 1),
        ("up", 0),
        ("up", 0, (), ("replace", "another_fails")),
        ("refresh", 0),
        ("up", 0),
    ],
    "a seed replaced by an image while another resource fails": [
        ("image", 0, 0, 0),
        ("up", 0),
        ("image", 0, 0, 1),
        ("up", 0, (), ("another_fails", "replace")),
        ("up", 0, (), ("refresh",)),
    ],
    "an image that is gone, replaced": [
        ("image", 0, 0, 1),
        ("up", 0),
        ("console", "a", "delete"),
        ("up", 0, (), ("replace",)),
    ],
    "an image's replacement that is killed, then destroyed": [
        ("image", 0, 0, 1),
        ("up", 0),
        ("up", 0, ("killed after commit",), ("replace",)),
        ("destroy", 0),
    ],
    "a drift that an update of another field meets": [
        ("set", 0, 0, "environment_variables", 1),
        ("up", 0),
        ("console", "a", "another variable"),
        ("code", 0, 0, 1),
        ("up", 0, ("504 after commit",)),
        ("set", 0, 0, "timeout", 1),
        ("up", 0),
    ],
    "code by hand, then another field": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("console", "a", "deploy"),
        ("set", 0, 0, "timeout", 1),
        ("up", 0),
        ("refresh", 0),
    ],
    "code whose answer is lost, taken back": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("code", 0, 0, 2),
        ("up", 0, ("reads fail after commit",)),
        ("code", 0, 0, 1),
        ("set", 0, 0, "timeout", 1),
        ("up", 0),
    ],
    "a seed that is given code, taken back": [
        ("code", 0, 0, 0),
        ("up", 0),
        ("code", 0, 0, 1),
        ("up", 0, ("reads fail after commit",)),
        ("code", 0, 0, 0),
        ("refresh", 0),
    ],
    "code that is killed after the commit is not sent again": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("code", 0, 0, 2),
        ("up", 0, ("killed after commit",)),
        ("refresh", 0),
        ("up", 0),
    ],
    "no stamp, and one that is there": [
        ("code", 0, 0, 0),
        ("up", 0, ("reads fail after commit",)),
        ("stamp", 0),
        ("code", 0, 0, 1),
        ("up", 0),
    ],
    "no stamp, and another stack's": [("code", 1, 0, 1), ("up", 1), ("stamp", 0), ("code", 0, 0, 2), ("up", 0)],
    "adopted by another stack": [
        ("image", 0, 0, 1),
        ("up", 0),
        ("set", 1, 0, "adopt", 1),
        ("image", 1, 0, 2),
        ("up", 1),
    ],
    "renamed, the write unseen": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("rename", 0, 0, 1),
        ("set", 0, 1, "timeout", 1),
        ("up", 0, ("killed after commit",)),
        ("destroy", 0),
    ],
    "renamed, then one of the former name": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("rename", 0, 0, 1),
        ("up", 0),
        ("code", 0, 0, 2),
        ("up", 0),
    ],
    "moved below a parent without an alias": [
        ("code", 0, 0, 0),
        ("up", 0),
        ("drop", 0, 0),
        ("code", 0, 2, 0),
        ("up", 0),
    ],
    "rolled back halfway, and never sent again": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("code", 0, 0, 2),
        ("up", 0, ("rollback failed", "never sent")),
    ],
    "a create that was rolled back halfway": [("image", 0, 0, 1), ("up", 0, ("rollback failed after commit",))],
    "a replacement killed after its delete, with new code since": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("up", 0, ("", "killed"), ("replace",)),
        ("code", 0, 0, 2),
        ("up", 0),
    ],
    "moved below a parent without an alias or stamps": [
        ("code", 0, 0, 0),
        ("up", 0),
        ("stamp", 0),
        ("drop", 0, 0),
        ("code", 0, 2, 0),
        ("up", 0),
    ],
    "gone, and made anew by an update whose answer is lost, without stamps": [
        ("code", 0, 0, 0),
        ("up", 0),
        ("console", "a", "delete"),
        ("stamp", 0),
        ("code", 0, 0, 1),
        ("up", 0, ("lost after commit",)),
    ],
    "adopted by another stack, then deployed without a change": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("set", 1, 0, "adopt", 1),
        ("up", 1),
        ("up", 0),
    ],
    "adopted without stamps": [
        ("stamp", 0),
        ("code", 1, 0, 0),
        ("up", 1),
        ("set", 0, 0, "adopt", 1),
        ("up", 0),
        ("refresh", 0),
    ],
    "an unrecorded create, where the platform shows no cors": [
        ("variant", 1),
        ("image", 0, 0, 1),
        ("up", 0, ("unrecorded",)),
        ("set", 0, 0, "cors", 1),
        ("up", 0),
    ],
    "made anew by the same stack on another backend, with code": [
        ("code", 2, 0, 0),
        ("up", 2),
        ("console", "a", "delete"),
        ("code", 0, 0, 1),
        ("up", 0),
        ("refresh", 2),
    ],
    "another package type while the plugin of before is still to be deleted": [
        ("image", 0, 0, 1),
        ("up", 0),
        ("up", 0, (), ("another_fails", "replace")),
        ("code", 0, 0, 0),
        ("up", 0, (), ("another_fails",)),
    ],
    "replaced twice while another resource fails": [
        ("code", 0, 0, 1),
        ("order", 0, 0),
        ("up", 0),
        ("up", 0, (), ("another_fails", "replace")),
        ("order", 0, 0),
        ("up", 0, (), ("another_fails", "replace")),
        ("up", 0, (), ("refresh",)),
    ],
    "code and an image by two backends of one stack": [
        ("code", 0, 0, 0),
        ("image", 2, 0, 1),
        ("up", 0),
        ("up", 2),
        ("set", 0, 0, "timeout", 1),
        ("up", 0),
    ],
    "renamed where stamps are no longer written": [
        ("code", 0, 1, 0),
        ("up", 0),
        ("stamp", 0),
        ("rename", 0, 1, 0),
        ("code", 0, 0, 1),
    ],
    "a creation time that is written in another way, then replaced": [
        ("code", 0, 0, 0),
        ("up", 0),
        ("console", "a", "creation time"),
        ("order", 0, 0),
        ("up", 0, (), ("replace",)),
    ],
    "a lost state": [("code", 0, 0, 1), ("set", 0, 0, "cors", 1), ("up", 0), ("lose", 0), ("code", 0, 0, 2), ("up", 0)],
    "the same stack on another backend": [
        ("code", 0, 0, 1),
        ("up", 0),
        ("code", 2, 0, 2),
        ("up", 2),
        ("refresh", 0),
        ("destroy", 2),
    ],
}
"""Sequences that once failed, by topic."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Platform(tmp_path_factory.mktemp("platform")) as platform:
        yield World(platform)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("code")


@pytest.mark.parametrize("adapter", ["dynamic", "native", pytest.param("both", marks=pytest.mark.long)])
@pytest.mark.parametrize("steps", REGRESSIONS.values(), ids=REGRESSIONS)
def test_what_once_was_broken_holds(world: World, folder: Path, steps: list[Step], adapter: str) -> None:
    if adapter == "native":
        steps = [*(("move", number) for number in range(len(STACKS))), *steps]
    elif adapter == "both":
        steps = [taken for step in steps for taken in ((step, ("move", step[1])) if step[0] == "up" else (step,))]
    Explorer(world, folder).explore(steps)


@pytest.mark.timeout(SEQUENCES * 2)
@pytest.mark.parametrize("_part", range(PARTS))
@settings(
    max_examples=max(1, SEQUENCES // PARTS),
    derandomize="EXPLORER_SEQUENCES" not in os.environ or "SAME_DRAWS" in os.environ,
    phases=[Phase.generate, Phase.shrink],
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=sequences)
def test_no_sequence_loses_takes_or_hides_anything(world: World, folder: Path, steps: Any, _part: int) -> None:
    Explorer(world, folder).explore(steps)
