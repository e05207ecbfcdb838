"""Puts files into a .zip, each read, hashed and compressed in one pass."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from biot_provider.package.source_file import PackageFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from biot_provider.package.content import Content
    from biot_provider.package.zip_writer import Packed, ZipWriter

    Done = tuple[PackageFile, Packed] | Content

_WHOLE_BYTES = 8 * 1024**2
"""What is compressed as a whole, at most: a bigger file goes through zlib in pieces."""
_SMALL_BYTES = 32 * 1024
"""What is compressed at once, at most: to have another thread do it takes as long."""
_AHEAD_BYTES = 2 * 1024**2
"""What waits for its turn to be written, at most, for each .zip."""
_MAX_THREADS = 4
"""Files held whole at once, in this process: so they bound its memory, however many .zips are written."""


def zipped(archive: ZipWriter, contents: Iterable[Content]) -> Iterator[PackageFile]:
    """Write the files in their order, and give each as its content showed it. Raises `PackagingError`."""
    waiting: deque[tuple[Future[Done] | Done, int]] = deque()
    ahead = 0
    try:
        for content in contents:
            size = content.file.size
            is_small = size <= _SMALL_BYTES
            waiting.append(
                (_compressed(archive, content) if is_small else _pool().submit(_compressed, archive, content), size)
            )
            ahead += size
            while ahead > _AHEAD_BYTES:
                done, size = waiting.popleft()
                ahead -= size
                yield _written(archive, done)
        while waiting:
            yield _written(archive, waiting.popleft()[0])
    finally:
        for done, _ in waiting:
            if isinstance(done, Future):
                done.cancel()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1), thread_name_prefix="zip")


def _compressed(archive: ZipWriter, content: Content) -> Done:
    """Read, hash and compress a file; one that is too big is left for later."""
    whole = content.whole(_WHOLE_BYTES) if content.file.size <= _WHOLE_BYTES else None
    return content if whole is None else (content.found(whole), archive.pack(whole))


def _written(archive: ZipWriter, done: Future[Done] | Done) -> PackageFile:
    if isinstance(done, Future):
        done = done.result()
    if not isinstance(done, tuple):
        return _written_in_pieces(archive, done)
    file, packed = done
    archive.add(file.path, packed, executable=file.executable)
    return file


def _written_in_pieces(archive: ZipWriter, content: Content) -> PackageFile:
    pieces = content.pieces()
    first = next(pieces, b"")
    executable = content.is_executable(first)
    checksum = hashlib.sha256()
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in chain((first,), pieces):
            checksum.update(piece)
            size += len(piece)
            yield piece

    archive.stream(content.file.path, counted(), executable=executable)
    return PackageFile(content.file.path, size, checksum.hexdigest(), executable)
