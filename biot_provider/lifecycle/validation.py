"""Problems of arguments of every kind: the one translator from pydantic's errors to this project's words.

First what no resource can take, wherever it stands: text that UTF-8 cannot write, a NUL, a number that JSON has no word
for, an object that is no plain value, a key that is no text, nesting without end. Then what the model says. Both skip
what is not known yet. A value that may be a secret is never quoted, nor is a whole list or map.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from biot_provider.errors import coded
from biot_provider.lifecycle.fields import Expected, Mark, Unit, marked

MAX_DEPTH = 20
"""Levels of lists and maps in one argument; the models need five, and gRPC stops reading at about thirty."""

_MAX_QUOTED = 80


IsUnknown = Callable[[object], bool]
"""Whether a value is not known yet, which only a preview sees."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, and what with what is allowed and what was given.

    ``code`` is that of the message, None where the text has its own. ``output`` are lines that a program wrote about
    it, which stand below.
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
    """Stands where a value is not known yet, or was reported already."""

    def __repr__(self) -> str:
        return "(not known yet)"


SKIPPED = _Skipped()

_WRONG_TYPE: Mapping[str, str] = {
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size", "value_error", "finite_number"),
        "a whole number",
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("model_type", "model_attributes_type"), "a map of arguments"),
    "dict_type": "a map of strings",
    "string_type": "a string",
}
"""What must be there instead, by pydantic's kind of error."""

_CODES: Mapping[str, str] = {
    **dict.fromkeys(_WRONG_TYPE, "BIOT-2006"),
    **dict.fromkeys(("greater_than_equal", "less_than_equal"), "BIOT-2002"),
    "extra_forbidden": "BIOT-2001",
    "literal_error": "BIOT-2003",
    "string_pattern_mismatch": "BIOT-2004",
    "string_too_long": "BIOT-2005",
    "missing": "BIOT-2007",
    "string_too_short": "BIOT-2007",
}
"""The codes of messages, by pydantic's kind of error."""
_OTHER = "BIOT-2009"


class Arguments:
    """The arguments of one kind of resource, as its model describes them.

    ``ruled`` are maps whose keys and values have rules of their own, in place of the model's.
    """

    def __init__(self, model: type[BaseModel], *, ruled: Collection[str] = ()) -> None:
        self.model = model
        self.names = frozenset(model.model_fields) - {*marked(model, Mark.FILLED_IN)}
        """The arguments that a program may give."""
        self._ruled = ruled
        self._unquoted = frozenset({*marked(model, Mark.SECRET), *marked(model, Mark.UNQUOTED)})

    def examined(self, values: Mapping[str, Any], is_unknown: IsUnknown) -> tuple[dict[str, Any], list[Problem]]:
        """The values, ``SKIPPED`` in place of those not known yet or broken, and every problem of their form."""
        sound: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in values.items():
            if name in self.names:
                sound[name] = _sound(value, name, problems, is_unknown, named=name not in self._unquoted)
            else:
                problems.append(
                    Problem(in_path(str(name)), "unknown argument" + nearest(name, sorted(self.names)), "BIOT-2001")
                )
        return sound, problems + list(self._model_problems(sound))

    def _model_problems(self, values: Mapping[str, Any]) -> Iterator[Problem]:
        try:
            self.model.model_validate(values)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                location = found["loc"]
                if found["input"] is not SKIPPED and not (len(location) > 1 and location[0] in self._ruled):
                    path = _path(location)
                    if found["type"] == "missing":  # it is reported by its name on the wire
                        path = snake(path)
                    yield Problem(path, self._text(found), _CODES.get(found["type"], _OTHER))

    def _text(self, found: Mapping[str, Any]) -> str:
        kind, given, context, location = found["type"], found["input"], found.get("ctx", {}), found["loc"]
        name = next((part for part in reversed(location) if isinstance(part, str)), "")
        units = _said(_field_at(self.model, location), Unit)
        quoted = kind_of(given) if location[0] in self._unquoted else shown(given)
        if kind == "extra_forbidden":
            inside = _field_at(self.model, location[:-1])
            return "unknown argument" + nearest(name, sorted(_model_of(inside).model_fields) if inside else ())
        if kind in ("greater_than_equal", "less_than_equal"):
            low, high = _range(_field_at(self.model, location))
            return f"must be {low} to {high}{units}, not {quoted}"
        if kind == "literal_error":
            near = nearest(given, re.findall(r"'([^']*)'", context["expected"]))
            return f"must be {context['expected']}, not {quoted}{near}"
        if kind == "string_pattern_mismatch":
            return f"must be {_said(_field_at(self.model, location), Expected)}, not {quoted}"
        if kind == "string_too_long":
            return f"must be at most {context['max_length']} characters{units}, not {len(given)}"
        if kind in _WRONG_TYPE:
            return f"must be {_WRONG_TYPE[kind]}{units}, not {quoted}"
        return {"missing": "is required", "string_too_short": "must not be empty"}.get(kind, str(found["msg"]))


def plain_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """What no resource can take in these values, in the order of the arguments."""
    problems: list[Problem] = []
    for name, value in values.items():
        _sound(value, in_path(name), problems, is_unknown, named=False)
    return problems


class _TooDeepError(Exception):
    pass


def _sound(value: object, path: str, problems: list[Problem], is_unknown: IsUnknown, *, named: bool) -> object:
    """The value, ``SKIPPED`` in place of what is broken; with ``named``, a problem names parts of every level."""

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
        # Whatever was found inside, this comes first.
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
    """A key as part of a problem's path."""
    return key if len(key) <= _MAX_QUOTED else key[: _MAX_QUOTED - 3] + "..."


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{in_path(part)}" if path else in_path(part)
    return path


def _field_at(model: type[BaseModel], location: Sequence[int | str]) -> FieldInfo | None:
    """The field of a model that an error's location names."""
    found: FieldInfo | None = None
    for part in location:
        if isinstance(part, str):
            fields = _model_of(found).model_fields if found else model.model_fields
            found = next((info for name, info in fields.items() if part in (name, info.alias)), None)
    return found


def _annotations(info: FieldInfo) -> Iterator[Any]:
    """All that a field's annotation is made of, and its limits."""
    waiting: list[Any] = [info.annotation, *info.metadata]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [*get_args(part), *(getattr(part, "metadata", None) or ())]


def _model_of(info: FieldInfo) -> type[BaseModel]:
    models = (part for part in _annotations(info) if isinstance(part, type) and issubclass(part, BaseModel))
    return next(models, BaseModel)


def _said(info: FieldInfo | None, kind: type[Expected | Unit]) -> str:
    """What a field says of itself for messages, empty where it says nothing."""
    return next((part.text for part in (_annotations(info) if info else ()) if isinstance(part, kind)), "")


def _range(info: FieldInfo | None) -> tuple[int, int]:
    parts = list(_annotations(info)) if info else []
    lows, highs = ([getattr(part, name) for part in parts if hasattr(part, name)] for name in ("ge", "le"))
    return max(lows, default=1), min(highs, default=2**31 - 1)


def snake(path: str) -> str:
    """The API's camel case, in a name or a path, as the arguments are called here."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: f"_{match[0].lower()}", path)


def kind_of(value: object) -> str:
    """A value's type, in a word that shows nothing of the value."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", dict: "a map", list: "a list"}
    return next((word for kind, word in names.items() if type(value) is kind), type(value).__name__)


def shown(value: object) -> str:
    """A value as an error quotes it: short, whole numbers without a fraction; a list or a map is not quoted."""
    if isinstance(value, dict | list):
        return kind_of(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value)
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 3] + "..."


def nearest(key: object, allowed: Sequence[str]) -> str:
    """``; did you mean 'x'?`` when one of the allowed words is near, else an empty text."""
    words = {re.sub(r"[^a-z0-9]", "", word.lower()): word for word in allowed}
    given = re.sub(r"[^a-z0-9]", "", str(key).lower()) if isinstance(key, str) and len(key) <= _MAX_QUOTED else ""
    close = difflib.get_close_matches(given, list(words), 1, 0.6)
    return f"; did you mean {words[close[0]]!r}?" if close else ""


def by_path(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in the order of their paths."""
    return sorted(problems, key=lambda problem: problem.path)
