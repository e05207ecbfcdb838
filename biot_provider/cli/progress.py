"""One line that says how far a command is, on a terminal alone, and gone when the command has its result."""

from __future__ import annotations

import sys
import time

from .console import printable

_QUIET_SECONDS = 1.0
"""What is done sooner needs no progress."""
_INTERVAL_SECONDS = 0.1


class Progress:
    """Used as a context manager; what ends within a second shows nothing."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _QUIET_SECONDS
        self._is_shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def show(self, text: str) -> None:
        """Show a line in place of the one before."""
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + _INTERVAL_SECONDS
        self._is_shown = True
        sys.stderr.write(f"\r\033[K{printable(text)}")
        sys.stderr.flush()
