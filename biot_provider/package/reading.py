"""Reads the files of a source, each at most once: hashed, and where a zip is wanted compressed in the same pass."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from itertools import chain
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.known_files import stamp
from biot_provider.package.limits import refuse_too_big
from biot_provider.package.source import is_folder, list_files, opened
from biot_provider.package.source_file import PackageFile, SourceFile, is_program, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

    from biot_provider.package.known_files import KnownFiles
    from biot_provider.package.zip_writer import ZipWriter

    OpenFile = Callable[[str], IO[bytes]]

_BUFFER_BYTES = 256 * 1024
_WHOLE_BYTES = 8 * 1024**2
"""What is compressed as a whole, at most: a bigger file goes through zlib in pieces."""
_HELD_BYTES = 1024**2
"""The content that is held until it is known whether the package changed, at most."""
_BIG = threading.Semaphore(2)
"""Files of more than a buffer that are held whole at once, in this process: they bound its memory."""


class Reading:
    """The files of one folder or .zip, which the source's absolute path names. Raises `PackagingError`.

    `limit` is the most that they may hold, in bytes. What is `known` is not opened.
    """

    def __init__(self, source: Path, limit: int, without: frozenset[str], known: KnownFiles | None) -> None:
        self._source = source
        self._limit = limit
        self._known = known
        self._listed, self._read = self._list(without)
        if not self._listed:
            raise PackagingError(
                f"{source} holds nothing to deploy: it is empty, or its ignore files leave everything out"
            )
        refuse_too_big(source, self._listed, limit)
        self._held: dict[str, bytes] = {}

    @property
    def are_known(self) -> bool:
        """Whether no file has to be opened."""
        return len(self._read) == len(self._listed)

    def hashed(self, *, hold: bool = False) -> tuple[PackageFile, ...]:
        """Hash the files that are not known. `hold` keeps what fits into a megabyte for `zipped`."""
        if not self.are_known:
            left, room = self._limit, _HELD_BYTES if hold else 0
            with opened(self._source) as open_file:
                for file in self._listed:
                    if file.path not in self._read:
                        chunks = _chunks(self._source, open_file, file, left, _BUFFER_BYTES)
                        if file.size <= room:
                            content = b"".join(chunks)
                            room -= len(content)
                            self._held[file.path] = content
                            chunks = iter((content,))
                        self._read[file.path] = _hashed(file, chunks)
                    left -= self._read[file.path].size
                    if left < 0:
                        self._refuse()
            self._keep()
        return tuple(self._read[file.path] for file in self._listed)

    def zipped(self, archive: ZipWriter) -> tuple[PackageFile, ...]:
        """Zip all files, hashing those that are not known and the others again."""
        left = self._limit
        with opened(self._source) as open_file:
            for file in self._listed:
                if (held := self._held.pop(file.path, None)) is not None:
                    chunks = iter((held,))
                else:
                    chunks = read_whole(self._source, open_file, file, left)
                self._read[file.path] = pack(archive, file, chunks)
                left -= self._read[file.path].size
                if left < 0:
                    self._refuse()
        archive.finish()
        self._keep()
        return tuple(self._read[file.path] for file in self._listed)

    def _list(self, without: frozenset[str]) -> tuple[list[SourceFile], dict[str, PackageFile]]:
        """Return the files there are, and what is known of them."""
        known = self._known
        if known is None:
            return list_files(self._source, without), {}
        if not is_folder(self._source):
            with reading(self._source):
                its_stamp = stamp(self._source.stat(), time.time_ns())
            if files := known.all(its_stamp):
                listed = [SourceFile(file.path, file.size, file.executable, its_stamp) for file in files]
                return listed, {file.path: file for file in files}
        listed = list_files(self._source, without)
        found = ((file.path, known.find(file.path, file.stamp)) for file in listed)
        return listed, {path: file for path, file in found if file is not None}

    def _keep(self) -> None:
        if self._known is not None:
            self._known.keep((file.stamp, self._read[file.path]) for file in self._listed)

    def _refuse(self) -> None:
        refuse_too_big(self._source, self._read.values(), self._limit)


def read_whole(source: Path, open_file: OpenFile, file: SourceFile, left: int) -> Iterator[bytes]:
    """Read a file as `pack` wants it: at once, or in pieces where it is big; no further than to what is `left`."""
    return _chunks(source, open_file, file, left, _WHOLE_BYTES)


def _chunks(source: Path, open_file: OpenFile, file: SourceFile, left: int, at_once: int) -> Iterator[bytes]:
    """Read a file until it is over, or has given more bytes than are `left`: its size may be wrong."""
    size = file.size + 1 if file.size <= at_once else _BUFFER_BYTES
    with reading(source, file.path), open_file(file.path) as content:
        while left >= 0 and (chunk := content.read(size)):
            left -= len(chunk)
            size = _BUFFER_BYTES
            yield chunk


def _hashed(file: SourceFile, chunks: Iterator[bytes]) -> PackageFile:
    """Return a file as its content shows it."""
    checksum = hashlib.sha256()
    size, executable = 0, file.executable
    for chunk in chunks:
        if executable is None:
            executable = is_program(chunk)
        checksum.update(chunk)
        size += len(chunk)
    return PackageFile(file.path, size, checksum.hexdigest(), bool(executable))


def pack(archive: ZipWriter, file: SourceFile, chunks: Iterator[bytes]) -> PackageFile:
    """Hash and compress a file in one pass."""
    if file.size > _WHOLE_BYTES:
        return _streamed(archive, file, chunks)
    with _BIG if file.size > _BUFFER_BYTES else contextlib.nullcontext():
        parts, size = [], 0
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > _WHOLE_BYTES:  # it grows
                return _streamed(archive, file, chain(parts, chunks))
        content = parts[0] if len(parts) == 1 else b"".join(parts)
        del parts
        executable = is_program(content) if file.executable is None else file.executable
        archive.add(file.path, content, executable=executable)
        return PackageFile(file.path, len(content), hashlib.sha256(content).hexdigest(), executable)


def _streamed(archive: ZipWriter, file: SourceFile, chunks: Iterator[bytes]) -> PackageFile:
    first = next(chunks, b"")
    executable = is_program(first) if file.executable is None else file.executable
    checksum = hashlib.sha256()
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in chain((first,), chunks):
            checksum.update(chunk)
            size += len(chunk)
            yield chunk

    archive.stream(file.path, counted(), executable=executable)
    return PackageFile(file.path, size, checksum.hexdigest(), executable)
