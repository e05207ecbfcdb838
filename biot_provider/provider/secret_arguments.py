"""Arguments that a program gave as secrets: the engine keeps them secret, but passes their values on without the mark.

The resource's class records the names of such arguments in a property that the engine hides, and no line or error of an
operation shows their values.
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
"""Arguments that are always secret; our own texts never quote their values."""

_NOTHING = Redaction(())
_redaction: ContextVar[Redaction] = ContextVar("redaction", default=_NOTHING)


def secret_names(arguments: Mapping[str, Any]) -> pulumi.Output[list[str] | None] | None:
    """Return the names of the arguments that are secrets, or contain one; None if there are none."""
    outputs = {
        name: found for name, value in arguments.items() if name not in _ALWAYS and (found := [*_outputs(value)])
    }

    async def names() -> list[str] | None:
        secret = [name for name, found in outputs.items() if any([await output.is_secret() for output in found])]
        return secret or None

    return pulumi.Output.from_input(names()) if outputs else None


def _outputs(value: Any) -> Iterator[pulumi.Output[Any]]:
    """Yield every output inside; other awaitables are never secret, and can be awaited only once."""
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
    """Return the text without the values of this operation's secret arguments."""
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
        """Let ``redact_secrets`` redact them within the block."""
        before = _redaction.set(self._declared)
        try:
            yield
        finally:
            _redaction.reset(before)

    def redact_all(self, text: str) -> str:
        """Return a text that was not written for users, also without the values of arguments that are always secret."""
        return Redaction(texts(self._all))(text)

    def kept_in(self, result: Any) -> Any:
        """Return an operation's result, with the arguments' names in the properties that the engine keeps."""
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
    """Return properties without the names of secret arguments, as the operations need them."""
    return {k: v for k, v in properties.items() if k != KEY} if isinstance(properties, dict) else properties
