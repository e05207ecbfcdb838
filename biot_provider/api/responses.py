"""What an answer of the platform says: a model, or an error whose text is fit for a user's eyes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from biot_provider.api.advice import advice
from biot_provider.api.models.envelope import ErrorAnswer
from biot_provider.api.redaction import redact
from biot_provider.api.transport import retry_after
from biot_provider.errors import ApiError, ConflictError, NotFoundError, TransportError

_QUOTED = 300
_READ = 20 * _QUOTED
"""Characters that are looked at: a quote may be of a page that is blank for the most part."""
_LISTED = 5
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_KINDS: Mapping[str, type[ApiError]] = {
    **dict.fromkeys(
        ("PLUGIN_NOT_FOUND", "SERVICE_USER_NOT_FOUND", "SECRET_KEY_ID_NOT_FOUND", "SUBSCRIBER_NOT_FOUND"), NotFoundError
    ),
    **dict.fromkeys(("PLUGIN_EXISTS_BY_NAME", "SERVICE_NAME_ALREADY_EXISTS"), ConflictError),
}


def parse(model: type[AnswerT], response: httpx.Response, asked: str, *, secrets: Iterable[str] = ()) -> AnswerT:
    """The answer of a success as a model. Raises TransportError, unclear, when it cannot be read as one."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        missing = ", ".join(".".join(map(str, e["loc"])) or e["type"] for e in error.errors()[:3])
        # An answer that is nearly the right one holds what no text should: a token, or variables of the platform's.
        nearly = response.content.lstrip()[:1] in (b"{", b"[")
        what = f"{len(response.content)} bytes of JSON" if nearly else _quote(response, secrets)
        # The platform said yes; only what it said cannot be read. What it did is known by reading, not by this answer.
        raise TransportError(
            f"{asked}: the platform answered {response.status_code} with something that is not its answer"
            f" ({missing}): {what}",
            unclear=True,
        ) from None


def api_error(
    response: httpx.Response, asked: str, secrets: Iterable[str], kind: type[ApiError] | None = None
) -> ApiError:
    """The error of an answer that is not a success, its text fit for a user's eyes; by its code unless of ``kind``."""
    secrets = list(secrets)
    try:
        body = ErrorAnswer.model_validate_json(response.content)
    except ValidationError:
        body = ErrorAnswer()
    said = f"{response.status_code}"
    if body.code:
        said += f" {body.code if _CODE.fullmatch(body.code) else _line(body.code, secrets)}"
    if body.message:
        said += f": {_line(body.message, secrets)}"
    if not body.code and not body.message:
        said += f" with no error body of BioT's: {_quote(response, secrets)}"
    if body.details:
        said += f" ({_line(_in_words(body.details), secrets)})"
    if body.trace_id:
        said += f" (trace id {_line(body.trace_id, secrets)})"
    todo = advice(body.code, response.status_code, response.request.url.path)
    text = f"{asked}: the platform answered {said}" + (f". What to do: {todo}" if todo else "")
    return (kind or _KINDS.get(body.code or "", ApiError))(
        text,
        status=response.status_code,
        code=body.code,
        details=body.details,
        trace_id=body.trace_id,
        retry_after=retry_after(response.headers),
    )


def _in_words(details: Mapping[str, Any]) -> str:
    """Details such as ``{"currentVersion": 3}`` as ``current version 3``, by name."""
    given = [str(value) for value in details.values() if isinstance(value, str | int)]
    return ", ".join(f"{_words(name)} {_shown(value, given)}" for name, value in sorted(details.items()))


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def _shown(value: Any, given: Sequence[str]) -> str:
    """A detail as text; of a long list the few that are nearest to what was given."""
    if not isinstance(value, list):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    items = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value]
    if len(items) > _LISTED:

        def likeness(item: str) -> float:
            return max((SequenceMatcher(None, item, text).ratio() for text in given), default=0.0)

        nearest = sorted(items, key=likeness, reverse=True)[:_LISTED]
        return f"{', '.join(nearest)} and {len(items) - _LISTED} more"
    return ", ".join(items)


def _line(text: str, secrets: Iterable[str]) -> str:
    """One line without secrets, cut where it is long."""
    return " ".join(redact(text[:_READ], secrets).split())[:_QUOTED]


def _quote(response: httpx.Response, secrets: Iterable[str]) -> str:
    return _line(response.text, secrets) or "an empty body"
