"""Failures of requests to a registry: retried if that may help, else raised as an error of one line.

Every request to a registry may be sent again: reads change nothing, and written objects are named by their content.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar

import httpx

from biot_provider.api.cancellation import pause
from biot_provider.api.redaction import redact
from biot_provider.api.transport import backoff, retry_after
from biot_provider.errors import ImageError, root_cause
from biot_provider.image.distribution import STALL_SECONDS, InvalidResponseError

_ATTEMPTS = 4
_PASSING = frozenset({408, 429, 500, 502, 503, 504})

ResultT = TypeVar("ResultT")


class ExpiredError(Exception):
    """The registry no longer accepts the token."""


class ForbiddenError(Exception):
    """The registry understood the request and refused it."""


class ImmutableTagError(Exception):
    """The tag exists and may not be overwritten."""


def exchange(
    action: str, call: Callable[[], ResultT], secrets: tuple[str, ...] = (), *, embedded: bool = False
) -> ResultT:
    """Run one exchange with a registry, up to four times, and return its result.

    ``action`` begins the text of an error, which quotes none of the ``secrets``. ``embedded`` marks the embedded
    platform's registry, which closes its port between two pushes and opens it at a login. Raises ExpiredError,
    ForbiddenError, ImmutableTagError, CancelledError, and ImageError for everything else.
    """
    attempt = 1
    while True:
        try:
            return call()
        except (httpx.HTTPError, httpx.InvalidURL, InvalidResponseError) as error:
            is_closed = embedded and isinstance(root_cause(error), ConnectionRefusedError)
            wait = None if is_closed else _wait(error, attempt)
            if wait is None or attempt == _ATTEMPTS:
                raise _failure(action, error, secrets, is_closed=is_closed) from None
        pause(wait)
        attempt += 1


def _wait(error: Exception, attempt: int) -> float | None:
    """Return the seconds to wait before a retry; None if the exchange would only fail again."""
    if isinstance(error, httpx.HTTPStatusError):
        passes = error.response.status_code in _PASSING
        return (retry_after(error.response.headers) or backoff(attempt)) if passes else None
    # After a timeout a retry would take as long again; and it cannot correct an address or a certificate.
    lasting = (httpx.TimeoutException, httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects)
    if isinstance(error, lasting) or isinstance(root_cause(error), ssl.SSLCertVerificationError):
        return None
    return backoff(attempt)


def _failure(action: str, error: Exception, secrets: tuple[str, ...], *, is_closed: bool) -> Exception:
    if isinstance(error, httpx.HTTPStatusError):
        return _refusal(action, error.response.status_code, redact(_explanation(error.response), secrets))
    if is_closed:
        return ExpiredError("its port was closed after the last push")
    if isinstance(error, (InvalidResponseError, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return ImageError(f"{action}: {redact(str(error), secrets)}", "BIOT-4014")
    cause = root_cause(error)
    reason = redact(str(cause), secrets)[:200] or type(error).__name__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ImageError(
            f"{action}: the registry's certificate is not trusted ({reason})",
            "BIOT-4015",
            advice="name a file with its authority in SSL_CERT_FILE",
        )
    if isinstance(error, httpx.TimeoutException):
        reason = f"no byte went through for {STALL_SECONDS:.0f} s"
    return ImageError(
        f"{action}: the connection broke ({reason}); no tag has changed: run `pulumi up` again", "BIOT-4016"
    )


def _refusal(action: str, status: int, explanation: str) -> Exception:
    if status == 401 or (status == 403 and "expired" in explanation.lower()):
        return ExpiredError(f"the registry answered {status}{explanation}")
    if status == 403:
        return ForbiddenError(f"the registry answered 403{explanation}")
    if status == 400 and "TAG_INVALID" in explanation:
        return ImmutableTagError(explanation)
    if status == 404:
        return ImageError(f"{action}: there is no such image or repository ({status}{explanation})", "BIOT-4017")
    return ImageError(f"{action}: the registry answered {status}{explanation}", "BIOT-4018")


def _explanation(response: httpx.Response) -> str:
    """Return the registry's reason for its refusal, after a blank; empty if it gives none."""
    try:
        text = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in response.json()["errors"])
    except (ValueError, KeyError, TypeError, AttributeError):
        text = " ".join(response.text.split())[:200]
    return f" {text}" if text else ""
