import base64
import json
from types import SimpleNamespace

import pytest
from index import handler
from rhythm import Settings, irregularity, settings_from

CONTEXT = SimpleNamespace(aws_request_id="request-1")
SETTINGS = Settings(irregular_from=0.1, fewest_beats=4)
STEADY = [800, 810, 795, 805]
IRREGULAR = [600, 1100, 700, 1200]


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    monkeypatch.setattr("index.SETTINGS", SETTINGS)


def event(body, hook="NOTIFICATION"):
    return {"headers": {"HookType": hook}, "body": json.dumps(body), "isBase64Encoded": False}


def changed(intervals):
    metadata = {"entityTypeName": "usage-session", "actionName": "_update", "traceId": "trace-1"}
    entity = {"_id": "session-1", "_summary": {"rr_intervals": intervals}}
    return {"metadata": metadata, "data": {"entity": entity}, "jwt": "canary"}


def test_an_irregular_rhythm_is_one_line_without_token_and_heartbeats(capsys):
    assert handler(event(changed(IRREGULAR)), CONTEXT) == {"statusCode": 200}

    line = capsys.readouterr().out
    assert json.loads(line) == {"traceId": "trace-1", "message": "irregular rhythm", "usageSessionId": "session-1"}


@pytest.mark.parametrize("intervals", [STEADY, None, [], IRREGULAR[:3], "800", [800, "810", 795, 805]])
def test_a_steady_rhythm_and_what_is_none_is_no_news(intervals, capsys):
    assert handler(event(changed(intervals)), CONTEXT) == {"statusCode": 200}
    assert capsys.readouterr().out == ""


def test_a_base64_body_is_read(capsys):
    body = base64.b64encode(json.dumps(changed(IRREGULAR)).encode()).decode()
    handler(event(None) | {"body": body, "isBase64Encoded": True}, CONTEXT)
    assert "irregular rhythm" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hook", "part"),
    [("INTERCEPTOR_PRE", "request"), ("INTERCEPTOR_POST", "response"), ("INTERCEPTOR_POST_ENTITY", "response")],
)
def test_what_is_intercepted_passes_unchanged(hook, part):
    assert handler(event({part: {"body": {"x": 1}}}, hook), CONTEXT) == {part: {"body": {"x": 1}}}


def test_a_schedule_is_accepted_and_logged_with_the_id_of_the_request(capsys):
    assert handler({}, CONTEXT) == {"statusCode": 200}
    assert json.loads(capsys.readouterr().out)["traceId"] == "request-1"


@pytest.mark.parametrize(
    ("body", "code"), [("no json", "BODY_NOT_JSON"), ("[]", "BODY_NOT_JSON"), ("{}", "NOT_A_HOOK")]
)
def test_a_call_that_is_no_hook_is_refused(body, code):
    answer = handler({"headers": {}, "body": body}, CONTEXT)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["code"] == code


def test_irregularity_is_a_share_of_the_mean_interval():
    assert irregularity([1000, 1100, 1000, 1100], SETTINGS) == pytest.approx(100 / 1050)
    assert irregularity([800, 800, 800, 800], SETTINGS) == 0


@pytest.mark.parametrize("value", [True, 199, 3001, float("nan")])
def test_what_is_no_interval_is_not_judged(value):
    assert irregularity([800, 810, value, 805], SETTINGS) is None


def test_settings_come_from_the_environment():
    assert settings_from({}) == Settings(0.1, 30)
    assert settings_from({"IRREGULAR_FROM": "0.2", "FEWEST_BEATS": "10"}) == Settings(0.2, 10)


@pytest.mark.parametrize("wrong", [{"IRREGULAR_FROM": "x"}, {"IRREGULAR_FROM": "0"}, {"FEWEST_BEATS": "2"}])
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=r"IRREGULAR_FROM .* FEWEST_BEATS"):
        settings_from(wrong)
