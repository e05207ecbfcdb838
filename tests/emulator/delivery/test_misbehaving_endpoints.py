"""Endpoints that misbehave fail the call or the notification, never the platform."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.delivery import outgoing

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..conftest import Caller


PATIENTS = "/organization/v1/users/patients"
CREATE = f"POST{PATIENTS}"


# Endpoints that misbehave.


@pytest.fixture
def raw() -> Iterator[Any]:
    """Serves endpoints that answer each connection with the same pieces, a moment apart; gives their addresses."""
    over = threading.Event()
    with contextlib.ExitStack() as closing:

        def serve(*pieces: bytes, again: bool = False, pause: float = 0.05) -> str:
            listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(0.1)

            def answer() -> None:
                while not over.is_set():
                    with contextlib.suppress(OSError), listener.accept()[0] as there:
                        there.settimeout(60)
                        while b"}" not in there.recv(65536):
                            pass
                        for piece in pieces:
                            there.sendall(piece)
                            time.sleep(pause)
                        while again and not over.is_set():
                            there.sendall(pieces[-1])
                            time.sleep(pause)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            closing.callback(thread.join, 5)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/hook"

        yield serve
        over.set()


def intercept(call: Caller, endpoint: str) -> None:
    body = {"type": "PRE_REQUEST", "apiId": CREATE, "endpoint": endpoint}
    answer = call.http.post("/dispatcher/v1/hooks/interceptions/subscribe", json=body)
    assert answer.status_code == 201, answer.text


GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"request": {}}'


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\n\r\n", GOOD],
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
        [b"HTTP/1.1 199 What\r\n\r\n"],
        [b"HTTP/1.1 99 What\r\n\r\n"],
        [b"HTTP/1.1 abc\r\n\r\n"],
        [b"\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
        [b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"request": {"body": {"x": 1e999}}}'],
        [b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 60_000],
        [],
    ],
)
def test_an_answer_that_is_none_fails_the_call_and_never_hangs_it(
    inside: Caller, raw: Any, pieces: list[bytes]
) -> None:
    intercept(inside, raw(*pieces))
    with Stopwatch() as stopwatch:
        answer = inside.http.post(PATIENTS, json={}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERCEPTOR_FAILED")
    assert stopwatch.seconds < 10


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_an_answer_without_an_end_is_given_up_in_time(
    inside: Caller, raw: Any, monkeypatch: pytest.MonkeyPatch, first: bytes, again: bytes
) -> None:
    monkeypatch.setattr(outgoing, "TIMEOUT_SECONDS", 1.0)
    intercept(inside, raw(first, again, again=True))
    with Stopwatch() as stopwatch:
        answer = inside.http.post(PATIENTS, json={}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERCEPTOR_FAILED")
    assert "no answer within 1 s" in answer.text
    assert stopwatch.seconds < 5


def test_a_proxy_whose_answer_has_no_end_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(60)  # the time may be over before the proxy is called
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")

        def trickle() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as there:
                there.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(100):
                    there.sendall(b"X: y\r\n")
                    time.sleep(0.05)

        threads.submit(trickle)
        with Stopwatch() as stopwatch, pytest.raises(outgoing.Unreachable, match=r"no answer within 0\.5 s"):
            outgoing.post("https://a.example/hook", {}, b"{}")
        assert stopwatch.seconds < 2


def test_the_time_is_over_where_connecting_alone_took_longer(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", again=True)
    look_up = socket.getaddrinfo

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    monkeypatch.setattr(outgoing, "TIMEOUT_SECONDS", 0.3)
    with Stopwatch() as stopwatch, pytest.raises(outgoing.Unreachable, match=r"no answer within 0\.3 s"):
        outgoing.post(endpoint, {}, b"{}")
    assert stopwatch.seconds < 2


@pytest.mark.parametrize("status", [100, 101, 103, 199])
def test_a_plugin_that_answers_an_interception_with_1xx_fails_the_call(
    inside: Caller, deploy: Any, status: int
) -> None:
    hook = {"interceptionOrder": 1, "interceptions": [{"type": "PRE_REQUEST", "apiId": CREATE}]}
    deploy("early", f"def handler(event, context): return {{'statusCode': {status}}}\n", subscriptions=hook)
    answer = inside.http.post(PATIENTS, json={}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERCEPTOR_FAILED")
    assert f"the status is {status}" in answer.text
    inside.platform.contract_variants.set(failing_interceptors="skipped")
    assert inside.http.post(PATIENTS, json={}, timeout=20).status_code == 201


MALFORMED = [
    "https://[nowhere/hook",
    "https://[::1",
    "https://a.example:99999/hook",
    "https://a.example:port/hook",
    "https://a.example:0/hook",
    "https://:443/hook",
    "https:///hook",
    "https://",
    "https:",
    "a.example/hook",
    "ftp://a.example/hook",
    "https://a.example/h k",
    "https://a.example/h\nk",
    "https://a.example/\u00e9",
    "https://\u0130.example/",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("endpoint", MALFORMED)
def test_an_endpoint_that_is_no_address_is_refused(shared: Caller, endpoint: str) -> None:
    notification = {"entityTypeName": "patient", "actionName": "_create", "endpoint": endpoint}
    interception = {"type": "PRE_REQUEST", "apiId": CREATE, "endpoint": endpoint}
    for kind, body in (("notifications", notification), ("interceptions", interception)):
        answer = shared.http.post(f"/dispatcher/v1/hooks/{kind}/subscribe", json=body)
        assert (answer.status_code, answer.json()["message"]) == (400, "endpoint: must be a URL")


def test_one_that_an_earlier_version_has_taken_kills_no_queue(outside: Caller, deploy: Any) -> None:
    told = {"interceptionOrder": 1, "interceptions": []}
    told |= {"notifications": [{"entityTypeName": "patient", "actionName": "_create"}]}
    deploy("listens", "def handler(event, context): print('told')\n", subscriptions=told)
    with outside.platform._store.writing() as db:
        for endpoint in MALFORMED:
            db.execute(
                "INSERT INTO listeners (id, entity, action, endpoint) VALUES ('x', 'patient', '_create', ?)",
                (endpoint,),
            )
    for _ in range(2):
        assert outside.http.post(PATIENTS, json={}).status_code == 201
    # The server has a platform of its own on the same folder.
    deadline = time.monotonic() + 120
    while [line["line"] for line in outside.platform.logs.lines("listens")].count("told") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while len([line for line in outside.platform.logs.lines() if "its address must be a URL" in line["line"]]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_credentials_in_an_address_are_refused_and_quoted_nowhere(
    outside: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    password = secrets.token_hex(8)
    for address in (
        f"https://me:{password}@a.example/hook",
        f"https://{password}@a.example/hook",
        f"http://me:{password}@127.0.0.1:1/hook",
        f"https://me:{password}/x@a.example/hook",
        f"https://me:{password}@[nowhere/hook",
    ):
        notification = {"entityTypeName": "patient", "actionName": "_create", "endpoint": address}
        interception = {"type": "PRE_REQUEST", "apiId": CREATE, "endpoint": address}
        for kind, body in (("notifications", notification), ("interceptions", interception)):
            for verb in ("subscribe", "unsubscribe"):
                answer = outside.http.post(f"/dispatcher/v1/hooks/{kind}/{verb}", json=body)
                assert answer.status_code == 400
                assert password not in answer.text
    with outside.platform._store.writing() as db:
        # As an earlier version has taken it.
        record = {"id": "x", "ordered": False, "apiId": CREATE, "entityName": None, "creationTime": "x"}
        db.execute(
            "INSERT INTO interceptors (type, target, endpoint, position, record) VALUES ('PRE_REQUEST', ?, ?, 1, ?)",
            (CREATE, f"https://me:{password}@a.example/hook?key={password}", json.dumps(record)),
        )
    answer = outside.http.post(PATIENTS, json={})
    assert answer.status_code == 500
    told = [answer.text, json.dumps(outside.platform.requests()), json.dumps(outside.platform.logs.lines())]
    assert not any(password in text for text in told)
    assert "a.example/hook" in told[0]
    assert password not in "".join(capfd.readouterr())
