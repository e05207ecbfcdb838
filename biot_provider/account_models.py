"""The contract of own-account plugins as data: service users, their keys, subscriptions (BioT API 2.4.3, ums and
dispatcher).

As in ``models.py``: what a program declares is strict, what the platform answers and what state holds is wide; snake
case here, camel case on the wire.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from biot_provider.endpoints import public_part
from biot_provider.models import Answer, Integer, Model, Order
from biot_provider.wide import Flag, Text, TextMap, Texts, Whole, Wide, WideItem, text

Uuid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
Minutes = Annotated[Integer, Field(ge=1, le=2**31 - 1)]
Word = Annotated[str, Field(min_length=1)]


def _list(value: object) -> object:
    """A list as it is, null in place of anything else: what is no list says nothing of what would be in it."""
    return value if isinstance(value, list | tuple) else None


def _map(value: object) -> object:
    return value if isinstance(value, dict) else {}


Shown = Annotated[str, BeforeValidator(lambda value: text(value) or "")]
"""Text that is there always, if only empty."""

Needed = Annotated[str, BeforeValidator(text), Field(min_length=1)]
"""Text without which an answer is of no use, so that it counts as none."""

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


def are_ids_alike(one: str | None, other: str | None) -> bool:
    """Whether two ids of the platform can be compared: both are there, and both are UUIDs or neither is."""
    return bool(one and other) and bool(_UUID.fullmatch(one or "")) == bool(_UUID.fullmatch(other or ""))


class ServiceUserInputs(Model):
    """A service user as a program declares it."""

    role_id: Uuid
    type: Literal["INTERNAL_SERVICE", "EXTERNAL_SERVICE"]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    active: bool = True
    owner_organization_id: Uuid | None = None
    access_token_expiration_in_minutes: Minutes | None = None
    secret_key_expiration_in_minutes: Minutes | None = None
    owner: str | None = Field(default=None, alias="__owner")


class ServiceUserShown(Wide):
    """What a state and an answer of the platform have in common."""

    role_id: Text = None
    type: Text = None
    name: Text = None
    active: Flag = None
    owner_organization_id: Text = None
    access_token_expiration_in_minutes: Whole = None
    secret_key_expiration_in_minutes: Whole = None


class ServiceUserState(ServiceUserShown):
    """A service user as this stack has made or read it, and the secret key that its creation showed."""

    secret_key: Text = Field(default=None, repr=False)
    secret_key_id: Text = None
    owner: Text = Field(default=None, alias="__owner")
    filled_in: Texts = Field(default=(), alias="__filled_in")
    """Fields that the platform gave a value, the program having none: no inputs."""


class ServiceUserKeyInputs(Model):
    """A further secret key of a service user as a program declares it."""

    service_user_id: Word
    keepers: dict[str, Any] = Field(default_factory=dict)
    owner: str | None = Field(default=None, alias="__owner")


class ServiceUserKeyState(Wide):
    """A secret key as it was made; times are ISO-8601, UTC."""

    service_user_id: Shown = ""
    keepers: Annotated[dict[str, Any], BeforeValidator(_map)] = Field(default_factory=dict)
    key_id: Shown = ""
    secret_key: Text = Field(default=None, repr=False)
    creation_time: Text = None
    expiration_time: Text = None
    owner: Text = Field(default=None, alias="__owner")


class InterceptionSubscriptionInputs(Model):
    """An endpoint that intercepts an API call or an entity."""

    type: Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"]
    endpoint: Word
    api_id: Word | None = None
    entity_name: Word | None = None
    path_filters: dict[str, Word] = Field(default_factory=dict)
    execution_order: Order | None = None
    owner: str | None = Field(default=None, alias="__owner")


class NotificationSubscriptionInputs(Model):
    """An endpoint that is told about an action on an entity."""

    entity_type_name: Word
    action_name: Word
    endpoint: Word
    template_name: Word | None = None
    owner: str | None = Field(default=None, alias="__owner")


class SubscriptionShown(Wide, ABC):
    """What the states and answers of both kinds of subscription have in common."""

    endpoint: Shown = ""

    @abstractmethod
    def key(self) -> tuple[str, ...]:
        """What tells it from all others."""

    @abstractmethod
    def words(self) -> tuple[str, ...]:
        """The parts of its id that may be read by everybody, in their order."""

    def has_secret(self) -> bool:
        """Whether a part of it may be a secret, so that it stands in no id."""
        return public_part(self.endpoint) != self.endpoint

    def in_place(self) -> dict[str, Any]:
        """What of it the platform can change."""
        return {}


class SubscriptionState(SubscriptionShown):
    """What the states of both kinds have in common.

    ``platform_id`` and ``creation_time`` are those of the subscription that was made, or found, last; ``taken`` says
    that this stack found it and did not make it. States of earlier versions have none of the three.
    """

    owner: Text = Field(default=None, alias="__owner")
    platform_id: Text = Field(default=None, alias="__id")
    creation_time: Text = Field(default=None, alias="__created")
    taken: Flag = Field(default=None, alias="__taken")


class SubscriptionAnswer(SubscriptionShown, Answer, WideItem):
    """What the answers of both kinds have in common; the platform may leave out each."""

    id: Text = None
    creation_time: Text = None


class InterceptionShown(SubscriptionShown):
    """What an interception's state and answer have in common; the platform may give an order, or move it."""

    type: Text = None
    api_id: Text = None
    entity_name: Text = None
    path_filters: TextMap = None
    execution_order: Whole = None

    def target(self) -> str:
        """The API, or the entity for ADAPT_ENTITY; the other of the two is no part of the identity."""
        return (self.entity_name if self.type == "ADAPT_ENTITY" else self.api_id) or ""

    def key(self) -> tuple[str, ...]:
        """Type, target, endpoint and filters. A placeholder with its filter is the same as its value in the API's path
        (BioT API 2.4.2, subscriptions; platforms may show either).
        """
        name, filters = self.target(), dict(self.path_filters or {})
        for place in [place for place in filters if f"{{{place}}}" in name]:
            name = name.replace(f"{{{place}}}", filters.pop(place))
        return self.type or "", name, self.endpoint, *(f"{place}={value}" for place, value in sorted(filters.items()))

    def words(self) -> tuple[str, ...]:
        """Type, target and endpoint."""
        return self.type or "", self.target(), public_part(self.endpoint)

    def has_secret(self) -> bool:
        """Whether there are filters, or a secret in the endpoint."""
        return bool(self.path_filters) or super().has_secret()

    def in_place(self) -> dict[str, Any]:
        """The order, and the entity of the API."""
        return {"execution_order": self.execution_order, "entity_name": self.entity_name}


class InterceptionSubscriptionState(InterceptionShown, SubscriptionState):
    """An endpoint's interception as this stack has it."""


class InterceptionSubscriptionAnswer(InterceptionShown, SubscriptionAnswer):
    """An endpoint's interception as shown."""


class NotificationShown(SubscriptionShown):
    """What a notification's state and answer have in common."""

    entity_type_name: Text = None
    action_name: Text = None
    template_name: Text = None

    def key(self) -> tuple[str, ...]:
        """All its parts."""
        return self.entity_type_name or "", self.action_name or "", self.endpoint, self.template_name or ""

    def words(self) -> tuple[str, ...]:
        """Entity, action, endpoint, and the template where there is one."""
        entity, action, _, template = self.key()
        return entity, action, public_part(self.endpoint), *([template] if template else [])


class NotificationSubscriptionState(NotificationShown, SubscriptionState):
    """An endpoint's notification as this stack has it."""


class NotificationSubscriptionAnswer(NotificationShown, SubscriptionAnswer):
    """An endpoint's notification as shown."""


class SecretKeyAnswer(Answer, WideItem):
    """A key as it is listed: without the secret. Keys that have expired are listed no more."""

    id: Text = None
    creation_time: Text = None
    expiration_time: Text = None


class NewSecretKeyAnswer(Answer):
    """A key as it is shown once, when it is made: of no use without its id and its secret."""

    id: Needed
    secret_key: Needed = Field(repr=False)
    creation_time: Text = None
    expiration_time: Text = None


class ServiceUserAnswer(ServiceUserShown, Answer):
    """A service user as the platform shows it; without ``secret_keys`` it does not say which there are."""

    id: Text = None
    secret_keys: Annotated[tuple[SecretKeyAnswer, ...] | None, BeforeValidator(_list)] = None


class ServiceUserRow(ServiceUserAnswer, WideItem):
    """A service user as a search shows it."""


class NewServiceUserAnswer(ServiceUserAnswer):
    """A service user as its creation shows it: with the secret of its first key."""

    id: Needed
    secret_key_data: NewSecretKeyAnswer
