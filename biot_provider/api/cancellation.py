"""Cancellation of everything that runs over one connection: waits end at once, requests and builds soon after.

Code that can be cancelled checks the ``Cancellation`` of the ``scope`` that its thread is in. Outside of any scope,
nothing is ever cancelled. A call that may block in the network, or in the embedded platform, runs in a separate thread:
on cancellation its caller stops waiting for it, and the call ends at its next wait.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

from biot_provider.errors import CancelledError

ResultT = TypeVar("ResultT")

_SLICE = 0.1
"""Seconds between two checks whether the run was cancelled."""

END_SECONDS = 0.5
"""Seconds that a cancelled call has to end by itself."""


def _never(_grace: float = 0.0) -> bool:
    return False


_is_over: ContextVar[Callable[[float], bool]] = ContextVar("is_over", default=_never)
"""Whether this thread's work must end; the argument delays that by so many seconds."""
_call: ContextVar[_Call | None] = ContextVar("call", default=None)
_allowed_until: ContextVar[float] = ContextVar("allowed_until", default=-math.inf)


class Cancellation:
    """Whether a run was cancelled; once cancelled, it stays cancelled."""

    def __init__(self) -> None:
        self._at = math.inf

    def cancel(self) -> None:
        """Cancel everything that runs. Raises nothing; a second call has no effect."""
        self._at = min(self._at, time.monotonic())

    @property
    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._at < math.inf

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Let this cancellation end the work of this thread within the block."""
        before = _is_over.set(self._is_over)
        try:
            yield
        finally:
            _is_over.reset(before)

    def run(self, action: str, call: Callable[[], ResultT], *, end_seconds: float = END_SECONDS) -> ResultT:
        """Return the result of ``call``, run by ``in_thread`` in this scope. Raises CancelledError for ``action``."""
        try:
            with self.scope():
                return in_thread(call, end_seconds=end_seconds)
        except CancelledError:
            raise CancelledError(action, unclear=False) from None

    def _is_over(self, grace: float) -> bool:
        return self.is_cancelled and time.monotonic() >= max(self._at + grace, _allowed_until.get())


class _Call:
    """A call in a separate thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._enders: list[Callable[[], object]] = []
        self.is_left = False
        self.has_sent = False

    def send(self) -> None:
        with self._lock:
            if self.is_left:
                raise CancelledError(unclear=False)
            self.has_sent = True

    def leave(self, *, unless_sent: bool = False) -> bool:
        """Ask the call to end; return whether it does."""
        with self._lock:
            if unless_sent and self.has_sent:
                return False
            self.is_left = True
            enders, self._enders = self._enders, []
        for end in enders:
            end()
        return True

    def add(self, end: Callable[[], object]) -> None:
        with self._lock:
            if not self.is_left:
                self._enders.append(end)
                return
        end()

    def remove(self, end: Callable[[], object]) -> None:
        with self._lock:
            if end in self._enders:
                self._enders.remove(end)


@contextmanager
def allowed_until(ends: float) -> Iterator[None]:
    """Let this thread continue until this time of the monotonic clock, although its run was cancelled."""
    before = _allowed_until.set(ends)
    try:
        yield
    finally:
        _allowed_until.reset(before)


def is_cancelled() -> bool:
    """Return whether this thread's work must end."""
    return _is_over.get()(0.0)


def stop_if_cancelled() -> None:
    """Raise CancelledError if this thread's work must end."""
    if is_cancelled():
        raise CancelledError(unclear=False)


def sending() -> None:
    """Note that this thread is about to send its request. Raises CancelledError if it must not be sent."""
    stop_if_cancelled()
    call = _call.get()
    if call is not None:
        call.send()


def pause(seconds: float) -> None:
    """Wait for so many seconds. Raises CancelledError."""
    if _is_over.get() is _never:
        time.sleep(seconds)
        return
    for _ in range(int(seconds / _SLICE)):
        stop_if_cancelled()
        time.sleep(_SLICE)
    stop_if_cancelled()
    time.sleep(seconds % _SLICE)


def wait_for(happens: Callable[[float], bool], seconds: float) -> bool:
    """Return whether ``happens``, which waits up to the given seconds, becomes true in time. Raises CancelledError."""
    ends = time.monotonic() + seconds
    while True:
        stop_if_cancelled()
        left = ends - time.monotonic()
        if happens(min(max(left, 0.0), _SLICE)):
            return True
        if left <= _SLICE:
            return False


@contextmanager
def ended_by(end: Callable[[], object]) -> Iterator[None]:
    """Call ``end``, in another thread, if this thread's call is cancelled within the block."""
    call = _call.get()
    if call is None:
        yield
        return
    call.add(end)
    try:
        yield
    finally:
        call.remove(end)


def in_thread(call: Callable[[], ResultT], *, grace: float = 0.0, end_seconds: float = END_SECONDS) -> ResultT:
    """Return the result of ``call``, which runs in a separate thread if it may be cancelled.

    After cancellation, a request that was sent has ``grace`` more seconds to give its result, and the call then
    ``end_seconds`` to end before it is abandoned. Raises CancelledError, which is unclear if ``sending`` was reached.
    """
    is_over = _is_over.get()
    if is_over is _never:
        return call()
    stop_if_cancelled()
    ours = _Call()
    results: list[ResultT] = []
    errors: list[BaseException] = []

    def work() -> None:
        _is_over.set(lambda _grace: ours.is_left)
        _call.set(ours)
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), name="biot-call", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_SLICE)
            if is_over(grace) or (is_over(0.0) and ours.leave(unless_sent=True)):
                break
    finally:
        is_cut = thread.is_alive()
        ours.leave()
    thread.join(end_seconds)
    if results:
        return results[0]
    if errors and not is_cut:
        raise errors[0]
    raise CancelledError(unclear=ours.has_sent)
