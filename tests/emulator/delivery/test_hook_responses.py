"""What becomes of a handler's answer: as HTTP by Lambda's rules, then as a hook's by the platform's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from biot_provider.emulator.delivery.hook_responses import ADAPT, POST, PRE, HttpResponse, Verdict, http_response, judge

ENVELOPE = {"code": "MINORS_NOT_ALLOWED", "message": "Patient is under age"}


def judged(hook: str | None, answer: Any, **options: Any) -> Verdict:
    return judge(hook, http_response(answer), **options)


@pytest.mark.parametrize("answer", [{"request": {}}, [], "text", 1, None, {"statuscode": 200}])
def test_json_without_a_status_is_the_body_of_a_200(answer: Any) -> None:
    assert http_response(answer) == HttpResponse(200, {"content-type": "application/json"}, json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("answer", "status", "headers", "body"),
    [
        ({"statusCode": 204}, 204, {}, b""),
        ({"statusCode": "201", "body": "ä"}, 201, {"content-type": "application/json"}, "ä".encode()),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True, "headers": {"Content-Type": "a/b"}}, 200,
         {"content-type": "a/b"}, b"hi"),
        ({"statusCode": 403, "body": [1]}, 403, {"content-type": "application/json"}, b"[1]"),
        ({"statusCode": 200, "headers": {"X-Count": 3, "x-on": True}}, 200, {"x-count": "3", "x-on": "true"}, b""),
    ],
)  # fmt: skip
def test_an_answer_with_a_status_is_taken_apart(answer: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    http = http_response(answer)
    assert (http.status, http.headers, http.body, http.problem) == (status, headers, body, None)


def test_cookies_are_apart() -> None:
    assert http_response({"statusCode": 200, "cookies": ["a=1", "b=2"]}).cookies == ("a=1", "b=2")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"statusCode": "ok"}, 'statusCode is "ok"'),
        ({"statusCode": 42}, "statusCode is 42"),
        ({"statusCode": True}, "statusCode is true"),
        ({"statusCode": "9" * 5000}, 'statusCode is "999'),
        ({"statusCode": 200, "headers": []}, None),
        ({"statusCode": 200, "headers": ["a"]}, "headers must be an object"),
        ({"statusCode": 200, "headers": {"a": {}}}, "headers must be an object"),
        ({"statusCode": 200, "cookies": "a"}, "cookies must be a list of strings"),
        ({"statusCode": 200, "body": "*", "isBase64Encoded": True}, "is not base64"),
        ({"statusCode": 200, "body": "ä", "isBase64Encoded": True}, "is not base64"),
    ],
)
def test_what_lambda_cannot_take_apart_is_a_502_that_says_why(answer: Any, problem: str | None) -> None:
    http = http_response(answer)
    if problem is None:
        assert http.problem is None
    else:
        assert problem in str(http.problem)
        assert (http.status, json.loads(http.body)) == (502, {"Message": "Internal Server Error"})
        assert any(problem in found for found in judge(None, http).problems)


@pytest.mark.parametrize(
    "answer",
    [
        {"request": {"path": "/organization/v1/x", "queryParameters": {"a": ["1"]}, "headers": {}, "body": {"a": 1}}},
        {"statusCode": 200, "body": json.dumps({"request": {}})},
        {"method": "POST", "request": {"body": None, "pathVariables": []}, "initiatorData": {}},
    ],
)
def test_an_interceptor_before_the_call_changes_the_request(answer: Any) -> None:
    verdict = judged(PRE, answer, path="/organization/v1/users")
    assert (verdict.blocked, verdict.response, verdict.problems) == (False, None, ())
    assert verdict.request == answer.get("request", {})


@pytest.mark.parametrize("response", [{"body": {"a": 1}}, {}])
def test_an_interceptor_after_the_call_changes_the_response(response: Any) -> None:
    verdict = judged(POST, {"response": response})
    assert (verdict.blocked, verdict.request, verdict.response, verdict.problems) == (False, None, response, ())


def test_an_adapter_answers_entities() -> None:
    assert judged(ADAPT, {"response": {"entities": [{"_id": "1"}]}}).problems == ()
    assert "response has no entities" in judged(ADAPT, {"response": {"body": {}}}).problems[0]
    assert "must be a list of objects" in judged(ADAPT, {"response": {"entities": ["a"]}}).problems[0]


@pytest.mark.parametrize("hook", [PRE, POST, ADAPT])
@pytest.mark.parametrize("status", [302, 400, 403, 500])
def test_any_other_status_blocks_the_call(hook: str, status: int) -> None:
    verdict = judged(hook, {"statusCode": status, "body": ENVELOPE})
    assert verdict == Verdict(True, status, None, None, ())


@pytest.mark.parametrize(
    ("body", "missing"),
    [("no", "no code and no message"), ({"code": "A"}, "no message"), ({"message": "a"}, "no code")],
)
def test_a_block_without_the_error_format_is_a_problem(body: Any, missing: str) -> None:
    verdict = judged(PRE, {"statusCode": 400, "body": body})
    assert verdict.blocked
    assert verdict.problems == (f"the answer blocks the call with 400, but its body has {missing}",)


@pytest.mark.parametrize(
    ("hook", "answer", "problem"),
    [
        (PRE, {"statusCode": 200}, "the answer has no body"),
        (PRE, {"statusCode": 200, "body": "OK"}, "the answer's body is not JSON"),
        (PRE, None, "the answer has no request"),
        (PRE, {"response": {}}, "the answer has response, but this interception answers"),
        (POST, {"request": {}}, "the answer has request, but this interception answers"),
        (PRE, {"request": "x"}, 'request is "x": it must be an object'),
        (PRE, {"request": {"path": "x"}}, 'request.path is "x": it must be a path that starts with /'),
        (PRE, {"request": {"path": "/device/v1"}}, "leads to another service, /device: it must stay in /organization"),
        (PRE, {"request": {"queryParameters": {"a": "1"}}}, "queryParameters must be an object whose values are lists"),
        (PRE, {"request": {"headers": {"a": 1}}}, "request.headers must be an object whose values are strings"),
    ],
)
def test_a_response_that_the_platform_cannot_use_is_reported(hook: str, answer: Any, problem: str) -> None:
    verdict = judged(hook, answer, path="/organization/v1/users")
    assert not verdict.blocked
    assert len(verdict.problems) == 1
    assert problem in verdict.problems[0]


def test_a_notification_cannot_be_refused() -> None:
    assert judged("NOTIFICATION", {"statusCode": 204}).problems == ()
    assert "cannot be refused" in judged("NOTIFICATION", {"statusCode": 403}).problems[0]


def test_a_direct_call_may_answer_what_it_likes() -> None:
    for answer in ({"statusCode": 500}, "text", {"request": 1}):
        assert judged(None, answer) == Verdict(False, http_response(answer).status, None, None, ())
