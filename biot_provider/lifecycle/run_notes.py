"""Notes by which the processes of one run inform each other of their resources.

A stack that moves from the dynamic resources to the native provider, or back, or from one explicit provider to another
has two provider processes in one run: one deletes a resource that the other adopts. They share notes in a file for the
run, named by the engine's address; a note counts as long as the process that wrote it lives. Without a folder for
temporary files, and on Windows, there are no notes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_OLD_SECONDS = 24 * 3600
"""Longer than any run takes."""


class RunNotes:
    """The notes on one kind of resource. The run's processes share ``file``; None turns notes off."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._has_cleaned = False

    @classmethod
    def of_this_run(cls, kind: str) -> RunNotes:
        """Return the notes of this run, by the engine's address that this process was started with."""
        address = sys.argv[1] if len(sys.argv) > 1 else ""
        if os.name == "nt" or not address.rpartition(":")[2].isdigit():
            return cls(None)
        run = hashlib.sha256(f"{address} {kind}".encode()).hexdigest()[:16]
        try:
            return cls(Path(tempfile.gettempdir(), f"biot-provider-{os.getuid()}-{run}"))
        except OSError:
            return cls(None)

    def add(self, note: Mapping[str, Any]) -> None:
        """Write a note for the other processes; a failure is ignored."""
        if self._file is None:
            return
        if not self._has_cleaned:
            self._has_cleaned = True
            self._remove_old()
        line = json.dumps({"pid": os.getpid(), **note}) + "\n"
        with contextlib.suppress(OSError), self._opened(os.O_WRONLY | os.O_APPEND | os.O_CREAT) as file:
            os.write(file, line.encode())

    def of_others(self) -> Iterator[dict[str, Any]]:
        """Yield the notes of the other processes of this run."""
        if self._file is None:
            return
        try:
            with self._opened(os.O_RDONLY) as file, os.fdopen(file, closefd=False, errors="replace") as source:
                lines = source.read().splitlines()
        except OSError:
            return
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
                note = json.loads(line)
                if note["pid"] != os.getpid() and _is_running(note["pid"]):
                    yield note

    def _remove_old(self) -> None:
        """Remove the files of ended runs: their processes can no longer do it."""
        assert self._file is not None  # noqa: S101
        for file in self._file.parent.glob(f"biot-provider-{os.getuid()}-*"):
            with contextlib.suppress(OSError):
                found = file.stat(follow_symlinks=False)
                if found.st_uid == os.getuid() and time.time() - found.st_mtime > _OLD_SECONDS:
                    file.unlink()

    @contextlib.contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        """Open the file, unless it belongs to another user: such a file is neither read nor written."""
        assert self._file is not None  # noqa: S101 (callers have checked)
        file = os.open(self._file, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            found = os.fstat(file)
            if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode):
                raise PermissionError(f"{self._file} is somebody else's")
            yield file
        finally:
            os.close(file)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
