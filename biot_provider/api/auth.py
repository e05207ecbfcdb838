"""The access token of one identity: a service user's, or a person's (BioT API 2.4.2, ums).

Issuing a token is costly for the platform, so the token is fetched when it is first needed, shared by the threads of a
process, and renewed before it expires. Each refused login brings the platform nearer to locking the user, and each
request for a second factor sends somebody a message, so both outcomes are remembered. Transient failures (429, 5xx, a
broken connection) are not.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Generator

import httpx

from biot_provider.api.models.logins import PERSON_LOGIN, SERVICE_LOGIN, AccessToken, PersonLogin
from biot_provider.api.models.wide import moment
from biot_provider.api.redaction import KnownSecrets
from biot_provider.api.responses import AnswerT, api_error, parse
from biot_provider.api.single_flight import SingleFlight
from biot_provider.api.total_time import seconds_left
from biot_provider.config import Settings
from biot_provider.errors import BiotError, ConfigError, LoginError, TransportError

LOGIN_TIMEOUT = 60.0
"""Seconds to wait for a token."""

REFUSAL_SECONDS = 300.0
"""How long a refused login is remembered: longer than most runs, but soon over after the user was repaired."""

LEAST_USE = 20.0
"""Seconds that each token is used at least: else short-lived tokens or a fast clock would cause a login per request."""

_RENEWAL_MARGIN = 60.0
_LIFETIME_IF_UNKNOWN = 300.0
_PASSING = frozenset({408, 425, 429})

Send = Callable[[str, str, float, dict[str, str | None]], httpx.Response]
"""Posts JSON without a token; the arguments are the path, the action, the total seconds, and the body."""


class TokenAuth(httpx.Auth):
    """Puts a token on each request of one identity, and renews it once after a 401.

    Every token is added to ``secrets``, so that no text shows it.
    """

    def __init__(
        self, settings: Settings, send: Send, secrets: KnownSecrets, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._send = send
        self._secrets = secrets
        self._clock = clock
        self._token: tuple[str, float] | None = None
        self._refusal: tuple[BiotError, float] | None = None
        self._flight = SingleFlight[str](lambda error: isinstance(error, BiotError) and error.out_of_time)
        self._is_person = settings.username is not None and settings.service_id is None
        identity = settings.username if self._is_person else f"service user {settings.service_id}"
        self._action = f"log in as {identity}"

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with a token, within the request's time. Raises what ``token`` raises."""
        token = self.token(seconds_left(request))
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # A 401 means that the platform did nothing, so repeating even a write once is safe.
            self._forget(token)
            request.headers["Authorization"] = f"Bearer {self.token(seconds_left(request))}"
            yield request

    def token(self, timeout: float = math.inf) -> str:
        """Return the token to use now; fetch one within ``timeout`` seconds if there is none.

        Raises LoginError when the login is refused, ConfigError when the platform requires a second factor, and
        TransportError. After each of them, the request that needs the token was not sent.
        """
        timeout = min(timeout, LOGIN_TIMEOUT)
        try:
            return self._current() or self._flight.run(self._log_in, timeout)
        except TimeoutError:
            raise TransportError(
                f"another request's login got no answer within {max(timeout, 1):.0f} s",
                "BIOT-7003",
                action=self._action,
                advice="run `pulumi up` again, or raise biot:requestTimeout",
                unclear=False,
            ) from None

    def renewal_in(self) -> float | None:
        """Return the seconds until the token in use is renewed; None before the first login."""
        known = self._token
        return None if known is None else known[1] - self._clock()

    def _forget(self, token: str) -> None:
        """Drop this token, unless another thread has replaced it already; the next request fetches a new one."""
        known = self._token
        if known is not None and known[0] == token:
            self._token = None

    def _current(self) -> str | None:
        """Return the token in use, None if a token must be fetched. Raises the remembered refusal."""
        known, refusal = self._token, self._refusal
        if known is not None and self._clock() < known[1]:
            return known[0]
        if refusal is not None and self._clock() < refusal[1]:
            raise refusal[0]
        return None

    def _log_in(self, timeout: float) -> str:
        # Check again: another thread's login may have ended after this thread found no token.
        if token := self._current():
            return token
        try:
            token, expiration = self._fetch(timeout)
        except (ConfigError, LoginError) as error:
            passes = isinstance(error, LoginError) and (error.status >= 500 or error.status in _PASSING)
            if not passes:
                self._refusal = (error, self._clock() + REFUSAL_SECONDS)
            raise
        except TransportError as error:
            error.unclear = False  # the request that needs the token was not sent
            raise
        self._secrets.add(token)
        if not re.fullmatch(r"[!-~]+", token):
            raise TransportError(
                "the platform's token is none, for it has characters that no header can carry",
                "BIOT-7009",
                action=self._action,
                advice="check biot:baseUrl",
                unclear=False,
            )
        self._token = (token, self._renewal(expiration))
        return token

    def _fetch(self, timeout: float) -> tuple[str, str | None]:
        """Log in; return the token and its expiration as the platform writes it."""
        if not self._is_person:
            body = {"id": self._settings.service_id, "secretKey": self._settings.service_secret_key or ""}
            granted = self._post(AccessToken, SERVICE_LOGIN, body, timeout)
            return granted.access_token, granted.access_token_expiration
        body = {"username": self._settings.username, "password": self._settings.password or ""}
        login = self._post(PersonLogin, PERSON_LOGIN, body, timeout)
        if login.mfa_required:
            raise ConfigError(
                f"{self._action}: the platform wants a second factor, which nobody can give here",
                "BIOT-1010",
                advice="use a service user (biot:serviceId and biot:serviceSecretKey)",
            )
        if login.password_reset_required:
            raise ConfigError(
                f"{self._action}: the platform wants a new password first",
                "BIOT-1011",
                advice="log in to the BioT Console once",
            )
        return login.access_jwt.token, login.access_jwt.expiration

    def _post(self, model: type[AnswerT], path: str, body: dict[str, str | None], timeout: float) -> AnswerT:
        response = self._send(path, self._action, timeout, body)
        if not response.is_success:
            raise api_error(response, self._action, self._secrets.with_more(), LoginError)
        return parse(model, response, self._action, secrets=self._secrets.with_more())

    def _renewal(self, expiration: str | None) -> float:
        """Return when to fetch the next token: a minute before expiry; in five minutes if the date cannot be read."""
        expires = moment(expiration)
        if expires is None:
            return self._clock() + _LIFETIME_IF_UNKNOWN
        return max(expires.timestamp() - _RENEWAL_MARGIN, self._clock() + LEAST_USE)
