"""Subscriptions of endpoints as the platform shows them (BioT API 2.4.3, dispatcher)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from biot_provider.api.endpoints import public_part
from biot_provider.api.models.wide import Answer, Shown, Text, TextMap, Whole, Wide, WideItem


class SubscriptionShown(Wide, ABC):
    """What the states and responses of both kinds of subscription have in common."""

    endpoint: Shown = ""

    @abstractmethod
    def identity(self) -> tuple[str, ...]:
        """Return the values that identify the subscription."""

    @abstractmethod
    def id_parts(self) -> tuple[str, ...]:
        """Return the parts of its id that are no secrets, in their order."""

    def has_secret(self) -> bool:
        """Whether a part of it may be a secret, which must stand in no id."""
        return public_part(self.endpoint) != self.endpoint

    def updatable(self) -> dict[str, Any]:
        """Return the fields that the platform can change in place."""
        return {}


class SubscriptionAnswer(SubscriptionShown, Answer, WideItem):
    """What the responses of both kinds have in common; the platform may leave out each member."""

    id: Text = None
    creation_time: Text = None


class InterceptionShown(SubscriptionShown):
    """What an interception's state and response have in common; the platform may give it an order, or change it."""

    type: Text = None
    api_id: Text = None
    entity_name: Text = None
    path_filters: TextMap = None
    execution_order: Whole = None

    def target(self) -> str:
        """Return the API, or the entity for ADAPT_ENTITY; the other of the two is no part of the identity."""
        return (self.entity_name if self.type == "ADAPT_ENTITY" else self.api_id) or ""

    def identity(self) -> tuple[str, ...]:
        """Return type, target, endpoint and filters.

        A placeholder with its filter is the same as its value in the API's path (BioT API 2.4.2, subscriptions;
        platforms may show either).
        """
        name, filters = self.target(), dict(self.path_filters or {})
        for place in [place for place in filters if f"{{{place}}}" in name]:
            name = name.replace(f"{{{place}}}", filters.pop(place))
        return self.type or "", name, self.endpoint, *(f"{place}={value}" for place, value in sorted(filters.items()))

    def id_parts(self) -> tuple[str, ...]:
        """Return type, target and endpoint."""
        return self.type or "", self.target(), public_part(self.endpoint)

    def has_secret(self) -> bool:
        """Whether there are filters, or a secret in the endpoint."""
        return bool(self.path_filters) or super().has_secret()

    def updatable(self) -> dict[str, Any]:
        """Return the order, and the entity of the API."""
        return {"execution_order": self.execution_order, "entity_name": self.entity_name}


class InterceptionSubscriptionAnswer(InterceptionShown, SubscriptionAnswer):
    """An endpoint's interception as shown."""


class NotificationShown(SubscriptionShown):
    """What a notification's state and response have in common."""

    entity_type_name: Text = None
    action_name: Text = None
    template_name: Text = None

    def identity(self) -> tuple[str, ...]:
        """Return all its parts."""
        return self.entity_type_name or "", self.action_name or "", self.endpoint, self.template_name or ""

    def id_parts(self) -> tuple[str, ...]:
        """Return entity, action, endpoint, and the template where there is one."""
        entity, action, _, template = self.identity()
        return entity, action, public_part(self.endpoint), *([template] if template else [])


class NotificationSubscriptionAnswer(NotificationShown, SubscriptionAnswer):
    """An endpoint's notification as shown."""
