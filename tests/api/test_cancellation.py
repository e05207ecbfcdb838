"""Whatever a request is at when its run is cancelled, it ends soon, and it is known whether it was sent."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.api import transport
from biot_provider.api.cancellation import END_SECONDS, Cancellation
from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.errors import CancelledError

from ..stopwatch import Stopwatch
from ..uncoded import uncoded
from .conversation import HEAD, drip, read_request, talking

if TYPE_CHECKING:
    from tests.conftest import NewThreads, Tunnel

CONFIG = {"name": "guard", "displayName": "Guard", "version": 1}
SOON = 3.0
"""Seconds in which all ends: less than the five that a user is promised."""

Act = Callable[[Client], object]


def create(client: Client) -> object:
    return client.create_plugin(CONFIG, timeout=60)


def read(client: Client) -> object:
    return client.get_plugin("guard")


def upload(client: Client) -> object:
    return client.create_plugin(CONFIG, io.BytesIO(bytes(20 * 1024 * 1024)), timeout=60)


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent has a moment in place of a second to be responded to."""
    monkeypatch.setattr(transport, "WRITE_GRACE_SECONDS", 0.1)


@contextmanager
def connected(base_url: str, **changes: Any) -> Iterator[tuple[Client, Cancellation]]:
    cancellation = Cancellation()
    client = Client.connect(Settings(base_url, "id", "canary-key", **changes), cancellation=cancellation)
    yield client, cancellation
    client.close()


def ends(base_url: str, *acts: Act, once: threading.Event | None = None, **changes: Any) -> list[CancelledError]:
    """How these end that run when the run is cancelled: once this has come, or a moment after their begin."""
    errors: list[CancelledError] = []
    with connected(base_url, **changes) as (client, cancellation):

        def run(act: Act) -> None:
            with pytest.raises(CancelledError) as raised:
                act(client)
            errors.append(raised.value)

        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        assert once is None or once.wait(120)
        time.sleep(0.3 if once is None else 0.05)
        with Stopwatch() as stopwatch:
            cancellation.cancel()
            for thread in threads:
                thread.join()
        assert stopwatch.seconds < SOON
    assert len(errors) == len(acts)
    assert not any("canary" in str(error) for error in errors)
    return errors


def no_call_is_left(new_threads: NewThreads) -> bool:
    with Stopwatch() as stopwatch:
        while new_threads("biot-call"):
            if stopwatch.seconds > 2:
                return False
            time.sleep(0.02)
    return True


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("part", ["head", "body", "nothing"])
@pytest.mark.parametrize(("act", "unclear"), [(create, True), (read, False)], ids=["write", "read"])
def test_a_response_that_trickles_or_never_comes_is_cut(
    tls: Any, new_threads: NewThreads, act: Act, unclear: bool, part: str
) -> None:
    reached = threading.Event()

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        reached.set()
        if part != "nothing":
            connection.sendall(HEAD + (b"" if part == "head" else b"Content-Length: 9999\r\n\r\n"))
        drip(b"" if part == "nothing" else b"x")(connection, over)

    with talking(conversation, tls) as base_url:
        (error,) = ends(base_url, act, once=reached)
        assert no_call_is_left(new_threads)
    assert error.unclear == unclear
    assert uncoded(str(error)) == (
        "create plugin 'guard': cancelled while the platform worked on it."
        " What to do: run `pulumi up` again: it finds out what became of it, and continues"
        if unclear
        else "read plugin 'guard': cancelled before anything was written. What to do: run `pulumi up` again"
    )


@pytest.mark.usefixtures("short_grace")
def test_an_upload_that_is_not_taken_is_cut(tls: Any) -> None:
    reached = threading.Event()

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        reached.set()
        over.wait(20)

    with talking(conversation, tls) as base_url:
        (error,) = ends(base_url, upload, once=reached)
    assert error.unclear


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_not_taken_or_says_no_word_is_left_alone(scheme: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        if scheme == "http":  # its queue is full: nobody answers at all
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(server.getsockname())
        (error,) = ends(f"{scheme}://127.0.0.1:{server.getsockname()[1]}", create)
    assert not error.unclear
    assert str(error).startswith("create plugin 'guard': cancelled before anything was written.")


def test_a_wait_before_another_attempt_ends() -> None:
    reached = threading.Event()

    def busy(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n")
        reached.set()

    with talking(busy) as base_url:
        assert not ends(base_url, read, once=reached)[0].unclear


@pytest.mark.usefixtures("short_grace")
def test_those_who_wait_for_a_login_or_for_their_turn_end_and_send_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and never says a word
        errors = ends(f"http://127.0.0.1:{server.getsockname()[1]}", create, read, create)
        assert [error.unclear for error in errors] == [False] * 3
        assert {error.action for error in errors} == {"create plugin 'guard'", "read plugin 'guard'"}

    heads: list[bytes] = []
    reached = threading.Event()

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        heads.append(b"")
        reached.set()
        over.wait(20)

    with talking(conversation) as base_url:
        errors = ends(base_url, create, create, create, once=reached, max_concurrent_requests=1)
    assert sorted(error.unclear for error in errors) == [False, False, True]
    assert len(heads) == 1


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("tls", ["https"], indirect=True)
def test_a_request_through_a_proxy_is_cut(tunnel: Tunnel, tls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = threading.Event()

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        reached.set()
        over.wait(20)

    monkeypatch.setattr("biot_provider.api.transport.LOOPBACK", frozenset())
    monkeypatch.setenv("HTTPS_PROXY", tunnel.address)
    with talking(conversation, tls) as base_url:
        tunnel.lead_to(int(base_url.rpartition(":")[2]))
        (error,) = ends(base_url, create, once=reached)
    assert error.unclear
    assert set(tunnel.asked) == {f"CONNECT {base_url.removeprefix('https://')}"}


def test_a_write_that_is_about_to_be_responded_to_has_a_second(
    tmp_path: Path, latency: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transport.WRITE_GRACE_SECONDS == 1.0
    monkeypatch.setattr(transport, "WRITE_GRACE_SECONDS", 60.0)  # so that no machine is too slow
    with Platform(tmp_path) as platform, running(tmp_path) as base_url:
        platform.faults.add(method="POST", path="/plugins", latency=1.0)
        cancellation = Cancellation()
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        client = Client.connect(settings, cancellation=cancellation)

        def cancel() -> None:
            while not platform.faults.all()[0]["struck"]:
                time.sleep(0.02)
            cancellation.cancel()
            time.sleep(2 * END_SECONDS)  # a call that is not given the second has ended by then
            latency.set()

        thread = threading.Thread(target=cancel)
        thread.start()
        assert client.create_plugin(CONFIG).version == 1
        thread.join()
        client.close()


def test_a_request_that_begins_later_is_not_sent(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform, running(tmp_path) as base_url:
        with connected(base_url) as (client, cancellation):
            cancellation.cancel()
            cancellation.cancel()
            for act in (create, read):
                with pytest.raises(CancelledError, match="cancelled before anything was written"):
                    act(client)
        assert platform.requests() == []


def test_without_a_run_to_cancel_no_thread_is_made(new_threads: NewThreads) -> None:
    made: list[threading.Thread] = []
    reached = threading.Event()
    body = b'{"name": "guard", "version": 7}'

    def conversation(connection: socket.socket, over: threading.Event) -> None:
        made.extend(new_threads("biot-call"))
        reached.set()
        while True:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if not read_request(connection):
                return

    with talking(conversation) as base_url:
        client = Client.connect(Settings(base_url, "id", "canary-key"))
        read(client)
        client.close()
    assert reached.is_set()
    assert made == []
