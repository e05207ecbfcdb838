"""The log of requests: one entry for each, without its secrets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.subscriptions.endpoints import endpoint_problem

if TYPE_CHECKING:
    from biot_provider.emulator.database import Store

MAX_ENTRIES = 2000
"""Maximum entries; older ones are deleted."""
MAX_ENTRY_CHARACTERS = 1 << 16
"""Maximum characters of an entry; a longer one is stored without the caller's data."""
MAX_PATH_CHARACTERS = 2000
"""Maximum characters of a path or a query."""
REDACTED = "[redacted]"
LEFT_OUT = "[left out: too long]"
SECRET_MEMBERS = ("secretKey", "password", "refreshToken")
"""Members of JSON bodies that are stored without their values."""

_CREDENTIALS = re.compile(r"(://|%3A%2F%2F)(?:(?!%2F)[^/?#\s\"])*(@|%40)", re.IGNORECASE)
"""Credentials in an address, which may be part of a query."""


class RequestLog:
    """The requests of every process that shares the database, oldest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, entry: dict[str, Any]) -> None:
        """Add one request."""
        for name in ("path", "query", "traceparent"):
            entry[name] = entry[name] and entry[name][:MAX_PATH_CHARACTERS]
        text = json.dumps(entry)
        if len(text) > MAX_ENTRY_CHARACTERS:
            text = json.dumps({**entry, "parts": [], "config": LEFT_OUT, "body": LEFT_OUT})
        text = _CREDENTIALS.sub(rf"\1{REDACTED}\2", text)
        with self._store.writing() as db:
            row = db.execute("INSERT INTO requests (entry) VALUES (?)", (text,)).lastrowid or 0
            db.execute("DELETE FROM requests WHERE id <= ?", (row - MAX_ENTRIES,))

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries: method, path, query, parts, config and body (redacted), status, code, fault, acted."""
        with self._store.reading() as db:
            rows = db.execute("SELECT id, entry FROM requests ORDER BY id").fetchall()
        return [{"id": row["id"], **json.loads(row["entry"])} for row in rows]

    def latest(self, count: int) -> list[dict[str, Any]]:
        """Return the last entries, newest first, without the callers' data."""
        shown = ("time", "method", "path", "status", "code", "fault", "traceId")
        with self._store.reading() as db:
            rows = db.execute("SELECT id, entry FROM requests ORDER BY id DESC LIMIT ?", (count,)).fetchall()
        entries = [(row["id"], json.loads(row["entry"])) for row in rows]
        return [{"id": row_id, **{name: entry.get(name) for name in shown}} for row_id, entry in entries]

    def clear(self) -> None:
        """Delete all entries."""
        with self._store.writing() as db:
            db.execute("DELETE FROM requests")


def without_secrets(body: Any) -> Any:
    """Return the JSON body with the names of all members, but without the values of secret ones."""
    if not isinstance(body, dict):
        return body
    return {name: REDACTED if _is_secret(name, value) else value for name, value in body.items()}


def _is_secret(name: str, value: Any) -> bool:
    # An invalid address may be one that contains a password with special characters.
    return name in SECRET_MEMBERS or (name == "endpoint" and isinstance(value, str) and bool(endpoint_problem(value)))


def redacted(config: Any) -> Any:
    """Return the config with the names of its variables, but without their values."""
    if not isinstance(config, dict) or not config.get("environmentVariables"):
        return config
    variables = config["environmentVariables"]
    shown = dict.fromkeys(variables, REDACTED) if isinstance(variables, dict) else REDACTED
    return {**config, "environmentVariables": shown}
