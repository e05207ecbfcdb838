"""Service users and their secret keys as a program declares them, and as state holds them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from biot_provider.api.models.service_users import ServiceUserShown
from biot_provider.api.models.wide import Shown, Text, Texts
from biot_provider.lifecycle.fields import Default, Inputs, Mark, Minutes, State, Uuid, Word


def _map(value: object) -> object:
    return value if isinstance(value, dict) else None


class ServiceUserInputs(Inputs):
    """A service user: the identity by which a program outside the platform calls its API.

    The program logs in with the user's id and its ``secret_key``. The platform shows the key once: the output, secret
    in state, is the only copy. ``active``, ``role_id`` and ``secret_key_expiration_in_minutes`` change in place. Any
    other change replaces the service user, with a new key; if the name stays the same, the old one is deleted first,
    since names are unique.
    """

    role_id: Uuid = Field(description="id of the role with the service user's permissions")
    type: Annotated[Literal["INTERNAL_SERVICE", "EXTERNAL_SERVICE"], Mark.REPLACES] = Field(
        description="the kind of service user, as the platform names it"
    )
    name: Annotated[str, Field(min_length=1, max_length=100), Default("the resource name"), Mark.REPLACES] = Field(
        description="unique on the platform"
    )
    active: bool = Field(default=True, description="false disables logins")
    owner_organization_id: Annotated[
        Uuid | None, Default("the platform's choice"), Mark.REPLACES, Mark.LASTING, Mark.NULLABLE
    ] = Field(default=None, description="id of the organization that owns it")
    access_token_expiration_in_minutes: Annotated[
        Minutes | None, Default("the platform's"), Mark.REPLACES, Mark.LASTING, Mark.NULLABLE
    ] = Field(default=None, description="how long a login lasts")
    secret_key_expiration_in_minutes: Minutes | None = Field(
        default=None, description="validity of keys created from now on; left out, they never expire"
    )


class ServiceUserState(ServiceUserShown, State):
    """A service user as this stack has created or read it, and the secret key that its creation showed."""

    secret_key: Annotated[Text, Mark.SECRET, Mark.LASTING, Mark.NULLABLE] = Field(
        default=None, repr=False, description="known only to the stack that created it; else None"
    )
    secret_key_id: Annotated[Text, Mark.LASTING, Mark.NULLABLE] = Field(default=None, description="the key's id")
    filled_in: Texts = Field(default=None, alias="__filled_in")
    """Fields that the program left out and the platform filled in, so that a read does not take them for inputs."""


class ServiceUserKeyInputs(Inputs):
    """A further secret key of a service user.

    Its id is ``<service user's id>/<key's id>``. A change of ``keepers`` rotates the key: the new key is created,
    resources that use it are updated, then the old key is deleted; so the platform's limit of keys must leave room for
    one more. A refresh notices that a key was deleted or has expired, and the next update creates a new one.
    """

    service_user_id: Annotated[Word, Mark.REPLACES] = Field(description="id of the service user")
    keepers: Annotated[dict[str, Any] | None, Mark.REPLACES, Mark.UNQUOTED] = Field(
        default=None, description="any values that are not secret"
    )


class ServiceUserKeyState(State):
    """A secret key as it was created; times are ISO-8601, UTC."""

    service_user_id: Shown = ""
    keepers: Annotated[dict[str, Any] | None, BeforeValidator(_map)] = None
    key_id: Annotated[Shown, Mark.LASTING] = Field(default="", description="the second part of the resource's id")
    secret_key: Annotated[Text, Mark.SECRET, Mark.LASTING, Mark.NULLABLE] = Field(
        default=None, repr=False, description="known only to the stack that created it; else None"
    )
    creation_time: Annotated[Text, Mark.LASTING, Mark.NULLABLE] = Field(default=None, description="ISO-8601, UTC")
    expiration_time: Annotated[Text, Mark.LASTING, Mark.NULLABLE] = Field(
        default=None, description="ISO-8601, UTC; None for a key that never expires"
    )
