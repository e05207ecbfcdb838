"""What pushing to the platform's image repository takes, as the platform shows it."""

from __future__ import annotations

from pydantic import Field

from biot_provider.api.models.wide import Answer


class TemporaryKeys(Answer):
    """AWS keys that live for an hour; ``expiration`` is ISO-8601."""

    access_key_id: str
    secret_access_key: str = Field(repr=False)
    session_token: str = Field(repr=False)
    expiration: str | None = None


class DockerCredentials(Answer):
    """What pushing to the environment's repository takes (BioT API 2.4.2, DockerRepositoryTempCredentialsResponse)."""

    credentials: TemporaryKeys
    region: str
    repository_uri: str
