"""The six operations of one kind of resource on properties, which all adapters share.

An adapter turns an engine's messages into properties (``codec.py``) and back, and shows errors in the engine's way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic

from biot_provider.errors import LifecycleError, Notice
from biot_provider.lifecycle.codec import UNKNOWN, Codec, InputsT, Properties, StateT
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.fields import Mark, State, marked
from biot_provider.lifecycle.kind import Context, Diff, InvalidInputsError, ResourceKind
from biot_provider.lifecycle.problems import Problem


@dataclass(frozen=True)
class Checked:
    """Inputs and their problems; if there are problems, the inputs are empty."""

    inputs: Properties
    problems: Collection[Problem] = ()


@dataclass(frozen=True)
class Resource:
    """A resource on the platform, in the form that an engine records."""

    id: str
    outputs: dict[str, Any]
    inputs: dict[str, Any]
    """The inputs of a program that would declare it."""


@dataclass(frozen=True)
class Operations(Generic[InputsT, StateT]):
    """One kind over one connection, for a run; ``show`` shows the user one line.

    ``seconds`` of a write is its total time limit, by default the connection's ``requestTimeout``.
    """

    kind: ResourceKind[InputsT, StateT]
    connection: Connection
    show: Callable[[Notice], None]

    @cached_property
    def codec(self) -> Codec[InputsT, StateT]:
        """The codec of the kind's properties."""
        return Codec(self.kind.inputs, self.kind.state)

    def check(self, old: Properties, given: Properties) -> Checked:
        """Find every invalid input; fill in defaults and values that follow from files.

        A plugin's new subscriptions are compared with the platform, to warn; nothing else makes a request.
        """
        problems = self.connection.problems()
        try:
            given = {**self.kind.check(given, old, self._context(given.get("__owner")))}
        except InvalidInputsError as error:
            problems += error.problems
        return Checked({}, problems) if problems else Checked(self.codec.checked(given, old))

    def diff(self, id_: str, old: Properties, given: Properties) -> Diff:
        """Compare state and inputs, unknown ones too; a request is made only if the platform's address has changed."""
        diff = self._compared(id_, old, given)
        for notice in diff.notices:
            self.show(notice)
        return diff

    def _compared(self, id_: str, old: Properties, given: Properties) -> Diff:
        before = self.codec.state(old)
        self._refuse_another_platform("compare", id_, before)
        unknown = self.codec.unknown(given)
        update = {name: getattr(before, name) for name in unknown}
        update["platform"] = self.connection.settings.base_url
        if not self.connection.settings.stamp:
            update["owner"] = before.owner  # nothing on the platform names the owner
        diff = self.kind.diff(before, self.codec.state(given).model_copy(update=update), unknown)
        return replace(diff, changed={*diff.changed, *diff.replaces, *unknown})

    def create(self, given: Properties, seconds: float | None = None) -> Resource:
        """Create the resource."""
        new = self.codec.state(given)
        return self.resource(*self.kind.create(new, self._context(new.owner, seconds)))

    def read(self, id_: str, known: Properties) -> Resource | None:
        """Read state and inputs, so that drift shows and the next update reverts it; None if the resource is gone."""
        state = self.codec.state(known)
        self._refuse_another_platform("read", id_, state)
        found = self.kind.read(id_, state, self._context(state.owner))
        return None if found is None else self.resource(*found)

    def refuse_missing(self, id_: str, known: Properties) -> None:
        """Raise LifecycleError for a resource that is read for the first time but does not exist."""
        state = self.codec.state(known)
        if not self.codec.is_state(state):
            raise LifecycleError(
                f"read {self.kind.name(id_, state)}: there is none on this platform",
                "BIOT-5002",
                advice="check the id and biot:baseUrl",
            )

    def update(self, id_: str, old: Properties, given: Properties, seconds: float | None = None) -> Resource:
        """Send the differences."""
        before, new = self.codec.state(old), self.codec.state(given)
        self._refuse_another_platform("update", id_, before)
        return self.resource(id_, self.kind.update(id_, before, new, self._context(new.owner, seconds)))

    def moved(self, id_: str, old: Properties, given: Properties) -> Resource | None:
        """Return the resource with another adapter's state converted, if nothing else changes; without a request."""
        diff = self._compared(id_, old, given)
        if diff.changed or diff.is_due:
            return None
        state = self.codec.state(old)
        # The platform's stamp has the former owner, by which a renamed resource is recognised.
        return self.resource(id_, state.model_copy(update={"owner": state.owner or given.get("__owner")}))

    def delete(self, id_: str, old: Properties, seconds: float | None = None) -> None:
        """Delete the resource; if it is gone already, that is a success."""
        before = self.codec.state(old)
        self._refuse_another_platform("delete", id_, before)
        self.kind.delete(id_, before, self._context(before.owner, seconds))

    def resource(self, id_: str, state: State) -> Resource:
        """Return the resource with the connection's platform, on which it was found."""
        here: Any = state.model_copy(update={"platform": self.connection.settings.base_url})
        return Resource(id_, self.codec.outputs(here), self.codec.inputs(self.kind.declared(here)))

    def declared(self, old: Properties) -> dict[str, Any]:
        """Return the inputs of a program that would declare a state."""
        state = self.kind.declared(self.codec.state(old))
        return {name: value for name, value in self.codec.inputs(state).items() if not name.startswith("__")}

    def previewed(self, old: Properties, given: Properties, changed: Collection[str]) -> dict[str, Any]:
        """Return the outputs that a preview knows: the inputs, and for an update the outputs that it does not change.

        ``old`` is empty for a create; ``changed`` are the properties that the update changes.
        """
        inputs, outputs = self.kind.inputs.model_fields, self.kind.state.model_fields
        lasting = {*marked(self.kind.state, Mark.LASTING), *marked(self.kind.inputs, Mark.LASTING)} - {*changed}
        kept = {name: old[name] for name in lasting & old.keys()}
        given_or_unset = {name for name in inputs if not {Mark.LASTING} & {*inputs[name].metadata}}
        return {name: UNKNOWN for name in outputs if name not in given_or_unset} | kept | dict(given)

    def _context(self, owner: Any, seconds: float | None = None) -> Context:
        return Context(self.connection, owner if isinstance(owner, str) else None, self.show, seconds)

    def _refuse_another_platform(self, action: str, id_: str, state: StateT) -> None:
        self.connection.refuse_another_platform(
            action,
            self.kind.name(id_, state),
            state.platform,
            lambda: self.kind.is_there(id_, state, self._context(state.owner)),
        )
