"""The credentials of the platform's image repository."""

from __future__ import annotations

from pydantic import Field

from biot_provider.api.models.wide import Answer


class TemporaryKeys(Answer):
    """AWS keys that are valid for an hour; ``expiration`` is ISO-8601."""

    access_key_id: str
    secret_access_key: str = Field(repr=False)
    session_token: str = Field(repr=False)
    expiration: str | None = None


class DockerCredentials(Answer):
    """Access to the environment's repository, for a push (BioT API 2.4.2, DockerRepositoryTempCredentialsResponse)."""

    credentials: TemporaryKeys
    region: str
    repository_uri: str
