"""A queue of background tasks: tasks of one name run in order, tasks of different names in parallel.

A name without tasks has no thread. The number of threads and of waiting tasks is limited.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable

from biot_provider.emulator.database import StoreError

MAX_WAITING = 256
"""Maximum waiting tasks of one name."""
MAX_THREADS = 32

Work = Callable[[], None]


class NotificationQueue:
    """Daemon threads that run the tasks. `note` gets a name and the error of a task."""

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self._note = note
        self._waiting: dict[str, collections.deque[Work]] = {}
        self._ready: collections.deque[str] = collections.deque()
        self._working: set[str] = set()
        self._threads = 0
        self._changed = threading.Condition()
        self._closed = False

    def put(self, name: str, work: Work) -> bool:
        """Run a task after earlier tasks of this name; return False if too many are waiting."""
        with self._changed:
            if self._closed:
                return True
            waiting = self._waiting.setdefault(name, collections.deque())
            if len(waiting) >= MAX_WAITING:
                return False
            waiting.append(work)
            if len(waiting) == 1 and name not in self._working:
                self._ready.append(name)
                self._start()
            return True

    def settle(self, seconds: float) -> bool:
        """Wait until all tasks are done, at most so many seconds; return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._working, seconds)

    def close(self) -> dict[str, int]:
        """Start no more tasks; return the number of waiting ones, by name."""
        with self._changed:
            self._closed = True
            dropped = collections.Counter(self._working)
            dropped.update({name: len(waiting) for name, waiting in self._waiting.items()})
            self._waiting.clear()
            self._ready.clear()
            return dict(dropped)

    def _start(self) -> None:
        if self._threads < MAX_THREADS:
            # If no thread can be started, the existing ones run the task later.
            with contextlib.suppress(RuntimeError):
                threading.Thread(target=self._run, name="emulator notifies", daemon=True).start()
                self._threads += 1

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            name, work = taken
            try:
                work()
            except StoreError:
                pass  # the platform was closed meanwhile
            except Exception as error:
                # No error of a task may affect the following ones.
                with contextlib.suppress(StoreError):
                    self._note(name, f"not sent, as the emulator has a bug: {type(error).__name__}")
            self._finish(name)

    def _take(self) -> tuple[str, Work] | None:
        """Return the next task; without one this thread ends."""
        with self._changed:
            if not self._ready:
                self._threads -= 1
                return None
            name = self._ready.popleft()
            waiting = self._waiting[name]
            work = waiting.popleft()
            if not waiting:
                del self._waiting[name]
            self._working.add(name)
            return name, work

    def _finish(self, name: str) -> None:
        with self._changed:
            self._working.discard(name)
            if name in self._waiting:
                self._ready.append(name)
            self._changed.notify_all()
