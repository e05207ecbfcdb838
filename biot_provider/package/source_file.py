"""A file of a package's source, a folder or a .zip: its name, its permission, and reading its content."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EVERYTHING = 0o777
_HAS_MODES = os.name == "posix"
_PROGRAMS = (b"#!", b"\x7fELF")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the source, its content not yet read."""

    path: str
    size: int
    executable: bool | None
    """None if the mode says nothing, so that the content decides: see `is_program`."""
    stamp: str | None = None
    """A text that changes with the file (`known_files.stamp`)."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package."""

    path: str
    """Relative to the package's root, with slashes."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256 of the content, in hex."""
    executable: bool
    """Whether its owner may execute it, the only permission that counts; see `executable`."""


def executable(mode: int) -> bool | None:
    """Return whether the owner may execute a file of this mode; None if the mode says nothing.

    Windows has no such permission, and every file has mode 0777 on its disks under WSL, on many mounted shares, and
    after `chmod -R 777`. In any other mode only the owner's bit counts.
    """
    if not _HAS_MODES or mode & _EVERYTHING == _EVERYTHING:
        return None
    return bool(mode & stat.S_IXUSR)


def is_program(content: bytes) -> bool:
    """Return whether a file that begins like this is executable: a script with an interpreter, or a Linux program."""
    return content.startswith(_PROGRAMS)


@contextlib.contextmanager
def reading(source: Path, path: str | None = None) -> Iterator[None]:
    """Convert errors of reading the source, or one of its files, into a `PackagingError` of one line."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as problem:
        raise PackagingError(f"{_place(source, path)} is damaged, or not a zip: {problem}", "BIOT-3016") from problem
    except (KeyError, FileNotFoundError) as problem:
        raise PackagingError(
            f"{_place(source, path)} went away while it was being read; run it again", "BIOT-3007"
        ) from problem
    except OSError as problem:
        reason = problem.strerror or problem
        raise PackagingError(f"{_place(source, path)} cannot be read: {reason}", "BIOT-3002") from problem


def _place(source: Path, path: str | None) -> str:
    return f"{source}: {shown(path)}" if path else f"{source}"


def check_name(source: Path, path: str) -> None:
    """Raise `PackagingError` for a name that is not UTF-8, or that would be truncated when it is unpacked."""
    if "\0" in path:
        raise PackagingError(
            f"{source}: the name {shown(path)!r} means something else in a zip; rename the file", "BIOT-3011"
        )
    try:
        path.encode()
    except UnicodeEncodeError:
        raise PackagingError(f"{source}: the name {shown(path)} is not UTF-8; rename the file", "BIOT-3014") from None


def shown(path: str) -> str:
    """Return a path in a form that a message can show, whatever bytes it has."""
    with contextlib.suppress(UnicodeEncodeError):
        path = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return path if path.isprintable() else path.encode("unicode_escape").decode()
