"""Strict JSON: Python's extensions of the standard are refused."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100
"""Maximum nesting of objects and lists, so that code can process a document recursively."""


def read_json(text: bytes | str) -> Any:
    """Parse a JSON document. Raises ValueError for invalid JSON, and for JSON that not all code here can handle.

    Those are `NaN` and `Infinity`, also from a number that is too big; half a surrogate pair; more than `MAX_DEPTH`
    levels.
    """
    try:
        document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(document)
    return document


def without_nulls(value: Any) -> Any:
    """Return the JSON without the members that are null."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too big")
    return number


def _check(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not value.isascii():
                # A half surrogate pair is the only text that cannot be encoded: a ValueError.
                value.encode()
        level = below
        if not level:
            return
    raise ValueError("it is nested too deeply")
