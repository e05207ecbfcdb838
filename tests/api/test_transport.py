"""What the transport repeats, and what it never does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_mock import MockerFixture

from biot_provider.api.embedded import open_embedded
from biot_provider.api.transport import RetryTransport, open_transport, proxy_for
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.errors import ConfigError

GET = httpx.Request("GET", "http://platform.invalid/settings/v2/plugins/Plugin-x")
POST = httpx.Request("POST", "http://platform.invalid/settings/v2/plugins")
LOGIN = httpx.Request("POST", "http://platform.invalid/ums/v2/services/accessToken")
WRITES = [httpx.Request(method, POST.url) for method in ("POST", "PATCH", "DELETE")]


class Line(httpx.BaseTransport):
    """A line that gives these answers, or breaks in these ways, one after the other."""

    def __init__(self, *events: httpx.Response | Exception) -> None:
        self._events = list(events)
        self.sent: list[httpx.Request] = []
        self.closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        event = self._events[min(len(self.sent), len(self._events)) - 1]
        if isinstance(event, Exception):
            raise event
        return event

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def waits(mocker: MockerFixture) -> Any:
    """Waits take no time; gives the mock that counted them."""
    return mocker.patch("biot_provider.api.transport.time.sleep")


@pytest.mark.parametrize("request_", [GET, LOGIN], ids=["GET", "login"])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_and_the_login_come_back_when_the_platform_is_busy(request_: httpx.Request, status: int) -> None:
    line = Line(httpx.Response(status), httpx.Response(status), httpx.Response(200, json={}))
    assert RetryTransport(line).handle_request(request_).status_code == 200
    assert len(line.sent) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 501])
def test_other_answers_are_final(status: int) -> None:
    line = Line(httpx.Response(status))
    assert RetryTransport(line).handle_request(GET).status_code == status
    assert len(line.sent) == 1


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_write_is_never_repeated_for_an_answer(request_: httpx.Request, status: int) -> None:
    line = Line(httpx.Response(status), httpx.Response(200, json={}))
    assert RetryTransport(line).handle_request(request_).status_code == status
    assert len(line.sent) == 1


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
@pytest.mark.parametrize(
    "loss", [httpx.ReadError("x"), httpx.WriteError("x"), httpx.RemoteProtocolError("x"), httpx.ReadTimeout("x")]
)
def test_a_write_is_never_repeated_for_a_lost_answer(request_: httpx.Request, loss: Exception) -> None:
    line = Line(loss, httpx.Response(200, json={}))
    with pytest.raises(type(loss)):
        RetryTransport(line).handle_request(request_)
    assert len(line.sent) == 1


@pytest.mark.parametrize("request_", [GET, *WRITES], ids=lambda request: request.method)
@pytest.mark.parametrize("failure", [httpx.ConnectError("x"), httpx.ConnectTimeout("x")])
def test_what_was_never_sent_is_sent_again(request_: httpx.Request, failure: Exception) -> None:
    line = Line(failure, failure, httpx.Response(200, json={}))
    assert RetryTransport(line).handle_request(request_).status_code == 200


@pytest.mark.parametrize("loss", [httpx.ReadError("x"), httpx.RemoteProtocolError("x")])
def test_a_read_whose_connection_broke_is_repeated(loss: Exception) -> None:
    line = Line(loss, httpx.Response(200, json={}))
    assert RetryTransport(line).handle_request(GET).status_code == 200


def test_a_read_that_took_its_whole_time_is_not_repeated() -> None:
    line = Line(httpx.ReadTimeout("x"), httpx.Response(200, json={}))
    with pytest.raises(httpx.ReadTimeout):
        RetryTransport(line).handle_request(GET)
    assert len(line.sent) == 1


def test_the_last_answer_is_handed_on_with_its_body_when_it_stays_busy(waits: Any) -> None:
    line = Line(httpx.Response(503, text="maintenance"))
    answer = RetryTransport(line).handle_request(GET)
    assert (answer.status_code, answer.text) == (503, "maintenance")
    assert len(line.sent) == 4
    assert waits.call_count == 3


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("3600", 10.0)])
def test_retry_after_is_kept_to_within_reason(waits: Any, header: str, seconds: float) -> None:
    line = Line(httpx.Response(429, headers={"Retry-After": header}), httpx.Response(200, json={}))
    RetryTransport(line).handle_request(GET)
    assert [call.args[0] for call in waits.call_args_list] == [seconds]


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "0"])
def test_a_retry_after_that_is_no_number_counts_as_none(waits: Any, header: str) -> None:
    line = Line(httpx.Response(429, headers={"Retry-After": header}), httpx.Response(200, json={}))
    RetryTransport(line).handle_request(GET)
    [call] = waits.call_args_list
    assert 0 < call.args[0] < 2


def test_closing_closes_what_is_wrapped() -> None:
    line = Line(httpx.Response(200, json={}))
    RetryTransport(line).close()
    assert line.closed


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[tuple[Platform, Callable[[httpx.Request], httpx.Response]]]:
    transport, settings = open_embedded(tmp_path / "data")
    with Platform(tmp_path / "data") as platform:
        assert (settings.service_id, settings.service_secret_key) == (platform.service_id, platform.service_secret_key)
        yield platform, transport.handle_request
    transport.close()


@pytest.mark.parametrize(
    ("cut", "error"),
    [
        ("reset-before", httpx.ReadError),
        ("reset-during", httpx.ReadError),
        ("truncated", httpx.ReadError),
        ("hang", httpx.ReadTimeout),
    ],
)
def test_a_cut_connection_of_the_embedded_platform_looks_as_over_the_network(
    embedded: Any, cut: str, error: type[Exception]
) -> None:
    platform, send = embedded
    platform.faults.add(cut=cut, method="POST")
    with pytest.raises(error):
        send(httpx.Request("POST", "http://embedded/settings/v2/plugins"))


def test_the_embedded_platforms_reads_are_repeated_like_the_networks(embedded: Any) -> None:
    platform, send = embedded
    platform.faults.add("unavailable", method="GET", times=2)
    platform.faults.add("reset", method="GET")
    answer = send(httpx.Request("GET", "http://embedded/settings/v1/system/properties"))
    assert answer.status_code == 200


def test_the_embedded_platform_is_used_by_many_threads(embedded: Any) -> None:
    _, send = embedded
    seen: list[int] = []

    def read() -> None:
        answer = send(httpx.Request("GET", "http://embedded/settings/v1/system/properties"))
        seen.append(answer.status_code)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [200] * 8


def test_a_retry_after_that_is_a_date_is_waited_for(waits: Any) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=6), usegmt=True)
    line = Line(httpx.Response(429, headers={"Retry-After": at}), httpx.Response(200, json={}))
    assert RetryTransport(line).handle_request(GET).status_code == 200
    [waited] = [call.args[0] for call in waits.call_args_list]
    assert 3 < waited <= 6


@pytest.mark.parametrize(
    ("environment", "address", "proxy"),
    [
        ({}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "https://api.example", "http://proxy.example:3128"),
        ({"ALL_PROXY": "http://all.example:1"}, "https://api.example", "http://all.example:1"),
        ({"HTTP_PROXY": "http://proxy.example:3128"}, "https://api.example", None),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "https://api.example", "http://proxy.example:3128"),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "api.example"}, "https://api.example", None),
        ({"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": ".example"}, "https://api.example", None),
        ({"HTTP_PROXY": "http://p.example:1"}, "http://127.0.0.1:8000", None),
    ],
)
def test_proxies_come_from_the_environment_and_never_stand_before_this_machine(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], address: str, proxy: str | None
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(address) == proxy


@pytest.mark.parametrize("proxy", ["socks5://proxy.example:1080", "ftp://proxy.example"])
def test_a_proxy_of_a_kind_that_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(
        ConfigError, match=r"the proxy in HTTPS_PROXY .* cannot be used\. What to do: name one as http:"
    ):
        open_transport(Settings("https://api.example"))


def test_a_request_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.getsockname()[1]}")
        received: list[bytes] = []

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        transport = open_transport(Settings("https://platform.invalid"))
        with pytest.raises(httpx.ProxyError, match="407"):
            transport.handle_request(httpx.Request("POST", "https://platform.invalid/x"))
        thread.join()
        transport.close()
    assert received[0].startswith(b"CONNECT platform.invalid:443 ")


@pytest.mark.parametrize("spoil", ["no database", "a file"])
def test_embedded_data_that_cannot_be_used_is_an_error_with_its_folder(tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / "data"
    if spoil == "a file":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / "platform.sqlite").write_text("this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(ConfigError, match="cannot be used") as raised:
        open_embedded(folder)
    assert str(folder) in str(raised.value)
