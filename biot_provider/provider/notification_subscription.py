"""The lifecycle of ``biot.NotificationSubscription``. The resource's id is the subscription's identity."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CheckResult, ConfigureRequest, CreateResult, DiffResult, ReadResult

from biot_provider.account_models import NotificationSubscriptionInputs
from biot_provider.account_rules import notification_problems, notification_warning
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
from biot_provider.provider.subscription_ids import notification_id, notification_of
from biot_provider.provider.subscription_writes import NotificationWrites
from biot_provider.rules import Problem

_PARTS = ("entity_type_name", "action_name", "endpoint", "template_name")


class NotificationSubscriptionProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.NotificationSubscription``. State refers to it by this module and name: they must
    not change.
    """

    claims: Claims

    def configure(self, req: ConfigureRequest) -> None:
        """Called by Pulumi once per process, before anything else."""
        super().configure(req)
        self.claims = Claims()

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input; no request."""
        public = endpoints_are_public(self.connection)
        given = declared(news)
        problems = settings_problems(self.connection) + notification_problems(given, is_unknown, public=public)
        if not problems:
            problems = self._claim(news)
        if not problems and (warning := notification_warning(given)):
            report(f"warning: notification {resource_name(news.get('__owner'))!r}: {warning}")
        return checked(NotificationSubscriptionInputs, news, problems)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Any change is a new subscription, made before the old one ends."""
        self._refuse_another_platform("compare", _id, _olds)
        state = loaded(NotificationSubscriptionInputs, _olds)
        inputs, waiting = with_known(loaded(NotificationSubscriptionInputs, _news), state, _news)
        replaces = [name for name in _PARTS if getattr(state, name) != getattr(inputs, name)] + waiting
        return DiffResult(changes=bool(replaces), replaces=replaces, delete_before_replace=False)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Subscribe the endpoint; what is subscribed already is taken as this resource's."""
        inputs = loaded(NotificationSubscriptionInputs, props)
        self._writes(inputs).create(inputs)
        return CreateResult(notification_id(inputs), on_platform(self.connection, dumped(inputs)))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether it is subscribed."""
        self._refuse_another_platform("read", id_, props)
        known = loaded(NotificationSubscriptionInputs, props)
        wanted = notification_of(id_).model_copy(update={"owner": known.owner})
        found = self._writes(known).find(wanted, Deadline(self.connection.settings.request_timeout))
        if found is None:
            return ReadResult("", {})
        return ReadResult(id_, on_platform(self.connection, dumped(wanted)), dumped(wanted))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Unsubscribe the endpoint, unless a resource of this run declares this very subscription."""
        self._refuse_another_platform("delete", _id, _props)
        state = loaded(NotificationSubscriptionInputs, _props)
        if holder := self.claims.holder(_id):
            report(f"notification {_id!r} stays subscribed: resource {resource_name(holder)!r} declares it")
            return
        self._writes(state).delete(state)

    def _refuse_another_platform(self, asked: str, id_: str, state: dict[str, Any]) -> None:
        def is_there() -> bool:
            inputs = loaded(NotificationSubscriptionInputs, state)
            deadline = Deadline(self.connection.settings.request_timeout)
            return self._writes(inputs).find(inputs, deadline) is not None

        refuse_another_platform(self.connection, f"{asked} notification {id_!r}", state, is_there)

    def _claim(self, news: dict[str, Any]) -> list[Problem]:
        owner = news.get("__owner")
        if owner is None or any(holds_unknown(value) for value in news.values()):
            return []
        same, _ = self.claims.claim(owner, notification_id(loaded(NotificationSubscriptionInputs, news)))
        return (
            [Problem("", f"is the same subscription as resource {resource_name(same)!r}: leave one out")]
            if same
            else []
        )

    def _writes(self, inputs: NotificationSubscriptionInputs) -> NotificationWrites:
        client = self.connection.client(inputs.owner)
        return NotificationWrites(client, seconds=self.connection.settings.request_timeout, tell=report)
