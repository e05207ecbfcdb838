"""The events that the platform sends to plugins: Lambda function URL events, format 2.0 (BioT API 2.4.2, plugins).

The bodies are the same that an endpoint in another account gets over HTTP. A schedule sends neither headers nor body.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOOK_TYPES = {
    "PRE_REQUEST": "INTERCEPTOR_PRE",
    "POST_REQUEST": "INTERCEPTOR_POST",
    "ADAPT_ENTITY": "INTERCEPTOR_POST_ENTITY",
}
"""The type of an interception in a subscription -> its name in the header `hooktype`."""
NOTIFICATION = "NOTIFICATION"
LANGUAGE = "en-us"
REGION = "eu-west-1"
"""The AWS region in which functions seem to run."""

_CALLER = "203.0.113.9"
"""An IP address reserved for documentation (RFC 5737)."""
_TEXT = ("application/json", "application/javascript", "application/xml")


def new_traceparent() -> str:
    """Return a fresh W3C trace context: the second part is the trace id."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def interception_event(
    hook_type: str,
    *,
    endpoint_url: str,
    token: str,
    body: Mapping[str, Any],
    traceparent: str,
    accept_language: str = LANGUAGE,
) -> dict[str, Any]:
    """Return the event of an interception; `hook_type` is one of the values of HOOK_TYPES."""
    headers = interception_headers(hook_type, token=token, traceparent=traceparent, accept_language=accept_language)
    return _event(endpoint_url, "POST", "/", "", headers, json.dumps(body).encode())


def notification_event(*, endpoint_url: str, body: Mapping[str, Any], traceparent: str) -> dict[str, Any]:
    """Return the event of a notification; its token is in the body."""
    headers = notification_headers(traceparent=traceparent)
    return _event(endpoint_url, "POST", "/", "", headers, json.dumps(body).encode())


def direct_event(
    *, endpoint_url: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return the event of a direct call of the endpoint; a binary body is in base64, an empty one absent."""
    return _event(endpoint_url, method, path, query, headers, body)


def cron_event() -> dict[str, Any]:
    """Return the event of a schedule: EventBridge's own, with no headers and no body."""
    account = "000000000000"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": iso(time.time(), "seconds"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{account}:rule/plugin-schedule"],
        "detail": {},
    }


def interception_headers(
    hook_type: str, *, token: str, traceparent: str, accept_language: str = LANGUAGE
) -> dict[str, str]:
    """Return the headers of an interception."""
    return {
        "hooktype": hook_type,
        "authorization": f"Bearer {token}",
        "traceparent": traceparent,
        "accept-language": accept_language,
        "content-type": "application/json",
    }


def notification_headers(*, traceparent: str) -> dict[str, str]:
    """Return the headers of a notification."""
    return {"hooktype": NOTIFICATION, "traceparent": traceparent, "content-type": "application/json"}


def interception_body(
    *,
    method: str,
    entity: str,
    api_id: str,
    path: str,
    query: Mapping[str, Sequence[str]],
    headers: Mapping[str, str],
    body: Any,
    initiator: Mapping[str, str],
    response: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of an interception: the caller's request, and for POST and ADAPT the response so far.

    `initiator` holds subjectId, ownerOrganizationId and tokenType. `response` holds a body as `body`, or entities as
    the list `entities`.
    """
    content = {
        "initiatorData": dict(initiator),
        "method": method,
        "entityName": entity,
        "apiId": api_id,
        "request": {
            "body": body,
            "path": path,
            "queryParameters": {name: list(values) for name, values in query.items()},
            "headers": dict(headers),
            "pathVariables": [],
        },
    }
    return content if response is None else {**content, "response": dict(response)}


def notification_body(
    *,
    entity_type: str,
    action: str,
    entity: Mapping[str, Any],
    jwt: str,
    trace_id: str,
    subject_id: str,
    old_entity: Mapping[str, Any] | None = None,
    started: float | None = None,
    ended: float | None = None,
) -> dict[str, Any]:
    """Return a notification's body; `old_entity` is what an update changed. Times are seconds after 1970."""
    now = time.time()
    additional = {} if old_entity is None else {"oldEntity": dict(old_entity)}
    return {
        "metadata": {
            "entityTypeName": entity_type,
            "actionName": action,
            "status": "SUCCESS",
            "startTime": iso(now if started is None else started, "microseconds"),
            "endTime": iso(now if ended is None else ended, "microseconds"),
            "traceId": trace_id,
            "initiator": {"subject": {"id": subject_id}, "sourceIpAddress": f"{_CALLER}:59290"},
        },
        "data": {"entity": dict(entity), "additionalData": additional},
        "jwt": jwt,
    }


def _event(
    endpoint_url: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return a function URL's event (AWS Lambda Developer Guide, function URL request payload)."""
    host = urlsplit(endpoint_url).netloc
    now = datetime.now(UTC)
    small = {name.lower(): value for name, value in headers.items()}
    cookies = small.pop("cookie", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": small | {"host": host, "x-forwarded-for": _CALLER, "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": _CALLER,
                "userAgent": small.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if query:
        event["queryStringParameters"] = _parameters(query)
    return event | _body(body, small.get("content-type", ""))


def _parameters(query: str) -> dict[str, str]:
    """Return each parameter once; several values of a parameter are joined by commas."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml")):
        try:
            return {"body": body.decode()}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
