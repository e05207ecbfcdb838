"""Faults on order: what strikes, when, how often, and what the caller gets; and the request log of it all."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from biot_provider.emulator import ConnectionCut, Platform
from biot_provider.emulator.testing.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANSWERS = [
    ("unauthorized", 401, "TOKEN_NOT_VALID", False),
    ("forbidden", 403, "ACCESS_DENIED", False),
    ("throttled", 429, "TOO_MANY_REQUESTS", False),
    ("internal-error", 500, "INTERNAL_SERVER_ERROR", False),
    ("aws-conflict", 500, "AWS_EXCEPTION", False),
    ("rollback-failed", 500, "PLUGIN_ROLLBACK_FAILED", True),
    ("gateway-timeout", 504, "GATEWAY_TIMEOUT", True),
]
BODIES = [
    ("bad-gateway", 502, "<html><body><h1>502 Bad Gateway</h1></body></html>", False),
    ("unavailable", 503, "", False),
    ("gateway-timeout-empty", 504, "", True),
    ("wrong-json", 200, '{"name": ', True),
    ("not-json", 200, "<html></html>", True),
]


@pytest.mark.parametrize(("kind", "status", "code", "acted"), ANSWERS)
def test_a_fault_answers_in_the_place_of_the_platform(
    inside: Any, refused: Any, kind: str, status: int, code: str, acted: bool
) -> None:
    inside.platform.faults.add(kind, method="POST", path="/plugins$")
    refused(inside.create(), status, code)
    assert inside.get("guard").status_code == (200 if acted else 404)
    assert inside.create().status_code == (409 if acted else 201)


@pytest.mark.parametrize(("kind", "status", "body", "acted"), BODIES)
def test_a_gateway_answers_in_its_own_words(call: Any, kind: str, status: int, body: str, acted: bool) -> None:
    call.platform.faults.add(kind, method="POST", path="/plugins$")
    answer = call.create()
    assert (answer.status_code, answer.text) == (status, body)
    assert call.get("guard").status_code == (200 if acted else 404)


def test_details_and_headers_of_a_fault_arrive(call: Any, refused: Any) -> None:
    call.platform.faults.add("aws-conflict")
    assert refused(call.get("x"), 500, "AWS_EXCEPTION") == {"className": "ResourceConflictException"}
    call.platform.faults.add("throttled", headers={"Retry-After": "7"})
    assert call.get("x").headers["Retry-After"] == "7"
    call.platform.faults.add("bad-gateway")
    assert call.get("x").headers["Content-Type"] == "text/html"
    call.platform.faults.add(status=418, json={"any": ["thing"]})
    answer = call.get("x")
    assert (answer.status_code, answer.json()) == (418, {"any": ["thing"]})


CUTS = [
    ("reset", False, httpx.ReadError),
    ("reset-after-commit", True, httpx.ReadError),
    ("truncated", True, httpx.RemoteProtocolError),
    ("hang", False, httpx.ReadTimeout),
]


@pytest.mark.parametrize(("kind", "acted", "error"), CUTS)
def test_a_socket_is_cut(outside: Any, kind: str, acted: bool, error: type[Exception]) -> None:
    outside.platform.faults.add(kind, method="POST", path="/plugins$")
    outside.http.timeout = httpx.Timeout(30, read=0.3 if kind == "hang" else 30)
    with pytest.raises(error):
        outside.create()
    outside.http.timeout = httpx.Timeout(30)
    assert outside.get("guard").status_code == (200 if acted else 404)


def test_a_socket_is_reset_in_the_midst_of_an_answer_or_behind_it(outside: Any) -> None:
    outside.created()
    outside.platform.faults.add(cut="reset-during", method="GET")
    with pytest.raises(httpx.ReadError):
        outside.get("guard")
    outside.platform.faults.add(cut="reset-after", method="PATCH")
    assert outside.patched("guard", {"timeout": 9})["timeout"] == 9
    assert outside.got("guard")["timeout"] == 9


@pytest.mark.parametrize(("kind", "acted", "_error"), CUTS)
def test_in_process_a_cut_is_an_exception(inside: Any, kind: str, acted: bool, _error: Any) -> None:
    inside.platform.faults.add(kind, method="POST", path="/plugins$")
    with pytest.raises(ConnectionCut) as raised:
        inside.create()
    assert (raised.value.cut, raised.value.acted) == (KINDS[kind]["cut"], acted)
    assert inside.get("guard").status_code == (200 if acted else 404)


@pytest.mark.parametrize(("kind", "acted"), [("kill", False), ("kill-after-commit", True)])
def test_the_process_of_the_platform_is_killed(
    platform: Platform, tmp_path: Path, script: Callable[..., list[str]], kind: str, acted: bool
) -> None:
    platform.faults.add(kind, method="POST", path="/plugins$")
    code = """
import json, sys, httpx
from pathlib import Path
from biot_provider.emulator import Platform
platform = Platform(Path(sys.argv[1]))
http = httpx.Client(transport=httpx.WSGITransport(platform.app), base_url="http://embedded.invalid")
body = {"id": platform.service_id, "secretKey": platform.service_secret_key}
token = http.post("/ums/v2/services/accessToken", json=body).json()["accessToken"]
config = json.dumps({"name": "guard", "displayName": "Guard", "version": 1})
http.post("/settings/v2/plugins", files={"config": (None, config)}, headers={"Authorization": f"Bearer {token}"})
"""
    done = subprocess.run(script(code, tmp_path / "data"), check=False, timeout=120)
    assert done.returncode == -9
    assert (platform.plugins.search({})["data"] != []) == acted
    assert platform.requests()[-1]["acted"] == acted


def test_a_fault_hits_what_it_names_and_nothing_else(inside: Any) -> None:
    inside.created()
    inside.created(name="other")
    inside.platform.faults.add("unavailable", method="PATCH", path="/Plugin-guard$")
    assert inside.get("guard").status_code == 200
    assert inside.patch("other", {}).status_code == 200
    assert inside.patch("guard", {}).status_code == 503
    assert inside.patch("guard", {}).status_code == 200


def test_a_fault_lets_some_through_then_hits_some(inside: Any) -> None:
    inside.platform.faults.add("unavailable", skip=2, times=3)
    assert [inside.search({}).status_code for _ in range(7)] == [200, 200, 503, 503, 503, 200, 200]
    assert inside.platform.faults.all()[0]["struck"] == 3


def test_a_fault_without_a_number_of_times_stays_until_called_off(inside: Any) -> None:
    inside.platform.faults.add("unavailable", times=None)
    assert [inside.search({}).status_code for _ in range(4)] == [503] * 4
    inside.platform.faults.clear()
    assert inside.search({}).status_code == 200


def test_faults_queue_up(inside: Any) -> None:
    inside.platform.faults.add("unavailable")
    inside.platform.faults.add("bad-gateway")
    assert [inside.search({}).status_code for _ in range(3)] == [503, 502, 200]


def test_a_plugin_that_still_settles_refuses_the_next_write(inside: Any, refused: Any) -> None:
    inside.platform.faults.add("aws-conflict", method="PATCH", settling=60, times=None)
    assert inside.patch("guard", {}).status_code == 404
    inside.created()
    for _ in range(2):
        refused(inside.patch("guard", {}), 500, "AWS_EXCEPTION")
    inside.platform.faults.clear()
    inside.platform.faults.add("aws-conflict", method="PATCH", settling=0.01, times=None)
    time.sleep(0.02)
    assert inside.patch("guard", {}).status_code == 200


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_late_answer_is_the_right_one(inside: Any, when: str) -> None:
    inside.platform.faults.add(latency=0.15, when=when, method="POST")
    start = time.monotonic()
    assert inside.created()["name"] == "guard"
    assert time.monotonic() - start >= 0.15


def test_a_caller_that_gives_up_finds_what_was_committed(outside: Any) -> None:
    outside.platform.faults.add(latency=0.6, when="after", method="POST")
    outside.http.timeout = httpx.Timeout(30, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        outside.create()
    outside.http.timeout = httpx.Timeout(30)
    deadline = time.monotonic() + 120
    while (status := outside.get("guard").status_code) == 404 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status == 200


def test_faults_are_kept_and_shared(platform: Platform, tmp_path: Path, inside: Any) -> None:
    with Platform(tmp_path / "data") as other:
        fault = other.faults.add("unavailable", method="GET")
    assert [(item["id"], item["kind"], item["struck"]) for item in platform.faults.all()] == [(fault, "unavailable", 0)]
    assert inside.search({}).status_code == 503


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, "does something"),
        ({"kind": "earthquake"}, "unknown fault"),
        ({"kind": "reset", "methd": "GET"}, "no methd"),
        ({"status": 500, "when": "during"}, "a fault's when: Input should be 'before' or 'after'"),
        ({"cut": "softly"}, "a fault's cut: Input should be 'reset-before'"),
        ({"status": 500, "path": "("}, "regular expression"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(outside: Any, spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        outside.platform.faults.add(**spec)
    answer = outside.http.post("/_emulator/faults", json=spec)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert outside.platform.faults.all() == []


def test_faults_are_ordered_over_http_with_the_key_and_without_a_token(outside: Any) -> None:
    good = outside.http.headers.pop("Authorization")
    spec = {"kind": "gateway-timeout", "method": "POST", "path": "/plugins$"}
    fault = outside.http.post("/_emulator/faults", json=spec).json()["id"]
    outside.http.headers["Authorization"] = good
    assert outside.create().status_code == 504
    listed = outside.http.get("/_emulator/faults").json()["faults"]
    assert [(item["id"], item["status"], item["struck"]) for item in listed] == [(fault, 504, 1)]
    assert outside.http.delete("/_emulator/faults").json() == {"faults": []}


def test_the_request_log_has_each_request(inside: Any, zipped: Any) -> None:
    inside.platform.request_log.clear()
    inside.created(code=zipped(), environmentVariables={"MODE": "tell-nobody"})
    inside.get("nobody")
    inside.search({"limit": 1})
    create, get, search = inside.platform.requests()
    assert (create["method"], create["path"], create["status"]) == ("POST", "/settings/v2/plugins", 201)
    assert [(part["name"], part["filename"]) for part in create["parts"]] == [("config", None), ("code", "code.zip")]
    assert create["parts"][1]["size"] == len(zipped())
    assert create["parts"][1]["contentType"] == "application/zip"
    assert create["config"] == {
        "name": "guard",
        "displayName": "Guard",
        "version": 1,
        "environmentVariables": {"MODE": "[redacted]"},
    }
    assert (get["status"], get["code"], get["parts"], get["config"]) == (404, "PLUGIN_NOT_FOUND", [], None)
    assert search["query"].startswith("searchRequest=")
    assert "tell-nobody" not in str(inside.platform.requests())


def test_the_request_log_has_the_callers_response_and_the_real_outcome(inside: Any) -> None:
    inside.platform.request_log.clear()
    for fault in ("unavailable", "gateway-timeout", "reset-after-commit"):
        inside.platform.faults.add(fault, method="POST")
    inside.create(name="a")
    inside.create(name="b")
    with pytest.raises(ConnectionCut):
        inside.create(name="c")
    seen = [(entry["status"], entry["fault"], entry["acted"]) for entry in inside.platform.requests()]
    assert seen == [(503, "unavailable", False), (504, "gateway-timeout", True), (None, "reset-after-commit", True)]
    assert inside.found(sort=[{"prop": "name", "order": "ASC"}]) == ["b", "c"]


def test_the_request_log_has_no_secret(inside: Any) -> None:
    credentials = {"id": inside.platform.service_id, "secretKey": inside.platform.service_secret_key}
    token = inside.http.post("/ums/v2/services/accessToken", json=credentials).json()["accessToken"]
    inside.created()
    told = str(inside.platform.requests())
    assert inside.platform.service_secret_key not in told
    assert token not in told


def test_the_request_log_is_read_and_cleared_over_http(outside: Any) -> None:
    outside.search({})
    entries = outside.http.get("/_emulator/requests").json()["requests"]
    assert [entry["path"] for entry in entries] == ["/ums/v2/services/accessToken", "/settings/v2/plugins"]
    assert outside.http.delete("/_emulator/requests").json() == {"requests": []}


def test_the_control_adds_users_ends_tokens_and_gives_code(outside: Any, zipped: Any, refused: Any) -> None:
    outside.created(code=zipped())
    assert outside.http.get("/_emulator/plugins/guard/code").content == zipped()
    assert outside.http.get("/_emulator/plugins/nobody/code").status_code == 404
    outside.http.delete("/_emulator/tokens")
    refused(outside.get("guard"), 401, "TOKEN_NOT_VALID")
    user = outside.http.post("/_emulator/service-users", json={"permissions": ["SETTINGS_PLUGIN_GET"]}).json()
    outside.log_in(user["id"], user["secretKey"])
    assert outside.get("guard").status_code == 200
    refused(outside.delete("guard"), 403, "ACCESS_DENIED")
    wrong = outside.http.post("/_emulator/service-users", json={"permissions": ["FLY"]})
    assert (wrong.status_code, "unknown permissions FLY" in wrong.json()["error"]) == (400, True)
    assert outside.http.get("/_emulator/nothing").status_code == 404
    assert outside.http.put("/_emulator/switches", content=b"{").status_code == 400
    assert outside.http.put("/_emulator/switches", content=b"[]").status_code == 400


def test_the_control_answers_the_loopback_only(platform: Platform) -> None:
    transport = httpx.WSGITransport(platform.app, remote_addr="192.0.2.7")
    with httpx.Client(transport=transport, base_url="http://embedded.invalid") as http:
        assert http.get("/_emulator/switches").status_code == 403
        assert http.get("/settings/v1/system/properties").status_code == 200
