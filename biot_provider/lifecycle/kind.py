"""What a kind of resource is: the six operations by which an engine makes, compares and ends resources.

Inputs are strict when they are checked, and held as wide as state is from then on, since ``ignore_changes`` puts words
of the platform's own among them: ``old``, ``new`` and ``known`` are all of the kind's state type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from biot_provider.errors import BiotError
from biot_provider.lifecycle.codec import InputsT, StateT
from biot_provider.lifecycle.problems import Problem
from biot_provider.lifecycle.settle import Deadline

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.config import Settings
    from biot_provider.lifecycle.connection import Connection

Given = Mapping[str, Any]
"""Arguments before they are checked: whatever a program gives, ``UNKNOWN`` where a preview does not know it yet."""

FoundT = TypeVar("FoundT")


class InvalidInputsError(BiotError):
    """Arguments are wrong; ``problems`` are all that is wrong with them."""

    def __init__(self, problems: Collection[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), None)
        self.problems = list(problems)


class HalfMadeError(BiotError):
    """A create that has made the resource, and could not finish it: ``found`` is what there is."""

    def __init__(self, error: BiotError, found: Found[Any]) -> None:
        super().__init__(error.summary, error.message_code, advice=error.advice)
        self.found = found


@dataclass(frozen=True)
class Context:
    """What one operation needs from outside.

    ``report`` shows the user one line, which names its resource. ``seconds`` is the time that the operation has, by
    default the connection's.
    """

    connection: Connection
    owner: str | None
    report: Callable[[str], None]
    seconds: float | None = None

    @property
    def settings(self) -> Settings:
        """The connection's settings. Raises ConfigError where they are missing or wrong."""
        return self.connection.settings

    @property
    def client(self) -> Client:
        """The client; opened by the first request of the process."""
        return self.connection.client(self.owner)

    @cached_property
    def deadline(self) -> Deadline:
        """The time that this operation has."""
        seconds = self.seconds or self.settings.request_timeout
        return Deadline(seconds, cancellation=self.connection.cancellation)


@dataclass(frozen=True)
class Diff:
    """What differs between a state and the inputs: properties by name."""

    changed: Collection[str] = ()
    replaces: Collection[str] = ()
    """Those whose change needs a new resource, in the order in which they are shown."""
    delete_before_replace: bool = False
    is_due: bool = False
    """Whether an update is due although no property differs."""
    warnings: Collection[str] = ()
    """Lines that the user should see before the change is made."""


class Found(NamedTuple, Generic[FoundT]):
    """A resource on the platform: its id and its state."""

    id: str
    state: FoundT


class ResourceKind(Protocol[InputsT, StateT]):
    """One kind of resource. An instance lives as long as a run, and may remember what the run declares."""

    inputs: type[InputsT]
    """What a program declares."""
    state: type[StateT]
    """What is known of a resource. Holds whatever the platform shows, and every input."""

    def name(self, id_: str, state: StateT) -> str:
        """Return what messages call the resource, such as ``plugin 'hello'``."""

    def check(self, given: Given, old: Given, context: Context) -> Given:
        """Return the arguments with what follows from them. Raises InvalidInputsError with every problem.

        A request may be made to warn, but a check needs none.
        """

    def diff(self, old: StateT, new: StateT, unknown: frozenset[str]) -> Diff:
        """Return what the platform would change, without a request. ``new`` has old values in place of unknown ones,
        and the configured platform.
        """

    def create(self, new: StateT, context: Context) -> Found[StateT]:
        """Make the resource."""

    def read(self, id_: str, known: StateT, context: Context) -> Found[StateT] | None:
        """Return the resource as the platform shows it; None where it is gone."""

    def declared(self, state: StateT) -> StateT:
        """Return the state as a program would declare it, for a read's inputs: without what only the platform gave."""

    def update(self, id_: str, old: StateT, new: StateT, context: Context) -> StateT:
        """Change what differs."""

    def delete(self, id_: str, old: StateT, context: Context) -> None:
        """End the resource; one that is gone already is ended."""

    def is_there(self, id_: str, old: StateT, context: Context) -> bool:
        """Return whether the platform of this connection has this very resource."""


def declared_arguments(given: Given) -> dict[str, Any]:
    """Return the arguments that a program gave: those that are set, without hidden ones."""
    return {key: value for key, value in given.items() if value is not None and not key.startswith("__")}
