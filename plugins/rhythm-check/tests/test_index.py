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
from rhythm import Settings, irregularity, settings_from

CONTEXT = SimpleNamespace(aws_request_id="request-1")
KEY = rsa.generate_private_key(65537, 2048)
SETTINGS = Settings(irregular_from=0.1, fewest_beats=4)
STEADY = [800, 810, 795, 805]
IRREGULAR = [600, 1100, 700, 1200]


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """BioT's public key is all that these tests need of the platform."""
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setattr(biot_token, "fetch_public_keys", lambda base_url: [base64.b64encode(der).decode()])


def token(permission: str, seconds: int = 600) -> str:
    return jwt.encode({"scopes": [permission], "exp": int(time.time()) + seconds}, KEY, "RS512")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.SETTINGS", SETTINGS)


def event(body: Any, hook: str = "NOTIFICATION") -> dict[str, Any]:
    headers = {"HookType": hook, "Authorization": f"Bearer {token('PLUGIN_INTERCEPTOR')}"}
    return {"headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def changed(intervals: Any, jwt: str | None = None) -> dict[str, Any]:
    metadata = {"entityTypeName": "usage-session", "actionName": "_update", "traceId": "trace-1"}
    entity = {"_id": "session-1", "_summary": {"rr_intervals": intervals}}
    return {"metadata": metadata, "data": {"entity": entity}, "jwt": jwt or token("ACTION_NOTIFICATION")}


def refusal(response: dict[str, Any]) -> tuple[int, str]:
    return response["statusCode"], json.loads(response["body"])["code"]


def test_an_irregular_rhythm_is_one_line_without_token_and_heartbeats(capsys: pytest.CaptureFixture[str]) -> None:
    assert handler(event(changed(IRREGULAR)), CONTEXT) == {"statusCode": 200}

    line = capsys.readouterr().out
    assert json.loads(line) == {"traceId": "trace-1", "message": "irregular rhythm", "usageSessionId": "session-1"}


@pytest.mark.parametrize("intervals", [STEADY, None, [], IRREGULAR[:3], "800", [800, "810", 795, 805]])
def test_a_steady_rhythm_and_what_is_none_is_no_news(intervals: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert handler(event(changed(intervals)), CONTEXT) == {"statusCode": 200}
    assert capsys.readouterr().out == ""


def test_a_base64_body_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    body = base64.b64encode(json.dumps(changed(IRREGULAR)).encode()).decode()
    handler(event(None) | {"body": body, "isBase64Encoded": True}, CONTEXT)
    assert "irregular rhythm" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hook", "part"),
    [("INTERCEPTOR_PRE", "request"), ("INTERCEPTOR_POST", "response"), ("INTERCEPTOR_POST_ENTITY", "response")],
)
def test_what_is_intercepted_passes_unchanged(hook: str, part: str) -> None:
    assert handler(event({part: {"body": {"x": 1}}}, hook), CONTEXT) == {part: {"body": {"x": 1}}}


def test_a_schedule_is_accepted_and_logged_with_the_id_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert handler({}, CONTEXT) == {"statusCode": 200}
    assert json.loads(capsys.readouterr().out)["traceId"] == "request-1"


@pytest.mark.parametrize("signed", ["a.b.c", token("PLUGIN_INTERCEPTOR"), token("ACTION_NOTIFICATION", -60)])
def test_a_notification_without_a_token_of_biots_raises_no_alarm(
    signed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(handler(event(changed(IRREGULAR, signed)), CONTEXT)) == (401, "TOKEN_NOT_VALID")
    assert "irregular rhythm" not in capsys.readouterr().out


@pytest.mark.parametrize("body", ["no json", "[]"])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    assert refusal(handler(event(None) | {"body": body}, CONTEXT)) == (400, "BODY_NOT_JSON")


def test_a_call_that_is_no_hook_is_refused() -> None:
    assert refusal(handler({"headers": {}, "body": "{}"}, CONTEXT)) == (400, "NOT_A_HOOK")


def test_irregularity_is_a_share_of_the_mean_interval() -> None:
    assert irregularity([1000, 1100, 1000, 1100], SETTINGS) == pytest.approx(100 / 1050)
    assert irregularity([800, 800, 800, 800], SETTINGS) == 0


@pytest.mark.parametrize("value", [True, 199, 3001, float("nan")])
def test_what_is_no_interval_is_not_judged(value: Any) -> None:
    assert irregularity([800, 810, value, 805], SETTINGS) is None


def test_settings_come_from_the_environment() -> None:
    assert settings_from({}) == Settings(0.1, 30)
    assert settings_from({"IRREGULAR_FROM": "0.2", "FEWEST_BEATS": "10"}) == Settings(0.2, 10)


@pytest.mark.parametrize("wrong", [{"IRREGULAR_FROM": "x"}, {"IRREGULAR_FROM": "0"}, {"FEWEST_BEATS": "2"}])
def test_wrong_settings_are_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"IRREGULAR_FROM .* FEWEST_BEATS"):
        settings_from(wrong)
