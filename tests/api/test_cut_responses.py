"""A read is repeated when its response breaks off, wherever that is; a write is not."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from collections.abc import Callable, Iterator

import pytest
from pytest_mock import MockerFixture

from biot_provider.api.client import Client
from biot_provider.api.session import Session
from biot_provider.api.total_time import TimedTransport
from biot_provider.api.transport import RetryTransport
from biot_provider.config import Settings
from biot_provider.errors import LoginError, NotFoundError, TransportError

TOKEN = {"accessToken": "some", "accessTokenExpiration": "2999-01-01T00:00:00Z"}
PLUGIN = json.dumps({"name": "Plugin-guard", "version": 1, "displayName": "Gü" + "a" * 3000}, ensure_ascii=False)
ABSENT = json.dumps({"code": "PLUGIN_NOT_FOUND", "message": "no"}).encode()
BODY = PLUGIN.encode()
PACKED = gzip.compress(BODY)


def response(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    if length is not None:
        headers = (f"Content-Length: {length}", *headers)
    head = "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: application/json", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


WHOLE = response(BODY, length=len(BODY))
CUT = {
    "JSON, its length right": response(BODY[:900], length=900),
    "JSON, in a character": response(BODY[: BODY.index("ü".encode()) + 1]),
    "JSON, its first character alone": response(b"{", length=1),
    "shorter than its length": response(BODY[:900], length=len(BODY)),
    "in a chunk": response(b"%x\r\n" % len(BODY) + BODY[:900], "Transfer-Encoding: chunked"),
    "between chunks": response(b"384\r\n" + BODY[:900] + b"\r\n", "Transfer-Encoding: chunked"),
    "without a length": response(BODY[:900]),
    "nothing": response(b"", length=0),
    "gzip, its length right": response(PACKED[:40], "Content-Encoding: gzip", length=40),
    "gzip that is none": response(b"\x1f\x8b" + BODY[:50], "Content-Encoding: gzip", length=52),
    "in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "not found, in its JSON": response(ABSENT[:20], status="404 Not Found", length=20),
}


class Line:
    """A platform that gives a token, and then these answers one after the other, the last one again and again."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.responses: list[bytes] = []
        self.requests: list[str] = []
        self.token = response(json.dumps(TOKEN).encode())

    def client(self) -> Client:
        settings = Settings(self.address, "id", "key-of-a-test")
        return Client(Session(settings, RetryTransport(TimedTransport(verify=False))))


@pytest.fixture
def line(mocker: MockerFixture) -> Iterator[Line]:
    mocker.patch("random.uniform", return_value=0.01)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline().decode()
            length = 0
            while header := self.rfile.readline().strip():
                name, _, value = header.decode().partition(":")
                length = int(value) if name.lower() == "content-length" else length
            self.rfile.read(length)
            is_login = "accessToken" in first
            platform.requests.append("login" if is_login else first.split()[0])
            if is_login:
                self.wfile.write(platform.token)
            else:
                self.wfile.write(platform.responses.pop(0) if len(platform.responses) > 1 else platform.responses[0])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        platform = Line(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield platform
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("cut", CUT)
def test_a_read_that_breaks_off_is_repeated(line: Line, cut: str) -> None:
    line.responses = [CUT[cut], CUT[cut], WHOLE]
    assert line.client().get_plugin("guard").display_name == "Gü" + "a" * 3000
    assert line.requests == ["login", "GET", "GET", "GET"]


@pytest.mark.parametrize("cut", ["JSON, its length right", "gzip, its length right", "between chunks", "nothing"])
def test_one_that_always_breaks_off_is_an_error_that_quotes_nothing(line: Line, cut: str) -> None:
    line.responses = [CUT[cut]]
    with pytest.raises(TransportError, match="read plugin 'guard': ") as raised:
        line.client().get_plugin("guard")
    assert "aaa" not in str(raised.value)
    assert line.requests == ["login", "GET", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (response(ABSENT, status="404 Not Found"), NotFoundError),
        (response(b"<html></html>"), TransportError),
        (response(b'"text"'), TransportError),
        (response(b"[" * 100_000), TransportError),
    ],
    ids=["not found", "page", "text", "too deep"],
)
def test_what_is_whole_is_final(line: Line, whole: bytes, expected: type[Exception]) -> None:
    line.responses = [whole]
    with pytest.raises(expected):
        line.client().get_plugin("guard")
    assert line.requests == ["login", "GET"]


@pytest.mark.parametrize("cut", [cut for cut in CUT if "not found" not in cut])
@pytest.mark.parametrize(
    ("write", "method"),
    [
        (lambda client: client.create_plugin({"name": "guard"}), "POST"),
        (lambda client: client.update_plugin("guard", {"timeout": 5}), "PATCH"),
    ],
    ids=["create", "update"],
)
def test_a_write_is_unclear_when_its_response_breaks_off(
    line: Line, cut: str, write: Callable[[Client], object], method: str
) -> None:
    line.responses = [CUT[cut], WHOLE]
    with pytest.raises(TransportError) as raised:
        write(line.client())
    assert raised.value.unclear
    assert line.requests == ["login", method]


def test_a_refused_login_that_breaks_off_is_refused(line: Line) -> None:
    line.token = response(b'{"code": "LOGIN_FAILED", "mess', status="403 Forbidden")
    with pytest.raises(LoginError, match="403"):
        line.client().get_plugin("guard")
    assert line.requests == ["login"]
