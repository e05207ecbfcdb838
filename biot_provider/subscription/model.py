"""Subscriptions of endpoints as a program declares them, and as state holds them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from biot_provider.api.models.subscriptions import InterceptionShown, NotificationShown, SubscriptionShown
from biot_provider.api.models.wide import Flag, Text
from biot_provider.lifecycle.fields import Inputs, Mark, Order, State, Word, marked

ENTITIES = (
    *("device", "organization", "organization-user", "caregiver", "patient", "usage-session", "generic-entity"),
    *("command", "device-alert", "patient-alert", "registration-code"),
)
"""The entities that notifications are of (BioT API 2.4.3, SubscribeRequest)."""

ACTIONS = (
    *("_create", "_update", "_delete", "_list", "_command", "_generateCertificate", "_activateCertificate"),
    *("_revokeCertificate", "_operate", "_read", "_start", "_stop", "_remoteStart", "_remoteStop", "_remoteResume"),
    *("_remotePause", "_updateAdmin", "_updateEnabledState", "_login", "_logout", "_clear", "_manage", "_assign"),
    *("_saveMeasurement", "_monitor", "_view", "_saveMeasurementBulk", "_incomingSms", "_resendInvitation"),
)
"""The actions that notifications are of (BioT API 2.4.3, SubscribeRequest)."""


class InterceptionSubscriptionInputs(Inputs):
    """An endpoint that intercepts an API call or an entity."""

    type: Annotated[Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"], Mark.REPLACES]
    endpoint: Annotated[Word, Mark.REPLACES, Mark.UNQUOTED]
    api_id: Annotated[Word | None, Mark.REPLACES] = None
    entity_name: Annotated[Word | None, Mark.REPLACES] = None
    path_filters: Annotated[dict[str, Word] | None, Mark.REPLACES, Mark.UNQUOTED] = None
    execution_order: Order | None = None


class NotificationSubscriptionInputs(Inputs):
    """An endpoint that is notified of an action on an entity."""

    entity_type_name: Annotated[Word, Mark.REPLACES]
    action_name: Annotated[Word, Mark.REPLACES]
    endpoint: Annotated[Word, Mark.REPLACES, Mark.UNQUOTED]
    template_name: Annotated[Word | None, Mark.REPLACES] = None


class SubscriptionState(SubscriptionShown, State):
    """What the states of both kinds have in common.

    ``platform_id`` and ``creation_time`` are those of the subscription that was made, or found, last; ``taken`` says
    that this stack found it and did not make it. States of earlier versions have none of the three.
    """

    platform_id: Text = Field(default=None, alias="__id")
    creation_time: Text = Field(default=None, alias="__created")
    taken: Flag = Field(default=None, alias="__taken")

    @abstractmethod
    def identity_fields(self, unknown: Collection[str]) -> tuple[str, ...]:
        """The arguments that identify the subscription; ``unknown`` are those not known yet."""

    def declared_order(self) -> tuple[str, ...] | None:
        """The order among the subscribers of the same API, which no other resource should declare."""
        return None


class InterceptionSubscriptionState(InterceptionShown, SubscriptionState):
    """An endpoint's interception as this stack has it."""

    def identity_fields(self, unknown: Collection[str]) -> tuple[str, ...]:
        """All but the order, and for ADAPT_ENTITY the entity instead of the API."""
        is_adapter = self.type == "ADAPT_ENTITY" and "type" not in unknown
        return ("type", "endpoint", "path_filters", "entity_name" if is_adapter else "api_id")

    def declared_order(self) -> tuple[str, ...] | None:
        """Type, API or entity, and the order among its subscribers."""
        if self.execution_order is None:
            return None
        type_, target, *_ = self.id_parts()
        return type_, target, str(self.execution_order)


class NotificationSubscriptionState(NotificationShown, SubscriptionState):
    """An endpoint's notification as this stack has it."""

    def identity_fields(self, _unknown: Collection[str]) -> tuple[str, ...]:
        """All: any change is a new subscription, made before the old one ends."""
        return marked(NotificationSubscriptionInputs, Mark.REPLACES)
