"""Ranges of vital signs. Knows nothing of BioT or AWS."""

import re
from collections.abc import Mapping
from typing import Any

Range = tuple[float, float]
"""The lowest and the highest value."""

RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")


def ranges_from(environment: Mapping[str, str]) -> dict[str, Range]:
    """Return the range of each JSON name, from variables such as RANGE_HEART_RATE=20..250. Raises ValueError."""
    ranges: dict[str, Range] = {}
    for variable, text in environment.items():
        if not variable.startswith("RANGE_"):
            continue
        match = RANGE.fullmatch(text.strip())
        low, high = (float(number) for number in match.groups()) if match else (1, 0)
        if low > high:
            raise ValueError(f"{variable} must be <lowest>..<highest>, for example 20..250, not {text!r}")
        ranges[variable.removeprefix("RANGE_").lower()] = (low, high)
    return ranges


def violations(value: Any, ranges: Mapping[str, Range]) -> list[tuple[str, float, Range]]:
    """Return name, value and range of each vital sign, at any depth of a JSON value, that is out of its range."""
    found: list[tuple[str, float, Range]] = []
    if isinstance(value, dict):
        for name, member in value.items():
            if name in ranges and isinstance(member, int | float) and not isinstance(member, bool):
                low, high = ranges[name]
                # Written so that NaN is refused.
                if not low <= member <= high:
                    found.append((name, member, ranges[name]))
            else:
                found.extend(violations(member, ranges))
    elif isinstance(value, list):
        for member in value:
            found.extend(violations(member, ranges))
    return found
