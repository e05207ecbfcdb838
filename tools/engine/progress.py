"""Reports progress on standard error; standard output has only the result."""

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self

LIVE = 0.5
"""Seconds between two counts of the live line on a terminal."""

PLAIN = 10.0
"""Seconds between two lines if standard error is not a terminal."""

ERASE = "\r\x1b[K"
"""Erases a terminal's current line."""


def report(text: str) -> None:
    """Print one line for the user, in place of a live line."""
    sys.stderr.write(f"{ERASE if _is_live() else ''}engine: {text}\n")
    sys.stderr.flush()


class Progress:
    """A counter that runs during a long step: `engine: <stage>, <detail>, <seconds> s`.

    On a terminal one line, rewritten; elsewhere a line whenever the stage changes, and every ten seconds.
    """

    def __init__(self) -> None:
        self._live = _is_live()
        self._begin = time.monotonic()
        self._stage = ""
        self._detail = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._live:
            sys.stderr.write(ERASE)
            sys.stderr.flush()

    def stage(self, text: str) -> None:
        """Begin a new stage and show it."""
        self._stage, self._detail = text, ""
        self._show()

    def detail(self, text: str) -> None:
        """Set the progress of the stage, which is shown with the next count."""
        self._detail = text

    def _count(self) -> None:
        while not self._ended.wait(LIVE if self._live else PLAIN):
            self._show()

    def _show(self) -> None:
        if not self._stage:
            return
        parts = [self._stage, self._detail, f"{time.monotonic() - self._begin:.0f} s"]
        line = "engine: " + ", ".join(part for part in parts if part)
        if self._live:
            # A line that wraps could not be erased.
            line = line[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(f"{ERASE}{line}" if self._live else f"{line}\n")
        sys.stderr.flush()


def _is_live() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
