"""The embedded platform as an HTTP server, on the loopback interface only.

A thread for each connection, kept alive between requests. Each body is read whole before the platform sees it, a big
one into a file, so the next request on the connection always starts where it should. `ConnectionCut` becomes what a
socket does: a reset, a body that ends too early, silence.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from .faults import ConnectionCut
from .platform import Platform
from .routes import SERVED

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"

Headers = list[tuple[str, str]]
Body = tempfile.SpooledTemporaryFile[bytes]

_IN_MEMORY = 1 << 20
"""Bytes of a body that are held in memory; the rest is in a file."""


@contextlib.contextmanager
def running(folder: Path, port: int = 0, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The platform of this folder, served in the background while the block runs; gives the base URL.

    With `tls`, a server's context that holds a certificate, it is served over HTTPS.
    """
    with Platform(folder) as platform, Background(platform.app, port, tls) as server:
        if tls is None:
            platform.registry_port.is_at(server.host)
        yield server.base_url


def serve(folder: Path, port: int, ready: Callable[[str, Platform], None]) -> None:
    """Serve the platform of this folder until an exception (KeyboardInterrupt, say) ends it.

    `ready` is called once with the base URL and the platform. An OSError means that the port cannot be had.
    """
    with Platform(folder) as platform, _Server(platform.app, port) as server:
        platform.registry_port.is_at(server.host)
        ready(server.base_url, platform)
        try:
            server.serve_forever(poll_interval=0.1)
        finally:
            server.stopping.set()


class Background:
    """An application served in a thread of its own until `close`; the thread does not keep the process alive.

    An OSError means that the port cannot be had.
    """

    def __init__(self, app: WSGIApplication, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._server = _Server(app, port, tls)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="emulator", daemon=True
        )
        self._thread.start()

    @property
    def host(self) -> str:
        """Host and port."""
        return self._server.host

    @property
    def base_url(self) -> str:
        """The address without a path."""
        return self._server.base_url

    def close(self) -> None:
        """End it, and the connections that are still open."""
        self._server.stop()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, app: WSGIApplication, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.app = app
        self.tls = tls
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def host(self) -> str:
        return f"{HOST}:{self.server_port}"

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if self.tls is not None:
            # The handshake comes with the first read, in the connection's own thread: here it would hold up others.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def server_bind(self) -> None:
        # As in the parent, without its look-up of the host's name, which may take seconds.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def stop(self) -> None:
        """End the loop, and the connections that are still open."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no news, nor is what the end cuts short; anything else is a bug and shows."""
        if not (self.stopping.is_set() or isinstance(sys.exception(), OSError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def answer(self) -> None:
        """Hand one request to the platform and write what it answers."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            self._read_body(body)
            try:
                status, headers, content = _call(self.server.app, self._environ(body))
            except ConnectionCut as cut:
                self._cut(cut)
            except Exception:
                self.server.handle_error(self.connection, self.client_address)
                self._write("500 Internal Server Error", [("Content-Length", "0")], [])
            else:
                try:
                    self._write(status, headers, content)
                finally:
                    if hasattr(content, "close"):
                        content.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815  (the parent's names)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the parent's name)
        """Say nothing: the journal has it."""

    def _read_body(self, body: Body) -> None:
        """Put the body into a file; one that ends too early is a ConnectionError."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            self._read(int(self.headers.get("Content-Length") or 0), body)
        else:
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self._read(size, body)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass

    def _read(self, size: int, body: Body) -> None:
        while size > 0:
            chunk = self.rfile.read(min(size, _IN_MEMORY))
            if not chunk:
                message = "the body ends too early"
                raise ConnectionError(message)
            body.write(chunk)
            size -= len(chunk)

    def _environ(self, body: Body) -> dict[str, Any]:
        length = body.tell()
        body.seek(0)
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": HOST,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.server.scheme,
            "wsgi.input": body,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            SERVED: True,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH", "TRANSFER_ENCODING"):
                environ[f"HTTP_{key}"] = value
        return environ

    def _write(self, status: str, headers: Headers, content: Iterable[bytes]) -> None:
        """Write head and body."""
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for chunk in content:
                self.wfile.write(chunk)

    def _cut(self, cut: ConnectionCut) -> None:
        """Do to the connection what the fault says, and be done with it."""
        self.close_connection = True
        if cut.cut == "hang":
            self._wait_for_the_end()
        elif cut.cut != "reset-before":
            half = len(cut.body) // 2
            self._write(cut.status, cut.headers, [cut.body if cut.cut == "reset-after" else cut.body[:half]])
        if cut.cut.startswith("reset"):
            # Closing with an empty linger time sends a reset in place of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _wait_for_the_end(self) -> None:
        """Keep still until the caller gives up or the server stops."""
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable:
                # The plain socket's own method: one for TLS does not let anybody peek.
                if not socket.socket.recv(self.connection, 1, socket.MSG_PEEK):
                    return
                self.server.stopping.wait(0.05)


def _call(app: WSGIApplication, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
    """One WSGI call: the head of the answer, and its body piece by piece, to be closed."""
    head: list[Any] = []

    def start_response(status: str, headers: Headers, _error: Any = None, /) -> Callable[[bytes], object]:
        head[:] = [status, headers]
        return lambda _: None

    content = app(environ, start_response)
    status, headers = head
    return status, headers, content
