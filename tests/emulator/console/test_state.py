"""What the console is shown: enough to understand a call, and no value that is secret."""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.console.state import MAX_PLUGINS
from biot_provider.emulator.functions.invocations import LEFT_OUT, MAX_INVOCATIONS, MAX_LOG_CHARACTERS

if TYPE_CHECKING:
    from biot_provider.emulator import Platform

    from ..conftest import Caller

PATIENTS = "/organization/v1/users/patients"
PRE = {"type": "PRE_REQUEST", "apiId": f"POST{PATIENTS}"}
REFUSES = """
    import os
    def handler(event, context):
        print("refuses", os.environ["CLINIC"][:2])
        return {"statusCode": 400, "body": "{}"}
"""


def test_a_call_is_shown_with_what_it_called_under_one_trace(inside: Caller, deploy: Any) -> None:
    deploy("guard", REFUSES, environmentVariables={"CLINIC": "north"}, subscriptions={"interceptions": [PRE]})
    inside.http.post(PATIENTS, json={})
    shown = inside.platform.console.read()
    (call,) = shown["invocations"]
    request = shown["requests"][0]
    assert (request["method"], request["path"], request["status"]) == ("POST", PATIENTS, 400)
    assert call["trace"] == request["trace"]
    assert len(call["trace"]) == 32
    assert (call["source"], call["what"], call["status"]) == ("guard", f"PRE_REQUEST POST{PATIENTS}", 400)
    assert call["duration"] > 0
    assert call["init"] > 0
    assert 0 < call["memory"] < call["memorySize"] == 128
    assert inside.platform.invocations.log(call["id"]) == ["refuses no"]


def test_why_an_answer_is_of_no_use_is_shown_beside_the_call(inside: Caller, deploy: Any) -> None:
    answers = "def handler(event, context):\n    return {'statusCode': 'x'}\n"
    deploy("odd", answers, subscriptions={"interceptions": [PRE]})
    assert inside.http.post(PATIENTS, json={}).status_code == 500
    problem, call = inside.platform.console.read()["invocations"]
    assert (problem["source"], problem["what"], problem["trace"]) == ("odd", call["what"], call["trace"])
    assert "statusCode" in problem["error"]
    assert call["error"] is None


def test_no_value_of_a_variable_no_credential_and_nothing_that_a_call_carried_is_shown(
    inside: Caller, deploy: Any
) -> None:
    canary = secrets.token_hex(8)
    deploy("guard", None, environmentVariables={"CLINIC_TOKEN": canary}, subscriptions={"interceptions": [PRE]})
    listener = {"entityTypeName": "patient", "actionName": "_create", "endpoint": f"http://127.0.0.1:9/x?key={canary}"}
    assert inside.http.post("/dispatcher/v1/hooks/notifications/subscribe", json=listener).status_code == 201
    inside.http.post(PATIENTS, json={"x": canary}, params={"x": canary}, headers={"x": canary})
    assert inside.platform.delivery.settle(10)
    shown = inside.platform.console.read()
    assert [call["source"] for call in shown["invocations"]] == ["http://127.0.0.1:9/x", "guard"]
    assert "refused" in shown["invocations"][0]["error"]
    assert shown["plugins"][0]["variables"] == ["CLINIC_TOKEN"]
    text = json.dumps(shown)
    token = inside.http.headers["Authorization"].partition(" ")[2]
    assert not [secret for secret in (canary, token, inside.platform.service_secret_key) if secret in text]


def test_chains_are_in_the_order_of_the_calls_and_show_who_is_off(inside: Caller, deploy: Any) -> None:
    deploy("second", None, subscriptions={"interceptionOrder": 2, "interceptions": [PRE]})
    deploy("third", None, subscriptions={"interceptionOrder": 3, "interceptions": [PRE]}, enabledState="DISABLED")
    hooked = {**PRE, "endpoint": "https://a.example/hook?key=x", "executionOrder": 1}
    assert inside.http.post("/dispatcher/v1/hooks/interceptions/subscribe", json=hooked).status_code == 201
    (chain,) = inside.platform.console.read()["chains"]
    assert (chain["type"], chain["target"]) == ("PRE_REQUEST", PRE["apiId"])
    assert [(one["position"], one["name"], one["enabled"]) for one in chain["callees"]] == [
        (1, "https://a.example/hook", True),
        (2, "second", True),
        (3, "third", False),
    ]


def test_a_call_under_way_is_shown_before_it_ends(outside: Caller, deploy: Any) -> None:
    deploy("slow", "import time\ndef handler(event, context):\n    time.sleep(60)\n", cronSchedule="0 6 * * ? *")
    thread = threading.Thread(target=lambda: outside.platform.delivery.run_schedule("slow"))
    thread.start()
    deadline = time.monotonic() + 120
    while not (shown := outside.platform.console.read()["underWay"]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [(call["source"], call["what"]) for call in shown] == [("slow", "schedule")]
    outside.platform._functions.close()
    thread.join()
    assert outside.platform.console.read()["underWay"] == []


def test_the_last_calls_are_kept_and_of_a_long_log_its_end(platform: Platform) -> None:
    for number in range(MAX_INVOCATIONS + 3):
        with platform.invocations.recording("guard", f"call {number}", None) as entry:
            entry["log"] = ["x" * 1000] * 40 + [f"end of {number}"] if number % 100 == 2 else []
    kept = platform.invocations.latest(10_000)
    assert [call["what"] for call in kept] == [f"call {number}" for number in range(MAX_INVOCATIONS + 2, 2, -1)]
    log = platform.invocations.log(kept[0]["id"])
    assert log is not None
    assert (log[0], log[-1]) == (LEFT_OUT, f"end of {MAX_INVOCATIONS + 2}")
    assert sum(map(len, log)) < MAX_LOG_CHARACTERS + 100
    assert platform.invocations.log(kept[-1]["id"] - 1) is None


def test_thousands_of_plugins_are_shown_in_part_and_odd_records_as_they_are(platform: Platform, deploy: Any) -> None:
    deploy("a", None)
    with platform._store.writing() as db:
        record = json.loads(db.execute("SELECT record FROM plugins").fetchone()["record"])
        rows = [(f"p{number}", json.dumps({**record, "name": f"p{number}"})) for number in range(3000)]
        db.executemany("INSERT INTO plugins (name, record) VALUES (?, ?)", rows)
        odd = {
            "name": "a",
            "cronSchedule": 3,
            "environmentVariables": "x",
            "subscriptions": {"notifications": [1, None]},
        }
        db.execute("UPDATE plugins SET record = ? WHERE name = 'a'", (json.dumps(odd),))
    shown = platform.console.read()
    assert (len(shown["plugins"]), shown["pluginsInAll"]) == (MAX_PLUGINS, 3001)
    assert shown["plugins"][0]["cronSchedule"] == 3


EVENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"kind": "PRE_REQUEST", "target": f"PATCH{PATIENTS}/{{id}}", "body": {"x": 1}}, {"hooktype": "INTERCEPTOR_PRE"}),
    ({"kind": "POST_REQUEST", "target": f"GET{PATIENTS}", "body": {"x": 1}}, {"hooktype": "INTERCEPTOR_POST"}),
    ({"kind": "ADAPT_ENTITY", "target": "patient", "body": {"x": 1}}, {"hooktype": "INTERCEPTOR_POST_ENTITY"}),
    ({"kind": "NOTIFICATION", "target": "patient _update", "body": {"x": 1}}, {"hooktype": "NOTIFICATION"}),
    ({"kind": "DIRECT", "body": {"x": 1}}, {"content-type": "application/json"}),
    ({"kind": "DIRECT"}, {}),
]
ECHO = (
    "def handler(event, context):\n    print(event.get('body', 'no body'))\n    return event.get('headers', 'none')\n"
)


@pytest.mark.parametrize(("event", "headers"), EVENTS)
def test_an_event_by_hand_is_as_the_platforms_own(
    platform: Platform, deploy: Any, event: dict[str, Any], headers: dict[str, str]
) -> None:
    deploy("echo", ECHO)
    called = platform.manual_events.send("echo", **event)
    assert called["error"] is None
    assert headers.items() <= json.loads(called["answer"]).items()
    assert ('{"x": 1}' in called["log"][0]) == ("body" in event)
    what = " ".join(filter(None, (event["kind"], event.get("target"))))
    assert platform.invocations.latest(1)[0]["what"] == f"{what}, by hand"


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"plugin": "nobody", "kind": "DIRECT"}, "plugin nobody is not deployed"),
        ({"plugin": "guard", "kind": "direct"}, "no event of kind 'direct'"),
        ({"kind": "DIRECT"}, "plugin"),
        ({"plugin": "guard", "kind": "DIRECT", "more": 1}, "more"),
        ({"plugin": ["guard"], "kind": "DIRECT"}, "is not deployed"),
        ({"plugin": "guard", "kind": ["DIRECT"]}, "no event of kind"),
        ({"plugin": "guard", "kind": "PRE_REQUEST", "target": 3}, "target"),
        ({"plugin": "guard", "kind": "PRE_REQUEST", "target": ""}, "target"),
        ({"plugin": "guard", "kind": "PRE_REQUEST", "target": "nothing"}, "must be like 'PATCH/"),
        ({"plugin": "guard", "kind": "NOTIFICATION", "target": "patient"}, "must be like 'patient _update'"),
        ({"plugin": "guard", "kind": "DIRECT", "target": "patient"}, "DIRECT has no target"),
    ],
)
def test_an_event_without_sense_is_a_400_that_says_why(
    inside: Caller, deploy: Any, event: dict[str, Any], problem: str
) -> None:
    deploy("guard", None)
    answer = inside.http.post("/_emulator/console/events", json=event)
    assert answer.status_code == 400, answer.text
    assert problem in answer.json()["error"]
