"""A .zip or .jar as the source of a package: its files are used unchanged, after a check of their names.

Most of the archives that are refused here would not run after AWS Lambda has unpacked them. The package is zipped again
from the entries, so their encoding (zip64, data descriptors, a mode of 0) does not matter.
"""

from __future__ import annotations

import stat
import time
import zipfile
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.known_files import stamp
from biot_provider.package.source_file import SourceFile, check_name, executable, reading, shown
from biot_provider.package.zips.writer import ON_UNIX

if TYPE_CHECKING:
    from pathlib import Path

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1


def list_zip(source: Path) -> list[SourceFile]:
    """Return the files of a .zip. Raises `PackagingError`."""
    now = time.time_ns()
    with reading(source):
        its_stamp = stamp(source.stat(), now)
        with zipfile.ZipFile(source) as archive:
            entries = zip_entries(source, archive)
    return [SourceFile(path, entry.file_size, _executable(entry), its_stamp) for path, entry in entries.items()]


def zip_entries(source: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return each file's path and entry. Raises `PackagingError` for an entry that cannot be a file of a package."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        path = _path(source, entry)
        if path.endswith("/") or not path or stat.S_ISDIR(_mode(entry)):
            continue
        known = entries.setdefault(path, entry)
        if (known.CRC, known.file_size) != (entry.CRC, entry.file_size):
            raise PackagingError(
                f"{source}: {shown(path)} is in it twice, with two contents; zip the folder again", "BIOT-3022"
            )
        if (problem := _problem(path, entry)) is not None:
            raise PackagingError(f"{source}: {shown(path)} {problem}", "BIOT-3022")
    for path in entries:
        if any(path[:end] in entries for end, letter in enumerate(path) if letter == "/"):
            raise PackagingError(
                f"{source}: {shown(path)} lies in a folder that is also a file; zip the folder again", "BIOT-3022"
            )
    return entries


def _path(source: Path, entry: zipfile.ZipInfo) -> str:
    """Return the entry's path from the package's root, without the `./` that some tools prepend."""
    name = _name(source, entry)
    check_name(source, name)
    if "\\" in name:
        raise PackagingError(
            f"{source}: the name {shown(name)!r} means something else in a zip: Windows PowerShell's Compress-Archive "
            "writes backslashes, of which AWS Lambda makes no folders; give the folder itself as code, or zip it by "
            "tar.exe or PowerShell 7",
            "BIOT-3011",
        )
    while name.startswith("./"):
        name = name.removeprefix("./")
    parts = name.removesuffix("/").split("/") if name else []
    if any(part in ("", ".", "..") for part in parts) or (parts and parts[0].endswith(":")):
        raise PackagingError(
            f"{source}: the name {entry.orig_filename!r} is no place within a package; zip what is in the folder again,"
            " from inside it",
            "BIOT-3011",
        )
    return name


def _name(source: Path, entry: zipfile.ZipInfo) -> str:
    # zipfile reads names that are not marked as UTF-8 as code page 437; on Unix zip tools write UTF-8 without the mark.
    name = entry.orig_filename
    if entry.flag_bits & _UTF8_NAME or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        raise PackagingError(f"{source}: the name {shown(name)!r} is not UTF-8; rename the file", "BIOT-3014") from None


def _problem(path: str, entry: zipfile.ZipInfo) -> str | None:
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted; zip the folder without a password"
    if stat.S_ISLNK(_mode(entry)):
        return "is a link; zip the folder so that links become files (zip without -y)"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is not compressed by deflate; zip the folder again"
    return None


def _executable(entry: zipfile.ZipInfo) -> bool | None:
    return executable(_mode(entry)) if entry.create_system == ON_UNIX else False


def _mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16 if entry.create_system == ON_UNIX else 0
