"""The platform is not hammered with logins: it locks users, and each second factor is somebody's message."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from biot_provider.api.auth import REFUSAL_SECONDS
from biot_provider.api.client import Client
from biot_provider.api.session import Session
from biot_provider.api.transport import open_transport
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.errors import LoginError, TransportError
from biot_provider.lifecycle.connection import Connection

from ..stopwatch import Stopwatch
from .conftest import World

WORKERS = 4
"""Threads of Pulumi's provider process."""
CONFIG = {"name": "guard", "displayName": "Guard", "version": 1}


def logins(world: World) -> int:
    return len([entry for entry in world.platform.requests() if entry["path"].endswith(("/accessToken", "/login"))])


def create_all(world: World, count: int = 20) -> list[str]:
    """Create so many plugins over the workers of one process; gives the errors."""
    wanted = [world.inputs(f"guard-{number}") for number in range(count)]

    def create(inputs: dict[str, Any]) -> str:
        with pytest.raises(Exception) as raised:
            world.create(inputs)
        return str(raised.value)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(create, wanted))


def wrong_key(world: World) -> dict[str, Any]:
    return {"service_secret_key": secrets.token_urlsafe(24)}


def locked_service(world: World) -> dict[str, Any]:
    service_id, key = world.platform.add_service_user(locked=True)
    return {"service_id": service_id, "service_secret_key": key}


def person(world: World, **given: Any) -> dict[str, Any]:
    username, password = world.platform.add_user(**given)
    return {"service_id": None, "service_secret_key": None, "username": username, "password": password}


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (wrong_key, "403 LOGIN_FAILED"),
        (locked_service, "401 SERVICE_LOCKED"),
        (lambda world: person(world) | {"password": secrets.token_hex(12)}, "403 LOGIN_FAILED"),
        (lambda world: person(world, locked=True), "401 USER_LOCKED"),
        (lambda world: person(world, locked_minutes=7), "401 USER_LOCKED_WITH_TIME"),
        (lambda world: person(world, mfa=True), "wants a second factor"),
    ],
    ids=["wrong key", "locked service user", "wrong password", "locked", "locked for a time", "second factor"],
)
def test_a_refused_login_is_sent_once_however_many_plugins_there_are(
    world: World, identity: Callable[[World], dict[str, Any]], said: str
) -> None:
    world.connect(**identity(world))
    errors = create_all(world)
    assert [error for error in errors if said not in error] == []
    assert {error.startswith("log in as ") for error in errors} == {True}
    assert logins(world) == 1
    assert world.requests() == []


@pytest.mark.parametrize(("status", "code"), [(400, "BAD_REQUEST"), (404, None), (409, None)])
def test_any_refusal_counts(world: World, status: int, code: str | None) -> None:
    body = {"code": code} if code else {}
    world.platform.faults.add(method="POST", path="/accessToken", times=None, status=status, json=body)
    create_all(world, 5)
    assert logins(world) == 1


def test_another_key_is_another_identity(world: World) -> None:
    right = world.settings.service_secret_key
    world.connect(**wrong_key(world))
    create_all(world, 2)
    world.connect(service_secret_key=right)
    world.create(world.inputs())
    assert (logins(world), world.names) == (2, ["guard"])


def test_a_refusal_is_forgotten_in_time(world: World) -> None:
    service_id, key = world.platform.add_service_user(expired=True)
    now = [time.time()]
    settings = Settings(world.settings.base_url, service_id, key)
    client = Client(Session(settings, open_transport(settings), clock=lambda: now[0]))
    for seconds, asked in ((0, 1), (REFUSAL_SECONDS - 1, 1), (2, 2)):
        now[0] += seconds
        with pytest.raises(LoginError, match="403 LOGIN_FAILED"):
            client.get_plugin("guard")
        assert logins(world) == asked
    client.close()


@pytest.mark.parametrize(
    "fault",
    [{"kind": "unavailable", "headers": {}}, {"kind": "throttled", "headers": {}}, {"cut": "reset-before"}],
    ids=["503", "429", "reset"],
)
def test_a_login_that_passes_is_no_refusal_and_the_waiting_share_its_failure(
    world: World, fault: dict[str, Any], mocker: MockerFixture
) -> None:
    mocker.patch("random.uniform", return_value=0.05)
    world.platform.faults.add(method="POST", path="/accessToken", times=None, **fault)
    errors = create_all(world, 8)
    assert [error for error in errors if not error.startswith("log in as ")] == []
    assert not any("What became of it" in error for error in errors)  # the create itself was never sent
    assert logins(world) <= 8 / WORKERS * 6 + 6  # a thread may come a moment too late to share
    world.platform.faults.clear()
    world.create(world.inputs())
    assert world.names == ["guard"]


def in_thread(act: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Start something beside this thread; what comes of it is in the list once the thread has ended."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(act())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def a_login_waits(world: World) -> None:
    """Wait until a login has met the fault that delays it."""
    until(lambda: any(fault["struck"] for fault in world.platform.faults.all()))


def test_who_waits_for_the_login_of_another_waits_no_longer_than_its_own_time(
    world: World, latency: threading.Event
) -> None:
    client = world.client()
    world.platform.faults.add(method="POST", path="/accessToken", latency=2.0)
    thread, results = in_thread(lambda: client.create_plugin(CONFIG, timeout=120))
    a_login_waits(world)
    with (
        Stopwatch() as stopwatch,
        pytest.raises(TransportError, match="another request's login got no answer within 1 s") as raised,
    ):
        client.delete_plugin("guard", timeout=0.4)
    assert stopwatch.seconds < 1.2
    assert not raised.value.unclear
    latency.set()
    thread.join()
    assert getattr(results[0], "bare_name", results) == "guard"
    assert logins(world) == 1


def test_a_login_that_ran_out_of_its_callers_time_is_made_again_by_who_has_more(
    world: World, latency: threading.Event
) -> None:
    client = world.client()
    world.platform.faults.add(method="POST", path="/accessToken", latency=1.5)
    thread, results = in_thread(lambda: client.create_plugin(CONFIG, timeout=0.7))
    a_login_waits(world)
    assert client.create_plugin(CONFIG, timeout=120).bare_name == "guard"
    thread.join()
    assert isinstance(results[0], TransportError)
    assert "log in as service user" in str(results[0])


def test_a_login_given_up_for_lack_of_time_is_made_again_by_who_has_more(world: World) -> None:
    client = world.client()
    busy: dict[str, Any] = {"status": 503, "headers": {"Retry-After": "9"}}
    world.platform.faults.add(method="POST", path="/accessToken", latency=0.8, **busy)
    thread, results = in_thread(lambda: client.create_plugin(CONFIG, timeout=8))
    a_login_waits(world)
    assert client.create_plugin(CONFIG, timeout=120).bare_name == "guard"
    thread.join()
    assert isinstance(results[0], LoginError)
    assert logins(world) == 2


def test_a_token_that_ends_at_once_is_used_for_a_while(world: World) -> None:
    service_id, key = world.platform.add_service_user(token_seconds=30)
    world.connect(service_id=service_id, service_secret_key=key)
    for number in range(3):
        world.create(world.inputs(f"guard-{number}"))
    assert logins(world) == 1


@contextmanager
def slow_to_open(connection: Connection) -> Iterator[None]:
    """A thread opens the data of stack ``slow``, which others keep busy."""
    Platform(Path(".biot/slow")).close()
    busy = sqlite3.connect(next(Path(".biot/slow").glob("*.sqlite")), isolation_level=None)
    busy.execute("PRAGMA locking_mode=EXCLUSIVE")
    busy.execute("BEGIN EXCLUSIVE")
    thread, _ = in_thread(lambda: connection.client("shop/slow/guard"))
    until(lambda: "slow" in connection._opening and connection._opening["slow"]._current is not None)
    yield
    assert thread.is_alive()
    busy.execute("ROLLBACK")
    busy.close()
    thread.join()
    for client in connection._clients.values():
        client.close()


def test_threads_share_one_client_and_a_slow_platform_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    connection = Connection(Settings("embedded"))
    with slow_to_open(connection), ThreadPoolExecutor(WORKERS) as pool:
        assert len(set(pool.map(lambda _: connection.client("shop/dev/guard"), range(8)))) == 1


def test_who_waits_for_the_connection_of_another_waits_no_longer_than_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    connection = Connection(Settings("embedded", request_timeout=0.3))
    with (
        slow_to_open(connection),
        pytest.raises(TransportError, match="embedded was not open within 1 s: run") as raised,
    ):
        connection.client("shop/slow/guard")
    assert not raised.value.unclear


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "Gr\u00fc\u00dfe", "\ud800"])
def test_a_token_that_no_header_can_carry_is_one_line(world: World, token: str) -> None:
    world.platform.faults.add(status=200, json={"accessToken": token}, path="/accessToken", times=None)
    with pytest.raises(TransportError, match=r"the platform's token is none|is not its answer") as raised:
        world.client().get_plugin("guard")
    assert "\n" not in str(raised.value)
