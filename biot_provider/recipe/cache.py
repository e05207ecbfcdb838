"""Keeps built packages in the user's cache folder, by digest, so that each is built once on a machine.

An entry gets its name, by a rename, only when it is complete: processes that build the same package at the same time,
or are killed during a build, leave no partial entries. If the cache is too big, the least recently used entries are
deleted, but none that was used a moment ago, since another process may be about to read it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from biot_provider.errors import PackagingError
from biot_provider.package import known_files
from biot_provider.package.cache_folder import FOLDER_VARIABLE, cache_folder
from biot_provider.package.drafts import DRAFT, draft, publish

MAX_BYTES = 2 * 1024**3
"""Maximum total bytes of the entries, not counting those in use."""

_IN_USE_SECONDS = 3600.0
_ENDING = ".zip"
_ENDINGS = frozenset({_ENDING, known_files.ENDING})


class CacheEntry(NamedTuple):
    """A file of the cache."""

    path: Path
    size: int
    used: float


class Cache:
    """Files by kind and digest, below one folder that is created when needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, kind: str, digest: str) -> Path | None:
        """Return the file of an entry, which then counts as used now; None if there is none."""
        path = self._path(kind, digest)
        try:
            # Not at every use: known_files recognises an unchanged file by its time.
            if time.time() - path.stat().st_mtime > _IN_USE_SECONDS / 2:
                os.utime(path)
        except FileNotFoundError:
            return None
        except OSError:  # a read-only cache is still useful
            return path if path.is_file() else None
        return path

    def add(self, kind: str, digest: str, write: Callable[[IO[bytes]], object]) -> Path:
        """Return the file of a new entry, after ``write`` has written it completely. Raises PackagingError."""
        path = self._path(kind, digest)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with draft(path.parent) as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                with contextlib.suppress(PermissionError):  # on Windows, if another process is reading an equal entry
                    publish(file, path)
            if not path.is_file():
                raise PackagingError(
                    f"the cache {self.folder} lost what was written to it", "BIOT-3120", advice="run it again"
                )
        except OSError as error:
            raise self._not_writable(error) from None
        self.trim()
        return path

    def remove(self, kind: str, digest: str) -> None:
        """Delete an entry that turned out to be damaged."""
        self._path(kind, digest).unlink(missing_ok=True)

    def entries(self) -> list[CacheEntry]:
        """Return every file of the cache, the most recently used last; unfinished files count too."""
        return sorted(self._entries(), key=lambda entry: entry.used)

    def trim(self, limit: int = MAX_BYTES) -> None:
        """Delete the least recently used entries until the rest has at most ``limit`` bytes."""
        entries = self.entries()
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if time.time() - entry.used < _IN_USE_SECONDS:
                return
            if total > limit or entry.path.name.startswith(DRAFT):
                with contextlib.suppress(OSError):
                    entry.path.unlink()
                total -= entry.size

    def clear(self) -> list[CacheEntry]:
        """Delete every entry, and return the deleted ones."""
        dropped = []
        for entry in self.entries():
            with contextlib.suppress(OSError):
                entry.path.unlink()
                dropped.append(entry)
        return dropped

    def _entries(self) -> Iterator[CacheEntry]:
        for path in self.folder.glob("*/*"):
            if path.suffix in _ENDINGS or path.name.startswith(DRAFT):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    yield CacheEntry(path, status.st_size, status.st_mtime)

    def _path(self, kind: str, digest: str) -> Path:
        return self.folder / kind / f"{digest}{_ENDING}"

    def _not_writable(self, error: OSError) -> PackagingError:
        return PackagingError(
            f"the cache {self.folder} cannot be written ({error.strerror or error})",
            "BIOT-3120",
            advice=f"make room or give yourself access to it, or name another folder in {FOLDER_VARIABLE}",
        )


def user_cache(environment: Mapping[str, str] | None = None) -> Cache:
    """Return this user's cache of built packages. Raises PackagingError for an account without a home."""
    return Cache(cache_folder(environment))
