import base64
import json
import time
from types import SimpleNamespace

import biot
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
def platform(monkeypatch):
    """BioT, as far as these tests need it: its public key."""
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    answer = {"publicKey": base64.b64encode(der).decode(), "previousPublicKey": None}
    monkeypatch.setattr(biot, "fetch", lambda method, path: answer)


def token(permission, key=KEY, seconds=600):
    return jwt.encode({"scopes": [permission], "exp": int(time.time()) + seconds}, key, "RS512")


def intercepted(hook, body, signed=None):
    signed = signed or token("PLUGIN_INTERCEPTOR")
    headers = {
        "hooktype": hook,
        "authorization": f"Bearer {signed}",
        "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00",
    }
    return handler({"headers": headers, "body": json.dumps(body)}, CONTEXT)


def refused_with(answer):
    return answer["statusCode"], json.loads(answer["body"])["code"]


def test_a_request_passes():
    assert intercepted("INTERCEPTOR_PRE", {"request": REQUEST}) == {"request": REQUEST}


def test_a_response_passes():
    response = {"body": {"a": 1}}

    assert intercepted("INTERCEPTOR_POST", {"request": REQUEST, "response": response}) == {"response": response}


def test_entities_pass():
    response = {"entities": [{"_id": "1"}]}

    assert intercepted("INTERCEPTOR_POST_ENTITY", {"request": REQUEST, "response": response}) == {"response": response}


def test_a_notification_is_accepted():
    metadata = {"entityTypeName": "patient", "actionName": "_create"}
    body = {"metadata": metadata, "data": {"entity": {}}, "jwt": token("ACTION_NOTIFICATION")}

    assert handler({"headers": {"hooktype": "NOTIFICATION"}, "body": json.dumps(body)}, CONTEXT) == {"statusCode": 200}


def test_the_schedule_is_accepted():
    assert handler({}, CONTEXT) == {"statusCode": 200}


def test_a_caller_without_a_token_is_refused():
    assert refused_with(handler({"headers": {"host": "plugin"}}, CONTEXT)) == (401, "TOKEN_NOT_VALID")


def test_a_token_that_biot_did_not_sign_blocks_the_call_and_is_not_logged(capsys):
    foreign = token("PLUGIN_INTERCEPTOR", rsa.generate_private_key(65537, 2048))

    answer = intercepted("INTERCEPTOR_PRE", {"request": REQUEST}, foreign)

    assert refused_with(answer) == (401, "TOKEN_NOT_VALID")
    assert json.loads(answer["body"])["traceId"] == TRACE_ID
    logged = capsys.readouterr().out
    assert logged and foreign not in logged


def test_an_expired_token_and_one_for_something_else_block_the_call():
    for bad in (token("PLUGIN_INTERCEPTOR", seconds=-60), token("ACTION_NOTIFICATION")):
        assert refused_with(intercepted("INTERCEPTOR_PRE", {"request": REQUEST}, bad)) == (401, "TOKEN_NOT_VALID")
