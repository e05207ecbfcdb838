"""What goes wrong between here and a registry, as one line each."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from biot_provider.errors import ImageError
from biot_provider.redaction import redact

STALL_SECONDS = 60.0
"""Seconds without a byte after which a transfer is given up."""


class ExpiredError(Exception):
    """The registry no longer takes the token."""


class ForbiddenError(Exception):
    """The registry understood and refused."""


class ImmutableTagError(Exception):
    """The tag is there and may not be written again."""


def translated(
    asked: str, ask: Callable[[], Any], missing: Any, secrets: tuple[str, ...], *, embedded: bool = False
) -> Any:
    """Run one exchange; what goes wrong comes out as one of ours.

    The embedded platform closes the registry's port between two pushes, and opens it for whoever logs in.
    """
    import requests
    from dxf.exceptions import DXFError, DXFUnauthorizedError

    try:
        return ask()
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
