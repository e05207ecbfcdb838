"""Puts files into a .zip; each file is read, hashed and compressed in one pass."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from biot_provider.package.source_file import PackageFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from biot_provider.package.content import Content
    from biot_provider.package.zips.writer import Packed, ZipWriter

    Batch = list[Content]
    Done = list[tuple[PackageFile, Packed] | Content]

_WHOLE_BYTES = 8 * 1024**2
"""Maximum bytes of a file that is compressed as a whole: a bigger file goes through zlib in pieces."""
_BATCH_BYTES = 1024**2
"""Minimum bytes that a thread compresses at a time: fewer turns mean less waiting for each other."""
_AHEAD_BYTES = 2 * 1024**2
"""Maximum bytes, for each .zip, that are compressed ahead of writing."""
_BIG = threading.Semaphore(2)
"""Limits the number of bigger files in this process's memory, however many .zips it writes."""
_MAX_THREADS = 4


def zipped(archive: ZipWriter, contents: Iterable[Content]) -> Iterator[PackageFile]:
    """Write the files in their order, and yield the entry of each, made from its content. Raises `PackagingError`."""
    waiting: deque[tuple[Future[Done], int]] = deque()
    ahead = 0
    try:
        for batch, size in _batches(contents):
            if size < _BATCH_BYTES and not waiting:  # the only batch: not worth a thread
                yield from _written(archive, _compressed(archive, batch))
                continue
            with _BIG if size > _AHEAD_BYTES else contextlib.nullcontext():
                waiting.append((_pool().submit(_compressed, archive, batch), size))
                ahead += size
                while ahead > _AHEAD_BYTES:
                    done, size = waiting.popleft()
                    yield from _written(archive, done.result())
                    ahead -= size
        while waiting:
            yield from _written(archive, waiting.popleft()[0].result())
    finally:
        for done, _ in waiting:
            done.cancel()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1), thread_name_prefix="zip")


def _batches(contents: Iterable[Content]) -> Iterator[tuple[Batch, int]]:
    """Yield the files in batches, with their bytes, so that threads rarely wait for each other."""
    batch: Batch = []
    total = 0
    for content in contents:
        batch.append(content)
        total += content.file.size
        if total >= _BATCH_BYTES:
            yield batch, total
            batch, total = [], 0
    if batch:
        yield batch, total


def _compressed(archive: ZipWriter, batch: Batch) -> Done:
    """Read, hash and compress files; files that are too big are left for later."""
    done: Done = []
    for content in batch:
        whole = content.whole(_WHOLE_BYTES) if content.file.size <= _WHOLE_BYTES else None
        done.append(content if whole is None else (content.found(whole), archive.pack(whole)))
    return done


def _written(archive: ZipWriter, done: Done) -> Iterator[PackageFile]:
    for item in done:
        if isinstance(item, tuple):
            file, packed = item
            archive.add(file.path, packed, executable=file.executable)
            yield file
        else:
            yield _written_in_pieces(archive, item)


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
