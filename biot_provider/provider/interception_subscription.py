"""The lifecycle of ``biot.InterceptionSubscription``. The resource's id is the subscription's identity."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CheckResult, ConfigureRequest, CreateResult, DiffResult, ReadResult, UpdateResult

from biot_provider.account_models import InterceptionSubscriptionInputs
from biot_provider.account_rules import interception_problems, interception_warning
from biot_provider.provider.account_state import (
    checked,
    declared,
    dumped,
    endpoints_are_public,
    loaded,
    on_platform,
    refuse_another_platform,
    resource_name,
    settings_problems,
    with_known,
)
from biot_provider.provider.attempts import Deadline
from biot_provider.provider.lifecycle import LifecycleProvider, holds_unknown, is_unknown, operation, report
from biot_provider.provider.subscription_claims import Claims
from biot_provider.provider.subscription_ids import interception_id, interception_of, target
from biot_provider.provider.subscription_writes import InterceptionWrites
from biot_provider.rules import Problem


class InterceptionSubscriptionProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.InterceptionSubscription``. State refers to it by this module and name: they must
    not change.
    """

    claims: Claims

    def configure(self, req: ConfigureRequest) -> None:
        """Called by Pulumi once per process, before anything else."""
        super().configure(req)
        self.claims = Claims()

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input; no request. Warns of an order that another resource asks for too."""
        public = endpoints_are_public(self.connection)
        given = declared(news)
        problems = settings_problems(self.connection) + interception_problems(given, is_unknown, public=public)
        if not problems:
            problems = self._claim(news)
        if not problems and (warning := interception_warning(given)):
            report(f"warning: interception {resource_name(news.get('__owner'))!r}: {warning}")
        return checked(InterceptionSubscriptionInputs, news, problems)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what is subscribed anew, before the old one ends; an order that the platform moved is no change."""
        self._refuse_another_platform("compare", _id, _olds)
        state = loaded(InterceptionSubscriptionInputs, _olds)
        inputs, waiting = with_known(loaded(InterceptionSubscriptionInputs, _news), state, _news)
        identity = ["type", "endpoint", "path_filters", "entity_name" if inputs.type == "ADAPT_ENTITY" else "api_id"]
        replaces = [name for name in identity if getattr(state, name) != getattr(inputs, name)]
        in_place = [
            name
            for name in ("execution_order", "entity_name")
            if getattr(inputs, name) not in (None, getattr(state, name))
        ]
        return DiffResult(changes=bool(replaces or in_place or waiting), replaces=replaces, delete_before_replace=False)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Subscribe the endpoint; what is subscribed already is taken as this resource's."""
        inputs = loaded(InterceptionSubscriptionInputs, props)
        self._writes(inputs).create(inputs)
        return CreateResult(interception_id(inputs), on_platform(self.connection, dumped(inputs)))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether it is subscribed; its order may have been moved, and stays as declared."""
        self._refuse_another_platform("read", id_, props)
        known = loaded(InterceptionSubscriptionInputs, props)
        identity = interception_of(id_).model_copy(update={"owner": known.owner})
        found = self._writes(known).find(identity, Deadline(self.connection.settings.request_timeout))
        if found is None:
            return ReadResult("", {})
        if "type" not in props:  # a .get has no state
            seen = {"entity_name": found.entity_name, "execution_order": found.execution_order}
            known = identity.model_copy(update=seen)
        return ReadResult(id_, on_platform(self.connection, dumped(known)), dumped(known))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Subscribe once more with the new order."""
        self._refuse_another_platform("update", _id, _olds)
        inputs = loaded(InterceptionSubscriptionInputs, _news)
        self._writes(inputs).update(inputs)
        return UpdateResult(on_platform(self.connection, dumped(inputs)))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Unsubscribe the endpoint, unless a resource of this run declares this very subscription."""
        self._refuse_another_platform("delete", _id, _props)
        state = loaded(InterceptionSubscriptionInputs, _props)
        if holder := self.claims.holder(_id):
            report(f"interception {_id!r} stays subscribed: resource {resource_name(holder)!r} declares it")
            return
        self._writes(state).delete(state)

    def _refuse_another_platform(self, asked: str, id_: str, state: dict[str, Any]) -> None:
        def is_there() -> bool:
            inputs = loaded(InterceptionSubscriptionInputs, state)
            deadline = Deadline(self.connection.settings.request_timeout)
            return self._writes(inputs).find(inputs, deadline) is not None

        refuse_another_platform(self.connection, f"{asked} interception {id_!r}", state, is_there)

    def _claim(self, news: dict[str, Any]) -> list[Problem]:
        owner = news.get("__owner")
        if owner is None or any(holds_unknown(value) for value in news.values()):
            return []
        inputs = loaded(InterceptionSubscriptionInputs, news)
        order = inputs.execution_order
        slot = None if order is None else (inputs.type, target(inputs), order)
        same, neighbour = self.claims.claim(owner, interception_id(inputs), slot)
        if same:
            return [Problem("", f"is the same subscription as resource {resource_name(same)!r}: leave one out")]
        if neighbour:
            report(
                f"warning: interceptions {resource_name(owner)!r} and {resource_name(neighbour)!r} both ask for order"
                f" {order} of {inputs.type} {target(inputs)}: the platform gives it to the one subscribed last and"
                " moves the other up; give each its own execution_order"
            )
        return []

    def _writes(self, inputs: InterceptionSubscriptionInputs) -> InterceptionWrites:
        client = self.connection.client(inputs.owner)
        return InterceptionWrites(client, seconds=self.connection.settings.request_timeout, tell=report)
