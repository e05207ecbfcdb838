"""What an answer of the platform says: a model, or an error whose text is fit for a user's eyes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from biot_provider.errors import ApiError, ConflictError, NotFoundError, TransportError
from biot_provider.models import ErrorAnswer
from biot_provider.redaction import redact

_QUOTED = 300

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_ADVICE: Mapping[str, str] = {
    "LOGIN_FAILED": "check biot:serviceId and biot:serviceSecretKey of this stack (or biot:username and biot:password)",
    "USER_LOCKED": "the user is locked: unlock it in the BioT Console, or use a service user",
    "USER_LOCKED_WITH_TIME": "wait until the lock ends, or use a service user",
    "SERVICE_LOCKED": "the service user is locked: unlock it in the BioT Console or use another one",
    "TOKEN_NOT_VALID": "the platform refuses its own fresh token: check that biot:baseUrl is the right environment",
    "ACCESS_DENIED": "give the service user's role the SETTINGS_PLUGIN_* permissions",
    "PLUGIN_EXISTS_BY_NAME": "choose another name, or set adopt=True to take the existing plugin over",
    "PLUGIN_NOT_FOUND": "run `pulumi refresh` if it was deleted on purpose",
    "INTERCEPTION_CONFIGURATION_NOT_FOUND": "check api_id and entity_type_name of the interceptions",
    "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER": "choose another interception order",
    "INTERCEPTION_MUST_HAVE_CORRECT_API_ID_NULL_VALUE_FOR_TYPE": "give api_id for PRE_REQUEST and POST_REQUEST only",
    "PLUGIN_IMAGE_TAG_NOT_FOUND": "push the image first, or correct image_tag",
    "ENVIRONMENT_VARIABLES_CANNOT_START_WITH_RESERVED_PREFIX": "rename the variable: BIOT_ is the platform's own",
    "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE": "leave version out, or raise it",
    "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE": "leave version out, or take its change back",
    "PLUGIN_ROLLBACK_FAILED": "look at the plugin in the BioT Console, then run `pulumi up` again",
    "PLUGIN_CODE_IS_NOT_SUPPORTED_FOR_IMAGE_DEPLOYMENT_PACKAGE_TYPE": "give code or image_tag, not both",
    "PLUGIN_REQUEST_VALIDATION_FAILED": "check which arguments go together: code, runtime, handler or image_tag",
    "REFRESH_TOKEN_NOT_VALID": "run it again: it logs in anew",
    "INTERNAL_SERVER_ERROR": "run `pulumi up` again; if it stays, give BioT's support the trace id",
    "AWS_EXCEPTION": "the platform's AWS call failed: run `pulumi up` again; if it stays, check runtime and limits",
    "GATEWAY_TIMEOUT": "run `pulumi up` again: it finds out what happened and goes on",
}
"""What a user can do about each documented code."""


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


def api_error(response: httpx.Response, asked: str, secrets: Iterable[str]) -> ApiError:
    """The error of an answer that is not a success, its text fit for a user's eyes."""
    secrets = list(secrets)
    try:
        body = ErrorAnswer.model_validate_json(response.content)
    except ValidationError:
        body = ErrorAnswer()
    said = f"{response.status_code}"
    if body.code:
        said += f" {body.code}"
    if body.message:
        said += f": {redact(body.message, secrets)}"
    if not body.code and not body.message:
        said += f" with no error body of BioT's: {_quote(response, secrets)}"
    if body.details:
        said += f" {redact(json.dumps(body.details, sort_keys=True), secrets)[:_QUOTED]}"
    if body.trace_id:
        said += f" (trace id {body.trace_id})"
    advice = _ADVICE.get(body.code or "")
    text = f"{asked}: the platform answered {said}" + (f". What to do: {advice}" if advice else "")
    kind = {"PLUGIN_NOT_FOUND": NotFoundError, "PLUGIN_EXISTS_BY_NAME": ConflictError}.get(body.code or "", ApiError)
    return kind(text, status=response.status_code, code=body.code, details=body.details, trace_id=body.trace_id)


def _quote(response: httpx.Response, secrets: Iterable[str]) -> str:
    text = " ".join(redact(response.text, secrets).split())
    return text[:_QUOTED] if text else "an empty body"
