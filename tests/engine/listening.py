"""What listens while the real `pulumi` works on an embedded platform."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time

import psutil

from ..stopwatch import Stopwatch

PATHS = ("/settings/v1/system/properties", "/_emulator/switches", "/_functions/x/", "/v2/")
SEEN_BY_NOBODY = (404, 404, 404, 401)
"""Of a port that serves the registry alone: there is nothing else, and the registry wants a token."""


class Listening:
    """Looks all the time at what this process and all that it has started listen on, and asks for what is there."""

    def __init__(self) -> None:
        self.served: dict[int, tuple[int, ...]] = {}
        """Port -> the statuses of PATHS; those of the engine, which speak no HTTP/1.1, left out."""
        self.before = listening()
        """The ports of servers that other tests of this process have started."""
        self.ports: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def left(self, seconds: float) -> set[int]:
        """The ports that are still listened on after that time at most."""
        with Stopwatch() as stopwatch:
            while (left := listening() - self.before) and stopwatch.seconds < seconds:
                time.sleep(0.1)
        return left

    def _run(self) -> None:
        while not self._over.wait(0.25):
            for port in listening() - self.ports - self.before:
                self.ports.add(port)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    self.served[port] = tuple(status(port, path) for path in PATHS)


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def listening() -> set[int]:
    """The ports that the descendants of this process listen on."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            sockets = process.net_connections("tcp")
            found |= {socket.laddr.port for socket in sockets if socket.status == psutil.CONN_LISTEN}
    return found
