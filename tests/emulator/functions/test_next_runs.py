"""When a schedule fires next: the emulator and the provider agree."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from biot_provider.emulator.plugins.next_runs import next_runs
from biot_provider.plugin import schedule

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cron.json").read_text())
SCHEDULES = [
    *VECTORS["accepted"],
    *(
        "0 6 LW * ? *",
        "30 22-2 ? 2 MON#5 *",
        "0 0 29 2 ? *",
        "0 12 1W,15W,31W * ? *",
        "0 8 ? * FRI-MON *",
        "0 8 ? * L *",
    ),
    *("0 8 ? * MONL *", "0 8 ? * 3,SAT 2027-2029", "5,55/2 */6 10-12 NOV-JAN ? *", "0 8 1 1 ? 2026", "0 8 L-3 * ? *"),
]
MOMENTS = [datetime(2026, 11, 27, 6, tzinfo=UTC), datetime(2027, 12, 31, 23, 59, tzinfo=UTC)]


@pytest.mark.parametrize("expression", SCHEDULES)
def test_emulator_and_provider_agree_on_a_schedule(expression: str) -> None:
    for moment in MOMENTS:
        assert list(next_runs(expression, moment, 8)) == schedule.next_runs(expression, moment, 8)


@pytest.mark.parametrize(
    "expression", [*VECTORS["refused by the platform"], *VECTORS["refused by AWS"], "0 8 30 2 ? *"]
)
def test_what_is_no_schedule_or_never_fires_has_no_runs(expression: str) -> None:
    assert next_runs(expression, MOMENTS[0]) == ()
