"""Paths into JSON, and changes of the values at their end.

`cors.allowMethods[0]` names one element, `[*]` each element, `*` each member, `[+]` one element more behind the last.
A list of steps is the same without the dots: `["environmentVariables", "A.B"]`, `["secretKeys", 0, "id"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Step = str | int
At = str | Iterable[Step]

EACH, EACH_MEMBER, MORE = "[*]", "*", "[+]"

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(-?\d+)\]|(\[\*\]|\[\+\])")


def parse(at: At) -> tuple[Step, ...]:
    """Parse a path into its steps. Raises ValueError."""
    if not isinstance(at, str):
        steps = tuple(at)
        if not all(isinstance(step, (str, int)) and not isinstance(step, bool) for step in steps):
            message = f"the steps of a path are names and numbers, not {steps!r}"
            raise ValueError(message)
        return steps
    found: list[Step] = []
    end = 0
    while end < len(at):
        match = _STEP.match(at, end)
        if match is None or (end == 0 and at.startswith(".")):
            message = f"{at!r} is no path such as subscriptions.interceptions[0].type"
            raise ValueError(message)
        name, number, special = match.groups()
        found.append(int(number) if number else name or special)
        end = match.end()
    return tuple(found)


def change(value: Any, steps: tuple[Step, ...], new: Any, *, missing: bool = False) -> bool:
    """Replace or remove the value at the end of the steps; return whether the place existed.

    A member that a map lacks is added; an element that a list lacks is not.
    """
    step, rest = steps[0], steps[1:]
    places = _inside(value, step)
    if rest:
        found = [change(value[place], rest, new, missing=missing) for place in places]
        return any(found)
    if missing:
        for place in reversed(places):
            del value[place]
        return bool(places)
    if step == MORE and isinstance(value, list):
        value.append(new)
        return True
    if isinstance(value, dict) and isinstance(step, str) and step != EACH_MEMBER:
        places = [step]
    for place in places:
        value[place] = new
    return bool(places)


def _inside(value: Any, step: Step) -> list[Any]:
    """Return the existing keys of a container that a step matches."""
    if isinstance(value, dict):
        return list(value) if step == EACH_MEMBER else [name for name in [step] if name in value]
    if isinstance(value, list):
        if step == EACH:
            return list(range(len(value)))
        if isinstance(step, int) and -len(value) <= step < len(value):
            return [step]
    return []
