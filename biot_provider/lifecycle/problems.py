"""Problems of values, and values that no resource accepts in any argument.

Those are text that UTF-8 cannot encode, a NUL, a number that JSON cannot represent, an object that is not plain data, a
key that is not text, and infinite nesting.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biot_provider.errors import coded

MAX_DEPTH = 20
"""Maximum levels of lists and maps in one argument; the models need five, and gRPC stops reading at about thirty."""

_MAX_QUOTED = 80

IsUnknown = Callable[[object], bool]
"""Returns whether a value is not known yet, which happens only in a preview."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: its path, and a text with what is allowed and what was given.

    ``code`` is the message's code, None if the text contains one. ``output`` are lines of a program, which follow the
    text.
    """

    path: str
    text: str
    code: str | None
    output: tuple[str, ...] = ()

    def __str__(self) -> str:
        first, *output = (
            "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
            for line in (f"{self.path}: {self.text}" if self.path else self.text, *self.output)
        )
        return "\n".join((coded(first, self.code), *output))


class _Skipped:
    """Stands for a value that is not known yet, or was reported already."""

    def __repr__(self) -> str:
        return "(not known yet)"


SKIPPED = _Skipped()


def plain_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """Return a problem for each value that no resource accepts, in the order of the arguments."""
    problems: list[Problem] = []
    for name, value in values.items():
        sound(value, in_path(name), problems, is_unknown, named=False)
    return problems


class _TooDeepError(Exception):
    pass


def sound(value: object, path: str, problems: list[Problem], is_unknown: IsUnknown, *, named: bool) -> object:
    """Return the value with ``SKIPPED`` for broken parts; with ``named``, problems name parts of every level."""

    def walk(value: object, path: str, depth: int) -> object:
        if is_unknown(value):
            return SKIPPED
        if depth > MAX_DEPTH:
            raise _TooDeepError
        if (problem := _plain_problem(value)) is not None:
            problems.append(Problem(path, problem, "BIOT-2010"))
            return SKIPPED
        if isinstance(value, Mapping):
            items: dict[str, object] = {}
            for key, item in value.items():
                is_named = named or depth == 0
                if (problem := _key_problem(key)) is not None:
                    problems.append(
                        Problem(
                            path, f"the key {shown(key)} {problem}" if is_named else f"a key {problem}", "BIOT-2010"
                        )
                    )
                else:
                    items[key] = walk(item, f"{path}.{in_path(key)}" if is_named else path, depth + 1)
            return items
        if isinstance(value, list | tuple):
            return [
                walk(item, f"{path}[{index}]" if named or depth == 0 else path, depth + 1)
                for index, item in enumerate(value)
            ]
        return value

    found = len(problems)
    try:
        return walk(value, path, 0)
    except _TooDeepError:
        # This problem precedes those of the parts inside.
        problems[found:] = [Problem(path, f"must not be nested deeper than {MAX_DEPTH} levels", "BIOT-2011")]
        return SKIPPED


def _plain_problem(value: object) -> str | None:
    if value is None or isinstance(value, bool | Mapping | list | tuple):
        return None
    if isinstance(value, str):
        return _text_problem(value)
    if isinstance(value, int | float):
        try:
            return None if math.isfinite(value) else f"must be a finite number, not {value}"
        except OverflowError:
            return "must be a number of at most 308 digits"
    return f"must be text, a number, true or false, a list or a map, not {type(value).__name__}"


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return f"must not hold a NUL: character {text.index(chr(0)) + 1} is one"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        letter = f"U+{ord(text[error.start]):04X}"
        return f"must be text that UTF-8 can write: character {error.start + 1}, {letter}, is half of a surrogate pair"
    return None


def _key_problem(key: object) -> str | None:
    return _text_problem(key) if isinstance(key, str) else f"must be text, not {type(key).__name__}"


def in_path(key: str) -> str:
    """Return a key as part of a problem's path."""
    return key if len(key) <= _MAX_QUOTED else key[: _MAX_QUOTED - 3] + "..."


def kind_of(value: object) -> str:
    """Return a word for a value's type, without showing the value."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "a map", list: "a list"}
    return next((word for kind, word in names.items() if type(value) is kind), type(value).__name__)


def shown(value: object) -> str:
    """Return a value in the form that errors quote: short, without a zero fraction; lists and maps are not quoted."""
    if isinstance(value, dict | list):
        return kind_of(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value)
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 3] + "..."


def nearest(key: object, allowed: Sequence[str]) -> str:
    """Return ``; did you mean 'x'?`` if an allowed word is similar, else an empty text."""
    words = {re.sub(r"[^a-z0-9]", "", word.lower()): word for word in allowed}
    given = re.sub(r"[^a-z0-9]", "", str(key).lower()) if isinstance(key, str) and len(key) <= _MAX_QUOTED else ""
    close = difflib.get_close_matches(given, list(words), 1, 0.6)
    return f"; did you mean {words[close[0]]!r}?" if close else ""


def by_path(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems in the order of their paths."""
    return sorted(problems, key=lambda problem: problem.path)
