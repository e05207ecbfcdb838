"""Seconds as the machine lets this process have them, for limits on what code waits for."""

from __future__ import annotations

import threading


class Stopwatch:
    """Counts the ticks of a thread that only sleeps.

    Where the machine stalls or is overloaded it sleeps longer and a tick is still a tick, so that less is counted than
    has passed. What computes without a wait is measured by `time.thread_time` instead: no thread ticks beside it.
    """

    _TICK_SECONDS = 0.02

    def __init__(self) -> None:
        self._ticks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stopwatch")

    def __enter__(self) -> Stopwatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """The seconds since the block began, or its length once it has ended."""
        return self._ticks * self._TICK_SECONDS

    def _run(self) -> None:
        while not self._over.wait(self._TICK_SECONDS):
            self._ticks += 1
