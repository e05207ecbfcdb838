"""The content of one file of a source, whole or in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from biot_provider.package.source_file import PackageFile, SourceFile, is_program, reading

_BUFFER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """A file of a source that can be opened. Reading it raises `PackagingError`."""

    file: SourceFile
    source: Path
    open_file: Callable[[str], IO[bytes]]
    limit: int
    """Maximum bytes to use: a file is not read much further, whatever size it announces."""
    held: bytes | None = None
    """The content, if it was read already."""

    def pieces(self) -> Iterator[bytes]:
        """Read the file, a buffer at a time."""
        if self.held is not None:
            yield self.held
            return
        size, left = min(self.file.size + 1, _BUFFER_BYTES), self.limit
        with reading(self.source, self.file.path), self.open_file(self.file.path) as stream:
            while left >= 0 and (piece := stream.read(size)):
                left -= len(piece)
                size = _BUFFER_BYTES
                yield piece

    def whole(self, limit: int) -> bytes | None:
        """Read the whole file; return None if it has more than `limit` bytes, whatever size it announces."""
        if self.held is not None:
            return self.held
        try:
            with self.open_file(self.file.path) as stream:
                content = stream.read(self.file.size + 1)
                # A file of the listed size is complete; but one read may give less, as on some user-space filesystems.
                more = content if len(content) != self.file.size else b""
                while more and len(content) <= limit:
                    more = stream.read(_BUFFER_BYTES)
                    content += more
        except Exception:
            with reading(self.source, self.file.path):
                raise
        return content if len(content) <= limit else None

    def found(self, content: bytes) -> PackageFile:
        """Return the file's entry, made from its whole content."""
        digest = hashlib.sha256(content).hexdigest()
        return PackageFile(self.file.path, len(content), digest, executable=self.is_executable(content))

    def is_executable(self, start: bytes) -> bool:
        """Return whether the file can be executed, given the start of its content."""
        return is_program(start) if self.file.executable is None else self.file.executable

    def hashed(self) -> PackageFile:
        """Return the file's entry, made from its content, without keeping the content."""
        checksum = hashlib.sha256()
        size, executable = 0, self.is_executable(b"")
        for piece in self.pieces():
            if not size:
                executable = self.is_executable(piece)
            checksum.update(piece)
            size += len(piece)
        return PackageFile(self.file.path, size, checksum.hexdigest(), executable)
