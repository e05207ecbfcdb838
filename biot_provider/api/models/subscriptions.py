"""Subscriptions of endpoints as the platform shows them (BioT API 2.4.3, dispatcher)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from biot_provider.api.endpoints import public_part
from biot_provider.api.models.wide import Answer, Shown, Text, TextMap, Whole, Wide, WideItem


class SubscriptionShown(Wide, ABC):
    """The fields that states and responses of both kinds of subscription share."""

    endpoint: Shown = ""

    @abstractmethod
    def identity(self) -> tuple[str, ...]:
        """Return the values that identify the subscription."""

    @abstractmethod
    def id_parts(self) -> tuple[str, ...]:
        """Return the parts of the id that are not secret, in their order."""

    def has_secret(self) -> bool:
        """Return whether a part of the subscription may be a secret, which no id may contain."""
        return public_part(self.endpoint) != self.endpoint

    def updatable(self) -> dict[str, Any]:
        """Return the fields that the platform can change in place."""
        return {}


class SubscriptionAnswer(SubscriptionShown, Answer, WideItem):
    """The fields that responses of both kinds share; the platform may leave out each member."""

    id: Text = None
    creation_time: Text = None


class InterceptionShown(SubscriptionShown):
    """The fields that an interception's state and response share; the platform may set or change the order."""

    type: Text = None
    api_id: Text = None
    entity_name: Text = None
    path_filters: TextMap = None
    execution_order: Whole = None

    def target(self) -> str:
        """Return the API, or the entity for ADAPT_ENTITY; the other of the two is not part of the identity."""
        return (self.entity_name if self.type == "ADAPT_ENTITY" else self.api_id) or ""

    def identity(self) -> tuple[str, ...]:
        """Return type, target, endpoint and filters.

        A placeholder with a filter is the same as the value in the API's path (BioT API 2.4.2, subscriptions; platforms
        may show either form).
        """
        name, filters = self.target(), dict(self.path_filters or {})
        for place in [place for place in filters if f"{{{place}}}" in name]:
            name = name.replace(f"{{{place}}}", filters.pop(place))
        return self.type or "", name, self.endpoint, *(f"{place}={value}" for place, value in sorted(filters.items()))

    def id_parts(self) -> tuple[str, ...]:
        """Return type, target and endpoint."""
        return self.type or "", self.target(), public_part(self.endpoint)

    def has_secret(self) -> bool:
        """Return whether there are filters, or a secret in the endpoint."""
        return bool(self.path_filters) or super().has_secret()

    def updatable(self) -> dict[str, Any]:
        """Return the order, and the entity of the API."""
        return {"execution_order": self.execution_order, "entity_name": self.entity_name}


class InterceptionSubscriptionAnswer(InterceptionShown, SubscriptionAnswer):
    """An endpoint's interception as the platform shows it."""


class NotificationShown(SubscriptionShown):
    """The fields that a notification's state and response share."""

    entity_type_name: Text = None
    action_name: Text = None
    template_name: Text = None

    def identity(self) -> tuple[str, ...]:
        """Return all parts: together they identify the notification."""
        return self.entity_type_name or "", self.action_name or "", self.endpoint, self.template_name or ""

    def id_parts(self) -> tuple[str, ...]:
        """Return entity, action, endpoint, and the template if there is one."""
        entity, action, _, template = self.identity()
        return entity, action, public_part(self.endpoint), *([template] if template else [])


class NotificationSubscriptionAnswer(NotificationShown, SubscriptionAnswer):
    """An endpoint's notification as the platform shows it."""
