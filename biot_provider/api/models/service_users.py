"""Service users and their secret keys as the platform shows them (BioT API 2.4.3, ums)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from biot_provider.api.models.wide import Answer, Flag, Needed, Text, Whole, Wide, WideItem, _list


class ServiceUserShown(Wide):
    """What a state and an answer of the platform have in common."""

    role_id: Text = None
    type: Text = None
    name: Text = None
    active: Flag = None
    owner_organization_id: Text = None
    access_token_expiration_in_minutes: Whole = None
    secret_key_expiration_in_minutes: Whole = None


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
