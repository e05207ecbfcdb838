"""One line that says how far a command is, on a terminal alone, and gone when the command has its result."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from time import monotonic

from biot_provider.cli.console import printable

_QUIET_SECONDS = 1.0
"""What is done sooner needs no progress."""
_INTERVAL_SECONDS = 0.5
"""Between two counts of the seconds, while nothing new happens."""
_ERASE = "\r\033[K"


class Progress:
    """Used as a context manager; what ends within a second shows nothing."""

    def __init__(self) -> None:
        self._begin = monotonic()
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._text = ""
        self._is_shown = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._counter = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> Progress:
        if self._is_terminal:
            self._counter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._is_terminal:
            self._counter.join()
        self.hide()

    def show(self, text: str) -> None:
        """Show a line in place of the one before; its seconds are counted while it stays."""
        with self._lock:
            self._text = text
            self._paint(text)

    def hide(self) -> None:
        """Take the line away before something else is printed; the next one shows it again."""
        with self._lock:
            self._text = ""
            if self._is_shown:
                self._is_shown = False
                self._write(_ERASE)

    def _count(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            with self._lock:
                if self._text:
                    self._paint(f"{self._text} ({monotonic() - self._begin:.0f} s)")

    def _paint(self, text: str) -> None:
        if self._is_terminal and monotonic() - self._begin >= _QUIET_SECONDS:
            self._is_shown = True
            # A line that wraps could not be taken away again.
            self._write(f"{_ERASE}{printable(text)[: shutil.get_terminal_size().columns - 1]}")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
