"""Service users and their secret keys as a program declares them, and as state holds them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from biot_provider.api.models.service_users import ServiceUserShown
from biot_provider.api.models.wide import Shown, Text, Texts, Wide
from biot_provider.lifecycle.fields import Minutes, Model, Uuid, Word


def _map(value: object) -> object:
    return value if isinstance(value, dict) else {}


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
