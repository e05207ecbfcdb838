"""The logs of functions, with the outcome of their calls: the last lines of each, stored in the database.

A plugin's own lines are kept unchanged. The platform's lines contain no token and no body.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    from biot_provider.emulator.database import Store

MAX_LINES = 1000
"""Maximum lines of each source; older ones are deleted."""
FLUSH_SECONDS = 0.2
"""Seconds between two writes to the database while a function keeps writing."""

PLUGIN, PLATFORM = "plugin", "platform"

Watcher = Callable[[str, str, str], None]
"""Gets the source, PLUGIN or PLATFORM, and the line."""


class Logs:
    """The logs of one database. A source is a plugin, by its bare name, or the address of an endpoint elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        """Pass each line that this process writes to this watcher, at once."""
        self._watchers.append(watcher)

    def writer(self, source: str) -> Writer:
        """Return a context manager that writes the lines of one call."""
        return Writer(self, source)

    def note(self, source: str, line: str) -> None:
        """Write one line of the platform."""
        with self.writer(source) as writer:
            writer.write(PLATFORM, line)

    def lines(self, source: str | None = None) -> list[dict[str, Any]]:
        """Return source, time, kind (`plugin`, `platform`) and text of the lines of one source or all, oldest first."""
        with self._store.reading() as db:
            rows = db.execute("SELECT * FROM logs WHERE ? IN ('', source) ORDER BY id", (source or "",)).fetchall()
        return [{**dict(row), "time": iso(row["time"])} for row in rows]

    def keep(self, source: str, lines: list[tuple[float, str, str]]) -> None:
        """Store some lines, and delete the oldest."""
        with self._store.writing() as db:
            added = [(source, *line) for line in lines[-MAX_LINES:]]
            db.executemany("INSERT INTO logs (source, time, kind, line) VALUES (?, ?, ?, ?)", added)
            oldest = "SELECT id FROM logs WHERE source = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
            db.execute(f"DELETE FROM logs WHERE source = ? AND id <= ({oldest})", (source, source, MAX_LINES))  # noqa: S608

    def publish(self, source: str, kind: str, line: str) -> None:
        """Pass a line to the watchers."""
        for watcher in self._watchers:
            watcher(source, kind, line)


class Writer:
    """Writes the lines of one call: published at once, stored a little later when there are many."""

    def __init__(self, logs: Logs, source: str) -> None:
        self._logs = logs
        self._source = source
        self._waiting: list[tuple[float, str, str]] = []
        self._stored = 0.0

    def write(self, kind: str, line: str) -> None:
        """Write one line."""
        self._logs.publish(self._source, kind, line)
        now = time.time()
        self._waiting.append((now, kind, line))
        if now - self._stored > FLUSH_SECONDS:
            self._store()

    def _store(self) -> None:
        if self._waiting:
            self._logs.keep(self._source, self._waiting)
            self._waiting, self._stored = [], time.time()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._store()
