"""Plugins as they are stored: a record each, and its code by digest."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.errors import not_found
from biot_provider.emulator.plugins import rules
from biot_provider.emulator.plugins.responses import PREFIX
from biot_provider.emulator.subscriptions import subscribers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

Record = dict[str, Any]

NO_SUBSCRIPTIONS: Mapping[str, Any] = {
    "interceptionOrder": subscribers.DEFAULT_ORDER,
    "interceptions": [],
    "notifications": [],
}


def read_record(stored: str) -> Record:
    """Return a stored plugin; what it was stored without, by an earlier version, has its default."""
    return {**rules.DEFAULTS, **json.loads(stored)}


def find(db: sqlite3.Connection, name: str) -> Record | None:
    """Return the plugin of this bare name; None without one."""
    row = db.execute("SELECT record FROM plugins WHERE name = ?", (name,)).fetchone()
    return read_record(row["record"]) if row else None


def existing(db: sqlite3.Connection, path_name: str) -> Record:
    """Return the plugin a path names: only the name with the prefix finds it."""
    record = find(db, path_name.removeprefix(PREFIX)) if path_name.startswith(PREFIX) else None
    if record is None:
        raise not_found(path_name)
    return record


def save(db: sqlite3.Connection, record: Record, digest: str | None, *, subscribe: bool = True) -> None:
    """Write the record; a digest replaces the code, none keeps it; `subscribe` when its subscriptions were sent."""
    name = record["name"]
    db.execute(
        "INSERT INTO plugins (name, record, code_digest) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "record = excluded.record, code_digest = coalesce(excluded.code_digest, code_digest)",
        (name, json.dumps(record), digest),
    )
    if subscribe:
        subscribers.subscribe(db, name, record["subscriptions"] or NO_SUBSCRIPTIONS)
    if digest is not None:
        drop_unused_code(db)


def store_code(db: sqlite3.Connection, content: bytes) -> str:
    """Store a zip and return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    db.execute("INSERT OR IGNORE INTO code VALUES (?, ?)", (digest, content))
    return digest


def drop_unused_code(db: sqlite3.Connection) -> None:
    """Take away the zips that no plugin runs."""
    used = "SELECT code_digest FROM plugins WHERE code_digest IS NOT NULL"
    db.execute(f"DELETE FROM code WHERE digest NOT IN ({used})")  # noqa: S608  (a constant)


def uses(db: sqlite3.Connection, tag: str) -> bool:
    """Return whether a plugin runs the image of this tag."""
    row = db.execute("SELECT 1 FROM plugins WHERE json_extract(record, '$.imageTag') = ?", (tag,)).fetchone()
    return row is not None
