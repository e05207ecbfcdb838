"""HTTP as no library writes it, byte by byte, and JSON as no client should send it."""

from __future__ import annotations

import json
import random
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from ..conftest import Caller, Talk

PROPERTIES = "/settings/v1/system/properties"
LOGIN = "/ums/v2/services/accessToken"
PLUGINS = "/settings/v2/plugins"


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: abc",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: 1_0",
        "Content-Length: 0x10",
        "Content-Length: 1 2",
        "Content-Length: ",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 3",
        f"Content-Length: {'9' * 30}",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        "Transfer-Encoding: chunked, chunked",
        "X : y",
        " X: y",
        "X\x00: y",
        "no colon",
        "X: a\x00b",
    ],
)
def test_a_head_that_is_none_is_refused_and_ends_the_connection(talk: Talk, headers: str) -> None:
    with talk.connect(f"POST {LOGIN} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n{headers}\r\n\r\n{{}}") as there:
        status, answered, _ = talk.answer(there)
        assert (status in (400, 403, 413, 501), answered["connection"]) == (True, "close")
        there.shutdown(socket.SHUT_WR)
        assert there.recv(1) == b""


@pytest.mark.parametrize(
    "line",
    [
        "",
        "GET",
        "GET /",
        "GET / HTTP/9.9",
        "GET / HTTP/2.0",
        "GET  / HTTP/1.1",
        "G\x00T / HTTP/1.1",
        "\x16\x03\x01\x02",
    ],
)
def test_a_first_line_that_is_none_is_a_400(talk: Talk, line: str) -> None:
    status = talk.ask(f"{line}\r\nHost: localhost:{talk.port}\r\n\r\n")[0]
    assert status in (400, 505)


@pytest.mark.parametrize("chunk", ["x\r\n", "-1\r\n", "FFFFFFFFFFFFFFFFFFFFFFFFF\r\n", "2\r\n{}xx0\r\n\r\n", "\r\n"])
def test_a_chunk_that_is_none_is_a_400(talk: Talk, chunk: str) -> None:
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert talk.ask(head + chunk)[0] == 400


def test_a_body_that_breaks_off_is_never_taken_for_a_whole_one(talk: Talk, outside: Caller) -> None:
    token = outside.http.headers["Authorization"]
    head = f"POST /organization/v1/users/patients HTTP/1.1\r\nHost: localhost:{talk.port}\r\nAuthorization: {token}\r\n"
    for framing in ("Content-Length: 4\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"):
        with talk.connect(head + framing) as there:
            there.shutdown(socket.SHUT_WR)
            assert talk.answer(there)[0] == 400
    assert outside.http.get("/organization/v1/users/patients").json()["data"] == []


def test_requests_on_one_connection_are_answered_one_after_the_other(talk: Talk) -> None:
    request = f"GET {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n\r\n"
    with talk.connect(request * 3) as there:
        content = b""
        while content.count(b"biotVersion") < 3:
            content += there.recv(4096)
    assert content.count(b"HTTP/1.1 200 ") == 3


def test_what_is_hidden_in_a_body_is_no_request(talk: Talk, outside: Caller) -> None:
    """A request that is refused before its body is read must not leave the body to be taken for the next one."""
    token = outside.http.headers["Authorization"]
    hidden = f"DELETE {PLUGINS}/Plugin-guard HTTP/1.1\r\nHost: localhost:{talk.port}\r\nAuthorization: {token}\r\n\r\n"
    outside.created()
    head = f"POST {PLUGINS} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Length: {len(hidden)}\r\n\r\n"
    assert talk.ask(head + hidden)[0] == 401
    assert outside.get("guard").status_code == 200


def test_headers_that_read_alike_are_not_mixed_up(talk: Talk, outside: Caller) -> None:
    head = f"GET /_emulator/switches HTTP/1.1\r\nHost: localhost:{talk.port}\r\n"
    key = outside.platform.control_key
    assert talk.ask(f"{head}X_Emulator_Key: {key}\r\n\r\n")[0] == 403
    assert talk.ask(f"{head}X-Emulator-Key: {key}\r\nX-Emulator-Key: x\r\n\r\n")[0] == 403
    assert talk.ask(f"{head}x-emulator-key: {key}\r\n\r\n")[0] == 200


def test_a_head_comes_without_a_body(talk: Talk) -> None:
    request = f"HEAD {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n\r\n"
    with talk.connect(request + request.replace("HEAD", "GET")) as there:
        first = there.recv(4096)
        while b"biotVersion" not in first:
            first += there.recv(4096)
    assert first.count(b"HTTP/1.1 200 ") == 2
    assert first.count(b"biotVersion") == 1


def test_noise_harms_nobody(talk: Talk, outside: Caller) -> None:
    """Requests in order, with bytes changed, left out and doubled at random."""
    chance = random.Random(20)
    whole = (
        f"POST {LOGIN} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Type: application/json\r\n"
        f"Transfer-Encoding: chunked\r\nX-Emulator-Key: x\r\nOrigin: y\r\n\r\n5\r\n{{'a':\r\n3\r\n1}}\n\r\n0\r\n\r\n"
    ).encode()
    for _ in range(300):
        noise = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(noise))
            how = chance.randrange(4)
            if how == 0:
                noise[place] = chance.randrange(256)
            elif how == 1:
                del noise[place : place + chance.randint(1, 30)]
            elif how == 2:
                noise[place:place] = noise[place : place + chance.randint(1, 30)]
            else:
                noise[place:place] = chance.choice([b"\r\n", b"\n", b"\0", b"\r\n\r\n", b": ", b"\xff", b"9" * 20])
        with talk.connect(bytes(noise)) as there:
            there.shutdown(socket.SHUT_WR)
            assert talk.answer(there)[0] in (0, 400, 401, 403, 404, 405, 408, 415, 431, 501), bytes(noise)
    assert outside.http.get(PROPERTIES).status_code == 200


DEEP = 20_000
BAD_JSON = [
    "Infinity",
    "[-Infinity]",
    '{"name": NaN}',
    '{"limit": 1e999}',
    '{"limit": -1e999}',
    '{"x": "\\ud800"}',
    '{"\\udfff": 1}',
    "[" * DEEP,
    "[" * DEEP + "]" * DEEP,
    "[" * 500 + "]" * 500,
    '{"filter":' * 400 + "{}" + "}" * 400,
    '{"filter":' + '{"$OR":{"filter":' * 200 + "{}" + "}}" * 200 + "}",
    "9" * 5000,
    "",
    "{",
]


@pytest.mark.parametrize("text", BAD_JSON, ids=range(len(BAD_JSON)))
def test_json_that_is_none_or_goes_too_deep_is_a_400_wherever_it_comes(outside: Caller, text: str) -> None:
    body, headers = text.encode(), {"Content-Type": "application/json"}
    for path in (LOGIN, "/ums/v2/services", "/dispatcher/v1/hooks/interceptions/subscribe", "/_emulator/faults"):
        if body or not path.startswith("/_emulator"):
            assert outside.http.post(path, content=body, headers=headers).status_code == 400, path
    assert outside.http.post(PLUGINS, files={"config": (None, body)}).status_code == 400
    if body:
        assert outside.http.post("/organization/v1/users/patients", content=body, headers=headers).status_code == 400
        for path in (PLUGINS, "/organization/v1/users/patients", "/ums/v2/services"):
            if len(body) < 10_000:
                assert outside.http.get(path, params={"searchRequest": body}).status_code == 400, path


ODD = [
    {"filter": {"timeout": {"eq": 10**400}}},
    {"filter": {"timeout": {"lt": 10**400}}},
    {"filter": {"timeout": {"eq": "9" * 5000}}},
    {"filter": {"timeout": {"in": [[]]}}},
    {"filter": {"name": {"in": [{}, []]}}},
    {"filter": {"name": {"eq": {"a": [1]}}}},
    {"filter": {"creationTime": {"from": "0001-01-01T00:00:00+23:59"}}},
    {"filter": {"creationTime": {"to": "9999-12-31T23:59:59-23:59"}}},
    {"filter": {"creationTime": {"from": 5}}},
    {"filter": {"$OR": {"filter": {"$NOT": {"filter": {"$AND": {"filter": {}}}}}}}},
    {"sort": [{"prop": ["name"]}]},
    {"sort": [{"prop": "name", "order": {}}]},
    {"sort": [{"prop": {}}]},
    {"limit": 10**30, "page": 10**30},
    {"page": True},
    {"freeTextSearch": "\u0000 ' \" %"},
    {"freeTextSearch": 5},
]


@pytest.mark.parametrize("request_", ODD, ids=range(len(ODD)))
def test_a_search_for_odd_things_is_answered_or_refused(inside: Caller, request_: Any) -> None:
    inside.created()
    assert inside.search(request_).status_code in (200, 400)


NUMBERS = [10**30, -(10**30), 1.5, 1e300, "9" * 5000, True, None, [], {}, ""]


@pytest.mark.parametrize("value", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_nothing_can_hold_are_refused(inside: Caller, value: Any) -> None:
    for member in ("version", "timeout", "memorySize", "ephemeralStorage"):
        assert inside.create(**{member: value}).status_code in (201, 400), member
        inside.delete("guard")
    subscriptions = {"interceptionOrder": value, "interceptions": [], "notifications": []}
    assert inside.create(subscriptions=subscriptions).status_code in (201, 400)
    for path, body in (
        ("/ums/v2/services", {"accessTokenExpirationInMinutes": value, "roleId": "x"}),
        (
            "/dispatcher/v1/hooks/interceptions/subscribe",
            {"type": "ADAPT_ENTITY", "entityName": "patient", "endpoint": "https://a.example", "executionOrder": value},
        ),
        ("/_emulator/service-users", {"tokenSeconds": value}),
        ("/_emulator/users", {"lockedMinutes": value}),
        ("/_emulator/faults", {"latency": value, "times": value, "skip": value, "settling": value}),
        ("/_emulator/faults", {"status": value}),
        ("/_emulator/faults", {"kind": "unavailable", "headers": value}),
    ):
        assert inside.http.post(path, json=body).status_code in (200, 201, 400), path
        inside.platform.faults.clear()


def test_a_fault_that_would_be_no_answer_is_refused(outside: Caller) -> None:
    for status in (0, 99, 100, 103, 600, 1000, "503", True):
        assert outside.http.post("/_emulator/faults", json={"status": status}).status_code == 400
    for status in (204, 304):
        outside.platform.faults.add(status=status, body="x", path=PROPERTIES)
        assert outside.http.get(PROPERTIES).status_code == status
    assert outside.http.get(PROPERTIES).json()


def test_an_answer_that_http_cannot_send_is_a_500_and_no_silence(
    outside: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    for headers in ({"X": "a\r\nb"}, {"X": "\u20ac"}, {"X y": "z"}, {"Content-Length": "-1"}):
        outside.platform.faults.add("unavailable", headers=headers, path=PROPERTIES)
        with Stopwatch() as stopwatch:
            try:
                assert outside.http.get(PROPERTIES, timeout=60).status_code in (500, 503)
            except httpx.RemoteProtocolError:
                pytest.fail(f"no answer to {headers}")
        assert stopwatch.seconds < 5
    assert outside.http.get(PROPERTIES).status_code == 200
    capfd.readouterr()
    assert json.dumps(outside.platform.faults.all())
