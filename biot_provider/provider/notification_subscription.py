"""The lifecycle of ``biot.NotificationSubscription``. The resource's id is the subscription's identity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from biot_provider.lifecycle.validation import Problem
from biot_provider.provider.lifecycle import is_unknown
from biot_provider.provider.subscription_lifecycle import SubscriptionProvider
from biot_provider.subscription.ids import notification_of
from biot_provider.subscription.model import NotificationSubscriptionInputs, NotificationSubscriptionState
from biot_provider.subscription.rules import notification_problems, notification_warning
from biot_provider.subscription.writes import Requests

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.subscription.model import SubscriptionState


class NotificationSubscriptionProvider(SubscriptionProvider):
    """Pulumi's provider of ``biot.NotificationSubscription``. State refers to it by this module and name: they must
    not change.
    """

    kind = "notification"
    inputs = NotificationSubscriptionInputs
    state = NotificationSubscriptionState

    def problems(self, given: Mapping[str, Any], *, public: bool) -> list[Problem]:
        """What is wrong with its arguments."""
        return notification_problems(given, is_unknown, public=public)

    def warning(self, given: Mapping[str, Any]) -> str | None:
        """What looks like a slip in its arguments."""
        return notification_warning(given)

    def replacing(self, _inputs: SubscriptionState, _waiting: Collection[str]) -> Collection[str]:
        """All: any change is a new subscription, made before the old one ends."""
        return ("entity_type_name", "action_name", "endpoint", "template_name")

    def requests(self, client: Client) -> Requests:
        """The requests of notifications."""
        return Requests(
            self.kind, client.subscribe_notification, client.unsubscribe_notification, client.search_notifications
        )

    def meant(self, id_: str) -> SubscriptionState:
        """The notification that an id without a digest means. Raises InputError."""
        return notification_of(id_)
