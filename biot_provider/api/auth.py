"""The access token of one identity: a service user's, or a person's (BioT API 2.4.2, ums).

Issuing a token is costly for the platform, so one is fetched when it is first needed, shared by the threads of a
process, and renewed before it expires. Each refused login brings the platform nearer to locking the user, and each
demand for a second factor sends somebody a message, so both are remembered; what passes by itself (429, 5xx, a broken
connection) is not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import httpx

from biot_provider.api.models.logins import AccessToken, PersonLogin
from biot_provider.api.responses import api_error, parse
from biot_provider.api.single_flight import SingleFlight
from biot_provider.api.transport import OUT_OF_TIME
from biot_provider.config import Settings
from biot_provider.errors import BiotError, ConfigError, LoginError, TransportError

LOGIN_TIMEOUT = 60.0
"""Seconds to wait for a token."""

REFUSAL_SECONDS = 300.0
"""How long a refusal is remembered: longer than most runs, short enough that a mended user works again."""

LEAST_USE = 20.0
"""Seconds that each token is used, so that short-lived ones, or a clock that is ahead, make no login per request."""

SERVICE_LOGIN = "/ums/v2/services/accessToken"
PERSON_LOGIN = "/ums/v2/users/login"

_MARGIN = 60.0
_FALLBACK = 300.0
_PASSING = frozenset({408, 425, 429})


class Send(Protocol):
    """Sends one request without a token."""

    def __call__(
        self, path: str, asked: str, timeout: float, body: dict[str, str | None], secret: str
    ) -> httpx.Response:
        """POST the body as JSON, ``timeout`` in seconds; ``secret`` is what no log may show."""


class Login:
    """One identity on one platform, for all threads of a process."""

    def __init__(self, settings: Settings, send: Send, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._send = send
        self._clock = clock
        self._token: tuple[str, float] | None = None
        self._last: str | None = None
        self._refusal: tuple[BiotError, float] | None = None
        self._flight = SingleFlight[str](lambda error: isinstance(error, BiotError) and error.out_of_time)
        self._is_person = settings.username is not None and settings.service_id is None
        self._asked = f"log in as {settings.username if self._is_person else f'service user {settings.service_id}'}"

    def token(self, timeout: float = LOGIN_TIMEOUT) -> str:
        """The token to use now, fetched within ``timeout`` seconds when there is none.

        Raises LoginError when it is refused, ConfigError when a second factor is wanted, TransportError: each says that
        the request which needs the token was not sent.
        """
        timeout = min(timeout, LOGIN_TIMEOUT)
        try:
            return self._current() or self._flight.run(self._log_in, timeout)
        except TimeoutError:
            raise TransportError(
                f"{self._asked}: another request's login got no answer within {max(timeout, 1):.0f} s:"
                " run `pulumi up` again, or raise biot:requestTimeout",
                unclear=False,
            ) from None

    def forget(self, token: str) -> None:
        """Fetch a new one next time; a token that has been replaced already is none of our business."""
        known = self._token
        if known is not None and known[0] == token:
            self._token = None

    def last_token(self) -> str | None:
        """The token fetched last, in use or not; None before there is one."""
        return self._last

    def seconds_left(self) -> float | None:
        """Seconds until the token in use is renewed; None before there is one."""
        known = self._token
        return None if known is None else known[1] - self._clock()

    def _current(self) -> str | None:
        """The token in use, None where one must be fetched. Raises the refusal that is remembered."""
        known, refusal = self._token, self._refusal
        if known is not None and self._clock() < known[1]:
            return known[0]
        if refusal is not None and self._clock() < refusal[1]:
            raise refusal[0]
        return None

    def _log_in(self, timeout: float) -> str:
        # Asked again: the login before may have ended after this thread looked.
        if token := self._current():
            return token
        try:
            fetched = self._person(timeout) if self._is_person else self._service(timeout)
        except LoginError as error:
            if error.status < 500 and error.status not in _PASSING:
                self._refusal = (error, self._clock() + REFUSAL_SECONDS)
            raise
        except ConfigError as error:
            self._refusal = (error, self._clock() + REFUSAL_SECONDS)
            raise
        except TransportError as error:
            error.unclear = False
            raise
        if not re.fullmatch(r"[!-~]+", fetched[0]):
            raise TransportError(
                f"{self._asked}: the platform's token is none, for it has characters that no header can carry:"
                " check biot:baseUrl",
                unclear=False,
            )
        self._token, self._last = fetched, fetched[0]
        return self._last

    def _service(self, timeout: float) -> tuple[str, float]:
        secret = self._settings.service_secret_key or ""
        body = {"id": self._settings.service_id, "secretKey": secret}
        response = self._answer(SERVICE_LOGIN, timeout, body, secret)
        answer = parse(AccessToken, response, self._asked, secrets=[secret])
        return answer.access_token, self._renewal(answer.access_token_expiration)

    def _person(self, timeout: float) -> tuple[str, float]:
        secret = self._settings.password or ""
        body = {"username": self._settings.username, "password": secret}
        response = self._answer(PERSON_LOGIN, timeout, body, secret)
        answer = parse(PersonLogin, response, self._asked, secrets=[secret])
        if answer.mfa_required:
            raise ConfigError(
                f"{self._asked}: the platform wants a second factor, which nobody can give here."
                " What to do: use a service user (biot:serviceId and biot:serviceSecretKey)"
            )
        if answer.password_reset_required:
            raise ConfigError(
                f"{self._asked}: the platform wants a new password first. What to do: log in to the BioT Console once"
            )
        return answer.access_jwt.token, self._renewal(answer.access_jwt.expiration)

    def _answer(self, path: str, timeout: float, body: dict[str, str | None], secret: str) -> httpx.Response:
        response = self._send(path, self._asked, timeout, body, secret)
        if not response.is_success:
            error = api_error(response, self._asked, [secret], LoginError)
            error.out_of_time = response.request.extensions.get(OUT_OF_TIME, False)
            raise error
        return response

    def _renewal(self, expiration: str | None) -> float:
        """When to fetch the next token: a minute early; five minutes from now when the date cannot be read."""
        try:
            expires = datetime.fromisoformat(expiration or "")
        except ValueError:
            return self._clock() + _FALLBACK
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
        return max(expires.timestamp() - _MARGIN, self._clock() + LEAST_USE)
