"""How requests reach the platform: over the network, or in process to the embedded one.

The retries of reads live here, and only here: bounded in number and time, with jitter. A write is never
repeated by a transport; what became of it is found out by reading (see ``provider/attempts.py``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import httpx
import stamina

from biot_provider.config import EMBEDDED, LOOPBACK, Settings
from biot_provider.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from biot_provider.emulator import Platform

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""

_ATTEMPTS = 4
_LONGEST_WAIT = 10.0
_BUSY = frozenset({429, 502, 503, 504})
_LOGINS = frozenset({"/ums/v2/services/accessToken", "/ums/v2/users/login"})


class _BusyError(Exception):
    """An answer that asks to come back later; it carries the answer and the seconds it names, if any."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class RetryTransport(httpx.BaseTransport):
    """Repeats what is safe to repeat: GET, the login, and any request that was never sent."""

    def __init__(self, wrapped: httpx.BaseTransport, *, attempts: int = _ATTEMPTS, wait: float = 0.2) -> None:
        self._wrapped = wrapped
        self._attempts = attempts
        self._wait = wait

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; raises httpx.TransportError as the wrapped transport does."""
        safe = request.method == "GET" or request.url.path in _LOGINS

        def again(error: Exception) -> bool | float:
            if isinstance(error, _BusyError):
                return _retry_after(error.response) or True
            if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
                return True
            # What has not answered in its time would only take as long again.
            return safe and isinstance(error, httpx.TransportError) and not isinstance(error, httpx.TimeoutException)

        try:
            for attempt in stamina.retry_context(
                on=again, attempts=self._attempts, timeout=30.0, wait_initial=self._wait, wait_max=5.0
            ):
                with attempt:
                    response = self._wrapped.handle_request(request)
                    if safe and response.status_code in _BUSY:
                        response.read()
                        raise _BusyError(response)
        except _BusyError as busy:
            return busy.response
        return response

    def close(self) -> None:
        """Close the wrapped transport."""
        self._wrapped.close()


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds the platform asks to wait, ten at the most; nonsense and a time that is past count as not given."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdigit():
        seconds = float(text)
    else:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):  # not a date, or one that names no time zone
            return None
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else None


def open_transport(settings: Settings) -> httpx.BaseTransport:
    """The transport for an address: certificates checked, proxies and a custom CA from the environment's variables.

    Those are HTTPS_PROXY, ALL_PROXY and NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR, as httpx takes them.
    """
    return RetryTransport(httpx.HTTPTransport(verify=True, trust_env=True, proxy=proxy_for(settings.base_url)))


def proxy_for(base_url: str) -> str | None:
    """The proxy the environment names for an address; none for this machine itself."""
    url = httpx.URL(base_url)
    if url.host in LOOPBACK or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def open_embedded(folder: Path) -> tuple[httpx.BaseTransport, Settings]:
    """The embedded platform in this process, and the settings of its built-in service user.

    Raises ConfigError when its data cannot be used.
    """
    from biot_provider.emulator import Platform
    from biot_provider.emulator.store import StoreError

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
