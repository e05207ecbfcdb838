"""Digests of files as they were last read, so that an unchanged file is not opened again.

The rule is git's: a file is unchanged while its size, mtime, inode, ctime and mode are. A file that changed just before
it was read may change again within the same tick of the clock, without a trace: such a file is not recorded, and is
read again the next time. `ctime` shows changes that `touch -d` and `cp -p` hide. Where inode or ctime are not stable,
as on some network shares, files are read each time, and so are files with a ctime of whole seconds: read-only images
(squashfs, ISO 9660, lazily loaded layers) store no ctime and show the mtime, which is often the same in every image.
Where ctime is the time of creation (Windows), size and mtime decide.

The digests are kept in memory, and for the next process in the user's cache folder, one file per source. They are only
an optimization: a file that cannot be written is skipped, and one that is damaged or belongs to another user is not
trusted.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.cache_folder import cache_folder, is_own
from biot_provider.package.drafts import draft, publish
from biot_provider.package.source_file import PackageFile

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDING = ".json"
MAX_SOURCES = 2000
"""Maximum number of sources on disk."""

FOLDER = "digests"
"""Subfolder of the cache folder."""
_VERSION = "biot digests v1"
_MAX_FILES = 50_000
"""Maximum number of files in memory: about 20 MB."""
_SECOND = 10**9
_TICK = _SECOND // 50
"""Nanoseconds within which two changes may get the same time: a tick of the system's clock, 16 ms on Windows."""
_COARSE_TICK = 2 * _SECOND
"""The same for filesystems that store whole seconds; FAT stores steps of two."""
_HAS_TIME_OF_CHANGE = os.name != "nt"

Known = dict[str, tuple[str, PackageFile]]
"""By path: the file's stamp, and its entry as read."""

_MEMORY: dict[str, Known] = {}
_LOCK = threading.Lock()


def stamp(status: os.stat_result, now: int) -> str | None:
    """Return a text that changes with a file; None for a file that changed just now, as another change might not show.

    `now` is the time in nanoseconds before the file is read.
    """
    modified, changed = status.st_mtime_ns, status.st_ctime_ns
    if _HAS_TIME_OF_CHANGE and not changed % _SECOND:
        return None
    tick = _TICK if _HAS_TIME_OF_CHANGE or modified % _SECOND else _COARSE_TICK
    if max(modified, changed) + tick >= now:
        return None
    return f"{status.st_size} {modified} {changed} {status.st_ino} {status.st_mode}"


class KnownFiles:
    """The known files of one source, which the text `source` identifies."""

    def __init__(self, *source: str) -> None:
        self._key = hashlib.sha256("\0".join((_VERSION, *source)).encode(errors="surrogateescape")).hexdigest()
        with _LOCK:
            known = _MEMORY.get(self._key)
        if known is None:
            known = _read(self._key)
            _remember(self._key, known)
        self._known = known

    def find(self, path: str, its_stamp: str | None) -> PackageFile | None:
        """Return a file as it was last read, if it is unchanged."""
        known = self._known.get(path)
        return known[1] if known is not None and known[0] == its_stamp else None

    def all(self, stamp_of_all: str | None) -> tuple[PackageFile, ...]:
        """Return the files of an archive, which has one stamp for all of them; none if the archive has changed."""
        found = self._known.values()
        return tuple(file for its_stamp, file in found) if all(its[0] == stamp_of_all for its in found) else ()

    def keep(self, files: Iterable[tuple[str | None, PackageFile]]) -> None:
        """Keep the files that were read now, in place of all known ones."""
        known = {file.path: (its_stamp, file) for its_stamp, file in files if its_stamp is not None}
        if known != self._known:
            _remember(self._key, known)
            _write(self._key, known)
        self._known = known


def forget_all() -> None:
    """Drop all known files: one of them turned out to have other content than recorded."""
    with _LOCK:
        _MEMORY.clear()
    with contextlib.suppress(OSError, PackagingError):
        for path in (cache_folder() / FOLDER).glob(f"*{ENDING}"):
            path.unlink(missing_ok=True)


def _remember(key: str, known: Known) -> None:
    with _LOCK:
        _MEMORY.pop(key, None)
        _MEMORY[key] = known
        total = sum(map(len, _MEMORY.values()))
        while total > _MAX_FILES and len(_MEMORY) > 1:
            total -= len(_MEMORY.pop(next(iter(_MEMORY))))


def _place(key: str) -> Path:
    return cache_folder() / FOLDER / f"{key[:32]}{ENDING}"


def _read(key: str) -> Known:
    try:
        with _place(key).open("rb") as file:
            if not is_own(os.fstat(file.fileno())):
                return {}
            checksum, _, body = file.read().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != checksum:
            return {}
        found = json.loads(body)
        return {
            path: (its_stamp, PackageFile(path, size, digest, executable=executable))
            for path, its_stamp, size, digest, executable in found
        }
    except (OSError, PackagingError, ValueError, TypeError):
        return {}


@functools.cache
def _make_room(folder: Path) -> None:
    """Drop the least recently read sources, once per process."""
    entries = [(entry.stat().st_mtime, entry.path) for entry in os.scandir(folder)]
    for _, path in sorted(entries)[: max(0, len(entries) - MAX_SOURCES)]:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108


def _write(key: str, known: Known) -> None:
    listed = [[path, its_stamp, file.size, file.digest, file.executable] for path, (its_stamp, file) in known.items()]
    body = json.dumps(listed, separators=(",", ":")).encode()
    with contextlib.suppress(OSError, PackagingError):
        place = _place(key)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not place.exists():
            _make_room(place.parent)
        with draft(place.parent) as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            publish(file, place)
