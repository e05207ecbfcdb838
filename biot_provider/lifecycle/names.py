"""Converts properties between the names in Pulumi's schemas (camel case) and those of the fields (snake case)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from biot_provider.lifecycle.codec import Secret

_WORDS = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")

Models = Sequence[type[BaseModel]]

Names = Mapping[str, tuple[str, type[BaseModel] | None]]
"""For each name, its counterpart, and the model of the value."""


def snake_case(properties: Mapping[str, Any], *models: type[BaseModel]) -> dict[str, Any]:
    """Return properties of these models under the names of their fields; those without a field stay unchanged."""
    return _renamed(properties, models, _from_camel)


def camel_case(properties: Mapping[str, Any], *models: type[BaseModel]) -> dict[str, Any]:
    """Return properties under the names of a schema; names that begin with an underscore stay."""
    return _renamed(properties, models, _to_camel)


def own_keys(properties: Mapping[str, Any], *models: type[BaseModel]) -> frozenset[str]:
    """Return the keys of maps in which keys are data, such as the names of environment variables."""
    maps = [properties.get(name) for name, (_, inside) in _to_camel(*models).items() if inside is None]
    return frozenset(key for value in maps if isinstance(value, Mapping) for key in value)


def camel_text(text: str, *models: type[BaseModel], keys: Collection[str] = ()) -> str:
    """Return a message with the fields' names as in a schema; ``keys`` at the end of a path stay unchanged."""
    names = _field_names(*models)

    def renamed(word: re.Match[str]) -> str:
        is_key = word[0] in keys and text[: word.start()].endswith(".")
        return to_camel(word[0]) if word[0] in names and not is_key else word[0]

    return _WORDS.sub(renamed, text)


def _renamed(properties: Mapping[str, Any], models: Models, names_of: Callable[..., Names]) -> dict[str, Any]:
    names = names_of(*models)
    renamed = {}
    for key, value in properties.items():
        name, inside = names.get(key, (key, None))
        renamed[name] = value if inside is None else _renamed_inside(value, inside, names_of)
    return renamed


def _renamed_inside(value: Any, model: type[BaseModel], names_of: Callable[..., Names]) -> Any:
    """Return a renamed value of the model, or a renamed list of such values, but not of nested lists."""
    if isinstance(value, Secret):
        return Secret(_renamed_inside(value.value, model, names_of))
    if isinstance(value, Mapping):
        return _renamed(value, (model,), names_of)
    if isinstance(value, list | tuple):
        return [item if isinstance(item, list | tuple) else _renamed_inside(item, model, names_of) for item in value]
    return value


@functools.cache
def _from_camel(*models: type[BaseModel]) -> Names:
    camel = {to_camel(name): (name, inside) for name, inside in _fields(models)}
    return camel | {name: (name, inside) for name, inside in _fields(models)}


@functools.cache
def _to_camel(*models: type[BaseModel]) -> Names:
    return {name: (to_camel(name), inside) for name, inside in _fields(models)}


@functools.cache
def _field_names(*models: type[BaseModel]) -> frozenset[str]:
    return frozenset().union(*({name, *(_field_names(inside) if inside else ())} for name, inside in _fields(models)))


def _fields(models: Models) -> Iterator[tuple[str, type[BaseModel] | None]]:
    """Yield each field with the model of its value; those of the first model come last, and so take precedence."""
    for model in reversed(models):
        for name, field in model.model_fields.items():
            yield name, next(_models(field.annotation), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation, except those of a map's values, since the map's keys are data."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not dict:
        for part in get_args(annotation):
            yield from _models(part)
