import base64
import json
import time
from types import SimpleNamespace
from typing import Any

import biot_token
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from index import handler

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CONTEXT = SimpleNamespace(aws_request_id="request-1")
KEY = rsa.generate_private_key(65537, 2048)
REQUEST = {"path": "/organization/v1/users/patients", "queryParameters": {}, "headers": {}, "body": {"a": 1}}


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """BioT's public key is all that these tests need of the platform."""
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(biot_token, "fetch_public_keys", lambda base_url: [base64.b64encode(der).decode()])


def token(permission: str, key: rsa.RSAPrivateKey = KEY, seconds: int = 600) -> str:
    return jwt.encode({"scopes": [permission], "exp": int(time.time()) + seconds}, key, "RS512")


def intercepted(hook: str, body: dict[str, Any], signed: str | None = None) -> Any:
    headers = {
        "hooktype": hook,
        "authorization": f"Bearer {signed or token('PLUGIN_INTERCEPTOR')}",
        "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00",
    }
    return handler({"headers": headers, "body": json.dumps(body)}, CONTEXT)


def refusal(response: dict[str, Any]) -> tuple[int, str]:
    return response["statusCode"], json.loads(response["body"])["code"]


def test_a_request_passes() -> None:
    assert intercepted("INTERCEPTOR_PRE", {"request": REQUEST}) == {"request": REQUEST}


def test_a_response_passes() -> None:
    response = {"body": {"a": 1}}

    assert intercepted("INTERCEPTOR_POST", {"request": REQUEST, "response": response}) == {"response": response}


def test_entities_pass() -> None:
    response = {"entities": [{"_id": "1"}]}

    assert intercepted("INTERCEPTOR_POST_ENTITY", {"request": REQUEST, "response": response}) == {"response": response}


def test_a_notification_is_accepted() -> None:
    metadata = {"entityTypeName": "patient", "actionName": "_create"}
    body = {"metadata": metadata, "data": {"entity": {}}, "jwt": token("ACTION_NOTIFICATION")}

    assert handler({"headers": {"hooktype": "NOTIFICATION"}, "body": json.dumps(body)}, CONTEXT) == {"statusCode": 200}


def test_the_schedule_is_accepted() -> None:
    assert handler({}, CONTEXT) == {"statusCode": 200}


def test_a_caller_without_a_token_is_refused() -> None:
    assert refusal(handler({"headers": {"host": "plugin"}}, CONTEXT)) == (401, "TOKEN_NOT_VALID")


def test_a_token_that_biot_did_not_sign_blocks_the_call_and_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    foreign = token("PLUGIN_INTERCEPTOR", rsa.generate_private_key(65537, 2048))

    response = intercepted("INTERCEPTOR_PRE", {"request": REQUEST}, foreign)

    assert refusal(response) == (401, "TOKEN_NOT_VALID")
    assert json.loads(response["body"])["traceId"] == TRACE_ID
    logged = capsys.readouterr().out
    assert logged
    assert foreign not in logged


def test_an_expired_token_and_one_for_another_purpose_block_the_call() -> None:
    for bad in (token("PLUGIN_INTERCEPTOR", seconds=-60), token("ACTION_NOTIFICATION")):
        assert refusal(intercepted("INTERCEPTOR_PRE", {"request": REQUEST}, bad)) == (401, "TOKEN_NOT_VALID")
