"""Unpacks a package's zip to a folder, with only plain files and nothing outside of the folder."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 250 * 1024**2
"""AWS Lambda quotas, deployment package size, unzipped."""
MAX_FILES = 50_000

_UNIX = 3
_ENCRYPTED = 0x1
_CHUNK = 1 << 18


class PackageError(ValueError):
    """The zip cannot be a plugin's code; the text is one line."""


def unpack(code: bytes, folder: Path, *, limit: int = MAX_BYTES) -> None:
    """Write the zip's files below the folder, which is created if it is missing.

    A file keeps its owner's permission to execute it, and no other permission. Raises PackageError if the zip is
    damaged, contains a link or a name that leads elsewhere, or has more than `limit` bytes; some files may be written
    by then.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES:
                raise PackageError(f"the package holds {len(entries)} files, more than {MAX_FILES}")
            left = limit
            for entry in entries:
                left = _write(archive, entry, folder, left, limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, RuntimeError) as error:
        raise PackageError(f"the package is no sound zip: {error}") from None


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, left: int, limit: int) -> int:
    """Write one entry; return the remaining bytes of the limit."""
    name = entry.filename
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or parts[0].endswith(":"):
        raise PackageError(f"the name {name!r} in the package is no place within it")
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    if stat.S_ISLNK(mode) or entry.flag_bits & _ENCRYPTED:
        raise PackageError(f"{name} in the package is {'a link' if stat.S_ISLNK(mode) else 'encrypted'}")
    target = folder.joinpath(*parts)
    try:
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            return left
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as content, target.open("xb") as file:
            # Actual bytes are counted, since the size in a zip may be wrong.
            while chunk := content.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise PackageError(f"the package holds more than {limit // 1024**2} MB, Lambda's limit")
                file.write(chunk)
        target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
    except (FileExistsError, NotADirectoryError):
        raise PackageError(f"{name} is in the package twice, or a file and a folder at once") from None
    return left
