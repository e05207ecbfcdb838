"""The protocol of a kind of resource: six operations by which an engine creates, compares and deletes resources.

Inputs are strict when they are checked, and held in the wide state type from then on, since ``ignore_changes`` puts
values from the platform among them: ``old``, ``new`` and ``known`` all have the kind's state type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from biot_provider.errors import BiotError, Notice
from biot_provider.lifecycle.codec import InputsT, StateT
from biot_provider.lifecycle.problems import Problem
from biot_provider.lifecycle.settle import Deadline

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.config import Settings
    from biot_provider.lifecycle.connection import Connection

Given = Mapping[str, Any]
"""Arguments before their check: any values of a program, ``UNKNOWN`` if a preview does not know them yet."""

FoundT = TypeVar("FoundT")


class InvalidInputsError(BiotError):
    """Arguments are invalid; ``problems`` are all their problems."""

    def __init__(self, problems: Collection[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), None)
        self.problems = list(problems)


class HalfMadeError(BiotError):
    """A create made the resource, but could not finish it: ``found`` is the unfinished resource."""

    def __init__(self, error: BiotError, found: Found[Any]) -> None:
        super().__init__(error.summary, error.message_code, advice=error.advice)
        self.found = found


@dataclass(frozen=True)
class Context:
    """The surroundings of one operation.

    ``show`` shows the user one line, which names its resource. ``seconds`` is the time that the operation has, by
    default the connection's.
    """

    connection: Connection
    owner: str | None
    show: Callable[[Notice], None]
    seconds: float | None = None

    def report(self, text: str) -> None:
        """Inform the user."""
        self.show(Notice(text))

    def warn(self, text: str, message_code: str) -> None:
        """Warn the user."""
        self.show(Notice(text, message_code))

    @property
    def settings(self) -> Settings:
        """The connection's settings. Raises ConfigError if they are missing or wrong."""
        return self.connection.settings

    @property
    def client(self) -> Client:
        """The client, which the first request of the process opens."""
        return self.connection.client(self.owner)

    @cached_property
    def deadline(self) -> Deadline:
        """The deadline of this operation."""
        seconds = self.seconds or self.settings.request_timeout
        return Deadline(seconds, cancellation=self.connection.cancellation)


@dataclass(frozen=True)
class Diff:
    """The differences between a state and the inputs, as names of properties."""

    changed: Collection[str] = ()
    replaces: Collection[str] = ()
    """Properties that cannot change without a new resource, in the order in which they are shown."""
    delete_before_replace: bool = False
    is_due: bool = False
    """Whether an update is due although no property differs."""
    notices: Collection[Notice] = ()
    """What the user should see before the change is made."""


class Found(NamedTuple, Generic[FoundT]):
    """A resource on the platform: its id and its state."""

    id: str
    state: FoundT


class ResourceKind(Protocol[InputsT, StateT]):
    """One kind of resource. An instance lives for one run, and may remember the run's declarations."""

    inputs: type[InputsT]
    """The model of a program's declaration."""
    state: type[StateT]
    """The model of a resource's state, which holds everything that the platform shows, and every input."""

    def name(self, id_: str, state: StateT) -> str:
        """Return the resource's name in messages, such as ``plugin 'hello'``."""

    def check(self, given: Given, old: Given, context: Context) -> Given:
        """Return the arguments with the values that follow from them. Raises InvalidInputsError with every problem.

        A check may make requests in order to warn, but does not depend on them.
        """

    def diff(self, old: StateT, new: StateT, unknown: frozenset[str]) -> Diff:
        """Return what the platform would change, without a request.

        ``new`` has the configured platform, and old values in place of unknown ones.
        """

    def create(self, new: StateT, context: Context) -> Found[StateT]:
        """Create the resource."""

    def read(self, id_: str, known: StateT, context: Context) -> Found[StateT] | None:
        """Return the resource as the platform shows it; None if it is gone."""

    def declared(self, state: StateT) -> StateT:
        """Return the state as a program would declare it, for a read's inputs: without the platform's own values."""

    def update(self, id_: str, old: StateT, new: StateT, context: Context) -> StateT:
        """Send the differences."""

    def delete(self, id_: str, old: StateT, context: Context) -> None:
        """Delete the resource; if it is gone already, that is a success."""

    def is_there(self, id_: str, old: StateT, context: Context) -> bool:
        """Return whether the platform of this connection has this very resource."""


def declared_arguments(given: Given) -> dict[str, Any]:
    """Return the arguments that a program gave: those that are set and not hidden."""
    return {key: value for key, value in given.items() if value is not None and not key.startswith("__")}
