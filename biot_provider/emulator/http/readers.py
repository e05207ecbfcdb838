"""Readers of JSON members: each checks a value by its type and limits and returns it, or refuses it.

Numbers may come as strings, as in the platform's own samples; unknown members of objects are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from biot_provider.emulator.http.errors import invalid

Reader = Callable[[Any, str], Any]
"""Takes a value and its path; returns the checked value. Raises ApiError."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")


def text(low: int, high: int) -> Reader:
    """Return the rule for a string of so many characters."""

    def read(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise invalid(path, "must be a string")
        if not low <= len(value) <= high:
            raise invalid(path, f"size must be between {low} and {high}")
        return value

    return read


def integer(low: int, high: int) -> Reader:
    """Return the rule for a whole number within limits, or its digits in a string."""

    def read(value: Any, path: str) -> int:
        digits = isinstance(value, str) and _INTEGER.fullmatch(value)
        if digits or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(path, "must be an integer")
        if not low <= value <= high:
            raise invalid(path, f"must be between {low} and {high}")
        return value

    return read


def one_of(*choices: str) -> Reader:
    """Return the rule for one of a few words, in exactly this spelling."""

    def read(value: Any, path: str) -> str:
        if value not in choices:
            raise invalid(path, f"must be one of {', '.join(choices)}")
        return str(value)

    return read


def list_of(item: Reader) -> Reader:
    """Return the rule for a JSON array with one rule for each element."""

    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise invalid(path, "must be a list")
        return [item(element, f"{path}[{index}]") for index, element in enumerate(value)]

    return read


def boolean(value: Any, path: str) -> bool:
    """Check a boolean: true or false, also as text."""
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise invalid(path, "must be a boolean")
    return value


def members(
    value: Any,
    path: str,
    readers: dict[str, Reader],
    *,
    required: tuple[str, ...] = (),
    nulls: tuple[str, ...] = (),
    whole: str = "config",
) -> dict[str, Any]:
    """Check the known members of an object. A null counts as not sent, except for the members named in `nulls`.

    `whole` is the object's name in errors if it has no path.
    """
    if not isinstance(value, dict):
        raise invalid(path or whole, "must be an object")
    clean: dict[str, Any] = {}
    for name, reader in readers.items():
        where = f"{path}.{name}" if path else name
        if value.get(name) is not None:
            clean[name] = reader(value[name], where)
        elif name in required:
            raise invalid(where, "must not be null")
        elif name in nulls and name in value:
            clean[name] = None
    return clean
