"""Splits a plugin's output into lines, passes them on at once, and keeps a limited number: the first and the last."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN_BYTES = 1 << 20
"""Maximum bytes of one call's log; of later output only the last lines are kept."""
LAST_LINES = 10
LINE_BYTES = 1 << 14
"""Maximum bytes of one line; longer ones are truncated."""


class LogLines:
    """The lines of one call."""

    def __init__(self, log: Callable[[str], None] | None) -> None:
        self._log = log
        self._lines: list[str] = []
        self._shown = 0
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._later = 0
        self._rest = b""
        self._skipping = False

    def feed(self, content: bytes) -> None:
        """Accept a piece of output."""
        *whole, self._rest = (self._rest + content).split(b"\n")
        for line in whole:
            self._take(line)
        if len(self._rest) > LINE_BYTES:
            self._take(self._rest)
            # The rest of this line is dropped.
            self._rest, self._skipping = b"", True

    def add(self, line: str) -> None:
        """Add one line."""
        self._shown += len(line) + 1
        if self._shown <= SHOWN_BYTES:
            self._show(line)
        else:
            self._last.append(line)
            self._later += 1

    def close(self) -> tuple[str, ...]:
        """Return all lines, including an unfinished last one."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        if left_out := self._later - len(self._last):
            self._show(f"({left_out} lines left out here: more than {SHOWN_BYTES >> 20} MB in one call)")
        for line in self._last:
            self._show(line)
        self._last.clear()
        self._later = 0
        return tuple(self._lines)

    def _take(self, line: bytes) -> None:
        if self._skipping:
            self._skipping = False
            return
        text = line[:LINE_BYTES].decode(errors="replace").rstrip("\r")
        self.add(text if len(line) <= LINE_BYTES else f"{text} (the line is cut here)")

    def _show(self, line: str) -> None:
        self._lines.append(line)
        if self._log is not None:
            self._log(line)
