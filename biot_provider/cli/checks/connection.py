"""The platform's side: that it can be reached and trusted, its version and clock, the identity and what it may do.

Every request here is one that cannot change anything, whatever the identity may do: it names a plugin that cannot
exist, or is no valid creation. The platform checks permissions first, so its answer tells whether they are there.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from biot_provider.errors import BiotError

from . import Problem
from .project import reason

if TYPE_CHECKING:
    from biot_provider.client import Client
    from biot_provider.config import Settings
    from biot_provider.session import Probe

PATIENCE = 10.0
"""Seconds to wait for a connection."""
CLOCK_TOLERANCE = 30.0
"""Seconds a clock may be wrong; tokens are renewed a minute before they end."""
WRITTEN_FOR = (2, 4, 1)
"""The oldest platform that knows every argument of a plugin."""

_FEW_DAYS = 14
_PLUGINS = "/settings/v2/plugins"
# Names are letters, digits, hyphens and underscores: with a blank in it this one is nobody's.
_NOBODY = f"{_PLUGINS}/Plugin-no%20plugin"
_EXPIRED, _WRONG_HOST = (10,), (62, 64)


class Permission(NamedTuple):
    """A permission, and a request that needs it and changes nothing."""

    name: str
    method: str
    path: str
    content: dict[str, Any]
    passed: int
    """The status that only a permitted caller gets."""


PERMISSIONS = (
    Permission("SETTINGS_PLUGIN_GET", "GET", _NOBODY, {}, 404),
    Permission(
        "SETTINGS_PLUGIN_SEARCH",
        "GET",
        _PLUGINS,
        {"params": {"searchRequest": json.dumps({"filter": {"name": {"eq": "no plugin"}}, "limit": 1})}},
        200,
    ),
    Permission(
        "SETTINGS_PLUGIN_CREATE", "POST", _PLUGINS, {"files": {"config": (None, b'{"name": "no plugin"}')}}, 400
    ),
    Permission("SETTINGS_PLUGIN_UPDATE", "PATCH", _NOBODY, {"files": {"config": (None, b"{}")}}, 404),
    Permission("SETTINGS_PLUGIN_DELETE", "DELETE", _NOBODY, {}, 404),
)


def address(settings: Settings) -> str:
    """The host's name resolves and its port takes connections."""
    host, port = _place(settings)
    try:
        count = len({entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError) as error:
        raise Problem(f"{host} cannot be resolved ({reason(error)}): check biot:baseUrl and the network") from None
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        raise Problem(
            f"{host}:{port} cannot be reached ({reason(error)}): check biot:baseUrl and the network"
        ) from None
    return f"{settings.base_url} resolves to {count} address{'es' if count > 1 else ''} and takes connections"


def certificate(settings: Settings, now: Callable[[], float] = time.time) -> str:
    """The certificate is trusted, for this host, and how long it is valid."""
    import httpx

    host, port = _place(settings)
    # The client's own trust, so that this check and the deployment agree.
    context = httpx.create_ssl_context()
    try:
        with (
            socket.create_connection((host, port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            shown = connection.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise Problem(_distrust(host, error)) from None
    except OSError as error:
        raise Problem(f"{host}:{port} does not speak TLS ({reason(error)}): check the port in biot:baseUrl") from None
    ends = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    days = int((ends - now()) // 86400)
    soon = f", only {days} days: have it renewed" if days < _FEW_DAYS else ""
    return f"trusted, valid until {datetime.fromtimestamp(ends, UTC):%Y-%m-%d}{soon}"


def platform(client: Client) -> tuple[str, str | None]:
    """The platform's version; with it the time the platform says it is."""
    answer = _ask(client, "GET", "/settings/v1/system/properties", "read the platform's version", login=False)
    version = answer.body.get("biotVersion")
    if answer.status != HTTPStatus.OK or not isinstance(version, str):
        raise Problem(f"{_said(answer)} to the question for its version: check that biot:baseUrl is BioT's REST API")
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    wanted = ".".join(map(str, WRITTEN_FOR))
    old = f"; before {wanted} it does not know every argument of a plugin" if numbers < WRITTEN_FOR else ""
    return f"BioT {version}{old}", answer.date


def clock(date: str | None, now: Callable[[], float] = time.time) -> str:
    """This machine's clock agrees with the platform's, as tokens and certificates need."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return "the platform does not tell its time"
    ahead = now() - theirs
    if abs(ahead) > CLOCK_TOLERANCE:
        where = "ahead of" if ahead > 0 else "behind"
        raise Problem(
            f"this machine's clock is {abs(ahead):.0f} s {where} the platform's: set it, with NTP for example"
        )
    return f"within {max(1, round(abs(ahead)))} s of the platform's"


def identity(client: Client) -> str:
    """The login works, and how long a token serves."""
    answer = _ask(client, "GET", _NOBODY, "log in")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise Problem(f"{_said(answer)} to its own fresh token: check that biot:baseUrl is the right environment")
    left = answer.renewal or 0.0
    if left <= 0:
        raise Problem(
            "a token ends within a minute, so each request logs in anew:"
            " use a service user with a longer accessTokenExpirationInMinutes"
        )
    return f"logged in; a token serves for {_duration(left)}"


def permission(client: Client, wanted: Permission) -> str:
    """The identity has the permission."""
    answer = _ask(client, wanted.method, wanted.path, f"ask for {wanted.name}", **wanted.content)
    if answer.status == HTTPStatus.FORBIDDEN:
        raise Problem(f"missing: give the role of this identity the permission {wanted.name}")
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED) and wanted.method != "GET":
        raise Problem(f"{_said(answer)} to a request without sense: look at the plugins in the BioT Console")
    # A refusal of the request itself shows as well that the caller may make it.
    passed = answer.status in (wanted.passed, HTTPStatus.BAD_REQUEST)
    if not passed or (answer.status == HTTPStatus.NOT_FOUND and _code(answer) != "PLUGIN_NOT_FOUND"):
        raise Problem(f"cannot be told: {_said(answer)}: run this again")
    return "given"


def _place(settings: Settings) -> tuple[str, int]:
    parts = urlsplit(settings.base_url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _ask(client: Client, method: str, path: str, asked: str, **options: Any) -> Probe:
    try:
        return client.probe(method, path, asked, **options)
    except BiotError as error:
        raise Problem(str(error)) from None


def _code(answer: Probe) -> str | None:
    code = answer.body.get("code")
    return code if isinstance(code, str) else None


def _said(answer: Probe) -> str:
    return f"the platform answered {answer.status} {_code(answer) or 'without a code'}"


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
