"""What holds for every test, and a proxy.

`pytest --hypothesis-profile=long` looks at more values, other ones each time; it prints what reproduces a failure.
With SAME_DRAWS in the environment they are the same each time, so that the verdict on a commit is no matter of luck.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from pytest_mock import MockerFixture

# How fast values are drawn is a matter of the machine and of what else runs on it.
SLOW_MACHINES = [HealthCheck.too_slow]
settings.register_profile(
    "quick",
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=SLOW_MACHINES,
)
settings.register_profile(
    "long",
    max_examples=3000,
    derandomize="SAME_DRAWS" in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=SLOW_MACHINES,
    print_blob="SAME_DRAWS" not in os.environ,
)
settings.load_profile("quick")

# A run in the background is started with interrupts ignored, and would hand that on to the processes tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NewThreads = Callable[[str], list[threading.Thread]]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of this run's own, which the processes that tests start have too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        # npm waits ten seconds before it repeats a download, then a minute, also where the hash is wrong.
        patch.setenv("npm_config_fetch_retry_mintimeout", "100")
        patch.setenv("npm_config_fetch_retry_maxtimeout", "1000")
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers on two processors: a third of the tests' time is waiting, for processes and for time limits."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return (processors * 3 + 1) // 2


@pytest.fixture
def new_threads() -> NewThreads:
    """The threads of a name that began in this test: those of earlier tests may end later than their test."""
    earlier = {*threading.enumerate()}
    return lambda name: [each for each in threading.enumerate() if each.name == name and each not in earlier]


@pytest.fixture
def latency(mocker: MockerFixture) -> Iterator[threading.Event]:
    """What the embedded platform delays by a fault's latency waits for this event, or the end of the test, instead.

    A test asks for it after its platform, which must still be there when the requests go on.
    """
    over = threading.Event()
    late: list[threading.Thread] = []

    def sleep(_seconds: float) -> None:
        late.append(threading.current_thread())
        over.wait(300)

    mocker.patch("biot_provider.emulator.http.application.time", SimpleNamespace(sleep=sleep, time=time.time))
    yield over
    if not over.is_set():
        over.set()
        for thread in late:
            thread.join(20)


@pytest.fixture
def pauses(mocker: MockerFixture) -> object:
    """The waits between the attempts of a request take no time; gives the mock that counted them."""
    mock = mocker.patch("biot_provider.api.transport.pause")
    mocker.patch("biot_provider.image.registry_errors.pause", mock)
    return mock


class _Asked(socketserver.StreamRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        tunnel = self.server.tunnel
        line = self.rfile.readline().decode()
        if not line:  # somebody looks whether the port is open
            return
        tunnel.asked.append(line.rpartition(" ")[0])
        while self.rfile.readline().strip():
            pass
        if tunnel.refuse:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", tunnel.port)) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: there, there: self.connection}
            while not tunnel.over.is_set():
                for end in select.select(list(ends), [], [], 0.05)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


class _Proxy(socketserver.ThreadingTCPServer):
    tunnel: Tunnel


class Tunnel:
    """A proxy that connects to one port of this machine, whatever host a client names."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[str] = []
        self.refuse = False
        self.port = 0
        self.over = threading.Event()

    def lead_to(self, port: int) -> None:
        self.port = port


@pytest.fixture
def tunnel() -> Iterator[Tunnel]:
    with _Proxy(("127.0.0.1", 0), _Asked) as proxy:
        proxy.tunnel = Tunnel(f"http://127.0.0.1:{proxy.server_address[1]}")
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy.tunnel
        finally:
            proxy.tunnel.over.set()
            proxy.shutdown()
            thread.join()
