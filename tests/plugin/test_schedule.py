"""Schedules as the platform's pattern, then AWS, then the calendar take them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from biot_provider.plugin.schedule import PATTERN, in_words, next_runs, schedule_problem

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cron.json").read_text())
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
"""A Tuesday."""


def runs(schedule: str, after: datetime = NOON, count: int = 3) -> list[str]:
    return [f"{run:%Y-%m-%d %H:%M %a}" for run in next_runs(schedule, after, count)]


@pytest.mark.parametrize("schedule", VECTORS["accepted"])
def test_what_the_platform_and_aws_take_is_taken(schedule: str) -> None:
    assert schedule_problem(schedule) is None


@pytest.mark.parametrize("schedule", VECTORS["refused by the platform"])
def test_what_the_platform_refuses_is_refused(schedule: str) -> None:
    assert not re.fullmatch(PATTERN, schedule)
    assert schedule_problem(schedule)


@pytest.mark.parametrize("schedule", VECTORS["refused by AWS"])
def test_what_only_aws_refuses_is_refused_before(schedule: str) -> None:
    assert re.fullmatch(PATTERN, schedule)
    assert schedule_problem(schedule)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 24 1 * ? *", "hours must be 0 to 23, not 24"),
        ("0 8-29 1 * ? *", "hours must be 0 to 23, not 29"),
        ("0 8 32 * ? *", "day of month must be 1 to 31, not 32"),
        ("0 8 39W * ? *", "day of month must be 1 to 31, not 39"),
        ("0 8 1 13 ? *", "month must be 1 to 12, not 13"),
        ("0 8 1 JAN-19 ? *", "month must be 1 to 12, not 19"),
        ("0 8 1 * ? 1969", "year must be 1970 to 2199, not 1969"),
        ("0 8 1 * ? 2999", "year must be 1970 to 2199, not 2999"),
        ("0 8 ? * MON#0 *", "day of week must name the 1st to 5th one, as in MON#1, not #0"),
        ("0/0 8 1 * ? *", "minutes: the step behind / must be 1 or more"),
        ("0 8 *-5 * ? *", "day of month must be values, ranges of two values and steps, not '*-5'"),
        ("0 8 15W-20 * ? *", "not '15W-20'"),
        ("0 8 L/2 * ? *", "not 'L/2'"),
        ("0 8 ? * MONL-FRI *", "not 'MONL-FRI'"),
        ("0 8 ? * 0 *", "day of week must be 1 (SUN) to 7 (SAT), not 0"),
        ("0 8 ? * L-3 *", "day of week must be values, ranges of two values and steps, not 'L-3'"),
        ("0 8 30 2 ? *", "never fires: no such day exists"),
        ("0 8 31 2,4,6,9,11 ? *", "never fires: no such day exists"),
        ("0 8 L-31 * ? *", "never fires: no such day exists"),
        ("0 8 29 2 ? 2027", "never fires: no such day exists"),
        ("0 8 1 * ?", "must have six fields"),
        (" 0 8 1 * ? *", "must not begin or end with blanks"),
        ("0\t8 1 * ? *", "must not begin or end with blanks, nor hold tabs"),
        ("0 8 1 jan ? *", "names of months and days must be in capitals"),
        ("rate(5 minutes)", "without cron( ) or rate( )"),
        ("0 8 1 * MON *", "exactly one of day of month and day of week must be '?'"),
        ("60 8 1 * ? *", "(it reads: minutes 60, hours 8, day of month 1, every month, any day of week, every year)"),
    ],
)
def test_a_problem_says_what_is_wrong(schedule: str, words: str) -> None:
    assert words in (schedule_problem(schedule) or "")


def test_every_field_out_of_range_is_named_and_the_schedule_read_out() -> None:
    assert schedule_problem("0 29 39 19 ? 2999") == (
        "hours must be 0 to 23, not 29; day of month must be 1 to 31, not 39; month must be 1 to 12, not 19;"
        " year must be 1970 to 2199, not 2999"
        " (it reads: minutes 0, hours 29, day of month 39, month 19, any day of week, year 2999)"
    )


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # the examples of AWS's documentation
        ("0 10 * * ? *", ["2026-11-25 10:00 Wed", "2026-11-26 10:00 Thu", "2026-11-27 10:00 Fri"]),
        ("15 12 * * ? *", ["2026-11-24 12:15 Tue", "2026-11-25 12:15 Wed", "2026-11-26 12:15 Thu"]),
        ("0 18 ? * MON-FRI *", ["2026-11-24 18:00 Tue", "2026-11-25 18:00 Wed", "2026-11-26 18:00 Thu"]),
        ("0 8 1 * ? *", ["2026-12-01 08:00 Tue", "2027-01-01 08:00 Fri", "2027-02-01 08:00 Mon"]),
        ("0/15 * * * ? *", ["2026-11-24 12:15 Tue", "2026-11-24 12:30 Tue", "2026-11-24 12:45 Tue"]),
        ("0/10 * ? * MON-FRI *", ["2026-11-24 12:10 Tue", "2026-11-24 12:20 Tue", "2026-11-24 12:30 Tue"]),
        ("0/5 8-17 ? * MON-FRI *", ["2026-11-24 12:05 Tue", "2026-11-24 12:10 Tue", "2026-11-24 12:15 Tue"]),
        ("0/30 20-2 ? * MON-FRI *", ["2026-11-24 20:00 Tue", "2026-11-24 20:30 Tue", "2026-11-24 21:00 Tue"]),
        # values, lists, ranges, steps
        ("45 1/12 1-5 JAN,OCT ? *", ["2027-01-01 01:45 Fri", "2027-01-01 13:45 Fri", "2027-01-02 01:45 Sat"]),
        ("0 0 ? 1-12/3 SUN *", ["2027-01-03 00:00 Sun", "2027-01-10 00:00 Sun", "2027-01-17 00:00 Sun"]),
        ("5,5,4 12 24 11 ? 2026", ["2026-11-24 12:04 Tue", "2026-11-24 12:05 Tue"]),
        ("0 0 1/10 * ? *", ["2026-12-01 00:00 Tue", "2026-12-11 00:00 Fri", "2026-12-21 00:00 Mon"]),
        ("0 0 ? * 2-6 *", ["2026-11-25 00:00 Wed", "2026-11-26 00:00 Thu", "2026-11-27 00:00 Fri"]),
        ("0 0 ? * 1 *", ["2026-11-29 00:00 Sun", "2026-12-06 00:00 Sun", "2026-12-13 00:00 Sun"]),
        ("0 0 ? * FRI-MON *", ["2026-11-27 00:00 Fri", "2026-11-28 00:00 Sat", "2026-11-29 00:00 Sun"]),
        ("0 0 1 NOV-FEB ? *", ["2026-12-01 00:00 Tue", "2027-01-01 00:00 Fri", "2027-02-01 00:00 Mon"]),
        ("0 0 1 1 ? 2026/4", ["2030-01-01 00:00 Tue", "2034-01-01 00:00 Sun", "2038-01-01 00:00 Fri"]),
        ("0 0 1 1 ? 2027-2028", ["2027-01-01 00:00 Fri", "2028-01-01 00:00 Sat"]),
        # L, W, LW and #
        ("0 8 L * ? *", ["2026-11-30 08:00 Mon", "2026-12-31 08:00 Thu", "2027-01-31 08:00 Sun"]),
        ("0 8 L-3 * ? *", ["2026-11-27 08:00 Fri", "2026-12-28 08:00 Mon", "2027-01-28 08:00 Thu"]),
        ("0 8 LW * ? *", ["2026-11-30 08:00 Mon", "2026-12-31 08:00 Thu", "2027-01-29 08:00 Fri"]),
        ("0 8 15W * ? *", ["2026-12-15 08:00 Tue", "2027-01-15 08:00 Fri", "2027-02-15 08:00 Mon"]),
        ("0 8 28W 11 ? *", ["2026-11-27 08:00 Fri", "2027-11-29 08:00 Mon", "2028-11-28 08:00 Tue"]),
        ("0 8 1W 8,5 ? 2026-2027", ["2027-05-03 08:00 Mon", "2027-08-02 08:00 Mon"]),
        ("0 8 31W * ? *", ["2026-12-31 08:00 Thu", "2027-01-29 08:00 Fri", "2027-03-31 08:00 Wed"]),
        ("0 8 1,L * ? *", ["2026-11-30 08:00 Mon", "2026-12-01 08:00 Tue", "2026-12-31 08:00 Thu"]),
        ("0 8 ? * 6L *", ["2026-11-27 08:00 Fri", "2026-12-25 08:00 Fri", "2027-01-29 08:00 Fri"]),
        ("0 8 ? * FRIL *", ["2026-11-27 08:00 Fri", "2026-12-25 08:00 Fri", "2027-01-29 08:00 Fri"]),
        ("0 8 ? * L *", ["2026-11-28 08:00 Sat", "2026-12-05 08:00 Sat", "2026-12-12 08:00 Sat"]),
        ("0 8 ? * 6#3 *", ["2026-12-18 08:00 Fri", "2027-01-15 08:00 Fri", "2027-02-19 08:00 Fri"]),
        ("0 8 ? * TUE#5 *", ["2026-12-29 08:00 Tue", "2027-03-30 08:00 Tue", "2027-06-29 08:00 Tue"]),
        # leap years, the year's end, and the end of it all
        ("0 8 29 2 ? *", ["2028-02-29 08:00 Tue", "2032-02-29 08:00 Sun", "2036-02-29 08:00 Fri"]),
        ("59 23 31 12 ? *", ["2026-12-31 23:59 Thu", "2027-12-31 23:59 Fri", "2028-12-31 23:59 Sun"]),
        ("0 6 15 1 ? 2024", []),
        ("0 12 24 11 ? 2026", []),
    ],
)
def test_the_next_runs_are_those_of_aws(schedule: str, expected: list[str]) -> None:
    assert schedule_problem(schedule) is None
    assert runs(schedule) == expected


def test_a_run_at_the_very_moment_is_past_and_the_count_is_kept() -> None:
    assert runs("0 12 * * ? *", count=1) == ["2026-11-25 12:00 Wed"]
    assert len(next_runs("* * * * ? *", NOON, 500)) == 500


def test_the_moment_may_be_in_any_time_zone_and_runs_are_utc() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert next_runs("0 13 * * ? *", east, 1) == [datetime(2026, 11, 24, 13, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 8 ? * MON-FRI *", "minutes 0, hours 8, any day of month, every month, MON-FRI, every year"),
        ("* * * * ? *", "every minute, every hour, every day of month, every month, any day of week, every year"),
        ("0 8 ? * 2-6 *", "minutes 0, hours 8, any day of month, every month, MON-FRI, every year"),
        ("0 8 ? 1-12/3 6#3 2027", "minutes 0, hours 8, any day of month, month 1-12/3, FRI#3, year 2027"),
        ("0 8 ? * 1/2 *", "minutes 0, hours 8, any day of month, every month, SUN/2, every year"),
    ],
)
def test_a_schedule_reads_in_words_and_days_by_their_names(schedule: str, words: str) -> None:
    assert in_words(schedule) == words
