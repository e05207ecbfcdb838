"""Writes a .zip from front to back to any writable target: its bytes depend only on the files.

`zipfile` compresses with zlib, and cannot add data that is compressed already. libdeflate takes less than half of
zlib's time and gives smaller output, but needs the whole file in memory: a file that is too big for that goes through
zlib in pieces. The format follows PKWARE's APPNOTE: sizes come before a file's content if they are known, else after it
(in a data descriptor); names are UTF-8, and marked as such if they are not ASCII; from 65,535 files on there is a zip64
end record.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

import deflate

if TYPE_CHECKING:
    from collections.abc import Iterable

ON_UNIX = 3
"""A zip entry's `create_system` when its attributes hold Unix permissions."""

_LEVEL = 6
_VERSION = 20
_ZIP64_VERSION = 45
_UTF8_NAME = 0x800
_SIZES_BEHIND = 0x8
# A zip records when its files were modified, which would make zips of equal files differ. So: 1980-01-01, 0:00.
_TIME, _DATE = 0, 1 << 5 | 1
_MAX_ENTRIES = 0xFFFF
_JOINED_BYTES = 64 * 1024
"""Maximum bytes of a file that is written in one piece with its header."""
_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR = struct.Struct("<4s3L")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_ZIP64_LOCATOR = struct.Struct("<4sLQL")


class Writable(Protocol):
    """A target to which a .zip is written, from front to back."""

    def write(self, data: bytes | bytearray, /) -> object:
        """Write the next bytes."""


class Packed(NamedTuple):
    """A file's content in the form in which a .zip contains it."""

    content: bytes | bytearray
    crc: int
    size: int
    """Size of the uncompressed file in bytes."""


class ZipWriter:
    """A .zip that is being written, of less than 4 GB; `method` is zipfile's constant for deflated or stored."""

    def __init__(self, target: Writable, method: int = zipfile.ZIP_DEFLATED) -> None:
        self._target = target
        self._method = method
        self._directory: list[bytes] = []
        self.size = 0
        """Bytes written."""

    def pack(self, content: bytes) -> Packed:
        """Compress the content of a file; several threads may do that at once."""
        packed = content if self._method == zipfile.ZIP_STORED else deflate.deflate_compress(content, _LEVEL)
        return Packed(packed, deflate.crc32(content), len(content))

    def add(self, path: str, packed: Packed, *, executable: bool) -> None:
        """Add a file that is compressed already."""
        start = self.size
        sizes = (packed.crc, len(packed.content), packed.size)
        head = self._head(path, 0, sizes)
        if len(packed.content) < _JOINED_BYTES:
            self._write(head + packed.content)
        else:
            self._write(head)
            self._write(packed.content)
        self._list(path, 0, sizes, start, executable=executable)

    def stream(self, path: str, chunks: Iterable[bytes], *, executable: bool) -> None:
        """Add a file piece by piece."""
        start = self.size
        self._write(self._head(path, _SIZES_BEHIND, (0, 0, 0)))
        compressor = None if self._method == zipfile.ZIP_STORED else zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
        crc, size, packed_size = 0, 0, 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            packed_size += self._write(compressor.compress(chunk) if compressor else chunk)
        if compressor:
            packed_size += self._write(compressor.flush())
        sizes = (crc, packed_size, size)
        self._write(_DESCRIPTOR.pack(b"PK\x07\x08", *sizes))
        self._list(path, _SIZES_BEHIND, sizes, start, executable=executable)

    def finish(self) -> int:
        """Write the directory at the end; return the total size in bytes."""
        start = self.size
        for entry in self._directory:
            self._write(entry)
        count, size = len(self._directory), self.size - start
        if count >= _MAX_ENTRIES:
            end = self.size
            version = ON_UNIX << 8 | _ZIP64_VERSION
            self._write(
                _ZIP64_END.pack(
                    b"PK\x06\x06", _ZIP64_END.size - 12, version, _ZIP64_VERSION, 0, 0, count, count, size, start
                )
            )
            self._write(_ZIP64_LOCATOR.pack(b"PK\x06\x07", 0, end, 1))
            count = _MAX_ENTRIES
        self._write(_END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, 0))
        return self.size

    def _head(self, path: str, flags: int, sizes: tuple[int, int, int]) -> bytes:
        name = path.encode()
        flags |= 0 if path.isascii() else _UTF8_NAME
        fields = (_VERSION, flags, self._method, _TIME, _DATE, *sizes, len(name), 0)
        return _LOCAL.pack(b"PK\x03\x04", *fields) + name

    def _list(self, path: str, flags: int, sizes: tuple[int, int, int], start: int, *, executable: bool) -> None:
        name = path.encode()
        flags |= 0 if path.isascii() else _UTF8_NAME
        mode = stat.S_IFREG | (0o755 if executable else 0o644)
        fields = (_VERSION, flags, self._method, _TIME, _DATE, *sizes, len(name), 0, 0, 0, 0, mode << 16, start)
        self._directory.append(_CENTRAL.pack(b"PK\x01\x02", ON_UNIX << 8 | _VERSION, *fields) + name)

    def _write(self, data: bytes | bytearray) -> int:
        self._target.write(data)
        self.size += len(data)
        return len(data)
