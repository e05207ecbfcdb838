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
"""The entity types that have notifications (BioT API 2.4.3, SubscribeRequest)."""

ACTIONS = (
    *("_create", "_update", "_delete", "_list", "_command", "_generateCertificate", "_activateCertificate"),
    *("_revokeCertificate", "_operate", "_read", "_start", "_stop", "_remoteStart", "_remoteStop", "_remoteResume"),
    *("_remotePause", "_updateAdmin", "_updateEnabledState", "_login", "_logout", "_clear", "_manage", "_assign"),
    *("_saveMeasurement", "_monitor", "_view", "_saveMeasurementBulk", "_incomingSms", "_resendInvitation"),
)
"""The actions that have notifications (BioT API 2.4.3, SubscribeRequest)."""


class InterceptionSubscriptionInputs(Inputs):
    """A subscription of your own endpoint to an API call, before or after it, or to an entity, which it adapts.

    Its id is ``<type> <api_id or entity_name> <endpoint>``, with ``sha256:<digest>`` in place of what may be a secret:
    a query of the endpoint, a long segment of its path, and ``path_filters``. A ``get`` takes these as text too:
    ``<type> <api_id or entity_name> <endpoint> [<placeholder>=<value> ...]``. A change of ``execution_order`` is made
    in place, without a gap; any other change creates a new subscription before the old one is deleted. A subscription
    that exists already, equal in every part, is adopted, and stays when the stack is destroyed. If the platform moves
    the order up because another subscriber takes it, that is no change.
    """

    type: Annotated[Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"], Mark.REPLACES] = Field(
        description="before or after an API call (``api_id``), or when an entity is shown (``entity_name``)"
    )
    endpoint: Annotated[Word, Mark.REPLACES, Mark.UNQUOTED] = Field(description="a public https address")
    api_id: Annotated[Word | None, Mark.REPLACES] = Field(
        default=None, description="a method and a path, such as ``POST/organization/v1/users/patients``"
    )
    entity_name: Annotated[Word | None, Mark.REPLACES] = Field(
        default=None, description="such as ``patient``; together with ``api_id``, the entity of that API"
    )
    path_filters: Annotated[dict[str, Word] | None, Mark.REPLACES, Mark.UNQUOTED] = Field(
        default=None,
        description="values of placeholders in ``api_id``: only such calls are intercepted (2.4.1 and later)",
    )
    execution_order: Order | None = Field(
        default=None, description="order among the subscribers of the API; left out, the platform's default"
    )


class NotificationSubscriptionInputs(Inputs):
    """A subscription of your own endpoint to an action on an entity, of which it is notified after success.

    Its id is ``<entity_type_name> <action_name> <endpoint> [<template_name>]``, with ``sha256:<digest>`` in place of
    what may be a secret: a query of the endpoint, and a long segment of its path. A ``get`` takes these as text too.
    Any change creates a new subscription before the old one is deleted. A subscription that exists already, equal in
    every part, is adopted, and stays when the stack is destroyed.
    """

    entity_type_name: Annotated[Word, Mark.REPLACES] = Field(description="such as ``patient``")
    action_name: Annotated[Word, Mark.REPLACES] = Field(description="such as ``_create``")
    endpoint: Annotated[Word, Mark.REPLACES, Mark.UNQUOTED] = Field(description="a public https address")
    template_name: Annotated[Word | None, Mark.REPLACES] = Field(
        default=None, description="notify for this template only (2.4.1 and later)"
    )


class SubscriptionState(SubscriptionShown, State):
    """The fields that the states of both kinds of subscription share.

    ``platform_id`` and ``creation_time`` belong to the subscription that was last created or found; ``taken`` is true
    when this stack found it and did not create it. States of earlier versions have none of the three.
    """

    platform_id: Text = Field(default=None, alias="__id")
    creation_time: Text = Field(default=None, alias="__created")
    taken: Flag = Field(default=None, alias="__taken")

    @abstractmethod
    def identity_fields(self, unknown: Collection[str]) -> tuple[str, ...]:
        """Return the arguments that identify the subscription; those in ``unknown`` have no value yet."""

    def declared_order(self) -> tuple[str, ...] | None:
        """Return the place among the subscribers of one API, which no other resource should declare."""
        return None


class InterceptionSubscriptionState(InterceptionShown, SubscriptionState):
    """An endpoint's interception as this stack has it."""

    def identity_fields(self, unknown: Collection[str]) -> tuple[str, ...]:
        """Return all arguments except the order; for ADAPT_ENTITY the entity in place of the API."""
        is_adapter = self.type == "ADAPT_ENTITY" and "type" not in unknown
        return ("type", "endpoint", "path_filters", "entity_name" if is_adapter else "api_id")

    def declared_order(self) -> tuple[str, ...] | None:
        """Return the type, the API or entity, and the order among its subscribers."""
        if self.execution_order is None:
            return None
        type_, target, *_ = self.id_parts()
        return type_, target, str(self.execution_order)


class NotificationSubscriptionState(NotificationShown, SubscriptionState):
    """An endpoint's notification as this stack has it."""

    def identity_fields(self, _unknown: Collection[str]) -> tuple[str, ...]:
        """Return all arguments: any change creates a new subscription before the old one is deleted."""
        return marked(NotificationSubscriptionInputs, Mark.REPLACES)
