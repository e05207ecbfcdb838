"""Describes a model's field: its type, and in words its limits, its default and its special properties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from biot_provider.lifecycle.fields import Default, Expected, Mark, Model, Shorthand, Unit

T = TypeVar("T")

_NO_LIMIT = 2**31 - 1
"""The upper limit that stands for none."""

_NOT_EMPTY = "not empty"


def type_text(annotation: Any, nested: Callable[[type[Model]], str], item: Callable[[str], str]) -> str:
    """Return the type as Python writes it, without ``None``.

    ``nested`` gives the type of a model, ``item`` that of what a list or a map holds.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0], nested, item)
    if origin in (Union, UnionType):
        return type_text(_without_none(arguments), nested, item)
    if origin is Literal:
        return "str"
    if origin is tuple:
        return f"Sequence[{item(type_text(arguments[0], nested, item))}]"
    if origin is dict:
        return f"Mapping[str, {item(type_text(arguments[1], nested, item))}]"
    if annotation is Any:
        return "Any"
    return nested(annotation) if issubclass(annotation, Model) else str(annotation.__name__)


def model_in(annotation: Any) -> type[Model] | None:
    """Return the model of a field's value, or of the values in it."""
    return next((part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, Model)), None)


def has_shorthand(field: FieldInfo) -> bool:
    """Return whether a word may be given in place of a map."""
    return bool(_find(field, Shorthand))


def is_left_out(field: FieldInfo) -> bool:
    """Return whether an argument that is not given is None in the outputs too."""
    filled_in = any(default.in_outputs for default in _find(field, Default))
    return not field.is_required() and field.get_default(call_default_factory=True) in (None, {}) and not filled_in


def is_required(field: FieldInfo) -> bool:
    """Return whether a program must give the argument."""
    return field.is_required() and not _find(field, Default)


def allowed(field: FieldInfo) -> str:
    """Return the limits and the form of a field; empty if its type is enough."""
    low, high = _limit(field, "ge", max), _limit(field, "le", min)
    shortest, longest = _limit(field, "min_length", max), _limit(field, "max_length", min)
    unit = "".join(part.text for part in _find(field, Unit))
    limits = []
    if low is not None:
        limits.append(f"{low} or more" if high in (None, _NO_LIMIT) else f"{low} to {high}{unit}")
    elif longest is not None:
        limits.append(
            f"{shortest} to {longest} characters{unit}" if shortest else f"at most {longest} characters{unit}"
        )
    elif shortest is not None:
        limits.append(_NOT_EMPTY)
    limits += [f"``{part.word}`` or a map" for part in _find(field, Shorthand)]
    words = [f"``{word}``" for part in _annotations(field) if get_origin(part) is Literal for word in get_args(part)]
    return ", ".join([*limits, *words, *(part.text for part in _find(field, Expected))])


def default(field: FieldInfo) -> str:
    """Return the default of a field."""
    if texts := [part.text for part in _find(field, Default)]:
        return texts[0]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"``{item}``" for item in value) or "empty"
    return f"``{str(value).lower() if isinstance(value, bool) else value}``"


def meaning(field: FieldInfo) -> str:
    """Return the description and the special properties of the field. Raises ValueError without a description."""
    return "; ".join([description(field), *_notes(field)])


def summary(field: FieldInfo) -> str:
    """Return the meaning, with the limits and the default in it."""
    limits = allowed(field).replace(_NOT_EMPTY, "")
    given = "" if default(field) in ("none", "required", "empty") else f"default {default(field)}"
    values = ", ".join(text for text in (limits, given) if text)
    return "; ".join([description(field), *([values] if values else []), *_notes(field)])


def description(field: FieldInfo) -> str:
    """Return the field's description. Raises ValueError if it has none."""
    if not field.description:
        raise ValueError(f"the field {field.alias} has no description")
    return field.description


def _notes(field: FieldInfo) -> list[str]:
    notes = {Mark.REPLACES: "a change replaces the resource", Mark.SECRET: "secret in state"}
    return [text for mark, text in notes.items() if mark in field.metadata]


def _without_none(types: tuple[Any, ...]) -> Any:
    return next(part for part in types if part is not NoneType)


def _limit(field: FieldInfo, name: str, strictest: Callable[[list[int]], int]) -> int | None:
    found = [value for part in _annotations(field) if (value := getattr(part, name, None)) is not None]
    return strictest(found) if found else None


def _find(field: FieldInfo, kind: type[T]) -> list[T]:
    return [part for part in _annotations(field) if isinstance(part, kind)]


def _annotations(field: FieldInfo) -> list[Any]:
    return [*field.metadata, *_parts(field.annotation)]


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the parts of an annotation, without a map's values, since their limits are not those of the map."""
    yield annotation
    inside = () if get_origin(annotation) is dict else get_args(annotation)
    for part in (*inside, *(getattr(annotation, "metadata", None) or ())):
        yield from _parts(part)
