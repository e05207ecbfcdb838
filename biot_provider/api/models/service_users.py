"""Service users and their secret keys as the platform shows them (BioT API 2.4.3, ums)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from biot_provider.api.models.wide import Answer, Flag, Needed, Text, Whole, Wide, WideItem, list_or_none


class ServiceUserShown(Wide):
    """The fields that a service user's state and the platform's response share."""

    role_id: Text = None
    type: Text = None
    name: Text = None
    active: Flag = None
    owner_organization_id: Text = None
    access_token_expiration_in_minutes: Whole = None
    secret_key_expiration_in_minutes: Whole = None


class SecretKeyAnswer(Answer, WideItem):
    """A key in the list of keys: without its secret. Expired keys are not listed."""

    id: Text = None
    creation_time: Text = None
    expiration_time: Text = None


class NewSecretKeyAnswer(Answer):
    """A key in the response to its creation, the only one that has the secret."""

    id: Needed
    secret_key: Needed = Field(repr=False)
    creation_time: Text = None
    expiration_time: Text = None


class ServiceUserAnswer(ServiceUserShown, Answer):
    """A service user as the platform shows it; ``secret_keys`` is None if the platform does not list them."""

    id: Text = None
    secret_keys: Annotated[tuple[SecretKeyAnswer, ...] | None, BeforeValidator(list_or_none)] = None


class ServiceUserRow(ServiceUserAnswer, WideItem):
    """A service user as a search shows it."""


class NewServiceUserAnswer(ServiceUserAnswer):
    """A service user as its creation shows it: with the secret of its first key."""

    id: Needed
    secret_key_data: NewSecretKeyAnswer
