"""Work in the background: what has the same name is done in its order, what has another name beside it."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

from .store import StoreError

Work = Callable[[], None]


class Lanes:
    """One thread for each name, none of which keeps the process alive."""

    def __init__(self) -> None:
        self._queues: dict[str, queue.SimpleQueue[Work]] = {}
        self._open: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, name: str, work: Work) -> None:
        """Do this after what was put under this name before."""
        with self._changed:
            self._open[name] = self._open.get(name, 0) + 1
            if name not in self._queues:
                self._queues[name] = queue.SimpleQueue()
                threading.Thread(target=self._run, args=(name,), name=f"lane {name}", daemon=True).start()
            self._queues[name].put(work)

    def settle(self, seconds: float) -> bool:
        """Wait until all is done, so many seconds at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not any(self._open.values()), seconds)

    def close(self) -> dict[str, int]:
        """Begin nothing any more; gives how much is not done, by name."""
        with self._changed:
            self._closed = True
            dropped = {name: count for name, count in self._open.items() if count}
            self._open.clear()
            for waiting in self._queues.values():
                # Something to wake up for.
                waiting.put(lambda: None)
            return dropped

    def _run(self, name: str) -> None:
        while not self._closed:
            work = self._queues[name].get()
            if self._closed:
                return
            # The platform may be closed while it works.
            with contextlib.suppress(StoreError):
                work()
            with self._changed:
                if not self._closed:
                    self._open[name] -= 1
                    self._changed.notify_all()
