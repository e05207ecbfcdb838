"""So many requests at once to one platform, and no more; nobody waits for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.errors import TransportError

from ..stopwatch import Stopwatch
from ..uncoded import uncoded
from .conversation import HEAD, read_request, talking

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

CONFIG = {"name": "guard", "displayName": "Guard", "version": 1}
BODY = b'{"name": "guard", "version": 7}'
ANSWER = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@contextmanager
def opened(*settings: Settings) -> Iterator[list[Client]]:
    clients = [Client.connect(one) for one in settings]
    yield clients
    for client in clients:
        client.close()


class Counting:
    """A conversation whose requests each take a moment; it notes how many there were at once."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket, over: threading.Event) -> None:
        while True:
            with self._lock:
                self._now += 1
                self.most = max(self.most, self._now)
            time.sleep(0.04)
            with self._lock:
                self._now -= 1
            connection.sendall(ANSWER)
            if not read_request(connection):
                return


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_requests_run_at_once_than_are_allowed_whoever_sends_them(most: int) -> None:
    counting = Counting()
    with talking(counting) as base_url:
        one, another = (Settings(base_url, id_, "key", max_concurrent_requests=most) for id_ in ("id", "other"))
        with opened(one, another) as clients, ThreadPoolExecutor(12) as pool:
            assert len(list(pool.map(lambda number: clients[number % 2].get_plugin("guard"), range(24)))) == 24
    assert counting.most == most


def test_another_platform_has_its_own() -> None:
    counting = Counting()
    with talking(counting) as base_url, talking(counting) as other:
        settings = [Settings(address, "id", "key", max_concurrent_requests=1) for address in (base_url, other)]
        with opened(*settings) as clients, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: clients[number % 2].get_plugin("guard"), range(16)))
    assert counting.most == 2


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[tuple[Platform, Client]]:
    """A platform, and a client that may send one request at a time."""
    with Platform(tmp_path) as platform, running(tmp_path) as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key, max_concurrent_requests=1)
        with opened(settings) as (client,):
            yield platform, client


def until_struck(platform: Platform) -> None:
    deadline = time.monotonic() + 120
    while not platform.faults.all()[0]["struck"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_wait_for_its_turn_counts_in_the_time_of_a_request(
    platform: tuple[Platform, Client], latency: threading.Event
) -> None:
    emulator, client = platform
    client.create_plugin(CONFIG)
    emulator.faults.add(method="GET", path="/plugins/", latency=60)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.get_plugin, "guard")
        until_struck(emulator)
        started = time.monotonic()
        with Stopwatch() as stopwatch, pytest.raises(TransportError) as raised:
            client.update_plugin("guard", {"timeout": 9}, timeout=0.5)
        assert time.monotonic() - started > 0.4
        assert stopwatch.seconds < 1.1
        latency.set()
        assert slow.result().timeout != 9
    assert not raised.value.unclear
    assert uncoded(str(raised.value)) == (
        "update plugin 'guard': it was not sent within 1 s: other requests took all its time"
        " (biot:maxConcurrentRequests allows 1 at once). What to do: run `pulumi up` again, or raise"
        " biot:maxConcurrentRequests"
    )


def test_a_request_that_waits_to_be_repeated_lets_another_one_pass(
    platform: tuple[Platform, Client], mocker: MockerFixture
) -> None:
    emulator, client = platform
    has_passed = threading.Event()
    mocker.patch("biot_provider.api.transport.pause", lambda _seconds: has_passed.wait(120))
    client.create_plugin(CONFIG)
    emulator.faults.add(status=503, body="", method="GET", path="/plugins/")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get_plugin, "guard")
        until_struck(emulator)
        client.update_plugin("guard", {"timeout": 9})
        has_passed.set()
        assert waiting.result().timeout == 9


def test_a_login_is_not_kept_from_those_who_wait_for_it(platform: tuple[Platform, Client]) -> None:
    emulator, client = platform
    client.create_plugin(CONFIG)
    emulator.faults.add("unauthorized", method="GET", path="/plugins/")
    emulator.faults.add(method="POST", path="/accessToken", latency=0.3, times=None)
    with ThreadPoolExecutor(4) as pool:
        assert [plugin.name for plugin in pool.map(client.get_plugin, ["guard"] * 4)]
