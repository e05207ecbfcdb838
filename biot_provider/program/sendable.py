"""Checks that Pulumi can send arguments: it would stop at others with a traceback that quotes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi._types import input_type_to_dict, is_input_type

from biot_provider.lifecycle.problems import MAX_DEPTH, in_path, plain_problems

_PLAIN = (str, int, float, dict, list, type(None))


def sendable(kind: str, resource_name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a resource, with objects of classes such as ``CorsArgs`` as maps.

    Raises pulumi.RunError with every value in them that cannot be sent. The value of an output is checked when it is
    known, and fails then.
    """
    place = f"{kind} {resource_name!r}"
    _refuse(place, {"resource_name": resource_name, **_declared(arguments)})
    sent = {name: _sent(place, name, value) for name, value in arguments.items()}
    _refuse(place, {name: value for name, value in _declared(sent).items() if value is not arguments[name]})
    return sent


def _declared(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None and not name.startswith("__")}


def _sent(place: str, path: str, value: Any, depth: int = 0) -> Any:
    if _is_later(value):

        def known(found: Any) -> Any:
            sent = _sent(place, path, found, depth)
            _refuse(place, {path: sent})
            return sent

        return pulumi.Output.from_input(value).apply(known)
    if depth > MAX_DEPTH:
        return value  # refused
    if is_input_type(type(value)):
        value = input_type_to_dict(value)
    if isinstance(value, Mapping):
        return {
            key: _sent(place, f"{path}.{in_path(str(key))}" if depth == 0 else path, item, depth + 1)
            for key, item in value.items()
        }
    return [_sent(place, path, item, depth + 1) for item in value] if isinstance(value, list | tuple) else value


def _refuse(place: str, arguments: Mapping[str, Any]) -> None:
    if problems := plain_problems(arguments, lambda value: _is_later(value) or is_input_type(type(value))):
        raise pulumi.RunError("\n".join(f"{place}: {problem}" for problem in problems))


def _is_later(value: object) -> bool:
    if isinstance(value, _PLAIN):  # the most frequent case, and quick to test
        return False
    return isinstance(value, pulumi.Output) or inspect.isawaitable(value)
