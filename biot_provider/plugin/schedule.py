"""A plugin's cron schedule: the six fields of AWS EventBridge, checked as the platform and then AWS would.

The platform's own pattern is checked first, verbatim (BioT API 2.4.2, cronSchedule). Then the ranges that the pattern
does not check, which AWS refuses only after the plugin is created, and last whether the schedule ever fires. All times
are UTC, as in AWS.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

PATTERN = (
    r"^(?:(?:(?:(?:[0-5]?[0-9])|[*])(?:(?:[-](?:(?:[0-5]?[0-9])|[*]))|(?:[\/][0-9]+))?(?:[,](?:(?:[0-5]?[0"
    r"-9])|[*])(?:(?:[-](?:(?:[0-5]?[0-9])|[*]))|(?:[\/][0-9]+))?)*)[ ]+(?:(?:(?:[0-2]?[0-9])|[*])(?:(?:[-"
    r"](?:(?:[0-2]?[0-9])|[*]))|(?:[\/][0-9]+))?(?:[,](?:(?:[0-2]?[0-9])|[*])(?:(?:[-](?:(?:[0-2]?[0-9])|["
    r"*]))|(?:[\/][0-9]+))?)*)[ ]+(?:(?:[?][ ]+(?:(?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|"
    r"OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])("
    r"?:[\/][0-9]+)?)|(?:[\/][0-9]+))?(?:[,](?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NO"
    r"V|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:[\/]"
    r"[0-9]+)?)|(?:[\/][0-9]+))?)*)[ ]+(?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))[#][0-5])|(?:(?:(?:("
    r"?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))L?)|[L*])(?:(?:[-](?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|"
    r"SAT))L?)|[L*]))|(?:[\/][0-9]+))?(?:[,](?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))L?)|[L*])(?:(?:"
    r"[-](?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))L?)|[L*]))|(?:[\/][0-9]+))?)*)))|(?:(?:(?:(?:(?:[1"
    r"-3]?[0-9])W?)|LW|[L*])(?:(?:[-](?:(?:(?:[1-3]?[0-9])W?)|LW|[L*]))|(?:[\/][0-9]+))?(?:[,](?:(?:(?:[1-"
    r"3]?[0-9])W?)|LW|[L*])(?:(?:[-](?:(?:(?:[1-3]?[0-9])W?)|LW|[L*]))|(?:[\/][0-9]+))?)*)[ ]+(?:(?:(?:[1]"
    r"?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB"
    r"|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:[\/][0-9]+)?)|(?:[\/][0-9]+))?(?:[,](?:(?:[1]?[0-9]"
    r")|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|A"
    r"PR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:[\/][0-9]+)?)|(?:[\/][0-9]+))?)*)[ ]+[?]))[ ]+(?:(?:(?:[1"
    r"2][0-9]{3})|[*])(?:(?:[-](?:(?:[12][0-9]{3})|[*]))|(?:[\/][0-9]+))?(?:[,](?:(?:[12][0-9]{3})|[*])(?:"
    r"(?:[-](?:(?:[12][0-9]{3})|[*]))|(?:[\/][0-9]+))?)*))$"
)
"""The platform's pattern, as published. Compiled on use, since few plugins have a schedule, and compiling is slow."""

_FIELDS = ("minutes", "hours", "day of month", "month", "day of week", "year")
_DAY_OF_MONTH = 2
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NUMBERS = {name: number for names in (_MONTHS, _DAYS) for number, name in enumerate(names, 1)}
_FORM = "minutes hours day-of-month month day-of-week year, such as '0 8 ? * MON-FRI *'"
_ITEM = re.compile(r"\?|(\*|V(-V)?)(/\d+)?|V#\d|VL|L|LW|L-\d+|\d+W".replace("V", r"(\d+|[A-Z]{3})"))
"""One item of a field's list as AWS accepts it; the platform's pattern allows more combinations."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def schedule_problem(schedule: str) -> str | None:
    """Return the problem of a schedule, regardless of the current day; None if it is valid."""
    fields = schedule.split()
    if not re.fullmatch(PATTERN, schedule):
        return _shape_problem(schedule, fields)
    problems = [problem for index, text in enumerate(fields) for problem in _field_problems(index, text)]
    if not problems and not next_runs(schedule, _EPOCH - timedelta(minutes=1), 1):
        problems = ["never fires: no such day exists"]
    return f"{'; '.join(problems)} (it reads: {in_words(schedule)})" if problems else None


def next_runs(schedule: str, after: datetime, count: int = 3) -> list[datetime]:
    """Return the first ``count`` times of a valid schedule after a moment; fewer if the schedule ends."""
    after = after.astimezone(UTC)
    return list(islice((run for run in _runs(schedule.split(), after) if run > after), count))


def in_words(schedule: str) -> str:
    """Return the six fields with their names, days of the week by name."""
    minutes, hours, day, month, weekday, year = schedule.split()
    return ", ".join(
        (
            "every minute" if minutes == "*" else f"minutes {minutes}",
            "every hour" if hours == "*" else f"hours {hours}",
            {"*": "every day of month", "?": "any day of month"}.get(day, f"day of month {day}"),
            "every month" if month == "*" else f"month {month}",
            {"*": "every day of week", "?": "any day of week"}.get(weekday, _named(weekday)),
            "every year" if year == "*" else f"year {year}",
        )
    )


def _named(weekday: str) -> str:
    return re.sub(r"(?<![/#\d])[1-7]", lambda match: _DAYS[int(match[0]) - 1], weekday)


def _runs(fields: list[str], after: datetime) -> Iterator[datetime]:
    def numbers(index: int) -> list[int]:
        return sorted({number for item in fields[index].split(",") for number in _numbers(item, *_RANGES[index])})

    minutes, hours, months, years = numbers(0), numbers(1), numbers(3), numbers(5)
    for year in years:
        if year < after.year:
            continue
        for month in months:
            for day in sorted(_days(fields[2], fields[4], year, month)):
                if (year, month, day) < (after.year, after.month, after.day):
                    continue
                for hour in hours:
                    for minute in minutes:
                        yield datetime(year, month, day, hour, minute, tzinfo=UTC)


def _days(of_month: str, of_week: str, year: int, month: int) -> set[int]:
    """Return the days of one month that match the two day fields, one of which is '?'."""
    last = calendar.monthrange(year, month)[1]
    if of_week == "?":
        days = {day for item in of_month.split(",") for day in _month_days(item, year, month, last)}
    else:
        days = {day for item in of_week.split(",") for day in _week_days(item, year, month, last)}
    return {day for day in days if 1 <= day <= last}


def _month_days(item: str, year: int, month: int, last: int) -> Iterator[int]:
    if item.startswith("L"):
        day = last - int(item[2:]) if item.startswith("L-") else last
        yield _nearest_working_day(day, year, month, last) if item == "LW" else day
    elif item.endswith("W"):
        day = int(item[:-1])
        if day <= last:
            yield _nearest_working_day(day, year, month, last)
    else:
        yield from _numbers(item, *_RANGES[2])


def _nearest_working_day(day: int, year: int, month: int, last: int) -> int:
    """Return the day itself, or the nearest Friday or Monday within the month."""
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day


def _week_days(item: str, year: int, month: int, last: int) -> Iterator[int]:
    def days(number: int) -> list[int]:  # of the month; 1 is SUN
        return [day for day in range(1, last + 1) if (calendar.weekday(year, month, day) + 1) % 7 + 1 == number]

    weekday, _, occurrence = item.partition("#")
    if occurrence:
        yield from days(_number(weekday))[int(occurrence) - 1 : int(occurrence)]
    elif item == "L":
        yield from days(7)  # L by itself is the last day of the week
    elif item.endswith("L"):
        yield days(_number(item[:-1]))[-1]
    else:
        for number in _numbers(item, *_RANGES[4]):
            yield from days(number)


def _numbers(item: str, low: int, high: int) -> list[int]:
    """Return the numbers of a list item: a value, a range (which may wrap around, as 22-2), or a step."""
    span, _, step = item.partition("/")
    first, dash, end = span.partition("-")
    start = low if first == "*" else _number(first)
    stop = _number(end) if dash else high if step or first == "*" else start
    numbers = [*range(start, stop + 1)] if start <= stop else [*range(start, high + 1), *range(low, stop + 1)]
    return numbers[:: int(step or 1)]


def _number(text: str) -> int:
    return _NUMBERS.get(text) or int(text)


def _field_problems(index: int, text: str) -> Iterator[str]:
    name, (low, high) = _FIELDS[index], _RANGES[index]
    for item in text.split(","):
        for number in _values(item):
            if not low <= number <= high and not item.startswith("L-"):
                yield f"{name} must be {low} to {high}, not {number}"
        step = item.partition("/")[2]
        if step and int(step) < 1:
            yield f"{name}: the step behind / must be 1 or more"
        if not _ITEM.fullmatch(item) or (item.startswith("L-") and index != _DAY_OF_MONTH):
            yield f"{name} must be values, ranges of two values and steps, not {item!r}"
        occurrence = re.search(r"#(\d)", item)
        if occurrence and not 1 <= int(occurrence[1]) <= 5:
            yield f"{name} must name the 1st to 5th one, as in MON#1, not #{occurrence[1]}"


def _values(text: str) -> list[int]:
    """Return the values in a field, without steps (after a /) and counts (after a #)."""
    return [int(number) for number in re.findall(r"(?<![/#\d])\d+", text)]


def _shape_problem(schedule: str, fields: list[str]) -> str:
    if re.match(r"(cron|rate)\(", schedule):
        return f"must be the six fields alone, without cron( ) or rate( ): {_FORM}"
    if len(fields) != len(_FIELDS):
        return f"must have six fields ({_FORM}), not {len(fields)}"
    if schedule != schedule.strip() or "\t" in schedule:
        return f"must not begin or end with blanks, nor hold tabs: {_FORM}"
    if (fields[2] == "?") == (fields[4] == "?"):
        return f"exactly one of day of month and day of week must be '?': {_FORM}"
    if schedule != schedule.upper():
        return f"names of months and days must be in capitals: {_FORM}"
    if 0 in _values(fields[4]):
        return "day of week must be 1 (SUN) to 7 (SAT), not 0: names such as SUN are safer"
    return f"is not what the platform accepts, {schedule!r}: {_FORM} (it reads: {in_words(schedule)})"
