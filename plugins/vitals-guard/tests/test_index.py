import base64
import json
from types import SimpleNamespace

import pytest
from index import handler
from vitals import ranges_from, violations

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CONTEXT = SimpleNamespace(aws_request_id="request-1")
RANGES = {"heart_rate": (20.0, 250.0)}


@pytest.fixture(autouse=True)
def ranges(monkeypatch):
    monkeypatch.setattr("index.RANGES", RANGES)


def event(body, hook="INTERCEPTOR_PRE", **more):
    headers = {"HookType": hook, "traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00"}
    return {"headers": headers, "body": json.dumps(body), "isBase64Encoded": False, **more}


def pre_request(body):
    path = "/device/v1/devices/d1/usage-sessions/s1"
    headers = {"authorization": "Bearer caller", "accept": "application/json"}
    request = {"body": body, "path": path, "queryParameters": {"a": ["b"]}, "headers": headers, "pathVariables": []}
    return {"apiId": "PATCH/device/v1/devices/{deviceId}/usage-sessions/{id}", "method": "PATCH", "request": request}


def test_vital_signs_in_range_pass_unchanged():
    sent = pre_request({"_summary": {"heart_rate": 72}})

    answer = handler(event(sent), CONTEXT)

    assert answer == {
        "request": {name: sent["request"][name] for name in ("path", "queryParameters", "headers", "body")}
    }


def test_a_vital_sign_out_of_range_is_refused_in_biots_error_format():
    answer = handler(event(pre_request({"_summary": {"heart_rate": 900}})), CONTEXT)

    assert answer["statusCode"] == 400
    body = json.loads(answer["body"])
    assert body["code"] == "VITAL_SIGN_OUT_OF_RANGE"
    assert body["message"] == "Vital signs out of range: heart_rate: 900 is not within 20..250"
    assert body["details"] == {"heart_rate": "900 is not within 20..250"}
    assert body["traceId"] == TRACE_ID


def test_neither_tokens_nor_values_are_logged(capsys):
    handler(event(pre_request({"heart_rate": 900})), CONTEXT)

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["vitalSigns"] == ["heart_rate"]
    assert json.loads(line)["traceId"] == TRACE_ID
    assert "caller" not in line
    assert "900" not in line


def test_a_base64_body_is_read():
    body = base64.b64encode(json.dumps(pre_request({"heart_rate": 900})).encode()).decode()

    assert handler(event(None) | {"body": body, "isBase64Encoded": True}, CONTEXT)["statusCode"] == 400


@pytest.mark.parametrize("hook", ["INTERCEPTOR_POST", "INTERCEPTOR_POST_ENTITY"])
def test_a_response_passes_unchanged(hook):
    response = {"body": {"heart_rate": 900}}

    assert handler(event({**pre_request(None), "response": response}, hook), CONTEXT) == {"response": response}


def test_a_notification_is_accepted():
    assert handler(event({"metadata": {}, "data": {}}, "NOTIFICATION"), CONTEXT) == {"statusCode": 200}


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


def test_vital_signs_are_found_however_deep():
    bulk = {"measures": [{"data": {"heart_rate": 70}}, {"data": {"heart_rate": 7}}]}

    assert violations(bulk, RANGES) == [("heart_rate", 7, (20.0, 250.0))]


@pytest.mark.parametrize(("value", "fine"), [(20, True), (250, True), (19.9, False), (float("nan"), False)])
def test_the_ends_of_a_range_are_within_it(value, fine):
    assert (not violations({"heart_rate": value}, RANGES)) is fine


@pytest.mark.parametrize("value", [None, True, "900", {"unit": "bpm"}])
def test_what_is_no_number_is_not_judged(value):
    assert violations({"heart_rate": value}, RANGES) == []


def test_ranges_come_from_the_environment():
    environment = {"RANGE_HEART_RATE": "20..250", "RANGE_BASE_EXCESS": " -30..30.5 ", "PATH": "/bin"}

    assert ranges_from(environment) == {"heart_rate": (20, 250), "base_excess": (-30, 30.5)}


@pytest.mark.parametrize("text", ["", "20", "20-250", "250..20"])
def test_a_range_that_is_none_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"RANGE_HEART_RATE must be <lowest>\.\.<highest>"):
        ranges_from({"RANGE_HEART_RATE": text})


def test_a_visitor_without_a_body_is_no_schedule():
    answer = handler({"headers": {"host": "example.com"}}, CONTEXT)

    assert json.loads(answer["body"])["code"] == "NOT_A_HOOK"
