"""A plugin's cron schedule: the six fields of AWS EventBridge, checked as the platform and then AWS would.

The platform's own pattern comes first, verbatim (BioT API 2.4.2, cronSchedule); then the ranges it forgets,
which AWS refuses only after the plugin is made.
"""

from __future__ import annotations

import re

PATTERN = re.compile(
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
"""The platform's pattern, as published."""

_FIELDS = ("minutes", "hours", "day of month", "month", "day of week", "year")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


def schedule_problem(schedule: str) -> str | None:
    """What is wrong with a schedule, or None."""
    fields = schedule.split()
    if not PATTERN.fullmatch(schedule):
        return _shape_problem(schedule, fields)
    for name, (low, high), text in zip(_FIELDS, _RANGES, fields, strict=True):
        for number in _values(text):
            if not low <= number <= high:
                return f"{name} must be {low} to {high}, not {number}"
        occurrence = re.search(r"#(\d)", text)
        if occurrence and not 1 <= int(occurrence[1]) <= 5:
            return f"{name} must name the 1st to 5th one, as in MON#1, not #{occurrence[1]}"
    return None


def _values(text: str) -> list[int]:
    """The numbers of a field that name a value: not the step behind a / nor the count behind a #."""
    return [int(number) for number in re.findall(r"(?<![/#\d])\d+", text)]


def _shape_problem(schedule: str, fields: list[str]) -> str:
    form = "minutes hours day-of-month month day-of-week year, such as '0 8 ? * MON-FRI *'"
    if re.match(r"(cron|rate)\(", schedule):
        return f"must be the six fields alone, without cron( ) or rate( ): {form}"
    if len(fields) != len(_FIELDS):
        return f"must have six fields ({form}), not {len(fields)}"
    if schedule != schedule.strip() or "\t" in schedule:
        return f"must not begin or end with blanks, nor hold tabs: {form}"
    if (fields[2] == "?") == (fields[4] == "?"):
        return f"exactly one of day of month and day of week must be '?': {form}"
    if schedule != schedule.upper():
        return f"names of months and days must be in capitals: {form}"
    if 0 in _values(fields[4]):
        return "day of week must be 1 (SUN) to 7 (SAT), not 0: names such as SUN are safer"
    return f"is not what the platform accepts, {schedule!r}: {form}"
