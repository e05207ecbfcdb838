"""What a program gave as a secret: the engine keeps it so, but hands the value to this provider without its mark.

The resource's class notes the names of such arguments in a property that the engine hides, and nothing that an
operation prints, its error among it, shows their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pulumi
from pulumi._types import is_input_type
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, ReadResult, UpdateResult

from biot_provider.api.redaction import Redaction, texts

KEY = "__secrets"
"""The property, persisted in state: names of arguments."""

_ALWAYS = frozenset({"environment_variables", "build_args", "secret_key"})
"""Whose values no text of ours names by itself."""

_NOTHING = Redaction(())
_redaction: ContextVar[Redaction] = ContextVar("redaction", default=_NOTHING)


def secret_names(arguments: Mapping[str, Any]) -> pulumi.Output[list[str] | None] | None:
    """Return the names of the arguments that are secrets, or hold one; None where there is none."""
    outputs = {
        name: found for name, value in arguments.items() if name not in _ALWAYS and (found := [*_outputs(value)])
    }

    async def names() -> list[str] | None:
        secret = [name for name, found in outputs.items() if any([await output.is_secret() for output in found])]
        return secret or None

    return pulumi.Output.from_input(names()) if outputs else None


def _outputs(value: Any) -> Iterator[pulumi.Output[Any]]:
    """Yield every output inside; whatever else is awaited is no secret, and can be awaited only once."""
    if isinstance(value, pulumi.Output):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _outputs(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _outputs(item)
    elif is_input_type(type(value)):
        yield from _outputs(vars(value))


def redact_secrets(text: str) -> str:
    """Return the text without the values of arguments that the resource of this operation has as secrets."""
    return _redaction.get()(text)


class SecretArguments:
    """The secret arguments of one operation's properties."""

    def __init__(self, *properties: Mapping[str, Any]) -> None:
        names = {name for given in properties for name in given.get(KEY) or ()}
        self._names = sorted(names)
        self._declared = Redaction(texts(given.get(name) for given in properties for name in names))
        self._all = [given.get(name) for given in properties for name in names | _ALWAYS]

    @contextmanager
    def redacting(self) -> Iterator[None]:
        """Have ``redact_secrets`` know them meanwhile."""
        before = _redaction.set(self._declared)
        try:
            yield
        finally:
            _redaction.reset(before)

    def redact_all(self, text: str) -> str:
        """Return a text that nobody has written for a user, without any value that is always a secret either."""
        return Redaction(texts(self._all))(text)

    def kept_in(self, result: Any) -> Any:
        """Return an operation's result, with their names in the properties that the engine keeps."""
        if isinstance(result, CheckResult):
            result.failures = [CheckFailure(f.property, self._declared(f.reason)) for f in result.failures or ()]
        if self._names:
            inputs = result.inputs if isinstance(result, CheckResult | ReadResult) else None
            outs = result.outs if isinstance(result, CreateResult | ReadResult | UpdateResult) else None
            for kept in (inputs, outs):
                if kept:
                    kept[KEY] = self._names
        return result


def without_names(properties: Any) -> Any:
    """Properties as the lifecycles take them."""
    return {k: v for k, v in properties.items() if k != KEY} if isinstance(properties, dict) else properties
