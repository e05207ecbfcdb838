"""The lifecycle of ``biot.NotificationSubscription``. The resource's id is the subscription's identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import DiffResult, ReadResult

from biot_provider.account_models import NotificationSubscriptionAnswer, NotificationSubscriptionInputs
from biot_provider.account_rules import notification_problems, notification_warning
from biot_provider.provider.lifecycle import is_unknown, operation
from biot_provider.provider.properties import dumped, gone, loaded, on_platform, with_known
from biot_provider.provider.subscription_ids import notification_id, notification_of
from biot_provider.provider.subscription_lifecycle import SubscriptionProvider
from biot_provider.provider.subscription_writes import NotificationWrites
from biot_provider.rules import Problem

_PARTS = ("entity_type_name", "action_name", "endpoint", "template_name")


class NotificationSubscriptionProvider(
    SubscriptionProvider[NotificationSubscriptionInputs, NotificationSubscriptionAnswer]
):
    """Pulumi's provider of ``biot.NotificationSubscription``. State refers to it by this module and name: they must
    not change.
    """

    kind = "notification"
    inputs = NotificationSubscriptionInputs
    writes = NotificationWrites
    id_of = staticmethod(notification_id)

    def problems(self, given: Mapping[str, Any], *, public: bool) -> list[Problem]:
        """What is wrong with its arguments."""
        return notification_problems(given, is_unknown, public=public)

    def warning(self, given: Mapping[str, Any]) -> str | None:
        """What looks like a slip in its arguments."""
        return notification_warning(given)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Any change is a new subscription, made before the old one ends."""
        self.refuse_another_platform("compare", _id, _olds)
        state = loaded(NotificationSubscriptionInputs, _olds)
        inputs, waiting = with_known(loaded(NotificationSubscriptionInputs, _news), state, _news)
        replaces = [name for name in _PARTS if getattr(state, name) != getattr(inputs, name)] + waiting
        return DiffResult(changes=bool(replaces), replaces=replaces, delete_before_replace=False)

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether it is subscribed."""
        self.refuse_another_platform("read", id_, props)
        wanted = notification_of(id_).model_copy(update={"owner": props.get("__owner")})
        if self.found(wanted) is None:
            return gone(f"notification {id_!r}", props)
        return ReadResult(id_, on_platform(self.connection, dumped(wanted)), dumped(wanted))
