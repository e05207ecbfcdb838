"""The platform's database: one SQLite file that several processes may use at once.

Write-ahead logging, so that readers never wait; `BEGIN IMMEDIATE` for every write, so that a rule checked inside a
write still holds when it commits; a connection is used by one thread at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from biot_provider.emulator.schema import SCHEMA_VERSION, SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK_TIMEOUT_SECONDS = 30.0
"""Seconds that a writer waits for another writer."""


class StoreError(Exception):
    """The database file cannot be used by this version."""


class Store:
    """A pool of connections to the file, and the two ways to use one: `reading` and `writing`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        # Images and code are kept beside the database.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created here first, so that only the owner may read its secrets; SQLite's side files get the same mode.
        path.touch(mode=0o600, exist_ok=True)
        self._prepare()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reads, one consistent view for the whole block."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that holds the one write lock; commit at the end, or undo everything on an exception."""
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def fact(self, name: str) -> str | None:
        """Return one of the named values; None if it is not set."""
        with self.reading() as db:
            return _fact(db, name)

    def set_fact(self, name: str, value: str) -> None:
        """Set one of the named values."""
        with self.writing() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def fact_or_new(self, name: str, make: Callable[[], str]) -> str:
        """Return one of the named values, which is created on first use, and is the same for all processes."""
        value = self.fact(name)
        if value is None:
            # Created outside of the write lock, for which others would wait.
            made = make()
            with self.writing() as db:
                db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, made))
                value = _fact(db, name) or made
        return value

    def close(self) -> None:
        """Close idle connections now, and the others when their users return them."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                message = "the embedded platform is closed"
                raise StoreError(message)
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        finally:
            with self._lock:
                keep = not self._closed
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            # With the write-ahead log a power failure may cost the last commits, never the file: enough here.
            connection.execute("PRAGMA synchronous=NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        try:
            connection = self._connect()
            try:
                _use_write_ahead_log(connection)
                self._use_schema(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.DatabaseError as error:
            message = f"{self._path} cannot be used: {error}"
            raise StoreError(message) from error
        self._idle.append(connection)

    def _use_schema(self, connection: sqlite3.Connection) -> None:
        """Make the tables that are not there yet; refuse a file of a later version."""
        found = _version(connection)
        if found < SCHEMA_VERSION:
            connection.execute("BEGIN IMMEDIATE")
            # Check again under the write lock: another process may do the same.
            found = _version(connection)
            for schema in SCHEMAS[found:]:
                for statement in schema.split(";"):
                    connection.execute(statement)
                found += 1
            connection.execute(f"PRAGMA user_version={found}")
            connection.commit()
        if found != SCHEMA_VERSION:
            message = f"{self._path} has schema {found}, this version reads {SCHEMA_VERSION}: use another folder"
            raise StoreError(message)


def _fact(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging. SQLite does not wait for other openers here, so this does."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
