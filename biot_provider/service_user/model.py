"""Service users and their secret keys as a program declares them, and as state holds them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from biot_provider.api.models.service_users import ServiceUserShown
from biot_provider.api.models.wide import Shown, Text, Texts
from biot_provider.lifecycle.fields import Inputs, Mark, Minutes, State, Uuid, Word


def _map(value: object) -> object:
    return value if isinstance(value, dict) else None


class ServiceUserInputs(Inputs):
    """A service user as a program declares it."""

    role_id: Uuid
    type: Annotated[Literal["INTERNAL_SERVICE", "EXTERNAL_SERVICE"], Mark.REPLACES]
    name: Annotated[str, Field(min_length=1, max_length=100), Mark.REPLACES]
    active: bool = True
    owner_organization_id: Annotated[Uuid | None, Mark.REPLACES] = None
    access_token_expiration_in_minutes: Annotated[Minutes | None, Mark.REPLACES] = None
    secret_key_expiration_in_minutes: Minutes | None = None


class ServiceUserState(ServiceUserShown, State):
    """A service user as this stack has made or read it, and the secret key that its creation showed."""

    secret_key: Annotated[Text, Mark.SECRET] = Field(default=None, repr=False)
    secret_key_id: Text = None
    filled_in: Texts = Field(default=None, alias="__filled_in")
    """Fields that the platform gave a value, the program having none: no inputs."""


class ServiceUserKeyInputs(Inputs):
    """A further secret key of a service user as a program declares it."""

    service_user_id: Annotated[Word, Mark.REPLACES]
    keepers: Annotated[dict[str, Any] | None, Mark.REPLACES, Mark.UNQUOTED] = None


class ServiceUserKeyState(State):
    """A secret key as it was made; times are ISO-8601, UTC."""

    service_user_id: Shown = ""
    keepers: Annotated[dict[str, Any] | None, BeforeValidator(_map)] = None
    key_id: Shown = ""
    secret_key: Annotated[Text, Mark.SECRET] = Field(default=None, repr=False)
    creation_time: Text = None
    expiration_time: Text = None
