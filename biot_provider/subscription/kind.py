"""``biot.InterceptionSubscription`` and ``biot.NotificationSubscription``: check, diff, create, read, update, delete.

A subscription is identified by its parts, from which its id is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biot_provider.lifecycle.codec import holds_unknown, is_unknown
from biot_provider.lifecycle.declarations import Declarations
from biot_provider.lifecycle.kind import Context, Diff, Found, Given, InvalidInputsError, declared_arguments
from biot_provider.lifecycle.owner import resource_name
from biot_provider.lifecycle.problems import Problem
from biot_provider.lifecycle.run_notes import RunNotes
from biot_provider.subscription.had import HadSubscriptions
from biot_provider.subscription.ids import (
    digest_in,
    id_of,
    parse_interception_id,
    parse_notification_id,
    without_secrets,
)
from biot_provider.subscription.model import (
    InterceptionSubscriptionInputs,
    InterceptionSubscriptionState,
    NotificationSubscriptionInputs,
    NotificationSubscriptionState,
    SubscriptionState,
)
from biot_provider.subscription.reads import SubscriptionReads
from biot_provider.subscription.rules import (
    interception_problems,
    interception_warning,
    notification_problems,
    notification_warning,
)
from biot_provider.subscription.writes import Requests, SubscriptionWrites, is_the_one_of

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.api.models.subscriptions import SubscriptionAnswer


@dataclass(frozen=True)
class SubscriptionType:
    """The differences between the two kinds of subscription. ``noun`` is the kind's name in messages."""

    noun: str
    inputs: type[Any]
    state: type[Any]
    problems: Callable[..., list[Problem]]
    warning: Callable[[Given], str | None]
    requests: Callable[[Client], Requests]
    parse_id: Callable[[str], SubscriptionState]
    """Returns the subscription that an id without a digest identifies. Raises InputError."""


INTERCEPTION = SubscriptionType(
    "interception",
    InterceptionSubscriptionInputs,
    InterceptionSubscriptionState,
    interception_problems,
    interception_warning,
    lambda client: Requests(
        client.subscribe_interception, client.unsubscribe_interception, client.search_interceptions
    ),
    parse_interception_id,
)
NOTIFICATION = SubscriptionType(
    "notification",
    NotificationSubscriptionInputs,
    NotificationSubscriptionState,
    notification_problems,
    notification_warning,
    lambda client: Requests(
        client.subscribe_notification, client.unsubscribe_notification, client.search_notifications
    ),
    parse_notification_id,
)


class SubscriptionKind:
    """Subscriptions of endpoints outside of the platform."""

    def __init__(self, type_: SubscriptionType) -> None:
        self.inputs = type_.inputs
        self.state = type_.state
        self._type = type_
        self._declared: Declarations[tuple[str, ...]] = Declarations()
        """The identities of the subscriptions that this run declares."""
        self._orders: Declarations[tuple[str, ...]] = Declarations()
        """The orders that this run declares for interceptions of each API or entity."""
        self._known: dict[tuple[str, ...], SubscriptionState] = {}
        """The stack's subscriptions: the replacement of a resource may declare the same subscription again."""
        self._had = HadSubscriptions(RunNotes.of_this_run(type_.noun))
        self._reads = SubscriptionReads()

    def name(self, id_: str, state: SubscriptionState) -> str:
        """Return the subscription's name in messages."""
        return f"{self._type.noun} {id_of(state) if state.endpoint else without_secrets(id_)!r}"

    def check(self, given: Given, _old: Given, context: Context) -> Given:
        """Find every problem. Raises InvalidInputsError. Warns of an order that another resource also declares."""
        arguments = declared_arguments(given)
        problems = self._type.problems(arguments, is_unknown, public=context.connection.calls_from_outside)
        if problems := problems or self._declared_twice(given, context):
            raise InvalidInputsError(problems)
        if warning := self._type.warning(arguments):
            context.warn(f"{self._type.noun} {resource_name(context.owner)!r}: {warning}", "BIOT-5110")
        return given

    def diff(self, old: SubscriptionState, new: SubscriptionState, unknown: frozenset[str]) -> Diff:
        """Return the changes; a replacement is created first; an order that the platform moved is no change."""
        self._known[old.identity()] = old
        replaces = [
            name
            for name in new.identity_fields(unknown)
            if name in unknown or (getattr(old, name) or None) != (getattr(new, name) or None)
        ]
        if not replaces:
            self._had.add(old)
        before = old.updatable()
        moved = [name for name, value in new.updatable().items() if value is not None and value != before[name]]
        return Diff({*replaces, *moved}, replaces)

    def create(self, new: SubscriptionState, context: Context) -> Found[SubscriptionState]:
        """Subscribe the endpoint; an existing equal subscription is adopted."""
        state = self._writes(context).subscribe(new, self._known.get(new.identity()))
        self._reads.forget()
        self._had.add(state)
        return Found(id_of(state), state)

    def read(self, id_: str, known: SubscriptionState, context: Context) -> Found[SubscriptionState] | None:
        """Check whether the endpoint is subscribed, and by the same subscription; the order stays as declared."""
        writes = self._writes(context)
        if known.endpoint:
            found = self._reads.find(known, writes)
            state = None if found is None else self._refreshed(known, found, context)
        else:
            digest = digest_in(id_)
            found = writes.find_by_digest(digest) if digest else writes.find(self._type.parse_id(id_))
            state = None if found is None else self.state_from(found, known.owner)
        if state is None:
            return None
        self._known[state.identity()] = state
        return Found(id_of(state), state)

    def declared(self, state: SubscriptionState) -> SubscriptionState:
        """Return the state as it is."""
        return state

    def update(self, _id: str, old: SubscriptionState, new: SubscriptionState, context: Context) -> SubscriptionState:
        """Subscribe again with the changed values, without a gap in service."""
        state = self._writes(context).subscribe(new, old)
        self._reads.forget()
        self._had.add(state)
        return state

    def delete(self, id_: str, old: SubscriptionState, context: Context) -> None:
        """Unsubscribe the endpoint, unless another resource of this run declares the same subscription.

        That resource may be in another provider process, if the stack moves from one provider to another.
        """
        if owner := self._declared.owner(old.identity()):
            context.report(f"{self.name(id_, old)} stays subscribed: resource {resource_name(owner)!r} declares it")
            return
        if old in self._had:
            context.report(f"{self.name(id_, old)} stays subscribed: another resource of this stack has taken it over")
            return
        self._writes(context).delete(old)
        self._reads.forget()

    def is_there(self, _id: str, old: SubscriptionState, context: Context) -> bool:
        """Return whether the platform has a subscription with these parts."""
        return self._writes(context).find(old) is not None

    def state_from(self, found: SubscriptionAnswer, owner: str | None) -> SubscriptionState:
        """Return the state of a subscription that is not in any state yet."""
        shown = found.model_dump(exclude={"id"}, exclude_none=True)
        state: SubscriptionState = self.state.model_validate(shown | {"platform_id": found.id, "owner": owner})
        return state

    def _refreshed(self, known: SubscriptionState, found: SubscriptionAnswer, context: Context) -> SubscriptionState:
        """Return the known state with id and time, which distinguish this subscription from one created later."""
        name = self.name("", known)
        is_known = is_the_one_of(known, found)
        if not is_known and not known.taken:
            since = f" (since {found.creation_time})" if found.creation_time else ""
            context.warn(
                f"{name} has ended and was subscribed anew by somebody else{since}: it is taken as it is,"
                " and `pulumi destroy` leaves it subscribed",
                "BIOT-5122",
            )
        if found.identity() != known.identity():
            context.warn(
                f"the platform shows {name} with other parts than were subscribed: it is taken as it was", "BIOT-5122"
            )
        shown = {"platform_id": found.id, "creation_time": found.creation_time}
        evidence = {field: (is_known and getattr(known, field)) or value for field, value in shown.items()}
        return known.model_copy(update=evidence | {"taken": known.taken or not is_known or None})

    def _writes(self, context: Context) -> SubscriptionWrites:
        return SubscriptionWrites(self._type.noun, self._type.requests(context.client), context)

    def _declared_twice(self, given: Given, context: Context) -> list[Problem]:
        owner = context.owner
        if owner is None or any(holds_unknown(value) for value in given.values()):
            return []
        wanted: SubscriptionState = self.state.model_validate({k: v for k, v in given.items() if v is not None})
        same = self._declared.declare(owner, wanted.identity())
        order = wanted.declared_order()
        neighbour = self._orders.declare(owner, order)
        if same:
            return [
                Problem("", f"is the same subscription as resource {resource_name(same)!r}: leave one out", "BIOT-2124")
            ]
        if neighbour and order:
            type_, target, number = order
            context.warn(
                f"{self._type.noun}s {resource_name(owner)!r} and {resource_name(neighbour)!r} both ask"
                f" for order {number} of {type_} {target}: the platform gives it to the one subscribed last and"
                " moves the other up; give each its own execution_order",
                "BIOT-5111",
            )
        return []


class InterceptionKind(SubscriptionKind):
    """Endpoints that intercept API calls or entities."""

    def __init__(self) -> None:
        super().__init__(INTERCEPTION)


class NotificationKind(SubscriptionKind):
    """Endpoints that are notified of actions on entities."""

    def __init__(self) -> None:
        super().__init__(NOTIFICATION)
