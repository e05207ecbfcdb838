"""A run that is cancelled: every operation ends soon, and says what the platform shows to be true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.plugin import PluginProvider
from biot_provider.provider.service_user import ServiceUserProvider

from ..stopwatch import Stopwatch
from ..uncoded import uncoded
from .conftest import Account, World, plain

SOON = 5.0
ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
RUN_AGAIN = "What to do: run `pulumi up` again"


@pytest.fixture
def long_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is too slow for the last look at what became of a write."""
    monkeypatch.setattr("biot_provider.lifecycle.settle._LAST_LOOK_SECONDS", 60.0)


def cancelled(
    connection: Connection,
    act: Callable[[], Any],
    reached: Callable[[], object],
    then: Callable[[], object] = lambda: None,
) -> Any:
    """The result of an operation, or its error's text, when the run is cancelled a moment after this is reached."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(act())
        except Exception as error:
            results.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    until(reached)
    time.sleep(0.3)
    with Stopwatch() as stopwatch:
        connection.cancel()
        then()
        thread.join()
    assert stopwatch.seconds < SOON
    assert "\n" not in str(results[0])
    return results[0]


def until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def struck(platform: Platform) -> Callable[[], object]:
    return lambda: any(fault["struck"] for fault in platform.faults.all())


@pytest.mark.usefixtures("long_look")
def test_a_slow_create_ends_and_the_next_run_continues_with_what_it_made(
    world: World, latency: threading.Event, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = world.inputs(code=world.code())
    world.platform.faults.add(method="POST", path="/plugins", latency=5.0)
    said = cancelled(world.provider.connection, lambda: world.create(inputs), struck(world.platform))
    assert world.names == []
    assert uncoded(said) == (
        "create plugin 'guard': cancelled while the platform worked on it. Plugin 'guard' was not found there"
        f" afterwards. {RUN_AGAIN}: it finds out what became of it, and continues"
    )
    latency.set()
    until(lambda: world.names == ["guard"])
    world.connect()
    state = world.create(inputs)
    assert "with the stamp of this very resource" in capsys.readouterr().err
    assert (world.names, world.changes(state, inputs)) == (["guard"], False)
    assert world.refreshed(state)[0] == state


@pytest.mark.usefixtures("long_look")
@pytest.mark.parametrize("operation", ["create", "update", "delete"])
@pytest.mark.parametrize("acted", [True, False])
def test_what_is_said_of_a_write_is_what_the_platform_shows(
    world: World, latency: threading.Event, operation: str, acted: bool
) -> None:
    inputs = world.inputs(code=world.code())
    state = {} if operation == "create" else world.create(inputs)
    wanted = world.inputs(code=world.code("pass\n", folder="new"), timeout=9)
    method = {"create": "POST", "update": "PATCH", "delete": "DELETE"}[operation]
    world.platform.faults.add(method=method, path="/plugins", latency=20.0, when="after" if acted else "before")
    acts: dict[str, Callable[[], Any]] = {
        "create": lambda: world.create(inputs),
        "update": lambda: world.update(state, wanted),
        "delete": lambda: world.delete(state),
    }
    result = cancelled(world.provider.connection, acts[operation], struck(world.platform))
    if not acted:
        shown = {"create": "was not found", "update": "does not show the change", "delete": "is still there"}[operation]
        assert (
            f"{operation} plugin 'guard': cancelled while the platform worked on it. Plugin 'guard' {shown}" in result
        )
        assert world.names == ([] if operation == "create" else ["guard"])
        return
    assert world.names == ([] if operation == "delete" else ["guard"])
    if operation != "delete":
        world.connect()
        assert world.refreshed(result)[0] == result
        assert not world.changes(result, inputs if operation == "create" else wanted)


@pytest.mark.usefixtures("long_look")
@pytest.mark.parametrize("fault", ["throttled", "aws-conflict", "gateway-timeout-empty"])
def test_a_wait_before_another_write_ends_and_nothing_more_is_written(world: World, fault: str) -> None:
    world.platform.faults.add(
        fault, method="POST", path="/plugins", when="before", times=None, headers={"Retry-After": "9"}
    )
    said = cancelled(world.provider.connection, lambda: world.create(world.inputs()), struck(world.platform))
    assert "Plugin 'guard' was not found there afterwards, and the run was cancelled before another attempt" in said
    assert len(world.requests("POST")) == 1
    assert world.names == []


def test_what_cannot_be_read_is_said_not_to_be_known(world: World) -> None:
    inputs = world.inputs()
    world.client().get_public_key()
    world.platform.faults.add("hang", path="/plugins", times=None)
    said = cancelled(world.provider.connection, lambda: world.create(inputs), struck(world.platform))
    assert uncoded(said) == (
        "create plugin 'guard': cancelled while the platform worked on it. What became of it is not known: reading took"
        f" too long. {RUN_AGAIN}: it finds out what became of it, and continues"
    )


def test_an_operation_that_begins_later_sends_nothing(world: World) -> None:
    state = world.create(world.inputs())
    world.connect()
    before = len(world.platform.requests())
    world.provider.connection.cancel()
    for act in (
        lambda: world.create(world.inputs("other")),
        lambda: world.update(state, world.inputs(timeout=9)),
        lambda: world.delete(state),
        lambda: world.refreshed(state),
    ):
        with pytest.raises(Exception, match=r"^[a-z]+ plugin '[a-z]+': cancelled before anything was written\. What"):
            act()
    assert len(world.platform.requests()) == before


def test_what_was_written_before_is_not_denied(
    world: World, latency: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biot_provider.api.transport.WRITE_GRACE_SECONDS", 60.0)
    world.create(world.inputs(code=world.code()))
    world.connect()
    world.platform.faults.add(method="DELETE", path="/plugins", latency=1.0)  # it is made anew, without code of its own
    inputs = world.inputs()
    said = cancelled(world.provider.connection, lambda: world.create(inputs), struck(world.platform), latency.set)
    assert uncoded(said) == (
        "create plugin 'guard': cancelled; what the operation had written before that stays, and is not recorded."
        f" {RUN_AGAIN}: it finds what is there, and continues"
    )
    assert world.names == []


@pytest.mark.usefixtures("long_look")
def test_a_service_user_whose_answer_is_late_is_kept_with_a_key_that_works(
    account: Account, latency: threading.Event
) -> None:
    inputs = account.inputs(ServiceUserProvider, name="robot", role_id=ROLE, type="EXTERNAL_SERVICE")
    account.platform.faults.add(method="POST", path="/services$", latency=20.0, when="after")
    provider = account.of(ServiceUserProvider)
    result = cancelled(provider.connection, lambda: provider.create(inputs), struck(account.platform))
    assert not isinstance(result, str), result
    state = plain(result.outs)
    client = Client.connect(Settings(account.settings.base_url, result.id, state["secret_key"]))
    client.get_service_user(result.id)
    client.close()


def test_the_embedded_platform_keeps_nobody_waiting_either(tmp_path: Path, latency: threading.Event) -> None:
    with Platform(tmp_path) as platform:
        provider = PluginProvider()
        provider.connect(Connection(Settings.read({"biot:baseUrl": f"embedded:{tmp_path}"}.get, {})))
        inputs = plain(provider.check({}, {"name": "guard", "__owner": "project/stack/guard"}).inputs)
        platform.faults.add(method="POST", path="/plugins", latency=4.0)
        said = cancelled(provider.connection, lambda: provider.create(inputs), struck(platform))
        assert "create plugin 'guard': cancelled while the platform worked on it." in said
        latency.set()
        until(lambda: platform.plugins.search({})["data"])
        for client in provider.connection._clients.values():
            client.close()


@pytest.mark.usefixtures("long_look")
def test_many_operations_end_as_soon_as_one(world: World, latency: threading.Event) -> None:
    world.platform.faults.add(method="POST", path="/plugins", latency=20.0, times=None)
    wanted = [world.inputs(f"guard-{number}") for number in range(24)]

    def create(inputs: dict[str, Any]) -> str:
        with pytest.raises(Exception, match="cancelled") as raised:
            world.create(inputs)
        return str(raised.value)

    with ThreadPoolExecutor(24) as pool:
        results = [pool.submit(create, inputs) for inputs in wanted]
        until(lambda: world.platform.faults.all()[0]["struck"] == 16)
        with Stopwatch() as stopwatch:
            world.provider.connection.cancel()
            said = [result.result() for result in results]
    assert stopwatch.seconds < SOON
    assert sum("before anything was written" in line for line in said) == 8
    assert sum("was not found there afterwards" in line for line in said) == 16
    assert world.names == []
