"""One call for all threads that need its result at the same time, without a lock over the network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


class _Flight(Generic[ResultT]):
    """A call in progress; ``ends`` is when its caller's time is over, on the monotonic clock."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.over = threading.Event()
        self.results: list[ResultT] = []
        self.error: Exception | None = None
        self.ran_out = False


class SingleFlight(Generic[ResultT]):
    """Lets one thread call while the others wait for its result, each within its own time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: _Flight[ResultT] | None = None

    def run(self, call: Callable[[float], ResultT], seconds: float) -> ResultT:
        """Return the result of ``call``, which is given its seconds, or of the call that is in progress.

        What that call raises is raised for all who wait for it, except where it ran out of its own caller's time: one
        who has more time calls again. Raises TimeoutError when the call in progress takes longer than ``seconds``.
        """
        ends = time.monotonic() + seconds
        while True:
            with self._lock:
                flight = self._current
                if flight is None:
                    mine = self._current = _Flight[ResultT](ends)
                    break
            if not flight.over.wait(max(ends - time.monotonic(), 0.0)):
                raise TimeoutError
            if flight.results:
                return flight.results[0]
            if flight.error is not None and not flight.ran_out:
                raise flight.error
        return self._lead(mine, call)

    def _lead(self, flight: _Flight[ResultT], call: Callable[[float], ResultT]) -> ResultT:
        try:
            result = call(max(flight.ends - time.monotonic(), 0.5))
            flight.results.append(result)
            return result
        except Exception as error:
            flight.error, flight.ran_out = error, time.monotonic() >= flight.ends
            raise
        finally:
            with self._lock:
                self._current = None
            flight.over.set()
