"""Makes one call for all threads that need its result at the same time, without holding a lock during the call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from biot_provider.api.cancellation import wait_for

ResultT = TypeVar("ResultT")

_MORE_SECONDS = 1.0
"""A thread with so much more time than the caller calls again; threads that start together share a failure."""


class _Flight(Generic[ResultT]):
    """A call in progress; ``ends`` is its caller's deadline on the monotonic clock."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.over = threading.Event()
        self.results: list[ResultT] = []
        self.error: Exception | None = None


class SingleFlight(Generic[ResultT]):
    """Lets one thread call while the others wait for its result, each within its own time.

    ``ran_out`` returns whether more time might have avoided an error; by default, never.
    """

    def __init__(self, ran_out: Callable[[Exception], bool] = lambda _error: False) -> None:
        self._ran_out = ran_out
        self._lock = threading.Lock()
        self._current: _Flight[ResultT] | None = None

    def run(self, call: Callable[[float], ResultT], seconds: float) -> ResultT:
        """Return the result of ``call``, which gets its time limit in seconds, or of the call in progress.

        An error of the call in progress is raised in every waiting thread, with one exception: if that call ran out of
        time, a thread that has at least a second more than its caller calls again. Raises TimeoutError when the call in
        progress takes longer than ``seconds``, and CancelledError.
        """
        ends = time.monotonic() + seconds
        while True:
            with self._lock:
                flight = self._current
                if flight is None:
                    mine = self._current = _Flight[ResultT](ends)
                    break
            if not wait_for(flight.over.wait, max(ends - time.monotonic(), 0.0)):
                raise TimeoutError
            if flight.results:
                return flight.results[0]
            if flight.error is not None and not (ends > flight.ends + _MORE_SECONDS and self._ran_out(flight.error)):
                raise flight.error
        return self._lead(mine, call)

    def _lead(self, flight: _Flight[ResultT], call: Callable[[float], ResultT]) -> ResultT:
        try:
            result = call(max(flight.ends - time.monotonic(), 0.5))
            flight.results.append(result)
            return result
        except Exception as error:
            flight.error = error
            raise
        finally:
            with self._lock:
                self._current = None
            flight.over.set()
