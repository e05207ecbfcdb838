"""BioT's side of a plugin: the kind of a call, the verification of its token, errors in BioT's format."""

import base64
import json
import os
import sys
import urllib.request
from dataclasses import dataclass
from typing import Any

from biot_token import PublicKeyError, TokenError, TokenVerifier

TIMEOUT_SECONDS = 2

# The kinds of call: the header `hooktype`, and two that have none.
REQUEST = "INTERCEPTOR_PRE"
RESPONSE = "INTERCEPTOR_POST"
ENTITIES = "INTERCEPTOR_POST_ENTITY"
NOTIFICATION = "NOTIFICATION"
SCHEDULE = "SCHEDULE"
DIRECT = "DIRECT"

verifier = TokenVerifier(os.environ.get("BIOT_BASE_URL", ""))

trace: dict[str, str] = {"id": "", "parent": ""}
"""The trace of the current call: Lambda gives a process one call at a time."""


class Refusal(Exception):
    """An error in BioT's format that ends the call; it blocks an intercepted call."""

    def __init__(self, status: int, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or {}

    def response(self) -> dict[str, Any]:
        """Return what the handler returns for this error."""
        log("refused", status=self.status, code=self.code)
        body = {
            "code": self.code,
            "message": self.message,
            "serviceName": os.environ.get("BIOT_APP_NAME", ""),
            "traceId": trace["id"],
            "environment": os.environ.get("BIOT_SERVICE_ENVIRONMENT", ""),
            "details": self.details,
        }
        return {"statusCode": self.status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


@dataclass(frozen=True)
class Call:
    """A call; the token is verified where its kind has one."""

    kind: str
    body: dict[str, Any]
    """The JSON of a hook without its token; empty for the other kinds."""
    caller: dict[str, Any] | None
    """The claims of the token; None where there is none, or where tokens are not verified."""


def read_call(event: dict[str, Any] | None, context: object) -> Call:
    """Read a Lambda event and verify its token. Raises Refusal."""
    event = event or {}
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    _start_trace(headers, context)
    # A call over the network has headers, even without a body, so it cannot pass for the schedule.
    if not headers and "body" not in event and "requestContext" not in event:
        return Call(SCHEDULE, {}, None)
    kind = headers.get("hooktype", DIRECT)
    token = _bearer_token(headers)
    if kind == DIRECT:
        return Call(DIRECT, {}, _verify(token) if token else None)
    if kind not in (REQUEST, RESPONSE, ENTITIES, NOTIFICATION):
        raise Refusal(400, "HOOK_UNKNOWN", "This kind of hook is not known to the plugin")
    body = body_of(event)
    if kind == NOTIFICATION:
        token = body.pop("jwt", None)
        trace["id"] = (body.get("metadata") or {}).get("traceId") or trace["id"]
    return Call(kind, body, _verify(token, _permission(kind)))


def body_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object in a call's body. Raises Refusal."""
    try:
        text = event.get("body") or "{}"
        body = json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (ValueError, TypeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "BODY_NOT_JSON", "The body of the call must be a JSON object")
    return body


def log(message: str, **fields: Any) -> None:
    """Write one JSON line. Never log an event: it holds tokens and the patient's data."""
    sys.stdout.write(json.dumps({"traceId": trace["id"], "message": message, **fields}) + "\n")


def fetch(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Send a request to BioT and return the JSON of the response, None for an empty one.

    Raises OSError, HTTPException and ValueError.
    """
    all_headers = {"accept": "application/json", **(headers or {})}
    if trace["parent"]:
        all_headers["traceparent"] = trace["parent"]
    content = None
    if body is not None:
        content = json.dumps(body).encode()
        all_headers["content-type"] = "application/json"
    url = os.environ.get("BIOT_BASE_URL", "").rstrip("/") + path
    request = urllib.request.Request(url, content, all_headers, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        received = response.read()
    return json.loads(received) if received else None


def _start_trace(headers: dict[str, str], context: object) -> None:
    parent = headers.get("traceparent", "")
    parts = parent.split("-")
    trace["parent"] = parent
    trace["id"] = parts[1] if len(parts) == 4 else getattr(context, "aws_request_id", "")


def _bearer_token(headers: dict[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _permission(kind: str) -> str:
    if kind == NOTIFICATION:
        return os.environ.get("BIOT_JWT_PERMISSION_NOTIFICATION") or "ACTION_NOTIFICATION"
    return os.environ.get("BIOT_JWT_PERMISSION_INTERCEPTION") or "PLUGIN_INTERCEPTOR"


def _verify(token: object, permission: str | None = None) -> dict[str, Any] | None:
    """Return the claims of the token. Raises Refusal."""
    if os.environ.get("BIOT_SHOULD_VALIDATE_JWT", "").lower() == "false":
        log("the token is not verified: BIOT_SHOULD_VALIDATE_JWT is false")
        return None
    try:
        return verifier.verify(token, permission)
    except TokenError as error:
        log("the token is refused", reason=str(error))
        raise Refusal(401, "TOKEN_NOT_VALID", str(error)) from None
    except PublicKeyError as error:
        log("BioT's public key cannot be had", error=str(error))
        message = "BioT's public key cannot be had, so no token can be verified: try again"
        raise Refusal(503, "PUBLIC_KEY_UNAVAILABLE", message) from None
