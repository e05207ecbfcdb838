"""Outgoing calls to endpoints in other accounts: one POST, with verified TLS and without redirects.

Plain HTTP goes to the loopback interface only. Proxies are those of the environment, never for the loopback interface.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPErrorProcessor, HTTPHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from biot_provider.emulator.subscriptions.endpoints import endpoint_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 30.0
"""Time for a whole call."""
MAX_RESPONSE_BYTES = 6 * 2**20
"""Maximum bytes of a response, the same as for a function."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Unreachable(Exception):  # noqa: N818  (what happened, not a fault of the program)
    """There is no response; the text says why, in a few words."""


def post(endpoint: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a POST; return status, headers (names in lower case) and body, whatever the status. Raises Unreachable."""
    wrong = endpoint_problem(endpoint)
    if wrong:
        raise Unreachable(f"its address {wrong}")
    url = urlsplit(endpoint)
    local = url.hostname in _LOOPBACK
    if url.scheme != "https" and not (local and url.scheme == "http"):
        raise Unreachable("it is not HTTPS")
    with _Limit(TIMEOUT_SECONDS) as limit:
        opener = build_opener(_AsItIs, _Http(limit), _Https(limit), *([ProxyHandler({})] if local else []))
        try:
            request = Request(endpoint, body, dict(headers), method="POST")  # noqa: S310  (its scheme is one of two)
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                names = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status, names, _read(answer, limit)
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            if limit.is_over or isinstance(reason, TimeoutError):
                raise Unreachable(f"no answer within {TIMEOUT_SECONDS:g} s") from None
            if isinstance(error, HTTPException | ValueError):
                # The library's text may quote the address or the response.
                raise Unreachable(f"its answer is no HTTP ({type(error).__name__})") from None
            raise Unreachable(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__) from None


class _Limit:
    """Closes the connections of a call when its time is over, since many short waits could go on forever."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._sockets: list[socket.socket] = []

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._until

    def connection(self, kind: type[HTTPConnection], *arguments: Any, **options: Any) -> HTTPConnection:
        """Open a connection that is closed when the time is over."""
        connection = kind(*arguments, **options)
        # There is no public hook before a proxy's response and the TLS handshake.
        connection._create_connection = self._connected  # type: ignore[attr-defined]
        return connection

    def _connected(self, address: tuple[str, int], *_: object) -> socket.socket:
        """Connect to the first address that accepts. Raises OSError, TimeoutError when the time is over."""
        failure = OSError("it has no address")
        for *_kind, target in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            left = self._until - time.monotonic()
            if left <= 0:
                break
            try:
                opened = socket.create_connection((str(target[0]), address[1]), left)
            except OSError as error:
                failure = error
                continue
            # TLS takes over the socket object; this duplicate refers to the same connection.
            self._sockets.append(opened.dup())
            if not self.is_over:
                return opened
            opened.close()
        raise TimeoutError if self.is_over else failure

    def _end(self) -> None:
        for open_socket in self._sockets:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Limit:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for open_socket in self._sockets:
            open_socket.close()


class _Http(HTTPHandler):
    def __init__(self, limit: _Limit) -> None:
        super().__init__()
        self._limit = limit

    def http_open(self, request: Request) -> Any:
        return self.do_open(partial(self._limit.connection, HTTPConnection), request)


class _Https(HTTPSHandler):
    def __init__(self, limit: _Limit) -> None:
        super().__init__()
        self._limit = limit

    def https_open(self, request: Request) -> Any:
        context = ssl.create_default_context()
        return self.do_open(partial(self._limit.connection, HTTPSConnection), request, context=context)


class _AsItIs(HTTPErrorProcessor):
    """Accepts every status as a response: raises no error and follows no redirect."""

    def http_response(self, request: Request, response: Any) -> Any:
        return response

    https_response = http_response


def _read(answer: Any, limit: _Limit) -> bytes:
    content = b""
    while chunk := answer.read1(2**16):
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise Unreachable(f"its answer has more than {MAX_RESPONSE_BYTES >> 20} MB")
    if limit.is_over:
        raise TimeoutError
    if answer.length:
        raise Unreachable("its answer breaks off")
    return content
