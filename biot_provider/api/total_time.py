"""Limits the total time of a request: no wait for the network exceeds its deadline, however slowly bytes arrive.

httpx limits only each single wait, so a trickling response would never be late.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from biot_provider.api.cancellation import sending, stop_if_cancelled

if TYPE_CHECKING:
    import ssl

DEADLINE = "biot_provider.deadline"
"""The request extension with the request's deadline, on the monotonic clock."""

_LEAST_SECONDS = 0.5
"""Seconds that every request gets: it may be nearly done, and without them it would fail without an attempt."""
_PIECE_BYTES = 64 * 1024
_SLICE_SECONDS = 0.25
"""How long a read waits before it checks whether its request was cancelled."""

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""The deadline of this thread's request, on the monotonic clock."""


def seconds_left(request: httpx.Request) -> float:
    """Return the seconds that the request may still take; without a deadline, its read timeout."""
    ends: float | None = request.extensions.get(DEADLINE)
    if ends is not None:
        return max(ends - time.monotonic(), _LEAST_SECONDS)
    seconds: float | None = request.extensions.get("timeout", {}).get("read")
    return seconds or math.inf


@contextlib.contextmanager
def running_clock(request: httpx.Request) -> Iterator[float]:
    """Limit this thread's waits to the request's time within the block; yield its deadline on the monotonic clock."""
    ends = time.monotonic() + seconds_left(request)
    before = _deadline.set(ends)
    try:
        yield ends
    finally:
        _deadline.reset(before)


class TimedTransport(httpx.HTTPTransport):
    """The network transport of httpx, with waits that end at the deadline of ``running_clock``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpx and its proxies have no option for the backend; tests/api/test_total_time.py fails if these names
        # change.
        self._pool._network_backend = _TimedBackend(self._pool._network_backend)


class _TimedBackend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
    ) -> httpcore.NetworkStream:
        seconds = _wait_seconds(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._backend.connect_tcp(host, port, seconds, *more, **named))


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        ends = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            seconds = _wait_seconds(max(ends - time.monotonic(), _SLICE_SECONDS / 10), httpcore.ReadTimeout)
            try:
                return self._stream.read(max_bytes, min(seconds or math.inf, _SLICE_SECONDS))
            except httpcore.ReadTimeout:
                if seconds is not None and seconds <= _SLICE_SECONDS:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        sending()
        for start in range(0, len(buffer), _PIECE_BYTES):
            seconds = _wait_seconds(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + _PIECE_BYTES], seconds)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _wait_seconds(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def _wait_seconds(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """Return the seconds that the next wait may take, None if there is no limit.

    Raises ``late`` when the request's time is used up, and CancelledError.
    """
    stop_if_cancelled()
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise late("the time is used up")
    seconds = left if timeout is None else min(left, timeout)
    return None if seconds == math.inf else seconds
