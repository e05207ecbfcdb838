"""One connection of the HTTP server, with limits on the memory and time that a caller can use.

h11 implements HTTP. A body is read only when the platform reads it, so the body of a refused sender is never stored.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import ssl
import struct
import sys
import threading
import time
import traceback
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import h11

from biot_provider.emulator.http.request_body import SocketBody
from biot_provider.emulator.http.request_heads import MAX_HEAD_BYTES, Problem, target_of
from biot_provider.emulator.http.routes import SERVED
from biot_provider.emulator.testing.faults import ConnectionCut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIApplication

HEAD_SECONDS = 10.0
"""Seconds for a whole head, from its first byte on; and for the first byte on a new connection."""
KEEP_ALIVE_SECONDS = 75.0
"""Seconds between two requests."""
WRITE_SECONDS = 30.0
"""Seconds for the client to read a piece of a response."""
LINGER_SECONDS = 2.0
"""How long a refused caller's data is discarded, so that the caller reads the response and not a reset."""

_CHUNK = 1 << 16

Headers = list[tuple[str, str]]


class Connection:
    """Serves the requests on one socket, one after the other, in the caller's thread."""

    def __init__(
        self, connection: socket.socket, app: WSGIApplication, hosts: frozenset[str], stopping: threading.Event
    ) -> None:
        self._socket = connection
        self._app = app
        self._hosts = hosts
        self._stopping = stopping
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # After a reset the caller's address is no longer available.
        self._names = connection.getsockname()[:2], connection.getpeername()[0]
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._lock = threading.Lock()
        self._is_shut = False
        self.waiting_since: float | None = time.monotonic()
        """Since when the connection waits for the caller's data; None while the platform handles a request."""

    def serve(self) -> None:
        """Respond to requests until either side closes, then close the socket."""
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.settimeout(HEAD_SECONDS)
                self._socket.do_handshake()
            wait = HEAD_SECONDS
            while self._serve_one(wait) and not self._stopping.is_set():
                self._http.start_next_cycle()
                self.waiting_since = time.monotonic()
                wait = KEEP_ALIVE_SECONDS
        except (OSError, h11.ProtocolError):
            pass  # a caller that disconnects is normal, and so is an interrupted response
        finally:
            with contextlib.suppress(OSError):
                self._socket.close()

    def shut(self) -> None:
        """Make `serve` end, from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def shut_if_waiting(self) -> bool:
        """Make `serve` end, from any thread, unless a request is being handled; return whether it does."""
        with self._lock:
            self._is_shut = self.waiting_since is not None
            if self._is_shut:
                self.shut()
            return self._is_shut

    def _begin_work(self) -> None:
        """Keep `shut_if_waiting` from closing the connection. Raises ConnectionAbortedError when it already has."""
        with self._lock:
            if self._is_shut:
                raise ConnectionAbortedError
            self.waiting_since = None

    def _serve_one(self, wait: float) -> bool:
        """Respond to one request; return whether the connection can take another."""
        try:
            request = self._read_head(wait)
        except h11.RemoteProtocolError as error:
            return self._refuse(error.error_status_hint, str(error))
        except TimeoutError:
            # If nothing was sent, there is no request to respond to.
            return bool(self._http.trailing_data[0]) and self._refuse(408, "the request came too slowly")
        if request is None:
            return False
        self._begin_work()
        target = target_of(request, self._hosts)
        if isinstance(target, Problem):
            return self._refuse(*target)
        try:
            status, headers, content = _call(self._app, self._environ(request, *target))
        except ConnectionCut as cut:
            self._cut(cut)
            return False
        except Exception:
            if not self._stopping.is_set():
                traceback.print_exc()
            return self._refuse(500, "the emulator has a bug: its output says which")
        try:
            return self._answer(request.method, status, headers, content)
        finally:
            if hasattr(content, "close"):
                content.close()

    def _read_head(self, wait: float) -> h11.Request | None:
        """Return the next request; None if the caller sends no more."""
        deadline = time.monotonic() + wait
        if not self._http.trailing_data[0]:
            self._receive(deadline)
            deadline = time.monotonic() + HEAD_SECONDS
        event = self.next_event(deadline)
        return event if isinstance(event, h11.Request) else None

    def next_event(self, deadline: float) -> Any:
        """Read until h11 has an event. Raises TimeoutError, h11.RemoteProtocolError."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._receive(deadline)
        return event

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        if self._http.their_state is not h11.SEND_BODY:
            # So a head is never much longer than its limit.
            self._http.receive_data(self._socket.recv(MAX_HEAD_BYTES // 2))
            return
        self.waiting_since = time.monotonic()
        content = self._socket.recv(_CHUNK)
        self._begin_work()
        self._http.receive_data(content)

    def _environ(self, request: h11.Request, path: str, query: str) -> dict[str, Any]:
        (host, port), caller = self._names
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method.decode("ascii"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": "HTTP/" + request.http_version.decode("ascii"),
            "REMOTE_ADDR": caller,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if isinstance(self._socket, ssl.SSLSocket) else "http",
            "wsgi.input": io.BufferedReader(SocketBody(self.next_event), _CHUNK),
            # The stream ends where the body does.
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            SERVED: True,
        }
        for name, value in request.headers:
            # As in CGI, `-` and `_` would be the same: the form that only attackers send is left out.
            if b"_" in name or name == b"transfer-encoding":
                continue
            key = name.decode("ascii").upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}, {text}" if key in environ else text
        return environ

    def _answer(self, method: bytes, status: str, headers: Headers, content: Iterable[bytes]) -> bool:
        """Send a response; return whether the connection can take another request."""
        try:
            response = self._response(status, headers)
        except (h11.LocalProtocolError, UnicodeError, ValueError):
            traceback.print_exc()
            return self._refuse(500, "the answer holds what HTTP cannot send")
        self._send(response)
        if response.status_code not in (204, 304) and method != b"HEAD":
            for chunk in content:
                self._send(h11.Data(data=chunk))
        self._send(h11.EndOfMessage())
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            return True
        self._linger()
        return False

    def _response(self, status: str, headers: Headers) -> h11.Response:
        code, _, reason = status.partition(" ")
        bodiless = int(code) in (204, 304)
        head = [(name, value) for name, value in headers if not (bodiless and name.lower() == "content-length")]
        if not any(name.lower() == "date" for name, _ in head):
            head.append(("Date", formatdate(usegmt=True)))
        if self._is_unread() or self._stopping.is_set():
            # Unread data would precede the next request.
            head.append(("Connection", "close"))
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head]
        return h11.Response(status_code=int(code), reason=reason.encode("latin-1"), headers=encoded)

    def _is_unread(self) -> bool:
        """Return whether a part of the request is unread."""
        if self._http.their_state is h11.SEND_BODY and not self._http.they_are_waiting_for_100_continue:
            # The end of the request may have arrived already.
            with contextlib.suppress(h11.RemoteProtocolError):
                self._http.next_event()
        return self._http.their_state is not h11.DONE

    def _refuse(self, status: int, text: str) -> bool:
        """Respond with an error, unless a response has begun, and end the connection."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send_all(error_response(status, text))
            self._linger()
        return False

    def _linger(self) -> None:
        """Discard the caller's data for LINGER_SECONDS."""
        self.waiting_since = time.monotonic()
        deadline = self.waiting_since + LINGER_SECONDS
        with contextlib.suppress(OSError):
            if not isinstance(self._socket, ssl.SSLSocket):
                self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0 and not self._stopping.is_set():
                self._socket.settimeout(left)
                if not self._socket.recv(_CHUNK):
                    return

    def _send(self, event: Any) -> None:
        self._send_all(self._http.send(event) or b"")

    def _send_all(self, content: bytes) -> None:
        self._socket.settimeout(WRITE_SECONDS)
        self._socket.sendall(content)

    def _cut(self, cut: ConnectionCut) -> None:
        """Cut the connection in the way of the fault."""
        if cut.cut == "hang":
            self._wait_for_the_end()
        elif cut.cut != "reset-before":
            self._send(self._response(cut.status, [*cut.headers, ("Connection", "close")]))
            self._send(h11.Data(data=cut.body if cut.cut == "reset-after" else cut.body[: len(cut.body) // 2]))
        if cut.cut.startswith("reset"):
            # Closing with an empty linger time sends a reset in place of an orderly end.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _wait_for_the_end(self) -> None:
        """Send nothing until the caller gives up or the server stops."""
        self._socket.settimeout(0.05)
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self._socket.recv(_CHUNK):
                    return


def error_response(status: int, text: str) -> bytes:
    """Return a whole response that ends the connection."""
    body = json.dumps({"error": text}).encode()
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


def _call(app: WSGIApplication, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
    """Call the application; return status, headers and the body's pieces, which must be closed."""
    head: list[Any] = []

    def start_response(status: str, headers: Headers, _error: Any = None, /) -> Callable[[bytes], object]:
        head[:] = [status, headers]
        return lambda _: None

    content = app(environ, start_response)
    status, headers = head
    return status, headers, content
