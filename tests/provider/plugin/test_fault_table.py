"""Every operation under every fault of the network and of a gateway; where the connection breaks, over TLS too.

Each pair tells what the platform holds afterwards, what was asked of it, what the user reads, and how long it took;
and after a write that the next run repairs what is left.
"""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_mock import MockerFixture

from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.provider.plugin import PluginProvider

from ..conftest import Adapter, World
from ..native_adapter import NativePluginProvider

PATIENCE = 2.0
"""Seconds a request may take under a fault that never answers."""
SLACK = 30.0
"""Seconds a busy machine may add."""
LATENCY = 0.1

FAULTS: dict[str, dict[str, Any]] = {
    "latency": {"latency": LATENCY},
    "401 once": {"kind": "unauthorized"},
    "401 always": {"kind": "unauthorized", "times": None},
    "403": {"kind": "forbidden"},
    "429 with seconds": {"kind": "throttled", "headers": {"Retry-After": "1"}},
    "429 with a date": {"kind": "throttled"},
    "500": {"kind": "internal-error"},
    "500 after commit": {"kind": "internal-error", "when": "after"},
    "502 HTML": {"kind": "bad-gateway"},
    "502 HTML after commit": {"kind": "bad-gateway", "when": "after"},
    "503": {"kind": "unavailable", "headers": {}},
    "503 after commit": {"kind": "unavailable", "headers": {}, "when": "after"},
    "504": {"kind": "gateway-timeout", "when": "before"},
    "504 after commit": {"kind": "gateway-timeout"},
    "reset before": {"cut": "reset-before"},
    "reset before the answer": {"cut": "reset-before", "when": "after"},
    "reset during the answer": {"cut": "reset-during", "when": "after"},
    "reset after the answer": {"cut": "reset-after", "when": "after"},
    "truncated": {"kind": "truncated"},
    "JSON cut off": {"kind": "wrong-json"},
    "no JSON": {"kind": "not-json"},
    "hang": {"cut": "hang"},
    "hang after commit": {"cut": "hang", "when": "after"},
}
READ_FAULTS = [name for name in FAULTS if "commit" not in name and "before the" not in name]


def _on(faults: Iterable[str], *adapters: type[Adapter]) -> list[Any]:
    """Each fault over HTTP, with every adapter; over TLS those that end, or never end, a connection."""
    breaking = [name for name in faults if "cut" in FAULTS[name] or name == "truncated"]
    over_http = [("HTTP", adapter, name) for adapter in adapters for name in faults]
    over_tls = [("TLS", PluginProvider, name) for name in breaking]
    return [
        pytest.param((protocol, adapter), name, id=f"{protocol}-{adapter.__name__}-{name}")
        for protocol, adapter, name in over_http + over_tls
    ]


DECLARED: dict[str, Any] = {"timeout": 30, "environment_variables": {"MODE": "strict"}}


@dataclass(frozen=True)
class Write:
    """An operation that changes something: its request, how it is prepared and done, and how one sees that it was."""

    method: str
    asked: str
    not_done: str
    prepare: Callable[[World], Callable[[], Any]]
    is_done: Callable[[World], bool]


def _create(world: World) -> Callable[[], Any]:
    inputs = world.inputs(code=world.code(), **DECLARED)
    return lambda: world.create(inputs)


def _update(world: World, text: str, **changed: Any) -> Callable[[], Any]:
    state = world.create(world.inputs(code=world.code(), **DECLARED))
    inputs = world.inputs(code=world.code(text), **{**DECLARED, **changed})
    return lambda: world.update(state, inputs)


def _delete(world: World) -> Callable[[], Any]:
    state = world.create(world.inputs(**DECLARED))
    return lambda: world.delete(state)


WRITES = {
    "create": Write(
        "POST", "create plugin", "was not found there afterwards", _create, lambda world: world.names == ["guard"]
    ),
    "change configuration": Write(
        *("PATCH", "update plugin", "does not show the change"),
        lambda world: _update(world, "", timeout=60),
        lambda world: (world.live()["timeout"], world.live()["version"]) == (60, 1),
    ),
    "change code": Write(
        *("PATCH", "update plugin", "does not show the change"),
        lambda world: _update(world, "# new\n"),
        lambda world: (world.live()["version"], b"# new" in unpacked(world)) == (2, True),
    ),
    "delete": Write("DELETE", "delete plugin", "is still there", _delete, lambda world: world.names == []),
}

READS: dict[str, tuple[str, str, Callable[[World, dict[str, Any]], Any]]] = {
    "read": ("read plugin 'guard'", "Plugin-guard$", lambda world, state: world.refreshed(state)),
    "search": ("list plugins", "plugins$", lambda world, _: list(world.client().search_plugins())),
}


def unpacked(world: World) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(world.platform.code("guard") or b"")) as archive:
        return archive.read("index.py")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's certificate, and the file of the authority that issued it."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return context, str(file)


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificate: tuple[ssl.SSLContext, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """A platform and a provider, that speak over a socket."""
    protocol, adapter = request.param
    context = None
    if protocol == "TLS":
        context, authority = certificate
        monkeypatch.setenv("SSL_CERT_FILE", authority)
    with Platform(tmp_path / "data") as platform, running(tmp_path / "data", tls=context) as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        world = World(platform, tmp_path, settings, adapter)
        yield world
        world.close()


@pytest.fixture
def waits(mocker: MockerFixture) -> list[float]:
    """The seconds of each wait before a request is repeated, which take no time; short where we choose them."""
    waits: list[float] = []
    mocker.patch("random.uniform", return_value=0.01)
    mocker.patch("biot_provider.api.transport.pause", waits.append)
    mocker.patch("biot_provider.lifecycle.settle.pause", waits.append)
    return waits


def order(world: World, fault: str, method: str, path: str) -> None:
    spec = {"method": method, "path": path, **FAULTS[fault]}
    if fault == "429 with a date":
        spec["headers"] = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)}
    world.platform.faults.add(**spec)


def told(act: Callable[[], Any]) -> tuple[str | None, float]:
    """The one line of an error, None when all went well; and the seconds it took."""
    started = time.monotonic()
    error = None
    try:
        act()
    except Exception as raised:
        error = str(raised)
        assert "a defect of biot-provider" not in error
        assert "\n" not in error
    return error, time.monotonic() - started


def assert_time(seconds: float, waits: list[float], fault: str, *, failed: bool) -> None:
    assert (0.9 < sum(waits) <= 10) == fault.startswith("429")  # what the platform asks for
    least = LATENCY if fault == "latency" else 0.0
    if failed and fault.startswith("hang"):
        least = PATIENCE * 0.7
    assert least <= seconds < least + SLACK


REFUSED = {
    "401 always": "401 TOKEN_NOT_VALID",
    "403": "403 ACCESS_DENIED",
    "500": "500 INTERNAL_SERVER_ERROR",
    "no JSON": "200 with something that is not its answer",
    "hang": "no answer from",
}


def _write_outcome(operation: str, fault: str) -> tuple[bool, int]:
    """Whether it is done in the end, and how many writes were sent."""
    if fault in ("401 always", "403", "hang"):
        return False, 2 if fault == "401 always" else 1
    landed = fault == "latency" or "after" in fault or fault.startswith("reset before the")
    landed = landed or fault in ("truncated", "JSON cut off", "no JSON", "reset during the answer")
    return True, 1 if landed else 2


@pytest.mark.parametrize(("world", "fault"), _on(FAULTS, PluginProvider, NativePluginProvider), indirect=["world"])
@pytest.mark.parametrize("operation", WRITES)
def test_a_write_is_done_once_or_the_error_says_what_is_known(
    world: World, operation: str, fault: str, waits: list[float], mocker: MockerFixture
) -> None:
    write = WRITES[operation]
    act = write.prepare(world)
    world.platform.request_log.clear()
    order(world, fault, write.method, "/plugins")
    world.connect(request_timeout=PATIENCE if fault.startswith("hang") else 60)
    # The time for the read after it is its last fifth, but at least a second, which is little on a busy machine.
    mocker.patch("biot_provider.lifecycle.settle.Deadline.for_read", lambda _: 60.0)
    error, seconds = told(act)

    done, sent = _write_outcome(operation, fault)
    assert (error is None) == done, error
    assert write.is_done(world) == done
    assert len(world.requests(write.method)) == sent
    assert len([entry for entry in world.requests(write.method) if entry["acted"]]) == done
    for first, second in itertools.pairwise(entry["method"] for entry in world.requests()):
        assert first != second or first == "GET" or fault.startswith("401")  # which says that nothing was done
    if error is not None:
        assert error.startswith(f"{write.asked} 'guard': ")
        assert REFUSED[fault] in error
        assert (write.not_done in error) == (fault == "hang")
    assert_time(seconds, waits, fault, failed=error is not None)

    world.platform.faults.clear()
    world.connect(request_timeout=60)
    act()  # the next run, as if this one had recorded nothing
    assert write.is_done(world)


def assert_told(error: str | None, asked: str, said: str | None) -> None:
    """The error begins with what was asked and has what was said; there is none where nothing was said."""
    if said is None:
        assert error is None, error
    else:
        assert error is not None
        assert error.startswith(f"{asked}: ")
        assert said in error


def assert_sent(entries: list[dict[str, Any]], fault: str, *, once: tuple[str, ...] = ()) -> None:
    """A read or a login is sent twice, except where the first answer is final."""
    final = fault in ("latency", "403", "500", "no JSON", "hang", *once)
    # A reset behind the answer may come before or after the caller has read it.
    assert len(entries) in ((1, 2) if fault == "reset after the answer" else (1,) if final else (2,))


@pytest.mark.parametrize(
    ("world", "fault", "operation"),
    [
        pytest.param(*case.values, operation, id=f"{operation}-{case.id}")
        for operation, adapters in (("read", (PluginProvider, NativePluginProvider)), ("search", (PluginProvider,)))
        for case in _on(READ_FAULTS, *adapters)
    ],
    indirect=["world"],
)
def test_a_read_gets_its_answer_or_says_why_not(
    world: World, operation: str, fault: str, waits: list[float], mocker: MockerFixture
) -> None:
    asked, path, act = READS[operation]
    state = world.create(world.inputs(**DECLARED))
    world.platform.request_log.clear()
    if fault == "hang":
        mocker.patch("biot_provider.api.client.READ_TIMEOUT", PATIENCE)
    order(world, fault, "GET", path)
    world.connect()
    error, seconds = told(lambda: act(world, state))

    assert_told(error, asked, REFUSED.get(fault))
    assert_sent(world.requests("GET"), fault)
    assert world.writes() == []
    assert len(world.logins()) == (2 if fault.startswith("401") else 1)
    assert world.live()["timeout"] == 30
    assert_time(seconds, waits, fault, failed=error is not None)


@pytest.mark.parametrize(("world", "fault"), _on(READ_FAULTS, PluginProvider), indirect=["world"])
def test_a_login_succeeds_or_says_why_not_and_nothing_is_sent_without_it(
    world: World, fault: str, waits: list[float], mocker: MockerFixture
) -> None:
    if fault == "hang":
        mocker.patch("biot_provider.api.auth.LOGIN_TIMEOUT", PATIENCE)
    order(world, fault, "POST", "/accessToken")
    error, seconds = told(lambda: list(world.client().search_plugins()))

    refused = REFUSED | {"401 once": REFUSED["401 always"]}  # a login has no token that could have expired
    assert_told(error, f"log in as service user {world.settings.service_id}", refused.get(fault))
    assert_sent(world.logins(), fault, once=("401 once", "401 always"))
    assert len(world.requests()) == (1 if error is None else 0)
    assert_time(seconds, waits, fault, failed=error is not None)
