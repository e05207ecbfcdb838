"""The embedded platform as an HTTP server, on the loopback interface only.

One thread per connection, and at most MAX_CONNECTIONS. If all are in use, the one that has waited longest for its
caller is closed; if all are handling requests, a new caller gets a 503.
"""

from __future__ import annotations

import collections
import contextlib
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING

from biot_provider.emulator.http.connection import Connection, error_response
from biot_provider.emulator.http.guard import allowed_hosts
from biot_provider.emulator.platform import Platform

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
MAX_CONNECTIONS = 128
MIN_WAIT_SECONDS = 1.0
"""A connection that has waited so long for its caller may be closed in favour of a new one."""

EXPECTED_SECONDS = 60.0
"""Time for a client that has the address to load its code before the first call."""

_POLL_SECONDS = 0.5
_REFUSED_SECONDS = 1.0
_MAX_REFUSED = 64


@contextlib.contextmanager
def running(
    folder: Path, port: int = 0, *, tls: ssl.SSLContext | None = None, names: Iterable[str] = ()
) -> Iterator[str]:
    """Serve the platform of this folder in the background while the block runs; yield the base URL.

    With `tls`, a server context with a certificate, it is served over HTTPS. `names` are further allowed values of the
    header Host, for a proxy in front of it.
    """
    with Platform(folder) as platform, Background(platform.app, port, tls, names=names) as server:
        if tls is None:
            platform.set_served_host(server.host)
        yield server.base_url


def serve(folder: Path, port: int, ready: Callable[[str, Platform], None]) -> None:
    """Serve the platform of this folder until an exception (KeyboardInterrupt, say) ends it.

    `ready` is called once with the base URL and the platform. An OSError means that the port cannot be opened.
    """
    with Platform(folder) as platform, Background(platform.app, port) as server:
        platform.set_served_host(server.host)
        ready(server.base_url, platform)
        server.stopping.wait()


class Background:
    """An application served in background threads until `close`; they do not keep the process alive.

    With `idle_seconds` it ends by itself when nobody has called for so long after the last call, or for
    EXPECTED_SECONDS after its address was given to somebody. An OSError means that the port cannot be opened.
    """

    def __init__(
        self,
        app: WSGIApplication,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        names: Iterable[str] = (),
        idle_seconds: float | None = None,
    ) -> None:
        self._app = app
        self._tls = tls
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._last_call = 0.0
        self._expected_since = time.monotonic()
        self._refused: collections.deque[tuple[float, socket.socket]] = collections.deque()
        self.stopping = threading.Event()
        self._listener = _listen(port)
        self._port = self._listener.getsockname()[1]
        self._hosts = allowed_hosts(self._port, self._scheme, names)
        self._woken, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"{HOST}:{self._port}"

    @property
    def base_url(self) -> str:
        """The address without a path."""
        return f"{self._scheme}://{self.host}"

    def expect_call(self) -> bool:
        """Wait for somebody who has the address from now; False where it has ended."""
        with self._lock:
            self._expected_since = time.monotonic()
            return not self.stopping.is_set()

    def close(self) -> None:
        """End it, and the connections that are still open."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._wake.send(b"x")
        self._thread.join()

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    def _run(self) -> None:
        with self._listener, self._woken, self._wake, selectors.DefaultSelector() as selector:
            for end in (self._listener, self._woken):
                selector.register(end, selectors.EVENT_READ)
            while not self.stopping.is_set():
                ready = [key.fileobj for key, _ in selector.select(_POLL_SECONDS)]
                if self._listener in ready:
                    self._accept()
                self._forget_refused(_REFUSED_SECONDS)
                self._end_when_idle()
        self._forget_refused(0)
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.shut()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
            # No descriptor is left, or the caller is gone again: no reason to try without a pause.
            self._make_room()
            self.stopping.wait(0.05)
            return
        with self._lock:
            full = len(self._connections) >= MAX_CONNECTIONS
        if full and not self._make_room():
            self._refuse(accepted)
            return
        try:
            self._start(accepted)
        except (OSError, RuntimeError):
            self._refuse(accepted)

    def _start(self, accepted: socket.socket) -> None:
        """Serve a connection in its own thread. Raises RuntimeError when there can be no more threads."""
        if self._tls is not None:
            # The handshake is made in that thread: here it would hold up others.
            accepted = self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        connection = Connection(accepted, self._app, self._hosts, self.stopping)
        with self._lock:
            self._connections.add(connection)
        try:
            threading.Thread(target=self._serve, args=(connection,), name="emulator call", daemon=True).start()
        except RuntimeError:
            self._drop(connection)
            raise

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
            self._last_call = time.monotonic()

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for its caller; whether there is one."""
        latest = time.monotonic() - MIN_WAIT_SECONDS
        with self._lock:
            waiting = [(since, one) for one in self._connections if (since := one.waiting_since) and since <= latest]
            for _, longest in sorted(waiting, key=lambda item: item[0]):
                # If its caller has just sent something, it is at work by now.
                if longest.shut_if_waiting():
                    self._connections.discard(longest)
                    return True
        return False

    def _refuse(self, accepted: socket.socket) -> None:
        """Answer 503. The connection is closed later: what its caller sends until then must not reset it."""
        with contextlib.suppress(OSError):
            accepted.setblocking(False)
            if self._tls is None:
                problem = f"the emulator serves {MAX_CONNECTIONS} connections at once, and has them"
                accepted.send(error_response(503, problem))
                accepted.shutdown(socket.SHUT_WR)
        self._refused.append((time.monotonic(), accepted))
        if len(self._refused) > _MAX_REFUSED:
            self._refused.popleft()[1].close()

    def _forget_refused(self, seconds: float) -> None:
        while self._refused and self._refused[0][0] <= time.monotonic() - seconds:
            self._refused.popleft()[1].close()

    def _end_when_idle(self) -> None:
        if self._idle_seconds is None:
            return
        with self._lock:
            since = [one.waiting_since for one in self._connections]
            if None in since:
                return
            last = max([self._last_call, *(moment for moment in since if moment)])
            idle = self._idle_seconds if last > self._expected_since else EXPECTED_SECONDS
            if time.monotonic() - max(last, self._expected_since) > idle:
                self.stopping.set()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(MAX_CONNECTIONS)
        # One that is gone again before it is accepted must not hold up the others.
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
