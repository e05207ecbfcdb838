"""The code of deployed functions, in one folder per package, shared by all processes of a data folder.

Every process that runs code from a folder holds a lock file beside it, so that no process removes a folder during a
call.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.emulator.functions.runtime import fit, fitting_key, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

DRAFT_SECONDS = 3600.0
"""After so long, a partly created or partly removed folder counts as abandoned."""

_LOCK = ".lock"
_FITTING = "-"
"""Separates a digest from the interpreter to which the package's distributions were fitted, if they were."""


class CodeFolder:
    """A folder that is not removed before `release`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def release(self) -> None:
        """Allow the folder's removal, once no other call uses it."""
        os.close(self._lock)


class CodeFolders:
    """The folders below one folder, by the digests of their packages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, digest: str, content: Callable[[], bytes], runtime: str = "") -> CodeFolder:
        """Return the folder of a package for a runtime, unpacked if it is missing.

        Raises OSError, ValueError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{digest}{_FITTING}{key}" if (key := fitting_key(runtime)) else digest
        lock = self._locked(name)
        path = self._folder / name
        try:
            if not path.is_dir():
                self._unpack(content(), path, runtime)
        except BaseException:
            os.close(lock)
            raise
        return CodeFolder(path, lock)

    def clear(self, used: Collection[str]) -> None:
        """Remove the folders of packages that are not used any more and from which no process runs code."""
        names = [path.name for path in self._folder.iterdir()]
        for name in names:
            if name.startswith("."):
                draft = self._folder / name
                with contextlib.suppress(OSError):
                    if time.time() - draft.stat().st_mtime > DRAFT_SECONDS:
                        shutil.rmtree(draft, ignore_errors=True)
        for name in {name.removesuffix(_LOCK) for name in names if not name.startswith(".")}:
            if name.partition(_FITTING)[0] not in used:
                with contextlib.suppress(OSError):
                    self._remove(name)

    def _locked(self, digest: str) -> int:
        """Lock the folder and return the lock's file descriptor."""
        path = self._folder / f"{digest}{_LOCK}"
        while True:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_SH)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(lock), path.stat()):
                        return lock
            except BaseException:
                os.close(lock)
                raise
            # The folder was removed between the two steps.
            os.close(lock)

    def _unpack(self, content: bytes, path: Path, runtime: str) -> None:
        # Unpack beside it first, so that no process sees a partial package.
        draft = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
        try:
            unpack(content, draft)
            fit(draft, runtime)
            try:
                draft.rename(path)
            except OSError:
                # Another process may have been faster, which is just as good.
                if not path.is_dir():
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _remove(self, digest: str) -> None:
        """Remove one folder. Raises OSError if a process runs code from it, or is about to."""
        path = self._folder / f"{digest}{_LOCK}"
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock), path.stat()):
                # It was taken away between the two, and is in use again: this lock holds nobody off.
                return
            draft = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
            with contextlib.suppress(FileNotFoundError):
                # Rename it first: a partly removed folder would count as a complete one.
                (self._folder / digest).rename(draft / digest)
            path.unlink(missing_ok=True)
        finally:
            os.close(lock)
        shutil.rmtree(draft, ignore_errors=True)
