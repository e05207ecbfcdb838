"""Converts the response to a request into a model, or into an error that may be shown to the user."""

from __future__ import annotations

import json
import math
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from biot_provider.api.advice import advice
from biot_provider.api.models.envelope import ErrorAnswer
from biot_provider.api.redaction import redact
from biot_provider.api.transport import (
    BUSY,
    LONGEST_WAIT,
    OUT_OF_TIME,
    ResponseTooLargeError,
    TooManyRequestsError,
    proxy_for,
    retry_after,
    wanted_wait,
)
from biot_provider.config import CONCURRENT_REQUESTS
from biot_provider.errors import ApiError, ConflictError, NotFoundError, TransportError, root_cause, shown_names

_QUOTED = 300
_READ = 20 * _QUOTED
"""Characters to quote from: a page may be blank for the most part."""
_LISTED = 5
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_KINDS: Mapping[str, type[ApiError]] = {
    **dict.fromkeys(
        ("PLUGIN_NOT_FOUND", "SERVICE_USER_NOT_FOUND", "SECRET_KEY_ID_NOT_FOUND", "SUBSCRIBER_NOT_FOUND"), NotFoundError
    ),
    **dict.fromkeys(("PLUGIN_EXISTS_BY_NAME", "SERVICE_NAME_ALREADY_EXISTS"), ConflictError),
}


def parse(model: type[AnswerT], response: httpx.Response, action: str, *, secrets: Iterable[str] = ()) -> AnswerT:
    """Return the body of a successful response as a model. Raises TransportError, unclear, if it does not fit."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, e["loc"])) or e["type"] for e in error.errors()[:3])
        # A body that is almost right may contain secrets, such as a token or the platform's variables.
        is_json = response.content.lstrip()[:1] in (b"{", b"[")
        body = f"{len(response.content)} bytes of JSON" if is_json else _excerpt(response, secrets)
        # The platform accepted the request, but its response cannot be read. A later read shows the outcome.
        raise TransportError(
            f"the platform answered {response.status_code} with something that is not its answer ({wrong}): {body}",
            "BIOT-7008",
            action=action,
            advice=None if is_json else "check that biot:baseUrl is BioT's REST API, and that no proxy answers for it",
            unclear=True,
        ) from None


def api_error(
    response: httpx.Response, action: str, secrets: Iterable[str], kind: type[ApiError] | None = None
) -> ApiError:
    """Return the error for an error response, safe to show; its class follows from the code, or is ``kind``."""
    secrets = list(secrets)
    try:
        body = ErrorAnswer.model_validate_json(response.content)
    except ValidationError:
        body = ErrorAnswer()
    message_code, todo = advice(body.code, response.status_code, response.request.url.path)
    if response.status_code in BUSY and (seconds := wanted_wait(response.headers) or 0) > LONGEST_WAIT:
        todo = f"wait {_wait_in_words(seconds)}, as the platform asks, then run it again"
    return (kind or _KINDS.get(body.code or "", ApiError))(
        action,
        message_code,
        status=response.status_code,
        code=body.code if _CODE.fullmatch(body.code or "") else _line(body.code, secrets),
        message=_line(body.message, secrets),
        details=body.details,
        details_shown=_line(_in_words(body.details or {}), secrets),
        trace_id=_line(body.trace_id, secrets),
        excerpt=None if body.code or body.message else _excerpt(response, secrets),
        advice=todo,
        retry_after=retry_after(response.headers),
        out_of_time=response.request.extensions.get(OUT_OF_TIME, False),
    )


def transport_error(
    error: Exception, action: str, address: str, timeout: float, secrets: Iterable[str]
) -> TransportError:
    """Return the error for a request that got no response within ``timeout`` seconds, or failed before."""
    reason = redact(str(error), secrets) or type(error).__name__
    unclear = True
    if isinstance(error, TooManyRequestsError):
        problem, code = f"it was not sent within {max(timeout, 1):.0f} s: {error}", "BIOT-7006"
        todo = f"run `pulumi up` again, or raise {CONCURRENT_REQUESTS.path}"
        unclear = False
    elif isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
        problem, code = f"{address} cannot be reached ({reason})", "BIOT-7001"
        todo = _where_to_look(error, address)
        unclear = False
    elif isinstance(error, httpx.ProxyError):
        problem, code = f"the proxy does not lead to {address} ({reason})", "BIOT-7002"
        todo = "check HTTPS_PROXY and NO_PROXY"
        unclear = False
    elif isinstance(error, ResponseTooLargeError):
        problem, code = f"{address} gave {reason}, which the platform never does", "BIOT-7005"
        todo = "check biot:baseUrl"
    elif isinstance(error, httpx.TimeoutException):
        problem, code = f"no answer from {address} within {max(timeout, 1):.0f} s", "BIOT-7003"
        todo = "run `pulumi up` again, or raise biot:requestTimeout"
    else:
        problem, code = f"the connection to {address} broke ({reason})", "BIOT-7004"
        todo = "run `pulumi up` again"
    out_of_time = isinstance(error, httpx.RequestError) and error.request.extensions.get(OUT_OF_TIME, False)
    return TransportError(problem, code, action=action, advice=todo, unclear=unclear, out_of_time=out_of_time)


def _wait_in_words(seconds: float) -> str:
    if seconds > 24 * 3600:
        return "more than a day"
    return f"{math.ceil(seconds)} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"


def _where_to_look(error: BaseException, address: str) -> str:
    """Return what to check where no connection was made."""
    if isinstance(root_cause(error), ssl.SSLCertVerificationError):
        return (
            "`biot-provider doctor` says what is wrong with the certificate; SSL_CERT_FILE names your own authority's"
        )
    return f"check biot:baseUrl{', HTTPS_PROXY' if proxy_for(address) else ''} and the network"


def _in_words(details: Mapping[str, Any]) -> str:
    """Return details such as ``{"currentVersion": 3}`` as ``current version 3``, sorted by name."""
    given = [str(value) for value in details.values() if isinstance(value, str | int)]
    return ", ".join(f"{_words(name)} {_shown(value, given)}" for name, value in sorted(details.items()))


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def _shown(value: Any, given: Sequence[str]) -> str:
    """Return a detail as text; a long list is cut to the few items nearest to the given values."""
    if not isinstance(value, list):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    items = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value]
    if len(items) > _LISTED:

        def likeness(item: str) -> float:
            return max((SequenceMatcher(None, item, text).ratio() for text in given), default=0.0)

        items.sort(key=likeness, reverse=True)
    return shown_names(items, _LISTED)


def _line(text: str | None, secrets: Iterable[str]) -> str | None:
    """Return the text as one line without secrets, truncated if long; None if there is no text."""
    return " ".join(redact((text or "")[:_READ], secrets).split())[:_QUOTED] or None


def _excerpt(response: httpx.Response, secrets: Iterable[str]) -> str:
    return _line(response.text, secrets) or "an empty body"
