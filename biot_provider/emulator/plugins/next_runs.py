"""The next times of a `cronSchedule`, in UTC, as in AWS EventBridge (EventBridge User Guide, cron expressions)."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from biot_provider.emulator.plugins.cron import accepted_by_aws, accepted_by_platform, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@lru_cache(maxsize=1024)
def next_runs(expression: str, after: datetime, count: int = 3) -> tuple[datetime, ...]:
    """Return the first times later than `after`, in UTC; fewer, or none, if the schedule ends or is invalid."""
    if not accepted_by_platform(expression) or not accepted_by_aws(expression):
        return ()
    try:
        return tuple(islice((run for run in _runs(expression.split(), after.date()) if run > after), count))
    except (ValueError, TypeError):
        return ()  # the pattern accepts more forms than have a meaning in AWS


def _runs(fields: list[str], first: date) -> Iterator[datetime]:
    minutes, hours, months, years = (
        _values(fields[place], low, high) for place, low, high in ((0, 0, 59), (1, 0, 23), (3, 1, 12), (5, 1970, 2199))
    )
    times = [time(hour, minute, tzinfo=UTC) for hour in sorted(hours) for minute in sorted(minutes)]
    for year in sorted(year for year in years if year >= first.year):
        for month in sorted(months):
            for number in range(1, calendar.monthrange(year, month)[1] + 1):
                day = date(year, month, number)
                if day >= first and _is_due(fields[2], fields[4], day):
                    yield from (datetime.combine(day, moment) for moment in times)


def _is_due(of_month: str, of_week: str, day: date) -> bool:
    if of_month != "?":
        return any(_is_day_of_month(item, day) for item in of_month.split(","))
    return any(_is_day_of_week(item, day) for item in of_week.split(","))


def _is_day_of_month(item: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if item == "LW":
        return day.day == _nearest_workday(day.replace(day=last)).day
    if item.startswith("L"):
        return day.day == last - int(item[2:] or 0)
    if item.endswith("W"):
        wanted = int(item[:-1])
        return wanted <= last and day == _nearest_workday(day.replace(day=wanted))
    return day.day in _values(item, 1, 31)


def _nearest_workday(day: date) -> date:
    """Return the day, or the nearest one from Monday to Friday in the same month."""
    steps = {5: (-1, 2), 6: (1, -2)}.get(day.weekday(), (0,))
    near = [day + timedelta(step) for step in steps]
    return next(one for one in near if one.month == day.month)


def _is_day_of_week(item: str, day: date) -> bool:
    today = day.isoweekday() % 7 + 1  # 1 is Sunday
    weekday, _, nth = item.partition("#")
    if nth:
        return today == number_of(weekday) and (day.day + 6) // 7 == int(nth)
    if item == "L":
        return today == 7
    if item.endswith("L"):
        return today == number_of(item[:-1]) and (day + timedelta(7)).month != day.month
    return today in _values(item, 1, 7)


def _values(field: str, low: int, high: int) -> set[int]:
    """Return the numbers of a field: values, ranges, which may wrap around as FRI-MON does, and steps."""
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        begin, dash, end = span.partition("-")
        start = low if begin == "*" else _known(begin)
        stop = _known(end) if dash else high if begin == "*" or step else start
        whole = [*range(start, stop + 1)] if start <= stop else [*range(start, high + 1), *range(low, stop + 1)]
        found.update(whole[:: int(step or 1)])
    return found


def _known(text: str) -> int:
    value = number_of(text)
    if value is None:
        raise ValueError(text)
    return value
