"""Keeps built packages in the user's cache folder, by digest, so that each is built once on a machine.

An entry gets its name, by a rename, only when it is complete: processes that build the same package at the same time,
or are killed during a build, leave no partial entries. If the cache is too big, the least recently used entries are
deleted, but none that was used a moment ago, since another process may be about to read it.

An entry that another account could have put there is not used: a folder of ours that others may write to is emptied and
made private when the next entry is added. The folder that BIOT_CACHE_DIR names may hold other files: only what the
cache itself writes is counted and deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from stat import S_ISDIR
from typing import IO, NamedTuple

from biot_provider.errors import PackagingError
from biot_provider.package import known_files
from biot_provider.package.cache_folder import FOLDER_VARIABLE, cache_folder, is_own
from biot_provider.package.drafts import DRAFT, draft, publish
from biot_provider.package.zips import kept_zips

BUILT = "built"
DEPENDENCIES = "dependencies"
"""What is installed for AWS Lambda."""
DEVELOPMENT = "development"
"""What is installed for build commands."""

MAX_BYTES = 2 * 1024**3
"""Maximum total bytes of the entries, not counting those in use."""

_IN_USE_SECONDS = 3600.0
_ENDING = ".zip"
_ROOT = 0
_FOLDERS = (BUILT, DEPENDENCIES, DEVELOPMENT, known_files.FOLDER, kept_zips.FOLDER)
_ENTRY = re.compile(r"[0-9a-f]{32,}(-[0-9a-f]{64})?\.(zip|json)")


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
        """Return the file of an entry, which then counts as used now; None if there is none that can be trusted."""
        path = self._path(kind, digest)
        try:
            status = path.stat()
            if not (_is_trusted(status) and _is_trusted(path.parent.stat())):
                return None
        except OSError:
            return None
        # Not at every use: known_files recognises an unchanged file by its time.
        if time.time() - status.st_mtime > _IN_USE_SECONDS / 2:
            with contextlib.suppress(OSError):  # a read-only cache is still useful
                os.utime(path)
        return path

    def add(self, kind: str, digest: str, write: Callable[[IO[bytes]], object]) -> Path:
        """Return the file of a new entry, after ``write`` has written it completely. Raises PackagingError."""
        path = self._path(kind, digest)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(path.parent)
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
            raise self._unusable("written", error) from None
        self.trim()
        return path

    def remove(self, kind: str, digest: str) -> None:
        """Delete an entry that turned out to be damaged."""
        with contextlib.suppress(OSError):  # `add` reports a cache that cannot be written
            self._path(kind, digest).unlink()

    def entries(self) -> list[CacheEntry]:
        """Return every file of the cache, the most recently used last; unfinished files count too.

        Raises PackagingError for a folder that cannot be read.
        """
        try:
            return sorted(self._entries(), key=_used)
        except OSError as error:
            raise self._unusable("read", error) from None

    def trim(self, limit: int = MAX_BYTES) -> None:
        """Delete the least recently used entries until the rest has at most ``limit`` bytes."""
        with contextlib.suppress(OSError):
            self._trim(limit)

    def _trim(self, limit: int) -> None:
        entries = sorted(self._entries(), key=_used)
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if time.time() - entry.used < _IN_USE_SECONDS:
                return
            if total > limit or entry.path.name.startswith(DRAFT):
                with contextlib.suppress(OSError):
                    entry.path.unlink()
                total -= entry.size

    def clear(self) -> list[CacheEntry]:
        """Delete every entry, and return them. Raises PackagingError, after the others, for one that stays."""
        entries = self.entries()
        failed: OSError | None = None
        for entry in entries:
            try:
                entry.path.unlink(missing_ok=True)
            except OSError as error:
                failed = error
        if failed is not None:
            raise self._unusable("cleared", failed)
        return entries

    def _entries(self) -> Iterator[CacheEntry]:
        """Yield the files, in no order. Raises OSError for a folder that cannot be read."""
        for folder in _FOLDERS:
            try:
                files = list(os.scandir(self.folder / folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            for file in files:
                if _ENTRY.fullmatch(file.name) or file.name.startswith(DRAFT):
                    with contextlib.suppress(FileNotFoundError):
                        status = file.stat()
                        yield CacheEntry(Path(file.path), status.st_size, status.st_mtime)

    def _path(self, kind: str, digest: str) -> Path:
        return self.folder / kind / f"{digest}{_ENDING}"

    def _unusable(self, action: str, error: OSError) -> PackagingError:
        return PackagingError(
            f"the cache {self.folder} cannot be {action} ({error.strerror or error})",
            "BIOT-3120",
            advice=f"make room or give yourself access to it, or name another folder in {FOLDER_VARIABLE}",
        )


def _is_trusted(status: os.stat_result) -> bool:
    """Return whether only this user or root can have written; the cache of a build image is often root's."""
    return is_own(status) or (status.st_uid == _ROOT and not status.st_mode & 0o022)


def _make_private(folder: Path) -> None:
    """Make a folder of this user private, as a restored cache or another umask may have opened it. Raises OSError."""
    status = folder.lstat()  # a link may lead to a folder that others chose
    if os.name == "posix" and S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not is_own(status):
        folder.chmod(0o700)
        for entry in os.scandir(folder):  # others may have put one entry in another's place
            if _ENTRY.fullmatch(entry.name):
                os.unlink(entry.path)  # noqa: PTH108


def _used(entry: CacheEntry) -> float:
    return entry.used


def user_cache(environment: Mapping[str, str] | None = None) -> Cache:
    """Return this user's cache of built packages. Raises PackagingError for an account without a home."""
    return Cache(cache_folder(environment))
