"""The responses to logins, and the public key (BioT API 2.4.2, ums)."""

from __future__ import annotations

from biot_provider.api.models.wide import (
    Answer,
    Flag,
    Text,
)

SERVICE_LOGIN = "/ums/v2/services/accessToken"
PERSON_LOGIN = "/ums/v2/users/login"


class AccessToken(Answer):
    """The response to a service user's login."""

    access_token: str
    access_token_expiration: Text = None


class Jwt(Answer):
    """A token of a person's login."""

    token: str
    expiration: Text = None


class PersonLogin(Answer):
    """The response to a person's login; with ``mfa_required`` its token is valid only for the second factor."""

    access_jwt: Jwt
    mfa_required: Flag = None
    password_reset_required: Flag = None


class PublicKey(Answer):
    """The keys with which the platform signs its calls (RS512): base64 SPKI without PEM header and footer."""

    public_key: str
    previous_public_key: Text = None
