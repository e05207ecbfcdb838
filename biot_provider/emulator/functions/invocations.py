"""The latest calls of functions and endpoints: their purpose, outcome, duration, memory and log.

The contents of calls are not kept, since they include tokens, and a plugin may log what it needs.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.functions.runtime import Invocation

MAX_INVOCATIONS = 500
"""Maximum calls; older ones are deleted."""
MAX_LOG_CHARACTERS = 16_000
"""Maximum characters, at the end, of one call's log. So all logs take at most 8 MB."""
MAX_TEXT_CHARACTERS = 1_000
"""Maximum characters of a call's purpose, and of the called subscriber's name."""
LEFT_OUT = "(earlier lines are left out here)"

Entry = dict[str, Any]


class Invocations:
    """The calls of all processes that share the database; calls in progress are known only to their own process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._under_way: list[Entry] = []

    @contextlib.contextmanager
    def recording(self, source: str, what: str, trace_id: str | None) -> Iterator[Entry]:
        """Yield the entry of one call, to which the block adds the outcome; store it unless the block raises.

        `source` is a plugin's bare name or an endpoint as it is shown, `trace_id` that of the request that caused it.
        """
        started = {"source": source[:MAX_TEXT_CHARACTERS], "what": what[:MAX_TEXT_CHARACTERS]}
        entry: Entry = {**started, "time": time.time(), "trace": trace_id, "log": []}
        with self._lock:
            self._under_way.append(entry)
        try:
            yield entry
            self._keep(entry)
        finally:
            with self._lock:
                self._under_way = [other for other in self._under_way if other is not entry]

    def add_problem(self, source: str, what: str, problem: str, trace_id: str | None) -> None:
        """Record a call that could not be made, or that has an unusable response."""
        with self.recording(source, what, trace_id) as entry:
            entry["error"] = problem

    def under_way(self) -> list[Entry]:
        """Return the calls in progress of this process."""
        with self._lock:
            return [dict(entry) for entry in self._under_way]

    def latest(self, count: int) -> list[Entry]:
        """Return the last calls, newest first, without their logs; `lines` is the number of lines of the log."""
        with self._store.reading() as db:
            rows = db.execute("SELECT id, summary FROM invocations ORDER BY id DESC LIMIT ?", (count,)).fetchall()
        return [{"id": row["id"], **json.loads(row["summary"])} for row in rows]

    def log(self, invocation_id: int) -> list[str] | None:
        """Return the log lines of one call; None if the call is not kept any more."""
        with self._store.reading() as db:
            row = db.execute("SELECT log FROM invocations WHERE id = ?", (invocation_id,)).fetchone()
        return None if row is None else list(json.loads(row["log"]))

    def _keep(self, entry: Entry) -> None:
        log = _end_of(entry["log"])
        summary = {**{name: value for name, value in entry.items() if name != "log"}, "lines": len(log)}
        with self._store.writing() as db:
            last = db.execute(
                "INSERT INTO invocations (summary, log) VALUES (?, ?)", (json.dumps(summary), json.dumps(log))
            ).lastrowid
            db.execute("DELETE FROM invocations WHERE id <= ?", ((last or 0) - MAX_INVOCATIONS,))


def outcome(call: Invocation, memory_size: int) -> Entry:
    """Return the outcome of a function's call; times in milliseconds, memory in MB."""
    return {
        "status": status_of(call),
        "error": call.error,
        "errorType": call.error_type,
        "duration": 1000 * call.duration,
        "init": None if call.init_duration is None else 1000 * call.init_duration,
        "memory": call.peak_memory,
        "memorySize": memory_size,
        "warnings": list(call.warnings),
        "log": list(call.logs),
    }


def status_of(call: Invocation) -> int | None:
    """Return the HTTP status of the function's response, if it has one."""
    status = call.answer.get("statusCode") if isinstance(call.answer, dict) else None
    return status if isinstance(status, int) else None


def _end_of(lines: Iterable[str]) -> list[str]:
    """Return the last lines, at most MAX_LOG_CHARACTERS of them."""
    kept: list[str] = []
    left = MAX_LOG_CHARACTERS
    for line in reversed(list(lines)):
        if len(line) > left:
            return [LEFT_OUT, *reversed(kept)]
        kept.append(line)
        left -= len(line) + 1
    return kept[::-1]
