"""What a caller can make the server hold: bytes, headers, connections, threads, calls that wait, and for how long."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from biot_provider.emulator.delivery import notification_queue
from biot_provider.emulator.delivery.notification_queue import NotificationQueue
from biot_provider.emulator.functions import pool as function_pool
from biot_provider.emulator.http import connection, request_body, server
from biot_provider.emulator.http.connection import Connection

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import NewThreads

    from ..conftest import Caller, Talk

PROPERTIES = "/settings/v1/system/properties"
LOGIN = "/ums/v2/services/accessToken"
PLUGINS = "/settings/v2/plugins"
MB = 1 << 20

SERVED = """
import resource, sys
UNIT = 1 if sys.platform == "darwin" else 1024  # of the most memory, in bytes
from pathlib import Path
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

with Platform(Path(sys.argv[1])) as platform, running(Path(sys.argv[1])) as base_url:
    print(base_url, flush=True)
    for _ in sys.stdin:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT, len(str(platform.requests())), flush=True)
"""
REFUSED = [
    (PLUGINS, "multipart/form-data; boundary=x", 401),
    ("/organization/v1/users/patients", "application/json", 401),
    ("/v2/biot-plugins/blobs/uploads/", "application/octet-stream", 401),
    ("/_emulator/faults", "application/json", 403),
    (LOGIN, "application/json", 413),
    ("/_functions/nobody/", "application/json", 404),
    ("/nothing", "text/plain", 404),
]


def pour(port: int, path: str, kind: str, framing: str, size: int) -> int:
    """Send a body of so many MB; gives the status of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
        connection.sendall(f"{head}{framing}\r\n\r\n".encode())
        # Once there is an answer the server may hang up.
        with contextlib.suppress(ConnectionError):
            for _ in range(size):
                connection.sendall(bytes(MB))
        return int(connection.recv(12).split()[1])


def test_of_a_body_whose_sender_is_refused_nothing_is_held_and_nothing_logged(
    tmp_path: Path, script: Callable[..., list[str]]
) -> None:
    with subprocess.Popen(
        script(SERVED, tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])

        def measured() -> tuple[int, int]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            peak, logged = process.stdout.readline().split()
            return int(peak), int(logged)

        for size in (1, 24):
            if size == 24:
                before, _ = measured()
            for path, kind, status in REFUSED:
                for framing in (f"Content-Length: {size * MB}", f"Transfer-Encoding: chunked\r\n\r\n{size * MB:x}"):
                    assert pour(port, path, kind, framing, size) == status, path
        peak, logged = measured()
        process.stdin.close()
    assert peak - before < 10 * MB
    assert logged < 20_000


def test_a_refused_caller_that_expects_100_continue_gets_its_response_at_once(talk: Talk) -> None:
    head = f"POST {PLUGINS} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Length: 99999999\r\nExpect: 100-continue"
    status, headers, _ = talk.ask(f"{head}\r\n\r\n")
    assert (status, headers["connection"]) == (401, "close")


def test_a_permitted_caller_that_expects_100_continue_gets_it(talk: Talk, outside: Caller) -> None:
    body = json.dumps({"id": outside.platform.service_id, "secretKey": outside.platform.service_secret_key}).encode()
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Length: {len(body)}\r\n"
    with talk.connect(f"{head}Expect: 100-continue\r\n\r\n") as there:
        assert there.recv(100).startswith(b"HTTP/1.1 100 ")
        there.sendall(body)
        assert talk.answer(there)[0] == 200


@pytest.mark.parametrize(
    ("framing", "path", "most"),
    [
        ("length", LOGIN, 1 << 16),
        ("length", "/ums/v2/services", MB),
        ("length", "/_emulator/faults", MB),
        ("length", PLUGINS, 64 * MB),
        ("chunked", LOGIN, 1 << 16),
        ("chunked", "/ums/v2/services", MB),
        ("chunked", "/_emulator/faults", MB),
    ],
)
def test_a_body_that_is_too_long_is_a_413(outside: Caller, framing: str, path: str, most: int) -> None:
    def pieces() -> Any:
        yield from (b" " * MB for _ in range(most // MB))
        yield b" " * (most % MB + 1)

    kind = "multipart/form-data; boundary=x" if path == PLUGINS else "application/json"
    headers = {"Content-Type": kind}
    if framing == "length":
        headers["Content-Length"] = str(most + 1)
    assert outside.http.post(path, content=pieces(), headers=headers).status_code == 413


def test_a_form_of_too_many_parts_is_a_413(outside: Caller) -> None:
    files = [(f"part{number}", (None, b"")) for number in range(101)]
    assert outside.http.post(PLUGINS, files=files).status_code == 413


def test_a_function_gets_no_more_than_lambda_would_give_it(outside: Caller, deploy: Any) -> None:
    deploy("echo", "def handler(event, context): return len(event['body'])\n")
    url = outside.got("echo")["endpointUrl"]
    headers = {"Content-Type": "text/plain"}
    assert outside.http.post(url, content=b"x" * 5 * MB, headers=headers).json() == 5 * MB
    logged = []
    for size in (6 * MB, 6 * MB + 1):  # what the body becomes, an event, is larger
        answer = outside.http.post(url, content=b"x" * size, headers=headers)
        assert (answer.status_code, answer.json()) == (413, {"Message": "Request Entity Too Large"})
        logged.append(len(outside.platform.logs.lines("echo")))
    assert logged[0] == logged[1]  # the last one does not reach the plugin


@pytest.mark.parametrize(
    "headers",
    [
        "X: " + "y" * 40_000,
        "".join(f"X{number}: y\r\n" for number in range(101))[:-2],
        "".join(f"X{number}: {'y' * 1000}\r\n" for number in range(40))[:-2],
    ],
)
def test_too_many_headers_or_too_long_ones_are_a_431(talk: Talk, headers: str) -> None:
    assert talk.ask(f"GET {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n{headers}\r\n\r\n")[0] == 431


def test_a_head_without_an_end_is_a_431(talk: Talk) -> None:
    assert talk.ask(f"GET /{'x' * 200_000}")[0] == 431


def test_a_head_that_comes_too_slowly_is_a_408(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with talk.connect("GET / HTTP/1.1\r\n") as there:
        with Stopwatch() as stopwatch:
            for _ in range(4):
                time.sleep(0.05)
                there.sendall(b"X: y\r\n")
            assert talk.answer(there)[0] == 408
        assert stopwatch.seconds < 5


def test_a_body_that_comes_too_slowly_is_a_408(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.3)
    head = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Length: 1000\r\n\r\n"
    with talk.connect(head) as there:
        for _ in range(4):
            time.sleep(0.05)
            there.sendall(b" ")
        assert talk.answer(there)[0] == 408


def test_a_connection_that_says_nothing_is_closed(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.2)
    with talk.connect() as there:
        assert there.recv(1) == b""
    with talk.connect(f"GET {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n\r\n") as there:
        assert talk.answer(there)[0] == 200
        assert there.recv(1) == b""


def test_a_caller_that_does_not_read_its_answer_is_let_go(
    new_threads: NewThreads, talk: Talk, outside: Caller, deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WRITE_SECONDS", 0.3)
    deploy("big", "def handler(event, context): return 'x' * 6_000_000\n")
    path = outside.got("big")["endpointUrl"].partition(str(talk.port))[2]
    outside.http.close()
    no_connection_is_left(new_threads)
    with talk.connect(f"GET {path} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n\r\n") as there:
        while not new_threads("emulator call"):
            time.sleep(0.02)
        no_connection_is_left(new_threads)
        with pytest.raises((ConnectionError, AssertionError)):
            assert len(talk.answer(there)[2]) == 6_000_000 + 2


def test_slow_callers_do_not_keep_others_out(
    new_threads: NewThreads, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(server, "MIN_WAIT_SECONDS", 0.1)
    request = f"GET {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\n"
    body = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Length: 9\r\n\r\n1"
    refused = f"POST {PLUGINS} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nContent-Length: 9\r\n\r\n1"
    with contextlib.ExitStack() as closing:
        for number in range(40):
            closing.enter_context(talk.connect(["", request, body, refused][number % 4]))
            if number >= 8:
                time.sleep(0.02)
        time.sleep(0.2)
        assert talk.ask(f"{request}\r\n")[0] == 200
        while len(new_threads("emulator call")) > 8:  # of those that made room, until they have ended
            time.sleep(0.02)


@pytest.fixture
def caller() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection on which a request was sent, the caller's first."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as there,
        listener.accept()[0] as here,
    ):
        there.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        yield there, here


def test_a_connection_that_makes_room_does_not_act_on_what_has_just_come(
    caller: tuple[socket.socket, socket.socket],
) -> None:
    there, here = caller
    called: list[Any] = []

    def app(environ: Any, _start: Any) -> list[bytes]:
        called.append(environ)
        return []

    one = Connection(here, app, frozenset(["here"]), threading.Event())
    assert one.shut_if_waiting()
    one.serve()
    assert (there.recv(1), called) == (b"", [])


def test_a_connection_at_work_makes_no_room(caller: tuple[socket.socket, socket.socket]) -> None:
    there, here = caller
    made: list[bool] = []

    def app(_environ: Any, start: Any) -> list[bytes]:
        made.append(one.shut_if_waiting())
        start("204 No Content", [])
        return []

    one = Connection(here, app, frozenset(["here"]), threading.Event())
    there.shutdown(socket.SHUT_WR)
    one.serve()
    assert made == [False]
    assert there.recv(100).startswith(b"HTTP/1.1 204 ")


def test_a_caller_that_resets_is_no_bug(
    caller: tuple[socket.socket, socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    there, here = caller

    class Late(frozenset[str]):
        """What the caller may call the server, looked up while it resets the connection."""

        def issuperset(self, _names: object, /) -> bool:
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.close()
            return True

    served: list[str] = []

    def app(environ: Any, start: Any) -> list[bytes]:
        served.append(environ["REMOTE_ADDR"])
        start("204 No Content", [])
        return []

    Connection(here, app, Late(), threading.Event()).serve()
    assert (served, capsys.readouterr().err) == (["127.0.0.1"], "")


def test_where_all_connections_are_at_work_a_new_caller_gets_a_503(
    new_threads: NewThreads,
    talk: Talk,
    outside: Caller,
    latency: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 4)
    outside.platform.faults.add(latency=1.5, times=None, path=PROPERTIES)
    request = f"GET {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nConnection: close\r\n\r\n"
    outside.http.close()
    no_connection_is_left(new_threads)
    with contextlib.ExitStack() as closing:
        busy = [closing.enter_context(talk.connect(request)) for _ in range(4)]
        while outside.platform.faults.all()[0]["struck"] < 4:
            time.sleep(0.02)
        status, headers, body = talk.ask(request)
        assert (status, headers["connection"], "4 connections" in body) == (503, "close", True)
        latency.set()
        assert [talk.answer(one)[0] for one in busy] == [200] * 4
    outside.platform.faults.clear()
    no_connection_is_left(new_threads)
    assert talk.ask(request)[0] == 200


def no_connection_is_left(new_threads: NewThreads) -> None:
    """Wait for the connections whose callers are done: they count until their threads end."""
    while new_threads("emulator call"):
        time.sleep(0.02)


def test_where_no_thread_can_start_a_caller_gets_a_503_and_the_server_continues(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = f"GET {PROPERTIES} HTTP/1.1\r\nHost: localhost:{talk.port}\r\nConnection: close\r\n\r\n"
    start = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "emulator call":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        assert talk.ask(request)[0] == 503
    assert talk.ask(request)[0] == 200


def test_calls_of_a_plugin_that_are_too_many_are_a_429(
    outside: Caller, deploy: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(function_pool, "MAX_WAITING", 2)
    gate = tmp_path / "gate"
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    deploy("slow", f"import os, time\ndef handler(event, context):\n    {wait}\n", timeout=120)
    url = outside.got("slow")["endpointUrl"]
    many = function_pool.MAX_PROCESSES + 2 + 3
    with ThreadPoolExecutor(many) as threads, httpx.Client(trust_env=False, timeout=120, verify=False) as http:
        waiting = [threads.submit(http.get, url) for _ in range(many)]
        while sum(call.done() for call in waiting) < 3:
            time.sleep(0.02)
        gate.touch()
        answers = [call.result() for call in waiting]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * (function_pool.MAX_PROCESSES + 2) + [429] * 3
    assert next(answer for answer in answers if answer.status_code == 429).json()["message"] == "Rate Exceeded."


def test_notifications_that_are_too_many_are_dropped_and_one_that_goes_wrong_holds_up_no_other(
    new_threads: NewThreads,
) -> None:
    gate, done, notes = threading.Event(), list[str](), list[tuple[str, str]]()
    queues = NotificationQueue(lambda name, line: notes.append((name, line)))

    def work(name: str) -> Callable[[], None]:
        def act() -> None:
            gate.wait(120)
            done.append(name)

        return act

    def fails() -> None:
        gate.wait(120)
        raise KeyError("canary")

    assert queues.put("bad", fails)
    assert all(queues.put("bad", work("bad")) for _ in range(3))
    accepted = [queues.put("slow", work("slow")) for _ in range(notification_queue.MAX_WAITING + 5)]
    assert 3 <= accepted.count(False) <= 5
    assert all(queues.put(f"other-{number}", work("other")) for number in range(100))
    assert len(new_threads("emulator notifies")) == notification_queue.MAX_THREADS
    gate.set()
    assert queues.settle(120)
    assert (done.count("bad"), done.count("other"), done.count("slow")) == (3, 100, accepted.count(True))
    assert notes == [("bad", "not sent, as the emulator has a bug: KeyError")]
    deadline = time.monotonic() + 120
    while new_threads("emulator notifies"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
