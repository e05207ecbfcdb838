"""The events have the form that the contract and AWS document, and their tokens verify with a library of its own."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from biot_provider.emulator.delivery import events
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, NOTIFICATION, plugin_token

if TYPE_CHECKING:
    from biot_provider.emulator import Platform

URL = "https://k3v9.lambda-url.eu-west-1.on.aws/"
INITIATOR = {"subjectId": "s", "ownerOrganizationId": "o", "tokenType": "USER"}


def interception(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "method": "POST",
        "entity": "patient",
        "api_id": "POST/organization/v1/users/patients",
        "path": "/organization/v1/users/patients",
        "query": {"expand": ("a", "b")},
        "headers": {"authorization": "Bearer canary-user"},
        "body": {"_name": {"firstName": "Ada"}},
        "initiator": INITIATOR,
    }
    return events.interception_body(**{**given, **changes})


def test_an_interception_has_the_documented_headers_and_body() -> None:
    traceparent = events.new_traceparent()
    event = events.interception_event(
        "INTERCEPTOR_PRE", endpoint_url=URL, token="canary-token", body=interception(), traceparent=traceparent
    )

    assert event["version"] == "2.0"
    assert event["isBase64Encoded"] is False
    assert {name: event["headers"][name] for name in event["headers"] if not name.startswith("x-")} == {
        "hooktype": "INTERCEPTOR_PRE",
        "authorization": "Bearer canary-token",
        "traceparent": traceparent,
        "accept-language": "en-us",
        "content-type": "application/json",
        "host": "k3v9.lambda-url.eu-west-1.on.aws",
    }
    assert event["requestContext"]["http"]["method"] == "POST"
    assert json.loads(event["body"]) == {
        "initiatorData": INITIATOR,
        "method": "POST",
        "entityName": "patient",
        "apiId": "POST/organization/v1/users/patients",
        "request": {
            "body": {"_name": {"firstName": "Ada"}},
            "path": "/organization/v1/users/patients",
            "queryParameters": {"expand": ["a", "b"]},
            "headers": {"authorization": "Bearer canary-user"},
            "pathVariables": [],
        },
    }


def test_a_response_is_there_only_where_there_is_one() -> None:
    assert "response" not in interception()
    assert interception(response={"entities": []})["response"] == {"entities": []}


def test_a_notification_carries_its_token_in_the_body_and_the_old_entity_of_an_update() -> None:
    body = events.notification_body(
        entity_type="patient",
        action="_update",
        entity={"_id": "1", "age": 2},
        old_entity={"_id": "1", "age": 1},
        jwt="canary-token",
        trace_id="t" * 32,
        subject_id="s",
        started=0,
    )
    event = events.notification_event(endpoint_url=URL, body=body, traceparent="00-a-b-00")

    assert event["headers"]["hooktype"] == "NOTIFICATION"
    assert "authorization" not in event["headers"]
    sent = json.loads(event["body"])
    assert sent["jwt"] == "canary-token"
    assert sent["data"] == {"entity": {"_id": "1", "age": 2}, "additionalData": {"oldEntity": {"_id": "1", "age": 1}}}
    metadata = sent["metadata"]
    assert (metadata["entityTypeName"], metadata["actionName"], metadata["status"]) == ("patient", "_update", "SUCCESS")
    assert metadata["startTime"] == "1970-01-01T00:00:00.000000Z"
    assert metadata["traceId"] == "t" * 32


def test_a_schedule_has_no_headers_and_no_body() -> None:
    assert {"headers", "body"}.isdisjoint(events.cron_event())


def direct(body: bytes = b"", query: str = "", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return events.direct_event(endpoint_url=URL, method="PUT", path="/a/b", query=query, headers=named, body=body)


def test_a_direct_call_keeps_method_path_query_and_cookies() -> None:
    event = direct(query="a=1&a=2&b=%20&c", Cookie="x=1; y=2", X_Own="v")

    assert event["requestContext"]["http"]["method"] == "PUT"
    assert (event["rawPath"], event["rawQueryString"]) == ("/a/b", "a=1&a=2&b=%20&c")
    assert event["queryStringParameters"] == {"a": "1,2", "b": " ", "c": ""}
    assert event["cookies"] == ["x=1", "y=2"]
    assert event["headers"]["x-own"] == "v"
    assert {"cookie", "hooktype"}.isdisjoint(event["headers"])
    assert "body" not in event


@pytest.mark.parametrize(
    ("content_type", "body", "is_base64"),
    [
        ("application/json; charset=utf-8", b'{"a": 1}', False),
        ("text/plain", "ä".encode(), False),
        ("application/problem+json", b"{}", False),
        ("text/plain", b"\xff", True),
        ("application/octet-stream", b"plain", True),
        ("", b"plain", True),
    ],
)
def test_a_body_that_is_no_text_comes_in_base64(content_type: str, body: bytes, is_base64: bool) -> None:
    event = direct(body, content_type=content_type)
    assert event["isBase64Encoded"] is is_base64
    assert (base64.b64decode(event["body"]) if is_base64 else event["body"].encode()) == body


@pytest.mark.parametrize("permission", [INTERCEPTOR, NOTIFICATION])
def test_a_token_verifies_with_the_public_key_and_has_the_documented_claims(
    platform: Platform, permission: str
) -> None:
    token = plugin_token(platform.keys, permission)
    key = load_der_public_key(base64.b64decode(platform.keys.public()))
    claims = jwt.decode(token, key, algorithms=["RS512"])  # type: ignore[arg-type]

    assert jwt.get_unverified_header(token) == {"alg": "RS512"}
    assert set(claims) == {"serviceUserId", "scopes", "tokenType", "jti", "exp"}
    assert claims["tokenType"] == "SERVICE_INTERNAL"
    assert claims["scopes"] == ["PROTECTED_API", permission]


def test_a_token_can_have_ended(platform: Platform) -> None:
    token = plugin_token(platform.keys, INTERCEPTOR, seconds=-1)
    key = load_der_public_key(base64.b64decode(platform.keys.public()))
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(token, key, algorithms=["RS512"])  # type: ignore[arg-type]
