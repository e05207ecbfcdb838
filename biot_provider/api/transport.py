"""How requests reach the platform over the network, and which of them are retried.

Only this module retries reads: limited in number and time, with jitter. A read is also retried when its response breaks
off, even in the middle of its JSON. A transport never repeats a write: a read finds out its outcome
(``lifecycle/settle.py``).
"""

from __future__ import annotations

import functools
import json
import os
import random
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from biot_provider.api.cancellation import in_thread, pause, wait_for
from biot_provider.api.models.logins import PERSON_LOGIN, SERVICE_LOGIN
from biot_provider.api.total_time import TimedTransport, running_clock, seconds_left
from biot_provider.config import CONCURRENT_REQUESTS, LOOPBACK, Settings
from biot_provider.errors import ConfigError, shown_size

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""

MAX_RESPONSE_BYTES = 32 * 1024 * 1024
"""Maximum bytes of a decompressed response that are read into memory; a page of a hundred plugins has far fewer."""

OUT_OF_TIME = "biot_provider.out_of_time"
"""The extension of a request that ran out of time: it got no response in time, or no time was left to retry."""

WRITE_GRACE_SECONDS = 1.0
"""Seconds that a write that was sent has to get its response when its run is cancelled."""

_ATTEMPTS = 4
_LOGIN_ATTEMPTS = 6
"""More than for a read: all requests of a process wait for the one login."""
_FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT = 10.0
"""Seconds to wait at most before a repeat, also if the platform asks for more."""
BUSY = frozenset({429, 502, 503, 504})
_LOGINS = frozenset({SERVICE_LOGIN, PERSON_LOGIN})


class ResponseTooLargeError(httpx.RequestError):
    """The response exceeds MAX_RESPONSE_BYTES, so its rest was not read."""


class TooManyRequestsError(httpx.PoolTimeout):
    """The request was not sent: the limit of simultaneous requests was used up for all of its time."""


class RequestLimit:
    """The limit of simultaneous requests to one platform, for all kinds and threads of this process together.

    An interception's order moves those of others, so many writes at once are a risk; and the platform may have limits
    too.
    """

    _running: ClassVar[dict[str, int]] = {}
    _changed = threading.Condition()

    def __init__(self, address: str, max_requests: int) -> None:
        self._address = address
        self._max_requests = max_requests

    @contextmanager
    def slot(self, request: httpx.Request) -> Iterator[None]:
        """Occupy one slot for the duration of the block.

        Waits for a free slot until the request's deadline, then raises TooManyRequestsError.
        """
        if not wait_for(self._take, seconds_left(request)):
            reason = (
                f"other requests took all its time ({CONCURRENT_REQUESTS.path} allows {self._max_requests} at once)"
            )
            raise TooManyRequestsError(reason, request=request)
        try:
            yield
        finally:
            with self._changed:
                self._running[self._address] -= 1
                self._changed.notify_all()

    def _take(self, seconds: float) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: self._running.get(self._address, 0) < self._max_requests, seconds):
                return False
            self._running[self._address] = self._running.get(self._address, 0) + 1
            return True


class RetryTransport(httpx.BaseTransport):
    """Retries requests that are safe to repeat: GET, the login, and any request that was never sent.

    Each attempt occupies a slot of the ``limit``; waits between attempts and the wait for a login do not.
    """

    def __init__(
        self,
        wrapped: httpx.BaseTransport,
        *,
        limit: RequestLimit | None = None,
        attempts: int = _ATTEMPTS,
    ) -> None:
        self._wrapped = wrapped
        self._limit = limit
        self._attempts = attempts

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read its whole response, within the request's time.

        Raises httpx.TransportError as the wrapped transport does, ResponseTooLargeError, TooManyRequestsError and
        CancelledError.
        """
        with running_clock(request) as ends:
            return self._repeated(request, ends)

    def _repeated(self, request: httpx.Request, ends: float) -> httpx.Response:
        attempts = max(self._attempts, _LOGIN_ATTEMPTS) if request.url.path in _LOGINS else self._attempts
        attempt = 1
        while True:
            outcome = self._attempt(request)
            wait = self._wait_before_another(request, outcome, attempt)
            if wait is None or attempt == attempts or time.monotonic() + wait >= ends:
                cut_short = wait is not None and attempt < attempts
                request.extensions[OUT_OF_TIME] = cut_short or isinstance(outcome, httpx.TimeoutException)
                if isinstance(outcome, httpx.Response):
                    return outcome
                raise outcome
            pause(wait)
            attempt += 1

    def _attempt(self, request: httpx.Request) -> httpx.Response | httpx.RequestError:
        grace = 0.0 if _is_repeatable(request) else WRITE_GRACE_SECONDS
        try:
            with self._slot(request):
                return in_thread(lambda: _read(self._wrapped.handle_request(request)), grace=grace)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return error

    def _slot(self, request: httpx.Request) -> AbstractContextManager[None]:
        return nullcontext() if self._limit is None else self._limit.slot(request)

    def _wait_before_another(
        self, request: httpx.Request, outcome: httpx.Response | httpx.RequestError, attempt: int
    ) -> float | None:
        """Return the seconds until the next attempt, more each time; None if the request must not be repeated."""
        is_safe = _is_repeatable(request)
        wait = backoff(attempt, _FIRST_WAIT_SECONDS)
        if isinstance(outcome, httpx.Response):
            passes = outcome.status_code in BUSY or _is_cut_off(outcome)
            return (retry_after(outcome.headers) or wait) if is_safe and passes else None
        if isinstance(outcome, (httpx.ConnectError, httpx.ConnectTimeout)):
            return wait
        # A request that timed out would probably take as long again.
        return wait if is_safe and not isinstance(outcome, httpx.TimeoutException) else None

    def close(self) -> None:
        """Close the wrapped transport."""
        self._wrapped.close()


def _is_repeatable(request: httpx.Request) -> bool:
    return request.method == "GET" or request.url.path in _LOGINS


def _read(response: httpx.Response) -> httpx.Response:
    """Return the response with its decompressed body in memory.

    Raises ResponseTooLargeError, and httpx.TransportError.
    """
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES:
                raise ResponseTooLargeError(f"a response of more than {shown_size(MAX_RESPONSE_BYTES)}")
    finally:
        response.close()
    of_the_transfer = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in of_the_transfer]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), extensions=response.extensions)


def _is_cut_off(response: httpx.Response) -> bool:
    """Return whether a success or "not found" response breaks off; other errors are final even if truncated."""
    if response.status_code == 200 and not response.text.strip():
        return True
    return response.status_code in (200, 404) and is_cut_json(response.text)


def is_cut_json(text: str) -> bool:
    """Return whether this is the beginning of a JSON document; text that is not JSON from the start does not count."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except ValueError:
        return True
    except RecursionError:  # nested deeper than Python can parse
        return False
    return False


def backoff(attempt: int, first: float = 0.5) -> float:
    """Return the seconds before the next attempt: ``first`` after the first one, then more each time, with jitter."""
    return min(first * 2.0 ** (attempt - 1), 5.0) * random.uniform(0.5, 1.5)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, at most ten; None if it is invalid or a time in the past."""
    seconds = wanted_wait(headers)
    return None if seconds is None else min(seconds, LONGEST_WAIT)


def wanted_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After; None if it is invalid or a time in the past."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        seconds = float(text)
    else:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):  # not a date, or one without a time zone
            return None
    return seconds if seconds > 0 else None


def open_transport(settings: Settings) -> httpx.BaseTransport:
    """Return the transport to a platform's address, retries included; see ``open_network``."""
    limit = RequestLimit(settings.base_url, settings.max_concurrent_requests)
    return RetryTransport(open_network(settings), limit=limit)


def open_network(settings: Settings) -> httpx.BaseTransport:
    """Return the network transport: it verifies certificates, and takes proxies and a CA from environment variables.

    Those are HTTPS_PROXY, ALL_PROXY and NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR, as httpx takes them. Raises
    ConfigError for a proxy or authorities that cannot be used.
    """
    try:
        trust = _trust(settings.base_url)
    except OSError as error:
        raise ConfigError(
            "BioT connection: the authorities in SSL_CERT_FILE or SSL_CERT_DIR cannot be read"
            f" ({error.strerror or error})",
            "BIOT-1015",
            advice="name a file of certificates (PEM), or unset the variable",
        ) from None
    try:
        proxy = proxy_for(settings.base_url)
        _ = urlsplit(proxy or "").port  # raises ValueError
        return TimedTransport(verify=trust, proxy=proxy)
    except (ImportError, ValueError, httpx.InvalidURL):  # SOCKS needs a further package; no such scheme
        raise ConfigError(
            "BioT connection: the proxy in HTTPS_PROXY or ALL_PROXY cannot be used",
            "BIOT-1008",
            advice="name one as http://host:port, or as https://host:port",
        ) from None


def _trust(address: str) -> ssl.SSLContext:
    """Return the authorities that are trusted for an address: without TLS none, since reading them takes long."""
    if urlsplit(address).scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _authorities(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _authorities(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Return the authorities that the environment names, read once for all connections of a process."""
    return httpx.create_ssl_context()


def proxy_for(base_url: str) -> str | None:
    """Return the proxy that the environment names for an address; None for this machine's own addresses."""
    url = httpx.URL(base_url)
    if url.host in LOOPBACK or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
