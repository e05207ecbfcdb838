"""Converts a resource's properties to its model and back, in the same way for every kind.

Properties are the values that the engine keeps: their names are in snake case, or hidden by two leading underscores, if
a field's alias has them. A value that a preview does not know yet is ``UNKNOWN``, a secret is wrapped in ``Secret``: an
adapter converts both to the engine's own marks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from biot_provider.lifecycle.fields import Inputs, Mark, State, marked

InputsT = TypeVar("InputsT", bound=Inputs)
StateT = TypeVar("StateT", bound=State)

Properties = Mapping[str, Any]

LEAVES = frozenset({str, int, float, bool, type(None)})
"""The types of most values in properties: they contain no other values, and are quick to recognise."""

_LISTS = (list, tuple)


class Unknown:
    """Stands for a value that a preview does not know yet."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine keeps encrypted."""

    value: Any


def without_secrets(value: Any) -> Any:
    """Return the value, or properties, without the marks of secrets."""
    if isinstance(value, Secret):
        return without_secrets(value.value)
    if isinstance(value, Mapping):
        return {key: without_secrets(item) for key, item in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list | tuple) else value


class Codec(Generic[InputsT, StateT]):
    """Converts between one kind's properties and its models."""

    def __init__(self, inputs: type[InputsT], state: type[StateT]) -> None:
        self._inputs = inputs
        self._state = state
        self._secret = frozenset({*marked(inputs, Mark.SECRET), *marked(state, Mark.SECRET)})
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        self._keys = {**_keys(inputs), **_keys(state)}
        """The name of each field's property."""

    def state(self, properties: Properties) -> StateT:
        """Return state, or checked inputs, as a model; a missing or unknown value is the field's default."""
        return self._state.model_validate(
            {key: v for key, v in properties.items() if v is not None and not holds_unknown(v)}
        )

    def unknown(self, properties: Properties) -> frozenset[str]:
        """Return the names of the inputs that are not, or only partly, known yet."""
        return frozenset(name for name in self._inputs.model_fields if holds_unknown(properties.get(self._keys[name])))

    def outputs(self, state: StateT) -> dict[str, Any]:
        """Return the properties of a state: everything that is set."""
        return self._properties(state, self._state.model_fields)

    def inputs(self, state: StateT) -> dict[str, Any]:
        """Return the inputs that would declare a state."""
        return self._properties(state, self._inputs.model_fields)

    def is_state(self, state: StateT) -> bool:
        """Return whether the state has values from the platform; the inputs of a ``get`` alone are not a state."""
        given = self._state.model_fields.keys() - self._inputs.model_fields.keys()
        return any(getattr(state, name) not in (None, "") for name in given)

    def checked(self, given: Properties, old: Properties) -> dict[str, Any]:
        """Return checked inputs, with defaults filled in and values in the model's types.

        Unknown values stay unchanged. So do values that equal the former inputs, or contain a part of them, in any form
        that a read returned: ``ignore_changes`` puts values from the platform there.
        """
        properties: dict[str, Any] = {}
        for name, field in self._inputs.model_fields.items():
            key = self._keys[name]
            value = given.get(key)
            if value is None and not field.is_required():
                value = field.get_default(call_default_factory=True)
            elif value is not None and value != old.get(key) and not holds_unknown(value):
                with contextlib.suppress(ValidationError):
                    value = self._adapter(name).validate_python(value)
            if self._is_set(name, value):
                properties[key] = self._property(name, value)
        return properties

    def _properties(self, state: StateT, names: Collection[str]) -> dict[str, Any]:
        values = {name: value for name in names if self._is_set(name, value := getattr(state, name))}
        return {self._keys[name]: self._property(name, value) for name, value in values.items()}

    def _is_set(self, name: str, value: Any) -> bool:
        """Return whether a value becomes a property; an empty list or map does only if it is the default."""
        if not value and type(value) not in LEAVES and isinstance(value, (Mapping, *_LISTS)):
            field = self._inputs.model_fields.get(name)
            return field is not None and field.get_default(call_default_factory=True) is not None
        return value is not None

    def _property(self, name: str, value: Any) -> Any:
        plain = _plain(value)
        return _as_secret(plain) if name in self._secret else plain

    def _adapter(self, name: str) -> TypeAdapter[Any]:
        if name not in self._adapters:
            annotation: Any = self._inputs.model_fields[name].rebuild_annotation()
            self._adapters[name] = TypeAdapter(annotation)
        return self._adapters[name]


def is_unknown(value: object) -> bool:
    """Return whether a value is not known yet, which only a preview sees."""
    return isinstance(value, Unknown)


def holds_unknown(value: object) -> bool:
    """Return whether a value is, or has inside, one that is not known yet."""
    if type(value) in LEAVES:
        return False
    if isinstance(value, Mapping):
        return any(map(holds_unknown, value.values()))
    return any(map(holds_unknown, value)) if isinstance(value, _LISTS) else is_unknown(value)


def _keys(model: type[BaseModel]) -> dict[str, str]:
    return {
        name: field.alias if field.alias and field.alias.startswith("__") else name
        for name, field in model.model_fields.items()
    }


def _plain(value: Any) -> Any:
    """Return a value in the form of properties: maps and lists, without unset fields of models."""
    if type(value) in LEAVES:
        return value
    if isinstance(value, BaseModel):
        return {name: _plain(item) for name, item in value if item is not None}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, _LISTS) else value


def _as_secret(value: Any) -> Any:
    """Return a map with each value as a separate secret, so that a preview shows which one changes."""
    if isinstance(value, Mapping):
        return {key: item if holds_unknown(item) else Secret(item) for key, item in value.items()}
    return value if holds_unknown(value) else Secret(value)
