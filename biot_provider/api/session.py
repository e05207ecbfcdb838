"""An authenticated session with one platform: takes a request, returns its response or raises one error.

Only this module translates errors: it raises ApiError or TransportError, with redacted text. Retries, the total time,
the debug log and the embedded platform are transports; ``TokenAuth`` adds the token.
"""

from __future__ import annotations

import os
import secrets as random_source
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import httpx

from biot_provider._version import __version__
from biot_provider.api.auth import TokenAuth
from biot_provider.api.cancellation import Cancellation
from biot_provider.api.log_transport import CONTENT, SECRETS, LogTransport
from biot_provider.api.redaction import KnownSecrets
from biot_provider.api.request_log import DebugLog
from biot_provider.api.responses import AnswerT, api_error, parse, transport_error
from biot_provider.api.total_time import DEADLINE
from biot_provider.api.transport import CONNECT_TIMEOUT
from biot_provider.config import Settings
from biot_provider.errors import CancelledError

READ_TIMEOUT = 60.0
"""Seconds to wait for the response to a read."""


class Probe(NamedTuple):
    """A raw response: its JSON object, empty if it is not one, its date, and the seconds until the token's renewal."""

    status: int
    body: Mapping[str, Any]
    date: str | None
    renewal: float | None


class Session:
    """A session with one platform as one identity, for all threads of a process.

    ``clock`` returns the time of day in seconds; ``log`` is by default the one that the environment configures;
    ``cancellation`` cancels requests; by default nothing does.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.BaseTransport,
        *,
        clock: Callable[[], float] = time.time,
        log: DebugLog | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._address = settings.base_url
        self._cancellation = cancellation
        self.secrets = KnownSecrets(settings.service_secret_key, settings.password)
        log = log or DebugLog.configured(os.environ)
        self._http = httpx.Client(
            base_url="http://embedded" if settings.is_embedded else settings.base_url,
            transport=LogTransport(transport, log, self._address, self.secrets) if log else transport,
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": f"biot-provider/{__version__}"},
            event_hooks={"request": [_start_trace]},
        )
        self.auth = TokenAuth(settings, self._send_login, self.secrets, clock=clock)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def fetch(
        self, model: type[AnswerT], method: str, path: str, action: str, *, secrets: Iterable[str] = (), **options: Any
    ) -> AnswerT:
        """Send a request, with the options of ``send``, and return its response as a model.

        Raises what ``request`` and ``parse`` raise.
        """
        secrets = list(secrets)
        response = self.request(method, path, action, secrets=secrets, **options)
        return self.parse(model, response, action, secrets=secrets)

    def parse(
        self, model: type[AnswerT], response: httpx.Response, action: str, *, secrets: Iterable[str] = ()
    ) -> AnswerT:
        """Return a success's body as a model. Raises TransportError, unclear, when it cannot be read as one."""
        return parse(model, response, action, secrets=self.secrets.with_more(secrets))

    def request(
        self, method: str, path: str, action: str, *, secrets: Iterable[str] = (), **options: Any
    ) -> httpx.Response:
        """Send a request, with the options of ``send``; return its response. Raises ApiError, and TransportError."""
        secrets = list(secrets)
        response = self.send(method, path, action, secrets=secrets, **options)
        if not response.is_success:
            raise api_error(response, action, self.secrets.with_more(secrets))
        return response

    def send(
        self,
        method: str,
        path: str,
        action: str,
        *,
        timeout: float,
        login: bool = True,
        secrets: Iterable[str] = (),
        **content: Any,
    ) -> httpx.Response:
        """Send a request; return its response, also an error response.

        ``action`` describes the request in errors. ``timeout`` is in seconds and limits everything: login, connecting,
        sending, retries, and reading the whole response. ``secrets`` are never quoted. Without ``login`` no token is
        sent. Raises TransportError, including CancelledError, and LoginError if there is no token.
        """
        secrets = list(secrets)
        try:
            with self._cancellation.scope() if self._cancellation else nullcontext():
                return self._http.request(
                    method,
                    path,
                    auth=self.auth if login else None,
                    timeout=httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout)),
                    extensions={DEADLINE: time.monotonic() + timeout, CONTENT: content, SECRETS: secrets},
                    **content,
                )
        except CancelledError as error:
            # A read changes nothing, whether it was sent or not.
            raise CancelledError(action, unclear=error.unclear and method != "GET") from None
        except (httpx.HTTPError, OSError) as error:
            raise transport_error(error, action, self._address, timeout, self.secrets.with_more(secrets)) from None

    def probe(self, method: str, path: str, action: str, *, login: bool = True, **content: Any) -> Probe:
        """Return the raw response to one request, also an error response; used for diagnosis.

        A token that the platform refuses is not renewed. Raises TransportError and LoginError.
        """
        headers = {"Authorization": f"Bearer {self.auth.token()}"} if login else {}
        response = self.send(method, path, action, timeout=READ_TIMEOUT, login=False, headers=headers, **content)
        try:
            body = response.json()
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else {}
        return Probe(response.status_code, body, response.headers.get("date"), self.auth.renewal_in())

    def _send_login(self, path: str, action: str, timeout: float, body: dict[str, str | None]) -> httpx.Response:
        return self.send("POST", path, action, timeout=timeout, login=False, json=body)


def _start_trace(request: httpx.Request) -> None:
    """Give the request a unique id, for which the platform's logs can be searched (W3C Trace Context)."""
    request.headers["traceparent"] = f"00-{random_source.token_hex(16)}-{random_source.token_hex(8)}-01"
