"""What goes wrong between here and a registry: repeated where that may help, else told as one line.

Every request to a registry may be sent again: reads change nothing, and what is written is named by its content.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable
from typing import Any

from biot_provider.api.redaction import redact
from biot_provider.errors import ImageError

STALL_SECONDS = 60.0
"""Seconds without a byte after which a transfer is given up."""

_ATTEMPTS = 4
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class ExpiredError(Exception):
    """The registry no longer takes the token."""


class ForbiddenError(Exception):
    """The registry understood and refused."""


class ImmutableTagError(Exception):
    """The tag is there and may not be written again."""


def translated(
    asked: str, ask: Callable[[], Any], missing: Any, secrets: tuple[str, ...], *, embedded: bool = False
) -> Any:
    """Run one exchange, again where a failure may pass; what goes wrong in the end comes out as one of ours.

    The embedded platform closes the registry's port between two pushes, and opens it for whoever logs in.
    """
    import requests
    from dxf.exceptions import DXFError, DXFUnauthorizedError

    try:
        return _persistently(ask, embedded=embedded)
    except DXFUnauthorizedError:
        raise ExpiredError("the registry answered 401") from None
    except requests.HTTPError as error:
        status, said = _said(error.response)
        if status == 404 and missing is not ...:
            return missing
        raise _refusal(asked, status, redact(said, secrets)) from None
    except (requests.RequestException, ConnectionError) as error:
        cause = _cause(error)
        if embedded and isinstance(cause, ConnectionRefusedError):
            raise ExpiredError("its port was closed after the last push") from None
        reason = redact(str(cause), secrets)[:200] or type(error).__name__
        if isinstance(error, requests.Timeout) or isinstance(cause, TimeoutError):
            reason = f"no byte went through for {STALL_SECONDS:.0f} s"
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise ImageError(
                f"{asked}: the registry's certificate is not trusted ({reason})."
                " What to do: name a file with its authority in REQUESTS_CA_BUNDLE"
            ) from None
        raise ImageError(
            f"{asked}: the connection broke ({reason}); no tag has changed: run `pulumi up` again"
        ) from None
    except DXFError as error:
        raise ImageError(f"{asked}: {redact(str(error), secrets) or type(error).__name__}") from None


def _persistently(ask: Callable[[], Any], *, embedded: bool) -> Any:
    """Ask up to four times, with backoff and jitter or as long apart as the registry wants."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return ask()
        except Exception as error:
            wait = _wait(error, attempt)
            if wait is None or (embedded and isinstance(_cause(error), ConnectionRefusedError)):
                raise
            time.sleep(wait)
    return ask()


def _wait(error: Exception, attempt: int) -> float | None:
    """Seconds until the same request may succeed; None where it would only fail again."""
    import requests
    from dxf.exceptions import DXFDigestMismatchError

    from biot_provider.api.transport import retry_after

    backoff = min(0.5 * 2.0 ** (attempt - 1), 5.0) * random.uniform(0.5, 1.5)  # noqa: S311
    if isinstance(error, requests.HTTPError):
        answer: Any = error.response
        return (retry_after(answer.headers) or backoff) if answer.status_code in _PASSING else None
    if isinstance(error, DXFDigestMismatchError):
        return backoff  # of what was cut off
    if isinstance(error, requests.Timeout) and not isinstance(error, requests.ConnectTimeout):
        return None  # it would only take as long again
    broken = isinstance(error, (requests.RequestException, ConnectionError))
    stopped = isinstance(_cause(error), (ssl.SSLCertVerificationError, TimeoutError))
    return backoff if broken and not stopped else None


def _refusal(asked: str, status: int, said: str) -> Exception:
    if status == 401 or (status == 403 and "expired" in said.lower()):
        return ExpiredError(f"the registry answered {status}{said}")
    if status == 403:
        return ForbiddenError(f"the registry answered 403{said}")
    if status == 400 and "TAG_INVALID" in said:
        return ImmutableTagError(said)
    if status == 404:
        return ImageError(f"{asked}: there is no such image or repository ({status}{said})")
    return ImageError(f"{asked}: the registry answered {status}{said}")


def _said(response: Any) -> tuple[int, str]:
    try:
        errors = response.json()["errors"]
        text = "; ".join(f"{item.get('code')}: {item.get('message')}" for item in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = " ".join(str(response.text).split())[:200]
    return int(response.status_code), f" {text}" if text else ""


def _cause(error: BaseException) -> BaseException:
    """What it began with: libraries wrap it, and urllib3 keeps it as a reason at times."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return error
