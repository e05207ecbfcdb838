"""`cronSchedule`: the API's own pattern, and AWS's further checks.

Six fields: minutes, hours, day of month, month, day of week, year. The pattern is the API's, letter for letter (BioT
API 2.4.2, plugins). It accepts hour 29 or day 39; AWS does not.
"""

from __future__ import annotations

import re

CRON_PATTERN = (
    r"^(?:(?:(?:(?:[0-5]?[0-9])|[*])(?:(?:[-](?:(?:[0-5]?[0-9])|[*]))|(?:[\/][0-9]+))?(?:[,](?:(?:[0-5]?[0-9])|[*]"
    r")(?:(?:[-](?:(?:[0-5]?[0-9])|[*]))|(?:[\/][0-9]+))?)*)[ ]+(?:(?:(?:[0-2]?[0-9])|[*])(?:(?:[-](?:(?:[0-2]?[0-"
    r"9])|[*]))|(?:[\/][0-9]+))?(?:[,](?:(?:[0-2]?[0-9])|[*])(?:(?:[-](?:(?:[0-2]?[0-9])|[*]))|(?:[\/][0-9]+))?)*)"
    r"[ ]+(?:(?:[?][ ]+(?:(?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:"
    r"[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:[\/][0-9]+)?)|(?:[\/][0-9]+))?(?:[,](?"
    r":(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB|"
    r"MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:[\/][0-9]+)?)|(?:[\/][0-9]+))?)*)[ ]+(?:(?:(?:[1-7]|(?:SUN|M"
    r"ON|TUE|WED|THU|FRI|SAT))[#][0-5])|(?:(?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))L?)|[L*])(?:(?:[-](?:(?:"
    r"(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))L?)|[L*]))|(?:[\/][0-9]+))?(?:[,](?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|"
    r"THU|FRI|SAT))L?)|[L*])(?:(?:[-](?:(?:(?:[1-7]|(?:SUN|MON|TUE|WED|THU|FRI|SAT))L?)|[L*]))|(?:[\/][0-9]+))?)*)"
    r"))|(?:(?:(?:(?:(?:[1-3]?[0-9])W?)|LW|[L*])(?:(?:[-](?:(?:(?:[1-3]?[0-9])W?)|LW|[L*]))|(?:[\/][0-9]+))?(?:[,]"
    r"(?:(?:(?:[1-3]?[0-9])W?)|LW|[L*])(?:(?:[-](?:(?:(?:[1-3]?[0-9])W?)|LW|[L*]))|(?:[\/][0-9]+))?)*)[ ]+(?:(?:(?"
    r":[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB|MAR"
    r"|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:[\/][0-9]+)?)|(?:[\/][0-9]+))?(?:[,](?:(?:[1]?[0-9])|(?:JAN|FEB"
    r"|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)|[*])(?:(?:[-](?:(?:[1]?[0-9])|(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|S"
    r"EP|OCT|NOV|DEC)|[*])(?:[\/][0-9]+)?)|(?:[\/][0-9]+))?)*)[ ]+[?]))[ ]+(?:(?:(?:[12][0-9]{3})|[*])(?:(?:[-](?:"
    r"(?:[12][0-9]{3})|[*]))|(?:[\/][0-9]+))?(?:[,](?:(?:[12][0-9]{3})|[*])(?:(?:[-](?:(?:[12][0-9]{3})|[*]))|(?:["
    r"\/][0-9]+))?)*))$"
)

_PATTERN = re.compile(CRON_PATTERN, re.ASCII)
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


def accepted_by_platform(expression: str) -> bool:
    """Return whether the whole expression matches the API's pattern."""
    return _PATTERN.fullmatch(expression) is not None


def accepted_by_aws(expression: str) -> bool:
    """Return whether AWS accepts every number of an expression that matches the pattern: no hour 29, no day 0."""
    fields = expression.split()
    if any(item.startswith("L-") for item in fields[4].split(",")):
        return False  # days before the last one: of a month, not of a week
    return all(_field_fits(field, low, high) for field, (low, high) in zip(fields, _RANGES, strict=True))


def _field_fits(field: str, low: int, high: int) -> bool:
    for item in field.split(","):
        value, _, step = item.partition("/")
        if step and int(step) < 1:
            return False
        value, _, nth = value.partition("#")
        if nth and not 1 <= int(nth) <= 5:
            return False
        for end in value.split("-"):
            number = number_of(end)
            if number is not None and not low <= number <= high:
                return False
    return True


def number_of(text: str) -> int | None:
    """Return the number for which an end of a range stands; None for `*`, `?`, `L`, `LW`."""
    if text in _MONTH_NAMES:
        return _MONTH_NAMES.index(text) + 1
    bare = text.rstrip("LW")
    if bare in _DAY_NAMES:
        return _DAY_NAMES.index(bare) + 1
    return int(bare) if bare.isdecimal() else None
