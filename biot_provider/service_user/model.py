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

    It logs in with its id and its ``secret_key``. The platform shows the key once: the output, secret in state, is the
    only copy. ``active``, ``role_id`` and ``secret_key_expiration_in_minutes`` change in place. Any other change needs
    a new service user with a new key; where the name stays the old one is deleted first, since names are unique.
    """

    role_id: Uuid = Field(description="id of the role that gives its permissions")
    type: Annotated[Literal["INTERNAL_SERVICE", "EXTERNAL_SERVICE"], Mark.REPLACES] = Field(
        description="the kind of service user, in the platform's words"
    )
    name: Annotated[str, Field(min_length=1, max_length=100), Default("the resource name"), Mark.REPLACES] = Field(
        description="unique on the platform"
    )
    active: bool = Field(default=True, description="false locks it out")
    owner_organization_id: Annotated[
        Uuid | None, Default("the platform's choice"), Mark.REPLACES, Mark.LASTING, Mark.NULLABLE
    ] = Field(default=None, description="the organization it is of")
    access_token_expiration_in_minutes: Annotated[
        Minutes | None, Default("the platform's"), Mark.REPLACES, Mark.LASTING, Mark.NULLABLE
    ] = Field(default=None, description="how long a login lasts")
    secret_key_expiration_in_minutes: Minutes | None = Field(
        default=None, description="how long keys made from now on last; left out, they never expire"
    )


class ServiceUserState(ServiceUserShown, State):
    """A service user as this stack has made or read it, and the secret key that its creation showed."""

    secret_key: Annotated[Text, Mark.SECRET, Mark.LASTING, Mark.NULLABLE] = Field(
        default=None, repr=False, description="shown once, when it is made; None where it was read"
    )
    secret_key_id: Annotated[Text, Mark.LASTING, Mark.NULLABLE] = Field(default=None, description="the key's id")
    filled_in: Texts = Field(default=None, alias="__filled_in")
    """Fields that the platform gave a value, the program having none: no inputs."""


class ServiceUserKeyInputs(Inputs):
    """A further secret key of a service user.

    Its id is ``<service user's id>/<key's id>``. A change of ``keepers`` rotates it: the new key is made, whatever
    uses it is updated, then the old key is deleted; so the platform's limit of keys must leave room for one more.
    A refresh finds that a key was deleted or has expired, and the next update makes a new one.
    """

    service_user_id: Annotated[Word, Mark.REPLACES] = Field(description="id of the service user")
    keepers: Annotated[dict[str, Any] | None, Mark.REPLACES, Mark.UNQUOTED] = Field(
        default=None, description="any values, which are no secrets"
    )


class ServiceUserKeyState(State):
    """A secret key as it was made; times are ISO-8601, UTC."""

    service_user_id: Shown = ""
    keepers: Annotated[dict[str, Any] | None, BeforeValidator(_map)] = None
    key_id: Annotated[Shown, Mark.LASTING] = Field(default="", description="the second part of the id")
    secret_key: Annotated[Text, Mark.SECRET, Mark.LASTING, Mark.NULLABLE] = Field(
        default=None, repr=False, description="shown once, when it is made; None where it was read"
    )
    creation_time: Annotated[Text, Mark.LASTING, Mark.NULLABLE] = Field(default=None, description="ISO-8601, UTC")
    expiration_time: Annotated[Text, Mark.LASTING, Mark.NULLABLE] = Field(
        default=None, description="ISO-8601, UTC; None for a key that never expires"
    )
