"""A request ends in its time and within its memory, whatever the other side does."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from biot_provider.api.client import Client
from biot_provider.api.session import Session
from biot_provider.api.transport import MAX_RESPONSE_BYTES, open_transport
from biot_provider.config import Settings
from biot_provider.errors import TransportError

from ..stopwatch import Stopwatch
from ..uncoded import uncoded
from .conversation import HEAD, drip, read_request, talking

TIME = 1.0
SLACK = 2.0
CONFIG = {"name": "guard", "displayName": "Guard", "version": 1}


def failure(base_url: str, act: Callable[[Client], Any]) -> tuple[TransportError, float]:
    """How this fails, and the seconds it took as a stopwatch counts them."""
    settings = Settings(base_url, "id", "canary-key")
    client = Client(Session(settings, open_transport(settings)))
    with Stopwatch() as stopwatch, pytest.raises(TransportError) as raised:
        act(client)
    client.close()
    return raised.value, stopwatch.seconds


@pytest.mark.parametrize(
    ("operation", "part"), [("write", "head"), ("write", "body"), ("write", "nothing"), ("read", "body")]
)
def test_an_answer_that_trickles_or_never_comes_is_late_in_time(tls: Any, operation: str, part: str) -> None:
    def conversation(connection: socket.socket, over: threading.Event) -> None:
        if part != "nothing":
            connection.sendall(HEAD + (b"" if part == "head" else b"Content-Length: 9999\r\n\r\n"))
        drip(b"" if part == "nothing" else b"x")(connection, over)

    with talking(conversation, tls) as base_url:
        began = time.monotonic()
        error, seconds = failure(
            base_url,
            lambda client: (
                client.get_plugin("guard", timeout=TIME)
                if operation == "read"
                else client.create_plugin(CONFIG, timeout=TIME)
            ),
        )
    assert f"no answer from {base_url} within 1 s" in str(error)
    assert error.unclear
    assert time.monotonic() - began >= TIME * 0.9
    assert seconds < TIME + SLACK


@pytest.mark.parametrize("taken", ["nothing", "a little at a time"])
def test_an_upload_that_is_not_taken_is_late_in_time(tls: Any, taken: str) -> None:
    def conversation(connection: socket.socket, over: threading.Event) -> None:
        for _ in range(80):
            if over.wait(0.1):
                return
            if taken != "nothing":
                connection.recv(100)

    with talking(conversation, tls) as base_url:
        package = io.BytesIO(bytes(20 * 1024 * 1024))
        error, seconds = failure(base_url, lambda client: client.create_plugin(CONFIG, package, timeout=TIME))
    assert "create plugin 'guard': no answer from" in str(error)
    assert error.unclear
    assert seconds < TIME + SLACK


def test_the_login_counts_in_the_time_of_the_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and never says a word
        base_url = f"http://127.0.0.1:{server.getsockname()[1]}"
        error, seconds = failure(base_url, lambda client: client.create_plugin(CONFIG, timeout=TIME))
    assert "log in as service user id: no answer from" in str(error)
    assert seconds < TIME + SLACK


def test_no_wait_goes_beyond_the_time(tls: Any) -> None:
    def busy(connection: socket.socket, over: threading.Event) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n")
            if not read_request(connection):
                return

    with talking(busy, tls) as base_url:
        settings = Settings(base_url, "id", "canary-key")
        client = Client(Session(settings, open_transport(settings)))
        with Stopwatch() as stopwatch, pytest.raises(Exception, match="answered 503"):
            client.get_plugin("guard", timeout=8)
        client.close()
    assert stopwatch.seconds < 8


@pytest.mark.parametrize("kind", ["plain", "packed", "endless"])
def test_an_answer_too_large_for_memory_is_refused(kind: str) -> None:
    def conversation(connection: socket.socket, over: threading.Event) -> None:
        if kind == "packed":
            body = gzip.compress(bytes(MAX_RESPONSE_BYTES + 1))
            connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        length = b"" if kind == "endless" else b"Content-Length: %d\r\n" % (MAX_RESPONSE_BYTES + 1)
        connection.sendall(HEAD + length + b"\r\n")
        while not over.is_set():
            connection.sendall(bytes(2**20))

    with talking(conversation) as base_url:
        error, _ = failure(base_url, lambda client: client.get_plugin("guard"))
    assert uncoded(str(error)) == (
        f"read plugin 'guard': {base_url} gave a response of more than 32 MB, which the platform never does."
        " What to do: check biot:baseUrl"
    )


def test_a_packed_answer_is_read(tls: Any) -> None:
    body = gzip.compress(b'{"name": "guard", "version": 7}')

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with talking(conversation, tls) as base_url:
        settings = Settings(base_url, "id", "canary-key")
        client = Client(Session(settings, open_transport(settings)))
        assert client.get_plugin("guard").version == 7
        client.close()


def test_a_connection_is_kept_between_requests(tls: Any) -> None:
    connections: list[socket.socket] = []
    body = b'{"name": "guard", "version": 7}'

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        connections.append(connection)
        while True:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if not read_request(connection):
                return

    with talking(conversation, tls) as base_url, httpx.Client(transport=open_transport(Settings(base_url))) as http:
        for _ in range(3):
            assert http.get(base_url).json()["version"] == 7
    assert len(connections) == 1
