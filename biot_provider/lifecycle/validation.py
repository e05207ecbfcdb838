"""Validation of arguments of every kind: the only translator from pydantic's errors to this project's messages.

First come values that no resource accepts (``problems.py``), then the model's rules. Both skip unknown values. A value
that may be a secret is never quoted, nor is a whole list or map.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from biot_provider.lifecycle.fields import Expected, Mark, Unit, marked
from biot_provider.lifecycle.problems import (
    SKIPPED,
    IsUnknown,
    Problem,
    in_path,
    kind_of,
    nearest,
    shown,
    sound,
)

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
"""The expected type in messages, by pydantic's type of error."""

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
"""The codes of messages, by pydantic's type of error."""
_OTHER = "BIOT-2009"


class Arguments:
    """The arguments of one kind of resource, which its model describes.

    ``ruled`` are maps with separate rules for keys and values, in place of the model's.
    """

    def __init__(self, model: type[BaseModel], *, ruled: Collection[str] = ()) -> None:
        self.model = model
        self.names = frozenset(model.model_fields) - {*marked(model, Mark.FILLED_IN)}
        """The arguments that a program may give."""
        self._ruled = ruled
        self._unquoted = frozenset({*marked(model, Mark.SECRET), *marked(model, Mark.UNQUOTED)})

    def examined(self, values: Mapping[str, Any], is_unknown: IsUnknown) -> tuple[dict[str, Any], list[Problem]]:
        """Return the values, with ``SKIPPED`` for unknown or broken ones, and every problem of their form."""
        examined: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in values.items():
            if name in self.names:
                examined[name] = sound(value, name, problems, is_unknown, named=name not in self._unquoted)
            else:
                problems.append(
                    Problem(in_path(str(name)), "unknown argument" + nearest(name, sorted(self.names)), "BIOT-2001")
                )
        return examined, problems + list(self._model_problems(examined))

    def _model_problems(self, values: Mapping[str, Any]) -> Iterator[Problem]:
        try:
            self.model.model_validate(values)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                location = found["loc"]
                if found["input"] is not SKIPPED and not (len(location) > 1 and location[0] in self._ruled):
                    path = _path(location)
                    if found["type"] == "missing":  # pydantic reports it by its name in the API
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


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{in_path(part)}" if path else in_path(part)
    return path


def _field_at(model: type[BaseModel], location: Sequence[int | str]) -> FieldInfo | None:
    """Return the field of a model at an error's location."""
    found: FieldInfo | None = None
    for part in location:
        if isinstance(part, str):
            fields = _model_of(found).model_fields if found else model.model_fields
            found = next((info for name, info in fields.items() if part in (name, info.alias)), None)
    return found


def _annotations(info: FieldInfo) -> Iterator[Any]:
    """Yield the parts of a field's annotation, and its limits."""
    waiting: list[Any] = [info.annotation, *info.metadata]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [*get_args(part), *(getattr(part, "metadata", None) or ())]


def _model_of(info: FieldInfo) -> type[BaseModel]:
    models = (part for part in _annotations(info) if isinstance(part, type) and issubclass(part, BaseModel))
    return next(models, BaseModel)


def _said(info: FieldInfo | None, kind: type[Expected | Unit]) -> str:
    """Return a field's metadata of this type for messages; empty if it has none."""
    return next((part.text for part in (_annotations(info) if info else ()) if isinstance(part, kind)), "")


def _range(info: FieldInfo | None) -> tuple[int, int]:
    parts = list(_annotations(info)) if info else []
    lows, highs = ([getattr(part, name) for part in parts if hasattr(part, name)] for name in ("ge", "le"))
    return max(lows, default=1), min(highs, default=2**31 - 1)


def snake(path: str) -> str:
    """Convert a name or a path from the API's camel case to the arguments' snake case."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: f"_{match[0].lower()}", path)
