"""The processes of one deployment of a plugin: started when needed, kept warm, and retired.

A process takes one call at a time. Concurrent calls get up to `MAX_PROCESSES` processes, and up to `MAX_WAITING` more
calls wait for one. A process that is slow to end is ended in the background, so that no call waits for it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from biot_provider.emulator.functions.deployments import Deployed
    from biot_provider.emulator.functions.runtime import Function, Invocation

MAX_PROCESSES = 4
"""Maximum processes of one plugin."""
MAX_WAITING = 32
"""Maximum calls of one plugin that wait for a process."""
THROTTLED = "Platform.TooManyRequests"
"""The error type of a call beyond the limit."""


class Pool:
    """A pool of processes. `release` is called once, when no call needs the code any more."""

    def __init__(self, deployed: Deployed, start: Callable[[], Function], release: Callable[[], None]) -> None:
        self.deployed = deployed
        self._start = start
        self._release = release
        self._slots = threading.Semaphore(MAX_PROCESSES)
        self._lock = threading.Lock()
        self._calls = 0
        self._idle: list[Function] = []
        self._busy: set[Function] = set()
        self._ending: list[threading.Thread] = []
        self._retired = False
        self._closed = False

    @property
    def is_over(self) -> bool:
        """Whether the pool has no calls and no processes left."""
        with self._lock:
            return self._retired and not self._calls and not any(thread.is_alive() for thread in self._ending)

    def enter(self) -> bool:
        """Keep the code for a call; return False if the pool was already released."""
        with self._lock:
            if self._retired:
                return False
            self._calls += 1
            return True

    def leave(self) -> None:
        """End a call; release the code after the last one of a retired pool."""
        with self._lock:
            self._calls -= 1
            unused = self._retired and not self._calls
        if unused:
            self._release()

    def invoke(self, event: Mapping[str, Any], log: Callable[[str], None]) -> Invocation:
        """Call a free or a new process. Use only between `enter` and `leave`."""
        with self._lock:
            if self._calls > MAX_PROCESSES + MAX_WAITING:
                return failed(
                    f"{MAX_PROCESSES} calls of it run and {MAX_WAITING} wait: there can be no more", THROTTLED
                )
        with self._slots:
            with self._lock:
                if self._closed:
                    return failed("the embedded platform is closed")
                # The most recently used process is the warmest.
                function = self._idle.pop() if self._idle else self._start()
                self._busy.add(function)
            try:
                return function.invoke(event, log=log)
            finally:
                with self._lock:
                    self._busy.discard(function)
                    if self._retired:
                        self._end(function)
                    else:
                        self._idle.append(function)

    def retire(self) -> None:
        """Take no new calls, and let the current ones finish."""
        with self._lock:
            unused = not self._retired and not self._calls
            self._retired = True
            while self._idle:
                self._end(self._idle.pop())
        if unused:
            self._release()

    def close(self) -> None:
        """Take no more calls, and end the current ones."""
        self.retire()
        with self._lock:
            self._closed = True
            for function in self._busy:
                self._end(function)

    def wait(self) -> None:
        """Wait until the retired processes have ended."""
        with self._lock:
            ending = list(self._ending)
        for thread in ending:
            thread.join()

    def _end(self, function: Function) -> None:
        thread = threading.Thread(target=function.close, name="emulator ends", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            function.close()  # there can be no more threads
        else:
            self._ending.append(thread)


def failed(error: str, error_type: str = "Platform.NotRun") -> Invocation:
    """Return a failed call with its error."""
    return invocation(None, error, error_type)


def invocation(answer: Any, error: str | None = None, error_type: str | None = None) -> Invocation:
    """Return the outcome of a call to which no process has responded."""
    from biot_provider.emulator.functions.runtime import Invocation

    return Invocation(
        answer=answer, error=error, error_type=error_type, logs=(), duration=0.0, init_duration=None, peak_memory=0
    )
