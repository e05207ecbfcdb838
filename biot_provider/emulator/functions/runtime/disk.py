"""Files that calls leave on disk: in their temporary folder, and in the code folder, which is read-only on Lambda."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_QUICK_SECONDS = 0.005
"""Maximum seconds of a check that is made after each call."""
_MIN_PAUSE_RATIO = 100
"""A slower check is repeated only after so many times its own duration."""
_UNSEEN = "__pycache__"
"""A folder that Python itself writes if it can, and does not need."""
_ANY = (0,)
"""Stands for a folder with a modification time that means nothing."""
_MB = 1 << 20
_BLOCK = 512
"""Bytes of a block, as the status of a file counts them."""


def megabytes(folder: Path) -> int:
    """Return the size of all files below the folder in MB."""
    return -(-_bytes(str(folder)) // _MB)


class CodeSnapshot:
    """A folder as it was last checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._seen = self._look()
        self._next = 0.0
        """When the next look may be: at once after the first, however long that took."""

    def changes(self) -> list[str]:
        """Return paths that are new, changed or gone since the last check, which may be some calls ago."""
        if time.monotonic() < self._next:
            return []
        before, now = self._seen, self._look()
        self._seen = now
        if "./" not in now:
            # Another process has removed it.
            return []
        changed = {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}
        touched = {path for path in changed if path.endswith("/") and path in before and path in now}
        # A folder's time counts only if nothing in it changed: a file was created and deleted.
        return sorted(changed - touched or {path for path in touched if now[path] != _ANY})

    def _look(self) -> dict[str, tuple[int, ...]]:
        started = time.monotonic()
        found: dict[str, tuple[int, ...]] = {}
        _add(self._folder, "", found)
        took = time.monotonic() - started
        self._next = started + took * _MIN_PAUSE_RATIO if took > _QUICK_SECONDS else 0.0
        return found


def _add(folder: str, prefix: str, found: dict[str, tuple[int, ...]]) -> None:
    """Add times and sizes of the entries of a folder, beginning with the folder itself."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        found[prefix or "./"] = (os.stat(folder).st_mtime_ns,)  # noqa: PTH116  (a look at each: fast)
        for entry in entries:
            path = prefix + entry.name
            if entry.name == _UNSEEN:
                found[prefix or "./"] = _ANY
            elif entry.is_dir(follow_symlinks=False):
                _add(entry.path, f"{path}/", found)
            else:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found[path] = (status.st_mtime_ns, status.st_size, status.st_mode)


def _bytes(folder: str) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += _bytes(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
    return total
