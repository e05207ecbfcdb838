"""Subscribes and unsubscribes endpoints: the result is as declared, or an error that says what is known.

Nothing here knows Pulumi. A subscription is identified by its parts: an existing one that is equal in every part is the
wanted one, whoever created it; subscribing again changes only the order. The platform does not record the creator: the
id and the creation time in state distinguish a subscription that this stack created from one that it found, or that
somebody has created again since. Only a subscription that this stack created is unsubscribed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from biot_provider.api.models.subscriptions import SubscriptionAnswer
from biot_provider.api.models.wide import are_ids_alike, is_same_moment
from biot_provider.errors import ApiError, BiotError, LifecycleError, NotFoundError
from biot_provider.lifecycle.fields import State
from biot_provider.lifecycle.kind import Context
from biot_provider.lifecycle.problems import nearest
from biot_provider.lifecycle.settle import settle, unclear
from biot_provider.subscription.ids import digest_of, id_of
from biot_provider.subscription.model import SubscriptionState

StateT = TypeVar("StateT", bound=SubscriptionState)

_OURS = frozenset(State.model_fields) | {"platform_id", "creation_time", "taken"}


@dataclass(frozen=True)
class Requests:
    """The requests of one kind of subscription."""

    subscribe: Callable[..., SubscriptionAnswer]
    unsubscribe: Callable[..., None]
    search: Callable[..., Iterator[SubscriptionAnswer]]


class SubscriptionWrites:
    """The writes of one operation on one kind of subscription."""

    def __init__(self, noun: str, requests: Requests, context: Context) -> None:
        self._noun = noun
        self._requests = requests
        self._deadline = context.deadline
        self._warn = context.warn

    def subscribe(self, inputs: StateT, before: SubscriptionState | None = None) -> StateT:
        """Subscribe, unless the subscription exists; ``before`` is the state of this very subscription.

        For an existing subscription only the differences between ``before`` and the inputs are sent. Returns the new
        state.
        """
        found = self.find(before or inputs)
        wanted = _wanted(inputs, before if found else None)
        taken = found is not None and (before is None or bool(before.taken) or not is_the_one_of(before, found))
        left = {} if found is None else _left(found, wanted)
        if found is not None and taken and not (before and before.taken and is_the_one_of(before, found)):
            self._report_taken(inputs, found, left)
        if found is None or left:
            found, met = self._send(inputs, wanted, is_there=found is not None)
            taken = taken or met
        return _with_evidence(inputs, found, taken=taken)

    def delete(self, state: SubscriptionState) -> None:
        """Unsubscribe a subscription that this stack created, if it still exists; others stay."""
        found = self.find(state)
        if found is None and state.taken:
            return
        if found is not None and (state.taken or not is_the_one_of(state, found)):
            self._warn(
                f"{self.named(state)} stays subscribed: this stack did not make the one that exists"
                f"{_since(found)}. What to do: unsubscribe it where it was made, if nobody uses it",
                "BIOT-5120",
            )
            return
        body = _body(state)
        body.pop("executionOrder", None)

        def write() -> bool:
            with contextlib.suppress(NotFoundError):
                self._requests.unsubscribe(body, timeout=self._deadline.for_write())
            return True

        def judge(found: SubscriptionAnswer | None, _: BiotError) -> bool | None:
            return None if found is not None and is_the_one_of(state, found) else True

        still = f"{self.named(state)} is still there"
        settle(self._deadline, write, lambda: self.find(state), judge, still)

    def find(self, state: SubscriptionState) -> SubscriptionAnswer | None:
        """Return the subscription with the state's platform id, however shown, else the one with the same parts."""
        return found_among(self.search(state), state)

    def search(self, state: SubscriptionState) -> Sequence[SubscriptionAnswer]:
        """Return all subscriptions of the state's endpoint."""
        return self._rows({"endpoint": {"eq": state.endpoint}})

    def find_by_digest(self, digest: str) -> SubscriptionAnswer | None:
        """Return the platform's subscription with this digest in its id."""
        return next((row for row in self._rows({}) if digest_of(row) == digest), None)

    def named(self, state: SubscriptionState) -> str:
        """Return the subscription's name in messages."""
        return f"{self._noun} {id_of(state)!r}"

    def _rows(self, filters: Mapping[str, Any]) -> Sequence[SubscriptionAnswer]:
        try:
            return list(self._requests.search(filters, timeout=self._deadline.for_read()))
        except ApiError as error:
            if error.status != 400 or not filters:
                raise
            # It is not documented by which properties interceptions can be searched (BioT API 2.4.2).
            return list(self._requests.search({}, timeout=self._deadline.for_read()))

    def _send(
        self, inputs: SubscriptionState, wanted: Mapping[str, Any], *, is_there: bool
    ) -> tuple[SubscriptionAnswer, bool]:
        """Subscribe; return the subscription, and whether somebody else created it meanwhile."""
        body = _body(inputs)
        if "execution_order" not in wanted:
            body.pop("executionOrder", None)
        unclear_errors: list[BiotError] = []

        def write() -> tuple[SubscriptionAnswer, bool]:
            try:
                return self._requests.subscribe(body, timeout=self._deadline.for_write()), False
            except ApiError as error:
                # Some releases refuse a second subscription, with an undocumented code.
                found = self.find(inputs) if error.status in (400, 409) else None
                if found is None or _left(found, wanted):
                    raise _with_suggestion(error) from None
                return found, not (is_there or unclear_errors)

        def judge(found: SubscriptionAnswer | None, error: BiotError) -> tuple[SubscriptionAnswer, bool] | None:
            if unclear(error):
                unclear_errors.append(error)
            return None if found is None or _left(found, wanted) else (found, False)

        not_done = f"{self.named(inputs)} was not found there afterwards as declared"
        found, met = settle(self._deadline, write, lambda: self.find(inputs), judge, not_done)
        if met:
            self._report_taken(inputs, found, {})
        return found, met

    def _report_taken(self, inputs: SubscriptionState, found: SubscriptionAnswer, left: Mapping[str, Any]) -> None:
        name = "execution_order"
        order = f" with order {found.updatable()[name]}, now {left[name]}" if name in left else ""
        self._warn(
            f"{self.named(inputs)} exists already{_since(found)}{order}: taken as this resource's. This"
            " stack did not make it, so `pulumi destroy` leaves it subscribed",
            "BIOT-5121",
        )


def found_among(rows: Sequence[SubscriptionAnswer], state: SubscriptionState) -> SubscriptionAnswer | None:
    """Return the row with the state's platform id, however it is shown, else the one with the same parts."""
    known = (row for row in rows if state.platform_id and row.id == state.platform_id)
    return next(known, None) or next((row for row in rows if row.identity() == state.identity()), None)


def is_the_one_of(state: SubscriptionState, found: SubscriptionAnswer) -> bool:
    """Return whether this is the subscription in the state, and not one with the same parts that was created later.

    Without evidence it counts as the same: the platform may show neither id nor time, and older states have none.
    """
    if state.platform_id and state.platform_id == found.id:
        return True
    same = is_same_moment(state.creation_time, found.creation_time)
    return not are_ids_alike(state.platform_id, found.id) if same is None else same


def _wanted(inputs: SubscriptionState, before: SubscriptionState | None) -> dict[str, Any]:
    """Return the updatable fields to send: all for a new subscription, the changed ones for an existing one."""
    declared = {name: value for name, value in inputs.updatable().items() if value is not None}
    if before is not None:
        return {name: value for name, value in declared.items() if before.updatable()[name] != value}
    return {name: value for name, value in declared.items() if name == "execution_order"}


def _left(found: SubscriptionAnswer, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not yet as wanted."""
    return {name: value for name, value in wanted.items() if found.updatable()[name] != value}


def _with_evidence(state: StateT, found: SubscriptionAnswer, *, taken: bool) -> StateT:
    evidence = {"platform_id": found.id, "creation_time": found.creation_time, "taken": taken or None}
    return state.model_copy(update=evidence)


def _since(found: SubscriptionAnswer) -> str:
    return f", since {found.creation_time}" if found.creation_time else ""


def _body(state: SubscriptionState) -> dict[str, Any]:
    body = state.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_OURS)
    return {name: value for name, value in body.items() if value != {}}


def _with_suggestion(error: ApiError) -> BiotError:
    """Return the error with the listed name that is nearest to the refused one."""
    given = next((value for key, value in error.details.items() if key.startswith("invalid")), None)
    names = next((value for key, value in error.details.items() if key.startswith("valid")), None)
    near = nearest(given, [str(name) for name in names]) if given and isinstance(names, list) else ""
    return (
        LifecycleError(error.summary, error.message_code, advice=f"{error.advice or 'check the name'}{near}")
        if near
        else error
    )
