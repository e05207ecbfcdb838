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
from vitals import ranges_from, violations

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CONTEXT = SimpleNamespace(aws_request_id="request-1")
KEY = rsa.generate_private_key(65537, 2048)
RANGES = {"heart_rate": (20.0, 250.0)}


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """BioT's public key is all that these tests need of the platform."""
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(biot_token, "fetch_public_keys", lambda base_url: [base64.b64encode(der).decode()])


def token(permission: str, seconds: int = 600) -> str:
    return jwt.encode({"scopes": [permission], "exp": int(time.time()) + seconds}, KEY, "RS512")


@pytest.fixture(autouse=True)
def ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.RANGES", RANGES)


def event(body: Any, hook: str = "INTERCEPTOR_PRE") -> dict[str, Any]:
    headers = {
        "HookType": hook,
        "Authorization": f"Bearer {token('PLUGIN_INTERCEPTOR')}",
        "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00",
    }
    return {"headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def refusal(response: dict[str, Any]) -> tuple[int, str]:
    return response["statusCode"], json.loads(response["body"])["code"]


def pre_request(body: Any) -> dict[str, Any]:
    path = "/device/v1/devices/d1/usage-sessions/s1"
    headers = {"authorization": "Bearer caller", "accept": "application/json"}
    request = {"body": body, "path": path, "queryParameters": {"a": ["b"]}, "headers": headers, "pathVariables": []}
    return {"apiId": "PATCH/device/v1/devices/{deviceId}/usage-sessions/{id}", "method": "PATCH", "request": request}


def test_vital_signs_in_range_pass_unchanged() -> None:
    sent = pre_request({"_summary": {"heart_rate": 72}})

    answer = handler(event(sent), CONTEXT)

    assert answer == {
        "request": {name: sent["request"][name] for name in ("path", "queryParameters", "headers", "body")}
    }


def test_a_vital_sign_out_of_range_is_refused_in_biots_error_format() -> None:
    answer = handler(event(pre_request({"_summary": {"heart_rate": 900}})), CONTEXT)

    assert answer["statusCode"] == 400
    body = json.loads(answer["body"])
    assert body["code"] == "VITAL_SIGN_OUT_OF_RANGE"
    assert body["message"] == "Vital signs out of range: heart_rate: 900 is not within 20..250"
    assert body["details"] == {"heart_rate": "900 is not within 20..250"}
    assert body["traceId"] == TRACE_ID


def test_neither_tokens_nor_values_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    handler(event(pre_request({"heart_rate": 900})), CONTEXT)

    logged = capsys.readouterr().out
    first, second = map(json.loads, logged.splitlines())
    assert (first["message"], first["vitalSigns"]) == ("out of range", ["heart_rate"])
    assert (second["message"], second["code"]) == ("refused", "VITAL_SIGN_OUT_OF_RANGE")
    assert {first["traceId"], second["traceId"]} == {TRACE_ID}
    assert "caller" not in logged
    assert "eyJ" not in logged
    assert "900" not in logged


def test_a_base64_body_is_read() -> None:
    body = base64.b64encode(json.dumps(pre_request({"heart_rate": 900})).encode()).decode()

    assert handler(event(None) | {"body": body, "isBase64Encoded": True}, CONTEXT)["statusCode"] == 400


@pytest.mark.parametrize("hook", ["INTERCEPTOR_POST", "INTERCEPTOR_POST_ENTITY"])
def test_a_response_passes_unchanged(hook: str) -> None:
    response = {"body": {"heart_rate": 900}}

    assert handler(event({**pre_request(None), "response": response}, hook), CONTEXT) == {"response": response}


@pytest.mark.parametrize("authorization", ["", "Bearer a.b.c", f"Bearer {token('ACTION_NOTIFICATION')}"])
def test_a_call_without_a_token_of_biots_is_not_judged(authorization: str) -> None:
    sent = event(pre_request({"heart_rate": 900}))
    sent["headers"]["Authorization"] = authorization

    assert refusal(handler(sent, CONTEXT)) == (401, "TOKEN_NOT_VALID")


def test_a_notification_is_accepted() -> None:
    body = {"metadata": {}, "data": {}, "jwt": token("ACTION_NOTIFICATION")}

    assert handler(event(body, "NOTIFICATION"), CONTEXT) == {"statusCode": 200}


def test_a_schedule_is_accepted_and_logged_with_the_id_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert handler({}, CONTEXT) == {"statusCode": 200}
    assert json.loads(capsys.readouterr().out)["traceId"] == "request-1"


@pytest.mark.parametrize("body", ["no json", "[]"])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    assert refusal(handler(event(None) | {"body": body}, CONTEXT)) == (400, "BODY_NOT_JSON")


@pytest.mark.parametrize("visit", [{"headers": {"host": "example.com"}}, {"headers": {}, "body": "{}"}])
def test_a_call_that_is_no_hook_is_refused(visit: dict[str, Any]) -> None:
    assert refusal(handler(visit, CONTEXT)) == (400, "NOT_A_HOOK")


def test_vital_signs_are_found_however_deep() -> None:
    bulk = {"measures": [{"data": {"heart_rate": 70}}, {"data": {"heart_rate": 7}}]}

    assert violations(bulk, RANGES) == [("heart_rate", 7, (20.0, 250.0))]


@pytest.mark.parametrize(("value", "fine"), [(20, True), (250, True), (19.9, False), (float("nan"), False)])
def test_the_ends_of_a_range_are_within_it(value: Any, fine: bool) -> None:
    assert (not violations({"heart_rate": value}, RANGES)) is fine


@pytest.mark.parametrize("value", [None, True, "900", {"unit": "bpm"}])
def test_what_is_no_number_is_not_judged(value: Any) -> None:
    assert violations({"heart_rate": value}, RANGES) == []


def test_ranges_come_from_the_environment() -> None:
    environment = {"RANGE_HEART_RATE": "20..250", "RANGE_BASE_EXCESS": " -30..30.5 ", "PATH": "/bin"}

    assert ranges_from(environment) == {"heart_rate": (20, 250), "base_excess": (-30, 30.5)}


@pytest.mark.parametrize("text", ["", "20", "20-250", "250..20"])
def test_a_range_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"RANGE_HEART_RATE must be <lowest>\.\.<highest>"):
        ranges_from({"RANGE_HEART_RATE": text})
