"""Where the files of a package come from: a folder, walked by its ignore rules, or the entries of a .zip.

Nothing outside is ever read: a link that leaves the folder, or a zip's name that would, is an error that names it.
"""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.ignore import BIOTIGNORE, GITIGNORE, FolderRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

ON_UNIX = 3
"""A zip entry's `create_system` when its attributes hold Unix permissions."""

_LEAVE_IT_OUT = f"name it in {BIOTIGNORE}"

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the source, its content not yet read."""

    path: str
    size: int
    executable: bool


def list_files(source: Path) -> list[SourceFile]:
    """The files of a folder or a .zip that would be deployed, sorted by path."""
    files = _list_folder(source) if is_folder(source) else _list_zip(source)
    return sorted(files, key=lambda file: file.path)


def is_folder(source: Path) -> bool:
    """Whether the source is a folder; False when it is a .zip. Raises `PackagingError` when it is neither."""
    try:
        mode = source.stat().st_mode
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ENOTDIR):
            raise PackagingError(f"{source} does not exist: code is the path of a folder or a .zip") from None
        raise PackagingError(f"{source} cannot be read: {_reason(problem)}") from problem
    if stat.S_ISDIR(mode):
        return True
    if stat.S_ISREG(mode) and source.suffix.lower() == ".zip":
        return False
    raise PackagingError(f"{source} is neither a folder nor a .zip: code is the path of one of them")


@contextmanager
def opened(source: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """What opens the source's files by their path."""
    if is_folder(source):
        yield lambda path: Path(source, path).open("rb", buffering=0)  # noqa: SIM115 (the caller closes it)
        return
    with reading(source):
        archive = zipfile.ZipFile(source)
    with archive:
        entries = _zip_entries(source, archive)
        yield lambda path: archive.open(entries[path])


@contextmanager
def reading(source: Path, path: str | None = None) -> Iterator[None]:
    """Say it in one line when the source, or a file of it, cannot be read."""
    place = f"{source}: {path}" if path else f"{source}"
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as problem:
        raise PackagingError(f"{place} is damaged, or not a zip: {problem}") from problem
    except (KeyError, FileNotFoundError) as problem:
        raise PackagingError(f"{place} went away while it was being read; run it again") from problem
    except OSError as problem:
        raise PackagingError(f"{place} cannot be read: {_reason(problem)}") from problem


def _list_folder(root: Path) -> list[SourceFile]:
    real_root = os.path.realpath(root)
    found: list[SourceFile] = []
    # Each folder with its rules and the real paths of the folders that lead to it, its own last.
    folders: list[tuple[str, FolderRules, tuple[str, ...]]] = [(os.fspath(root), FolderRules(), (real_root,))]
    while folders:
        folder, rules, chain = folders.pop()
        with reading(root, rules.prefix), os.scandir(folder) as scan:
            entries = {entry.name: entry for entry in scan}
        rules = _with_ignore_files(root, real_root, rules, entries)
        for name, entry in entries.items():
            path = rules.prefix + name
            link = entry.is_symlink()
            real = _real_path(entry) if link else os.path.join(chain[-1], name)  # noqa: PTH118 (a Path per file is slow)
            is_dir = real is not None and entry.is_dir()
            if rules.leave_out(name, is_folder=is_dir):
                continue
            _check_name(root, path)
            if link:
                real = _inside(root, real_root, path, real)
            if is_dir:
                folders.append((entry.path, rules.entered(name), _extended(root, path, chain, real or "")))
                continue
            with reading(root, path):
                status = entry.stat()
            if not stat.S_ISREG(status.st_mode):
                raise PackagingError(f"{root}: {path} is a socket, pipe or device; remove it or {_LEAVE_IT_OUT}")
            found.append(SourceFile(path, status.st_size, bool(status.st_mode & stat.S_IXUSR)))
    return found


def _with_ignore_files(
    root: Path, real_root: str, rules: FolderRules, entries: dict[str, os.DirEntry[str]]
) -> FolderRules:
    def content(name: str) -> bytes | None:
        entry = entries.get(name)
        if entry is None or entry.is_dir():
            return None
        path = rules.prefix + name
        if entry.is_symlink():
            _inside(root, real_root, path, _real_path(entry))
        with reading(root, path):
            return Path(entry.path).read_bytes()

    if not rules.prefix and (biotignore := content(BIOTIGNORE)) is not None:
        rules = rules.with_biotignore(biotignore)
    if not rules.in_dependencies and (gitignore := content(GITIGNORE)) is not None:
        rules = rules.with_gitignore(gitignore)
    return rules


def _real_path(link: os.DirEntry[str]) -> str | None:
    try:
        return os.path.realpath(link.path, strict=True)
    except OSError:
        return None


def _inside(root: Path, real_root: str, path: str, real: str | None) -> str:
    if real is None:
        raise PackagingError(f"{root}: the link {_shown(path)} points to nothing; remove it or {_LEAVE_IT_OUT}")
    if real != real_root and not real.startswith(real_root.rstrip(os.sep) + os.sep):
        raise PackagingError(
            f"{root}: the link {_shown(path)} points out of the folder, to {_shown(real)}; "
            f"put a copy in its place or {_LEAVE_IT_OUT}"
        )
    return real


def _extended(root: Path, path: str, chain: tuple[str, ...], real: str) -> tuple[str, ...]:
    if real in chain:
        raise PackagingError(
            f"{root}: the link {path} leads back to a folder that it lies in; remove it or {_LEAVE_IT_OUT}"
        )
    return (*chain, real)


def _list_zip(source: Path) -> list[SourceFile]:
    with reading(source), zipfile.ZipFile(source) as archive:
        entries = _zip_entries(source, archive)
    return [
        SourceFile(path, entry.file_size, bool(_unix_mode(entry) & stat.S_IXUSR)) for path, entry in entries.items()
    ]


def _zip_entries(source: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        path = _zip_path(source, entry)
        _check_name(source, path)
        parts = path.removesuffix("/").split("/")
        if any(part in ("", ".", "..") for part in parts) or parts[0].endswith(":"):
            raise PackagingError(f"{source}: the name {path!r} is no place within a package; zip the folder again")
        if path.endswith("/"):
            continue
        if path in entries:
            raise PackagingError(f"{source}: {path} is in it twice; zip the folder again")
        if (problem := _entry_problem(entry)) is not None:
            raise PackagingError(f"{source}: {path} {problem}")
        entries[path] = entry
    for path in entries:
        if any(path[:end] in entries for end, letter in enumerate(path) if letter == "/"):
            raise PackagingError(f"{source}: {path} lies in a folder that is also a file; zip the folder again")
    return entries


def _entry_problem(entry: zipfile.ZipInfo) -> str | None:
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted; zip the folder without a password"
    if stat.S_ISLNK(_unix_mode(entry)):
        return "is a link; zip the folder so that links become files (zip without -y)"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is not compressed by deflate; zip the folder again"
    return None


def _unix_mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16 if entry.create_system == ON_UNIX else 0


def _zip_path(source: Path, entry: zipfile.ZipInfo) -> str:
    # zipfile reads names that are not marked as UTF-8 as code page 437; on Unix zip tools write UTF-8 without the mark.
    name = entry.orig_filename
    if entry.flag_bits & _UTF8_NAME or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        raise PackagingError(f"{source}: the name {name!r} is not UTF-8; rename the file") from None


def _check_name(source: Path, path: str) -> None:
    if "\\" in path or "\0" in path:
        raise PackagingError(f"{source}: the name {_shown(path)!r} means something else in a zip; rename the file")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise PackagingError(f"{source}: the name {_shown(path)} is not UTF-8; rename the file") from None


def _shown(path: str) -> str:
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _reason(problem: OSError) -> str:
    return problem.strerror or str(problem)
