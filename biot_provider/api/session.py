"""One authenticated conversation with a platform: a request in, its answer or one error out.

A session is shared by threads; its token is fetched once, renewed before it expires and once after a 401.
Errors are translated here and nowhere else: what comes out is ApiError or TransportError, its text redacted.
"""

from __future__ import annotations

import json
import os
import secrets as random_source
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

import httpx

from biot_provider._version import __version__
from biot_provider.api.auth import Login
from biot_provider.api.redaction import redact
from biot_provider.api.request_log import DebugLog
from biot_provider.api.responses import AnswerT, api_error, parse
from biot_provider.api.transport import CONNECT_TIMEOUT, OUT_OF_TIME, AnswerTooLargeError, open_embedded, open_transport
from biot_provider.config import Settings
from biot_provider.errors import TransportError

READ_TIMEOUT = 60.0
"""Seconds to wait for the answer of a read."""

_HIDDEN_FROM = 8


class Probe(NamedTuple):
    """A plain answer: its JSON object, empty if it is none, its date, and the seconds until the token's renewal."""

    status: int
    body: Mapping[str, Any]
    date: str | None
    renewal: float | None


class Session:
    """Talks to one platform as one identity."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.BaseTransport,
        *,
        clock: Callable[[], float] = time.time,
        log: DebugLog | None = None,
    ) -> None:
        self._settings = settings
        self._log = log if log is not None else DebugLog.configured(os.environ)
        self._login = Login(settings, self._send_login, clock=clock)
        self._hidden: set[str] = set()
        base_url = "http://embedded" if settings.is_embedded else settings.base_url
        self._http = httpx.Client(
            base_url=base_url,
            transport=transport,
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": f"biot-provider/{__version__}"},
        )

    @classmethod
    def connect(cls, settings: Settings, *, stack: str = "") -> Self:
        """A session with these settings; ``stack`` names the embedded platform's default folder."""
        if settings.is_embedded:
            transport, identity = open_embedded(settings.embedded_folder(stack))
            return cls(identity, transport)
        return cls(settings, open_transport(settings))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def hide(self, values: Iterable[str | None]) -> None:
        """Quote these values in no error and no log: the platform may repeat them about another request.

        Short ones are no secrets there: they would take words of other plugins' messages with them.
        """
        self._hidden.update(value for value in values if value and len(value) >= _HIDDEN_FROM)

    def request(
        self,
        method: str,
        path: str,
        asked: str,
        *,
        timeout: float,
        secrets: Iterable[str] = (),
        **content: Any,
    ) -> httpx.Response:
        """Ask with a token; ``asked`` says what for in an error, ``secrets`` are never quoted in one.

        ``timeout`` is in seconds and bounds all of it, logins included. Raises ApiError for whatever is no success,
        and TransportError.
        """
        secrets = list(secrets)
        ends = time.monotonic() + timeout
        token = self._login.token(timeout)
        response = self.send(method, path, asked, _left(ends), token, secrets=secrets, **content)
        if response.status_code == 401:
            # A 401 says that nothing was done, so this one repeat of a write is safe.
            self._login.forget(token)
            _rewind(content)
            token = self._login.token(_left(ends))
            response = self.send(method, path, asked, _left(ends), token, secrets=secrets, **content)
        if not response.is_success:
            raise api_error(response, asked, [token, *self._secrets(), *secrets])
        return response

    def parse(self, model: type[AnswerT], response: httpx.Response, asked: str) -> AnswerT:
        """The answer of a success as a model. Raises TransportError, unclear, when it cannot be read as one."""
        return parse(model, response, asked, secrets=self._secrets())

    def send(
        self,
        method: str,
        path: str,
        asked: str,
        timeout: float,
        token: str | None,
        *,
        secrets: Iterable[str] = (),
        **content: Any,
    ) -> httpx.Response:
        """One request, with this token or none; gives whatever is answered. Raises TransportError.

        ``timeout`` bounds it in total: connecting, sending, its retries, and reading the answer to its end.
        """
        traceparent = f"00-{random_source.token_hex(16)}-{random_source.token_hex(8)}-01"
        headers = {"traceparent": traceparent} | ({"Authorization": f"Bearer {token}"} if token else {})
        limits = httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout))
        started = time.monotonic()
        response: httpx.Response | None = None
        failed: TransportError | None = None
        try:
            response = self._http.request(method, path, headers=headers, timeout=limits, **content)
        except (httpx.HTTPError, OSError) as error:
            failed = self._transport_error(error, asked, timeout, [token or "", *self._secrets(), *secrets])
            failed.out_of_time = isinstance(error, httpx.RequestError) and error.request.extensions.get(
                OUT_OF_TIME, False
            )
        if self._log is not None:
            self._log.note(
                method=method,
                url=self._settings.base_url + path,
                seconds=time.monotonic() - started,
                sent=_described(content),
                traceparent=traceparent,
                status=response.status_code if response is not None else None,
                answer=response.content if response is not None else b"",
                error=str(failed) if failed is not None else None,
                secrets=[token or "", *self._secrets(), *secrets],
            )
        if response is None:
            raise failed or AssertionError("a request ends in an answer or in an error")
        return response

    def _secrets(self) -> list[str]:
        own = (self._settings.service_secret_key, self._settings.password, self._login.last_token())
        return [*filter(None, own), *self._hidden.copy()]

    def _send_login(
        self, path: str, asked: str, timeout: float, body: dict[str, str | None], secret: str
    ) -> httpx.Response:
        return self.send("POST", path, asked, timeout, None, secrets=[secret], json=body)

    def _transport_error(self, error: Exception, asked: str, timeout: float, secrets: Iterable[str]) -> TransportError:
        address = self._settings.base_url
        reason = redact(str(error), secrets) or type(error).__name__
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
            text = f"{asked}: {address} cannot be reached ({reason}): check biot:baseUrl and the network"
            return TransportError(text, unclear=False)
        if isinstance(error, httpx.ProxyError):
            text = f"{asked}: the proxy does not lead to {address} ({reason}): check HTTPS_PROXY and NO_PROXY"
            return TransportError(text, unclear=False)
        if isinstance(error, AnswerTooLargeError):
            text = f"{asked}: {address} gave {reason}, which is none of BioT's: check biot:baseUrl"
        elif isinstance(error, httpx.TimeoutException):
            text = (
                f"{asked}: no answer from {address} within {timeout:.0f} s:"
                " run `pulumi up` again, or raise biot:requestTimeout"
            )
        else:
            text = f"{asked}: the connection to {address} broke ({reason}): run `pulumi up` again"
        return TransportError(text, unclear=True)

    def probe(self, method: str, path: str, asked: str, *, login: bool = True, **content: Any) -> Probe:
        """The platform's plain answer to one request, refusals included; for finding out what works.

        ``login`` false asks without a token. Raises TransportError, and ApiError when the login is refused.
        """
        token = self._login.token() if login else None
        response = self.send(method, path, asked, READ_TIMEOUT, token, **content)
        try:
            body = response.json()
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else {}
        return Probe(response.status_code, body, response.headers.get("date"), self._login.seconds_left())


def _left(ends: float) -> float:
    """Seconds until then; half a second at the least, for what is nearly done."""
    return max(ends - time.monotonic(), 0.5)


def _rewind(content: Mapping[str, Any]) -> None:
    code = content.get("files", {}).get("code")
    if code is not None:
        code[1].seek(0)


def _described(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a request carries, for the log: JSON as it is, a package by its size."""
    described = {key: content[key] for key in ("json", "params") if key in content}
    if "searchRequest" in described.get("params", {}):
        described["params"] = {"searchRequest": json.loads(described["params"]["searchRequest"])}
    files = content.get("files", {})
    if "config" in files:
        described["config"] = json.loads(files["config"][1])
    if "code" in files:
        described["code"] = {"bytes": files["code"][1].seek(0, os.SEEK_END)}
    return described
