"""The outputs of a resource, each created when a program reads it.

Pulumi's SDK creates an output, which is a task and four futures, for each property of each resource, and checks all of
them each time one is done. A program reads few of a plugin's thirty. So where the SDK would create the outputs of a
resource, this module keeps the engine's response by name. If the SDK's internals differ, the SDK creates the outputs.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from _collections_abc import dict_items, dict_keys, dict_values
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime import rpc

_TRANSFER, _RESOLVE = "transfer_properties", "resolve_outputs"
"""The SDK's functions that create a resource's outputs, and that resolve each from the engine's response."""


class Settled(NamedTuple):
    """The value of an output after the engine has responded."""

    value: Any
    is_known: bool
    is_secret: bool
    resources: set[pulumi.Resource]


class Attributes(dict[str, Any]):
    """The ``__dict__`` of a resource, which creates an output when it is looked up.

    ``shown`` returns the output of a name; without it, the output has the engine's value.
    """

    def __init__(
        self, resource: pulumi.Resource, shown: Callable[[str, Attributes], Coroutine[Any, Any, Settled]] | None
    ) -> None:
        super().__init__(vars(resource))  # attributes that a derived class has set before
        self._resource = resource
        self._shown = shown
        self._settled: dict[str, Settled] = {}
        self._made: dict[str, pulumi.Output[Any]] = {}
        self._names: Collection[str] = ()
        self._failure: Exception | None = None
        self._take_apart: Callable[[], None] | None = None
        self._is_answered: asyncio.Future[None] | None = None

    def __missing__(self, name: str) -> pulumi.Output[Any]:
        if name not in self._names:
            raise KeyError(name)
        self[name] = output = _output(self._shown(name, self) if self._shown else self.settled(name))
        return output

    def keys(self) -> dict_keys[str, Any]:
        """Return the names of all attributes, with which a program exports a whole resource."""
        return dict.fromkeys((*super().keys(), *self._names)).keys()

    # A program that copies or inspects a resource sees the same as in a plain dict.

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._names

    def get(self, name: str, default: Any = None) -> Any:
        """Return the attribute of this name."""
        try:
            return self[name]
        except KeyError:
            return default

    def items(self) -> dict_items[str, Any]:
        """Return all attributes."""
        return {name: self[name] for name in self}.items()

    def values(self) -> dict_values[str, Any]:
        """Return the values of all attributes."""
        return {name: self[name] for name in self}.values()

    async def settled(self, name: str) -> Settled:
        """Return the engine's value of this name. Raises the error of the resource's registration."""
        if name in self._made:
            output = self._made[name]
            return Settled(
                await output.future(with_unknowns=True),
                await output.is_known(),
                await output.is_secret(),
                await output.resources(),
            )
        if self._is_answered is not None:
            await self._is_answered
        if (take_apart := self._take_apart) is not None:
            self._take_apart = None
            try:
                take_apart()
            except Exception as error:
                self._failure = error
        if self._failure is not None:
            raise self._failure
        return self._settled[name]

    def resolvers(self, names: Collection[str]) -> dict[str, Callable[..., None]]:
        """Return, by name, the functions that the SDK calls with the engine's response."""
        self._names = names
        self._is_answered = asyncio.Future()
        _Registrations.of(self._is_answered.get_loop()).add(self["urn"], self["id"])
        return {name: functools.partial(self._resolve, name) for name in names}

    def answered(self, take_apart: Callable[[], None]) -> None:
        """Accept the engine's response; ``take_apart`` calls the resolvers with it."""
        self._take_apart = take_apart
        self._end_wait()

    def take_over(self, names: Collection[str]) -> None:
        """If the SDK has created the outputs itself, replace them by those that ``shown`` returns."""
        if self._is_answered is None:
            self._made = {name: self.pop(name) for name in names if name in self}
            self._names = self._made

    def _resolve(
        self,
        name: str,
        value: Any,
        is_known: bool,
        is_secret: bool,
        dependencies: set[pulumi.Resource] | None,
        failure: Exception | None,
    ) -> None:
        self._settled[name] = Settled(value, is_known, is_secret, {*(dependencies or ()), self._resource})
        self._failure = failure
        self._end_wait()  # waiters continue when the SDK has resolved all outputs

    def _end_wait(self) -> None:
        if self._is_answered is not None and not self._is_answered.done():
            self._is_answered.set_result(None)


class _Registrations:
    """A single future for which the SDK waits at the end of a program, in place of each resource's URN and id.

    The SDK checks all outputs that it waits for each time one is done: the square of the number of resources.
    """

    _all: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, _Registrations]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._urns: list[pulumi.Output[str]] = []
        self._is_waiting = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Registrations:
        """Return the registrations of an event loop."""
        return cls._all.setdefault(loop, cls())

    def add(self, urn: pulumi.Output[str], id_: pulumi.Output[str]) -> None:
        """Wait for one more resource."""
        with contextlib.suppress(AttributeError):
            urn._untrack()
            id_._untrack()
        self._urns.append(urn)
        if not self._is_waiting:
            self._is_waiting = True
            _output(self._wait())

    async def _wait(self) -> Settled:
        try:
            while self._urns:
                await self._urns.pop().future()
        finally:
            self._is_waiting = False
        return Settled(None, True, False, set())


def known_secret(value: str) -> pulumi.Output[str]:
    """Return a text as a secret, like ``pulumi.Output.secret``, but with one output instead of two."""
    settled: asyncio.Future[Settled] = asyncio.Future()
    settled.set_result(Settled(value, True, True, set()))
    return _output(settled)


class _Part:
    """An awaitable part of a settled value; unlike a coroutine, it need not be awaited."""

    def __init__(self, settled: asyncio.Future[Settled], index: int) -> None:
        self._settled = settled
        self._index = index

    def __await__(self) -> Generator[Any, Any, Any]:
        settled = yield from self._settled.__await__()
        return settled[self._index]


def _output(settled: Awaitable[Settled]) -> pulumi.Output[Any]:
    future = asyncio.ensure_future(settled)
    return pulumi.Output(_Part(future, 3), _Part(future, 0), _Part(future, 1), _Part(future, 2))


def _make_outputs_when_read() -> None:
    """Make the SDK leave the outputs of a resource with ``Attributes`` to that class."""
    transfer: Any = getattr(rpc, _TRANSFER, None)
    resolve: Any = getattr(rpc, _RESOLVE, None)
    if _parameters(transfer)[:3] != ["res", "props", "custom"] or _parameters(resolve)[:1] != ["res"]:
        return

    @functools.wraps(transfer)
    def transfer_properties(res: pulumi.Resource, props: Mapping[str, Any], *others: Any, **named: Any) -> Any:
        attributes = vars(res)
        if isinstance(attributes, Attributes):
            return attributes.resolvers([name for name in props if name not in ("urn", "id")])
        return transfer(res, props, *others, **named)

    @functools.wraps(resolve)
    def resolve_outputs(res: pulumi.Resource, *others: Any, **named: Any) -> None:
        attributes = vars(res)
        if isinstance(attributes, Attributes):
            attributes.answered(functools.partial(resolve, res, *others, **named))
        else:
            resolve(res, *others, **named)

    setattr(rpc, _TRANSFER, transfer_properties)
    setattr(rpc, _RESOLVE, resolve_outputs)


def _parameters(function: Any) -> list[str]:
    return [*inspect.signature(function).parameters] if callable(function) else []


_make_outputs_when_read()
