"""The access token of one identity: a service user's, or a person's (BioT API 2.4.2, ums).

Issuing a token is costly for the platform, so one is fetched when it is first needed, shared by the threads of a
process, and renewed before it expires.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import httpx

from biot_provider.answers import api_error, parse
from biot_provider.config import Settings
from biot_provider.errors import ConfigError
from biot_provider.models import AccessToken, PersonLogin

LOGIN_TIMEOUT = 60.0
"""Seconds to wait for a token."""

SERVICE_LOGIN = "/ums/v2/services/accessToken"
PERSON_LOGIN = "/ums/v2/users/login"

_MARGIN = 60.0
_FALLBACK = 300.0


class Send(Protocol):
    """Sends one request without a token."""

    def __call__(
        self, path: str, asked: str, timeout: float, body: dict[str, str | None], secret: str
    ) -> httpx.Response:
        """POST the body as JSON, ``timeout`` in seconds; ``secret`` is what no log may show."""


class Login:
    """One identity on one platform."""

    def __init__(self, settings: Settings, send: Send, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._send = send
        self._clock = clock
        self._token: tuple[str, float] | None = None
        self._lock = threading.Lock()

    def token(self, timeout: float = LOGIN_TIMEOUT) -> str:
        """The token to use now, fetched within ``timeout`` seconds when there is none.

        Raises ApiError when it is refused, ConfigError when a second factor is wanted, TransportError.
        """
        timeout = min(timeout, LOGIN_TIMEOUT)
        with self._lock:
            if self._token is None or self._clock() >= self._token[1]:
                person = self._settings.username is not None and self._settings.service_id is None
                self._token = self._person(timeout) if person else self._service(timeout)
            return self._token[0]

    def forget(self, token: str) -> None:
        """Fetch a new one next time; a token that has been replaced already is none of our business."""
        with self._lock:
            if self._token is not None and self._token[0] == token:
                self._token = None

    def seconds_left(self) -> float | None:
        """Seconds until the token in use is renewed; None before there is one."""
        return None if self._token is None else self._token[1] - self._clock()

    def _service(self, timeout: float) -> tuple[str, float]:
        asked = f"log in as service user {self._settings.service_id}"
        secret = self._settings.service_secret_key or ""
        body = {"id": self._settings.service_id, "secretKey": secret}
        response = self._send(SERVICE_LOGIN, asked, timeout, body, secret)
        if not response.is_success:
            raise api_error(response, asked, [secret])
        answer = parse(AccessToken, response, asked, secrets=[secret])
        return answer.access_token, self._renewal(answer.access_token_expiration)

    def _person(self, timeout: float) -> tuple[str, float]:
        asked = f"log in as {self._settings.username}"
        secret = self._settings.password or ""
        body = {"username": self._settings.username, "password": secret}
        response = self._send(PERSON_LOGIN, asked, timeout, body, secret)
        if not response.is_success:
            raise api_error(response, asked, [secret])
        answer = parse(PersonLogin, response, asked, secrets=[secret])
        if answer.mfa_required:
            raise ConfigError(
                f"{asked}: the platform wants a second factor, which nobody can give here."
                " What to do: use a service user (biot:serviceId and biot:serviceSecretKey)"
            )
        if answer.password_reset_required:
            raise ConfigError(
                f"{asked}: the platform wants a new password first. What to do: log in to the BioT Console once"
            )
        return answer.access_jwt.token, self._renewal(answer.access_jwt.expiration)

    def _renewal(self, expiration: str | None) -> float:
        """When to fetch the next token: a minute early; five minutes from now when the date cannot be read."""
        try:
            expires = datetime.fromisoformat(expiration or "")
        except ValueError:
            return self._clock() + _FALLBACK
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
        return expires.timestamp() - _MARGIN
