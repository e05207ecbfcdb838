"""Subscribe and unsubscribe endpoints so that it ends as declared, or in an error that says what is known.

Nothing here knows Pulumi. A subscription is its parts: one that exists already, equal in every part, is the one that
is wanted, whoever made it. Subscribing once more changes nothing but the order.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from biot_provider.account_models import (
    InterceptionSubscriptionAnswer,
    InterceptionSubscriptionInputs,
    NotificationSubscriptionAnswer,
    NotificationSubscriptionInputs,
)
from biot_provider.errors import ApiError, BiotError, LifecycleError, NotFoundError
from biot_provider.models import Answer, Model
from biot_provider.provider.attempts import Deadline, settle
from biot_provider.provider.subscription_ids import interception_id, is_same, notification_id
from biot_provider.rules import nearest

if TYPE_CHECKING:
    from biot_provider.client import Client

InputsT = TypeVar("InputsT", bound=Model)
AnswerT = TypeVar("AnswerT", bound=Answer)


class SubscriptionWrites(ABC, Generic[InputsT, AnswerT]):
    """The writes to one kind of subscription; ``seconds`` bounds each, ``tell`` shows the user one line."""

    def __init__(self, client: Client, *, seconds: float, tell: Callable[[str], None]) -> None:
        self._client = client
        self._seconds = seconds
        self._tell = tell

    def create(self, inputs: InputsT) -> None:
        """Subscribe, unless it is subscribed already."""
        deadline = Deadline(self._seconds)
        found = self.find(inputs, deadline)
        if found is None:
            self._subscribe(inputs, deadline, lambda _: True)
            return
        other = self._difference(found, inputs)
        self._tell(f"{self._named(inputs)} exists already{other}: taken as this resource's")
        if other:
            self._subscribe(inputs, deadline, lambda found: not self._difference(found, inputs))

    def update(self, inputs: InputsT) -> None:
        """Subscribe once more, which changes the order with no gap in service."""
        self._subscribe(inputs, Deadline(self._seconds), lambda found: not self._difference(found, inputs))

    def delete(self, inputs: InputsT) -> None:
        """Unsubscribe; what is gone already is unsubscribed."""
        deadline = Deadline(self._seconds)

        def write() -> bool:
            with contextlib.suppress(NotFoundError):
                self._unsubscribe(inputs, deadline.for_write())
            return True

        def judge(found: AnswerT | None, _: BiotError) -> bool | None:
            return None if found else True

        still = f"{self._named(inputs)} is still there"
        settle(deadline, write, lambda: self.find(inputs, deadline), judge, still)

    def _subscribe(self, inputs: InputsT, deadline: Deadline, is_done: Callable[[AnswerT], bool]) -> None:
        def write() -> bool:
            try:
                self._send(inputs, deadline.for_write())
            except ApiError as error:
                # A second subscription is refused by some releases, with a code that is not documented.
                found = self.find(inputs, deadline) if error.status in (400, 409) else None
                if found is None or not is_done(found):
                    raise _with_suggestion(error) from None
            return True

        def judge(found: AnswerT | None, _: BiotError) -> bool | None:
            return True if found is not None and is_done(found) else None

        not_done = f"{self._named(inputs)} was not found there afterwards as declared"
        settle(deadline, write, lambda: self.find(inputs, deadline), judge, not_done)

    @abstractmethod
    def find(self, inputs: InputsT, deadline: Deadline) -> AnswerT | None:
        """The platform's subscription of the same parts."""

    @abstractmethod
    def _send(self, inputs: InputsT, timeout: float) -> None: ...

    @abstractmethod
    def _unsubscribe(self, inputs: InputsT, timeout: float) -> None: ...

    @abstractmethod
    def _named(self, inputs: InputsT) -> str:
        """What a message calls it."""

    def _difference(self, found: AnswerT, inputs: InputsT) -> str:
        """What of a subscription of the same parts is not as declared; empty when nothing is."""
        return ""


class InterceptionWrites(SubscriptionWrites[InterceptionSubscriptionInputs, InterceptionSubscriptionAnswer]):
    """The writes to endpoints' interceptions."""

    def find(self, inputs: InterceptionSubscriptionInputs, deadline: Deadline) -> InterceptionSubscriptionAnswer | None:
        """The platform's interception of the same type, API or entity, endpoint and filters."""
        by_endpoint = {"endpoint": {"eq": inputs.endpoint}}
        try:
            rows = list(self._client.search_interceptions(by_endpoint, timeout=deadline.for_read()))
        except ApiError as error:
            if error.status != 400:
                raise
            # Which properties this search takes is not documented (BioT API 2.4.2).
            rows = list(self._client.search_interceptions({}, timeout=deadline.for_read()))
        return next((row for row in rows if is_same(row, inputs)), None)

    def _send(self, inputs: InterceptionSubscriptionInputs, timeout: float) -> None:
        self._client.subscribe_interception(_wire(inputs), timeout=timeout)

    def _unsubscribe(self, inputs: InterceptionSubscriptionInputs, timeout: float) -> None:
        body = {key: value for key, value in _wire(inputs).items() if key != "executionOrder"}
        self._client.unsubscribe_interception(body, timeout=timeout)

    def _named(self, inputs: InterceptionSubscriptionInputs) -> str:
        return f"interception {interception_id(inputs)!r}"

    def _difference(self, found: InterceptionSubscriptionAnswer, inputs: InterceptionSubscriptionInputs) -> str:
        if inputs.execution_order in (None, found.execution_order):
            return ""
        return f" with order {found.execution_order}, now {inputs.execution_order}"


class NotificationWrites(SubscriptionWrites[NotificationSubscriptionInputs, NotificationSubscriptionAnswer]):
    """The writes to endpoints' notifications."""

    def find(self, inputs: NotificationSubscriptionInputs, deadline: Deadline) -> NotificationSubscriptionAnswer | None:
        """The platform's notification of the same entity, action, endpoint and template."""
        wanted = notification_id(inputs)
        rows = self._client.search_notifications({"endpoint": {"eq": inputs.endpoint}}, timeout=deadline.for_read())
        return next((row for row in rows if notification_id(row) == wanted), None)

    def _send(self, inputs: NotificationSubscriptionInputs, timeout: float) -> None:
        self._client.subscribe_notification(_wire(inputs), timeout=timeout)

    def _unsubscribe(self, inputs: NotificationSubscriptionInputs, timeout: float) -> None:
        self._client.unsubscribe_notification(_wire(inputs), timeout=timeout)

    def _named(self, inputs: NotificationSubscriptionInputs) -> str:
        return f"notification {notification_id(inputs)!r}"


def _wire(inputs: Model) -> dict[str, object]:
    body = inputs.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"owner"})
    return {key: value for key, value in body.items() if value != {}}


def _with_suggestion(error: ApiError) -> BiotError:
    """The error, with the name it lists that is nearest to the refused one."""
    given = next((value for key, value in error.details.items() if key.startswith("invalid")), None)
    names = next((value for key, value in error.details.items() if key.startswith("valid")), None)
    near = nearest(given, [str(name) for name in names]) if given and isinstance(names, list) else ""
    return LifecycleError(f"{error}{near}") if near else error
