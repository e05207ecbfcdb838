"""What the lifecycles of both kinds of subscription share: a subscription is its parts, and its id says them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pulumi.dynamic import CheckResult, ConfigureRequest, CreateResult

from biot_provider.account_models import InterceptionSubscriptionInputs, NotificationSubscriptionInputs
from biot_provider.models import Answer
from biot_provider.provider.attempts import Deadline
from biot_provider.provider.lifecycle import LifecycleProvider, holds_unknown, operation, report
from biot_provider.provider.properties import (
    checked,
    declared,
    dumped,
    endpoints_are_public,
    loaded,
    on_platform,
    refuse_another_platform,
    resource_name,
)
from biot_provider.provider.subscription_claims import Claims, Slot
from biot_provider.provider.subscription_writes import SubscriptionWrites
from biot_provider.rules import Problem

InputsT = TypeVar("InputsT", InterceptionSubscriptionInputs, NotificationSubscriptionInputs)
AnswerT = TypeVar("AnswerT", bound=Answer)


class SubscriptionProvider(LifecycleProvider, ABC, Generic[InputsT, AnswerT]):
    """The base of the providers of subscriptions; ``kind`` is what messages call one."""

    kind: str
    inputs: type[InputsT]
    writes: type[SubscriptionWrites[InputsT, AnswerT]]
    claims: Claims

    @staticmethod
    @abstractmethod
    def id_of(item: InputsT, /) -> str:
        """The identity of a subscription as text."""

    @abstractmethod
    def problems(self, given: Mapping[str, Any], *, public: bool) -> list[Problem]:
        """What is wrong with its arguments."""

    @abstractmethod
    def warning(self, given: Mapping[str, Any]) -> str | None:
        """What looks like a slip in its arguments."""

    def slot(self, _inputs: InputsT) -> Slot | None:
        """The place it asks for, which no other resource should."""
        return None

    def configure(self, req: ConfigureRequest) -> None:
        """Called by Pulumi once per process, before anything else."""
        super().configure(req)
        self.claims = Claims()

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input; no request. Warns of an order that another resource asks for too."""
        given = declared(news)
        public = endpoints_are_public(self.connection)
        problems = self.connection.problems() + self.problems(given, public=public) or self._claim(news)
        if not problems and (warning := self.warning(given)):
            report(f"warning: {self.kind} {resource_name(news.get('__owner'))!r}: {warning}")
        return checked(self.inputs, news, problems)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Subscribe the endpoint; what is subscribed already is taken as this resource's."""
        inputs = loaded(self.inputs, props)
        self.writing(inputs).create(inputs)
        return CreateResult(self.id_of(inputs), on_platform(self.connection, dumped(inputs)))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Unsubscribe the endpoint, unless a resource of this run declares this very subscription."""
        self.refuse_another_platform("delete", _id, _props)
        state = loaded(self.inputs, _props)
        if holder := self.claims.holder(_id):
            report(f"{self.kind} {_id!r} stays subscribed: resource {resource_name(holder)!r} declares it")
            return
        self.writing(state).delete(state)

    def found(self, wanted: InputsT) -> AnswerT | None:
        """The platform's subscription of the same parts."""
        return self.writing(wanted).find(wanted, Deadline(self.connection.settings.request_timeout))

    def writing(self, inputs: InputsT) -> SubscriptionWrites[InputsT, AnswerT]:
        """The writes, over the connection of these inputs' stack."""
        client = self.connection.client(inputs.owner)
        return self.writes(client, seconds=self.connection.settings.request_timeout, tell=report)

    def refuse_another_platform(self, asked: str, id_: str, state: dict[str, Any]) -> None:
        """Stop when it was subscribed on another platform than the one configured. Raises LifecycleError."""
        asked = f"{asked} {self.kind} {id_!r}"
        refuse_another_platform(
            self.connection, asked, state, lambda: self.found(loaded(self.inputs, state)) is not None
        )

    def _claim(self, news: dict[str, Any]) -> list[Problem]:
        owner = news.get("__owner")
        if owner is None or any(holds_unknown(value) for value in news.values()):
            return []
        inputs = loaded(self.inputs, news)
        slot = self.slot(inputs)
        same, neighbour = self.claims.claim(owner, self.id_of(inputs), slot)
        if same:
            return [Problem("", f"is the same subscription as resource {resource_name(same)!r}: leave one out")]
        if neighbour and slot:
            report(
                f"warning: {self.kind}s {resource_name(owner)!r} and {resource_name(neighbour)!r} both ask for order"
                f" {slot[2]} of {slot[0]} {slot[1]}: the platform gives it to the one subscribed last and"
                " moves the other up; give each its own execution_order"
            )
        return []
