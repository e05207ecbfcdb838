"""How requests reach the platform: over the network, or in process to the embedded one.

The retries of reads live here, and only here: bounded in number and time, with jitter. A read whose answer broke off
is repeated, in the middle of its JSON too. A write is never repeated by a transport; what became of it is found out by
reading (see ``provider/attempts.py``). A request's timeout bounds it in total, from the first attempt to the last byte
of the answer, however slowly bytes come and go.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from biot_provider.config import EMBEDDED, LOOPBACK, Settings
from biot_provider.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from biot_provider.emulator import Platform

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer, unpacked, that are read into memory; a page of a hundred plugins is far below."""

_ATTEMPTS = 4
_LOGIN_ATTEMPTS = 6
"""More patience than with a read: all requests of a process wait for the one login."""
_LONGEST_WAIT = 10.0
_BUSY = frozenset({429, 502, 503, 504})
_LOGINS = frozenset({"/ums/v2/services/accessToken", "/ums/v2/users/login"})
_PIECE = 64 * 1024

OUT_OF_TIME = "biot_provider.out_of_time"
"""The extension of a request that more time might have helped: no answer within it, or none left to repeat it."""

_ends: ContextVar[float] = ContextVar("ends", default=math.inf)
"""When this thread's request must be over, on the monotonic clock."""


class AnswerTooLargeError(httpx.RequestError):
    """The answer is above MAX_ANSWER, so the rest of it was not read."""


class RetryTransport(httpx.BaseTransport):
    """Repeats what is safe to repeat: GET, the login, and any request that was never sent."""

    def __init__(self, wrapped: httpx.BaseTransport, *, attempts: int = _ATTEMPTS, wait: float = 0.5) -> None:
        self._wrapped = wrapped
        self._attempts = attempts
        self._wait = wait

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and read its answer whole.

        Raises httpx.TransportError as the wrapped transport does, and AnswerTooLargeError.
        """
        ends = time.monotonic() + (request.extensions.get("timeout", {}).get("read") or math.inf)
        _ends.set(ends)
        attempts = max(self._attempts, _LOGIN_ATTEMPTS) if request.url.path in _LOGINS else self._attempts
        attempt = 1
        while True:
            outcome = self._attempt(request)
            wait = self._wait_before_another(request, outcome, attempt)
            if wait is None or attempt == attempts or time.monotonic() + wait >= ends:
                more = wait is not None and attempt < attempts
                request.extensions[OUT_OF_TIME] = more or isinstance(outcome, httpx.TimeoutException)
                if isinstance(outcome, httpx.Response):
                    return outcome
                raise outcome
            time.sleep(wait)
            attempt += 1

    def _attempt(self, request: httpx.Request) -> httpx.Response | httpx.RequestError:
        try:
            return _read(self._wrapped.handle_request(request))
        except (httpx.TransportError, httpx.DecodingError) as error:
            return error

    def _wait_before_another(
        self, request: httpx.Request, outcome: httpx.Response | httpx.RequestError, attempt: int
    ) -> float | None:
        """Seconds until the request may be repeated, longer each time; None where it must not be."""
        safe = request.method == "GET" or request.url.path in _LOGINS
        backoff: float = min(self._wait * 2 ** (attempt - 1), 5.0) * random.uniform(0.5, 1.5)  # noqa: S311
        if isinstance(outcome, httpx.Response):
            passing = outcome.status_code in _BUSY or _is_cut_off(outcome)
            return (retry_after(outcome.headers) or backoff) if safe and passing else None
        if isinstance(outcome, (httpx.ConnectError, httpx.ConnectTimeout)):
            return backoff
        # What has not answered in its time would only take as long again.
        return backoff if safe and not isinstance(outcome, httpx.TimeoutException) else None

    def close(self) -> None:
        """Close the wrapped transport."""
        self._wrapped.close()


def _read(response: httpx.Response) -> httpx.Response:
    """The answer with its body in memory, unpacked. Raises AnswerTooLargeError, and httpx.TransportError."""
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER:
                raise AnswerTooLargeError(f"an answer of more than {MAX_ANSWER // 2**20} MB")
    finally:
        response.close()
    gone = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in gone]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), extensions=response.extensions)


def _is_cut_off(response: httpx.Response) -> bool:
    """Whether an answer that must say what is there, or that it is not, breaks off; a refusal is final, however it
    looks.
    """
    status, text = response.status_code, response.text
    return (status == 200 and not text.strip()) or (status in (200, 404) and is_cut_json(text))


def is_cut_json(text: str) -> bool:
    """Whether this is a JSON document up to some place; a text that is no JSON from its first character on is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except ValueError:
        return True
    except RecursionError:  # deeper than Python reads
        return False
    return False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the other side asks to wait, ten at the most; nonsense and a time that is past count as not given."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        seconds = float(text)
    else:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):  # not a date, or one that names no time zone
            return None
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else None


def open_transport(settings: Settings) -> httpx.BaseTransport:
    """The transport for an address, retries included; see ``open_network``."""
    return RetryTransport(open_network(settings))


def open_network(settings: Settings) -> httpx.BaseTransport:
    """The network: certificates checked, proxies and a custom CA from the environment's variables.

    Those are HTTPS_PROXY, ALL_PROXY and NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR, as httpx takes them. Raises
    ConfigError for a proxy that cannot be used.
    """
    try:
        return _TimedTransport(verify=True, trust_env=True, proxy=proxy_for(settings.base_url))
    except (ImportError, ValueError):  # no SOCKS without a package of its own; no such scheme
        raise ConfigError(
            "BioT connection: the proxy in HTTPS_PROXY or ALL_PROXY cannot be used."
            " What to do: name one as http://host:port, or as https://host:port"
        ) from None


class _TimedTransport(httpx.HTTPTransport):
    """httpx's own, except that no wait for the network goes beyond the end of the request.

    httpx bounds each single wait, so an answer that trickles would never be late.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Neither httpx nor its proxies take a backend of somebody else's; tests/test_transport.py tells if this moves.
        self._pool._network_backend = _TimedBackend(self._pool._network_backend)


class _TimedBackend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._backend.connect_tcp(host, port, left, *more, **named))


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], _left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """Seconds the next wait may take. Raises ``late`` when the request's time is used up."""
    left = _ends.get() - time.monotonic()
    if left <= 0:
        raise late("the time is used up")
    return min(left, math.inf if timeout is None else timeout) if left < math.inf else timeout


def proxy_for(base_url: str) -> str | None:
    """The proxy the environment names for an address; none for this machine itself."""
    url = httpx.URL(base_url)
    if url.host in LOOPBACK or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def open_embedded(folder: Path) -> tuple[httpx.BaseTransport, Settings]:
    """The embedded platform in this process, and the settings of its built-in service user.

    Raises ConfigError when it is not installed, or its data cannot be used.
    """
    try:
        from biot_provider.emulator import Platform
        from biot_provider.emulator.database import StoreError
    except ModuleNotFoundError as missing:
        raise ConfigError(f"BioT connection: {missing}") from None
    try:
        platform = Platform(folder)
    except (StoreError, OSError) as error:
        raise ConfigError(
            f"BioT connection: the embedded platform's data in {str(folder)!r} cannot be used ({error})."
            " What to do: name another folder in biot:baseUrl (embedded:<folder>), or delete that one"
        ) from None
    settings = Settings(EMBEDDED, platform.service_id, platform.service_secret_key)
    return RetryTransport(_EmbeddedTransport(platform)), settings


class _EmbeddedTransport(httpx.WSGITransport):
    """Calls the platform in this process; a connection it was told to cut looks as it would over a socket."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(app=platform.app, raise_app_exceptions=True)
        self._platform = platform

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        from biot_provider.emulator import ConnectionCut

        try:
            return super().handle_request(request)
        except ConnectionCut as cut:
            if cut.cut == "hang":
                raise httpx.ReadTimeout("no answer", request=request) from None
            raise httpx.ReadError(f"cut off: {cut.cut}", request=request) from None

    def close(self) -> None:
        self._platform.close()
