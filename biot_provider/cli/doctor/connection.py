"""Checks of the platform: address, certificate, version, clock, identity.

Where the environment names a proxy, the address is the proxy's and the certificate is the platform's.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from biot_provider.api.client import PLUGINS
from biot_provider.cli.doctor.report import NoteError
from biot_provider.cli.errors import CommandError
from biot_provider.errors import reason, root_cause

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.api.session import Probe
    from biot_provider.config import Settings

CONNECT_TIMEOUT_SECONDS = 10.0
"""Seconds to wait for a connection."""
CLOCK_TOLERANCE_SECONDS = 30.0
"""Seconds a clock may be wrong; tokens are renewed a minute before they end."""
MIN_PLATFORM_VERSION = (2, 4, 1)
"""The oldest version of the platform that knows every argument of a plugin."""

_FEW_DAYS = 14
NO_PLUGIN = f"{PLUGINS}/Plugin-no%20plugin"
"""A blank is not allowed in a name, so no plugin has this one."""
_EXPIRED, _WRONG_HOST = (10,), (62, 64)


def address(settings: Settings) -> str:
    """Check that the host, or its proxy, resolves and accepts connections. Raises CommandError."""
    from biot_provider.api.transport import proxy_for

    proxy = proxy_for(settings.base_url)
    try:
        host, port = _place(proxy or settings.base_url)
    except ValueError:
        raise CommandError(
            "the proxy in HTTPS_PROXY or ALL_PROXY cannot be used: name one as http://host:port", "BIOT-1008"
        ) from None
    check = "check HTTPS_PROXY and NO_PROXY" if proxy else "check biot:baseUrl and the network"
    try:
        count = len({entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError) as error:
        raise CommandError(f"{host} cannot be resolved ({reason(error)}): {check}", "BIOT-7001") from None
    try:
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise CommandError(f"{host}:{port} cannot be reached ({reason(error)}): {check}", "BIOT-7001") from None
    way = f"{settings.base_url} is reached by the proxy {host}:{port}, which" if proxy else settings.base_url
    return f"{way} resolves to {count} address{'es' if count > 1 else ''} and takes connections"


def certificate(settings: Settings) -> str:
    """Check that the certificate is trusted and for this host; return how long it is valid.

    Raises CommandError, and NoteError where it ends soon.
    """
    import httpx

    from biot_provider.api.transport import open_network

    host, port = _place(settings.base_url)
    # The client's own transport, so that this check and the deployment agree about proxies and trust.
    with httpx.Client(transport=open_network(settings), timeout=CONNECT_TIMEOUT_SECONDS) as http:
        try:
            with http.stream("HEAD", settings.base_url) as response:
                shown = response.extensions["network_stream"].get_extra_info("ssl_object").getpeercert() or {}
        except httpx.ProxyError as error:
            raise CommandError(
                f"the proxy does not lead to {host} ({error}): check HTTPS_PROXY and NO_PROXY", "BIOT-7002"
            ) from None
        except httpx.ConnectError as error:
            cause = root_cause(error)
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise CommandError(_distrust(host, cause), "BIOT-7016") from None
            raise CommandError(
                f"{host}:{port} does not speak TLS ({reason(cause)}): check the port in biot:baseUrl", "BIOT-7015"
            ) from None
        except httpx.HTTPError as error:
            raise CommandError(
                f"{host}:{port} does not answer ({reason(error)}): check biot:baseUrl", "BIOT-7003"
            ) from None
    ends = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    days = int((ends - time.time()) // 86400)
    text = f"trusted, valid until {datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    if days < _FEW_DAYS:
        raise NoteError(f"{text}, only {days} days: have it renewed", "BIOT-7017")
    return text


def platform(client: Client) -> tuple[str, str | None]:
    """Return the platform's version, and the date of its response. Raises CommandError."""
    response = send(client, "GET", "/settings/v1/system/properties", "read the platform's version", login=False)
    version = response.body.get("biotVersion")
    if response.status != HTTPStatus.OK or not isinstance(version, str):
        raise CommandError(
            f"{describe(response)} to the question for its version: check that biot:baseUrl is BioT's REST API",
            "BIOT-8031",
        )
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    required = ".".join(map(str, MIN_PLATFORM_VERSION))
    old = f"; before {required} it does not know every argument of a plugin" if numbers < MIN_PLATFORM_VERSION else ""
    return f"BioT {version}{old}", response.date


def clock(date: str | None, now: Callable[[], float] = time.time) -> str:
    """Check that this machine's clock agrees with the platform's, as tokens and certificates need.

    Raises CommandError.
    """
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return "the platform does not report its time"
    ahead = now() - theirs
    if abs(ahead) > CLOCK_TOLERANCE_SECONDS:
        where = "ahead of" if ahead > 0 else "behind"
        raise CommandError(
            f"this machine's clock is {abs(ahead):.0f} s {where} the platform's: set it, with NTP for example",
            "BIOT-8032",
        )
    return f"within {max(1, round(abs(ahead)))} s of the platform's"


def identity(client: Client) -> str:
    """Log in and return how long a token can be used. Raises CommandError."""
    from biot_provider.api.auth import LEAST_USE

    response = send(client, "GET", NO_PLUGIN, "log in")
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise CommandError(
            f"{describe(response)} to its own fresh token: check that biot:baseUrl is the right environment",
            "BIOT-8031",
        )
    left = response.renewal or 0.0
    if left <= LEAST_USE:
        raise CommandError(
            "a token ends within a minute or so, which makes many logins:"
            " use a service user with a longer accessTokenExpirationInMinutes",
            "BIOT-8034",
        )
    return f"logged in; a token serves for {_duration(left)}"


def _place(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def send(client: Client, method: str, path: str, action: str, **options: Any) -> Probe:
    """Send one request and return the response, whatever its status. Raises BiotError where there is none."""
    return client.probe(method, path, action, **options)


def code(response: Probe) -> str | None:
    """Return the code of an error response, None where it has none."""
    found = response.body.get("code")
    return found if isinstance(found, str) else None


def describe(response: Probe) -> str:
    """Return the status and code of a response, for a message."""
    return f"the platform answered {response.status} {code(response) or 'without a code'}"


def _distrust(host: str, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _EXPIRED:
        return f"the certificate of {host} has expired: have it renewed, or check this machine's clock"
    if error.verify_code in _WRONG_HOST:
        return f"the certificate is not for {host}: check biot:baseUrl"
    return (
        f"the certificate of {host} is not trusted ({error.verify_message}):"
        " if an authority of your own issued it, set SSL_CERT_FILE to that authority's certificate"
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
