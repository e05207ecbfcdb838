"""The contract of own-account plugins as data: service users, their keys, subscriptions (BioT API 2.4.3, ums and
dispatcher).

As in ``models.py``: what a program declares, what is kept in state, what the platform answers; snake case here,
camel case on the wire.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from biot_provider.models import Answer, Integer, Model, Order

Uuid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Minutes = Annotated[Integer, Field(ge=1, le=2**31 - 1)]
Word = Annotated[str, Field(min_length=1)]

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


class ServiceUserState(ServiceUserInputs):
    """A service user as it is, and the secret key that its creation showed."""

    secret_key: str | None = Field(default=None, repr=False)
    secret_key_id: str | None = None
    filled_in: tuple[str, ...] = Field(default=(), alias="__filled_in")
    """Fields that the platform gave a value, the program having none: no inputs."""


class ServiceUserKeyInputs(Model):
    """A further secret key of a service user as a program declares it."""

    service_user_id: Word
    keepers: dict[str, Any] = Field(default_factory=dict)
    owner: str | None = Field(default=None, alias="__owner")


class ServiceUserKeyState(ServiceUserKeyInputs):
    """A secret key as it was made; times are ISO-8601, UTC."""

    key_id: str = ""
    secret_key: str | None = Field(default=None, repr=False)
    creation_time: str | None = None
    expiration_time: str | None = None


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


class SecretKeyAnswer(Answer):
    """A key as it is listed: without the secret. Keys that have expired are listed no more."""

    id: str
    creation_time: str | None = None
    expiration_time: str | None = None


class NewSecretKeyAnswer(SecretKeyAnswer):
    """A key as it is shown once, when it is made."""

    secret_key: str = Field(repr=False)


class ServiceUserAnswer(Answer):
    """A service user as the platform shows it."""

    id: str
    name: str | None = None
    type: str | None = None
    role_id: str | None = None
    active: bool | None = None
    owner_organization_id: str | None = None
    access_token_expiration_in_minutes: int | None = None
    secret_key_expiration_in_minutes: int | None = None
    secret_keys: tuple[SecretKeyAnswer, ...] | None = None


class NewServiceUserAnswer(ServiceUserAnswer):
    """A service user as its creation shows it: with the secret of its first key."""

    secret_key_data: NewSecretKeyAnswer


class InterceptionSubscriptionAnswer(Answer):
    """An endpoint's interception as shown; the order may be one that the platform gave or moved."""

    type: str
    endpoint: str
    api_id: str | None = None
    entity_name: str | None = None
    path_filters: dict[str, Any] | None = None
    execution_order: int | None = None


class NotificationSubscriptionAnswer(Answer):
    """An endpoint's notification as shown."""

    entity_type_name: str
    action_name: str
    endpoint: str
    template_name: str | None = None
