"""The lifecycle of ``biot.InterceptionSubscription``. The resource's id is the subscription's identity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from biot_provider.lifecycle.validation import Problem
from biot_provider.provider.lifecycle import is_unknown
from biot_provider.provider.subscription_lifecycle import SubscriptionProvider
from biot_provider.subscription.ids import interception_of
from biot_provider.subscription.model import InterceptionSubscriptionInputs, InterceptionSubscriptionState
from biot_provider.subscription.rules import interception_problems, interception_warning
from biot_provider.subscription.writes import Requests

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.subscription.claims import Slot
    from biot_provider.subscription.model import SubscriptionState


class InterceptionSubscriptionProvider(SubscriptionProvider):
    """Pulumi's provider of ``biot.InterceptionSubscription``. State refers to it by this module and name: they must
    not change.
    """

    kind = "interception"
    inputs = InterceptionSubscriptionInputs
    state = InterceptionSubscriptionState

    def problems(self, given: Mapping[str, Any], *, public: bool) -> list[Problem]:
        """What is wrong with its arguments."""
        return interception_problems(given, is_unknown, public=public)

    def warning(self, given: Mapping[str, Any]) -> str | None:
        """What looks like a slip in its arguments."""
        return interception_warning(given)

    def replacing(self, inputs: SubscriptionState, waiting: Collection[str]) -> Collection[str]:
        """All but the order, and for ADAPT_ENTITY the entity instead of the API."""
        is_adapter = cast(InterceptionSubscriptionState, inputs).type == "ADAPT_ENTITY" and "type" not in waiting
        return ("type", "endpoint", "path_filters", "entity_name" if is_adapter else "api_id")

    def requests(self, client: Client) -> Requests:
        """The requests of interceptions."""
        return Requests(
            self.kind, client.subscribe_interception, client.unsubscribe_interception, client.search_interceptions
        )

    def meant(self, id_: str) -> SubscriptionState:
        """The interception that an id without a digest means. Raises InputError."""
        return interception_of(id_)

    def slot(self, inputs: SubscriptionState) -> Slot | None:
        """The order it declares among the subscribers of the same API or entity."""
        kind, target, *_ = inputs.words()
        order = inputs.in_place()["execution_order"]
        return None if order is None else (kind, target, order)
