"""Ctrl-C, none of which is lost.

Python raises KeyboardInterrupt wherever the main thread is at that moment, and drops it ("Exception ignored in ...")
where that is a finalizer or the callback of a weak reference.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupt:
    """Whether Ctrl-C was pressed: read where nothing drops the answer."""

    def __init__(self) -> None:
        self._happened = False
        self._raises = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take Ctrl-C over in this block, in the main thread, where it is Python's own and not ignored."""
        before = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or before is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._on_signal)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Let Ctrl-C end what this block waits for, at once. Raises KeyboardInterrupt."""
        self._refuse()
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def sleep(self, seconds: float) -> None:
        """Wait. Raises KeyboardInterrupt, also for one that was dropped before."""
        time.sleep(seconds)
        self._refuse()

    def _refuse(self) -> None:
        if self._happened:
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._happened = True
        if self._raises:
            raise KeyboardInterrupt
