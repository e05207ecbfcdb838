"""The deployment package of a folder or a .zip: a pure function of the files it deploys.

The same files give the same digest whatever their times, umask, order, compressor or machine: the digest is taken over
the files, never over a zip. `ignore` describes what is left out of a folder; a .zip is taken as it is.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from biot_provider.errors import PackagingError
from biot_provider.package.ignore import BIOTIGNORE
from biot_provider.package.source import is_folder, list_files, opened
from biot_provider.package.source_file import SourceFile, is_program, reading
from biot_provider.package.zip_source import ON_UNIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import IO

__all__ = [
    "MAX_FILE_DIGESTS",
    "MAX_UNZIPPED_BYTES",
    "MAX_ZIPPED_BYTES",
    "Package",
    "PackageFile",
    "Writable",
    "excessive_zipped_size",
    "megabytes",
    "read_package",
    "too_big",
    "write_zip",
    "zipped_size_problem",
]

MAX_ZIPPED_BYTES = 50 * 1024**2
"""AWS Lambda quotas, deployment package (.zip file archive) size: zipped, for direct upload."""
MAX_UNZIPPED_BYTES = 250 * 1024**2
"""AWS Lambda quotas, deployment package (.zip file archive) size: unzipped."""
MAX_FILE_DIGESTS = 50
"""Entries of `Package.file_digests`, at most, unless fewer are wanted."""

_BIGGEST_FILES = 5
_BUFFER_BYTES = 256 * 1024
_SHORT_DIGEST = 16
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
# More than a zip adds: 100 bytes of headers and twice the name; to what will not shrink, 5 bytes per 16 KB.
_ZIP_FILE_OVERHEAD = 128
_ZIP_OVERHEAD = 128


class Writable(Protocol):
    """A target that a .zip is written to, front to back."""

    def write(self, data: bytes, /) -> object:
        """Write the next bytes."""


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
    """Whether its owner may execute it, the only permission that counts; see `source_file.executable`."""


@dataclass(frozen=True, slots=True)
class Package:
    """The files of a folder or .zip that would be deployed; their content is read again by `write_zip`."""

    source: Path
    files: tuple[PackageFile, ...]
    """Sorted by path."""
    name: str = ""
    """What messages call it, where that is not its source."""

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.name or str(self.source)

    @property
    def digest(self) -> str:
        """The SHA-256 over path, executable bit and content of every file, in hex: whether the code changed."""
        return _digest(self.files)

    @property
    def size(self) -> int:
        """The bytes of all files, unzipped."""
        return sum(file.size for file in self.files)

    def content(self, path: str) -> bytes:
        """Read the content of one file again. Raises `PackagingError`."""
        with opened(self.source) as open_file:
            return b"".join(_chunks(self.source, open_file, path))

    def file_digests(self, most: int = MAX_FILE_DIGESTS) -> dict[str, str]:
        """Return a short digest for each path, followed by `+x` when executable, so that a diff names changed files.

        Beyond `most` entries a folder (`src/`) stands for its files, the deepest and fullest folders first; at last
        `./` stands for the root's own files that are too many.
        """
        return {path: _short_digest(path, files) for path, files in sorted(_folded(self.files, most).items())}

    def write_zip(self, target: Writable) -> int:
        """Write the package as a .zip that depends on nothing but the files; return its size in bytes.

        Raises `PackagingError` when a file is no longer what it was when the package was read.
        """
        return write_zip([self], target)


def write_zip(packages: Iterable[Package], target: Writable, compression: int = zipfile.ZIP_DEFLATED) -> int:
    """Write packages that have no file in common as one .zip, as `Package.write_zip` does."""
    counted = _Counted(target)
    with ExitStack() as closing, zipfile.ZipFile(counted, "w") as archive:
        readers = [(package, closing.enter_context(opened(package.source))) for package in packages]
        everything = ((file, package, open_file) for package, open_file in readers for file in package.files)
        for file, package, open_file in sorted(everything, key=lambda item: item[0].path):
            # A zip records when its files were modified: that alone would make equal files give different zips.
            entry = zipfile.ZipInfo(file.path, _ZIP_EPOCH)
            entry.compress_type = compression
            entry.create_system = ON_UNIX
            entry.external_attr = (stat.S_IFREG | (0o755 if file.executable else 0o644)) << 16
            entry.file_size = file.size
            checksum = hashlib.sha256()
            with archive.open(entry, "w") as compressed:
                for chunk in _chunks(package.source, open_file, file.path):
                    checksum.update(chunk)
                    compressed.write(chunk)
            if checksum.hexdigest() != file.digest:
                raise PackagingError(f"{package.place}: {file.path} changed after the package was read; run it again")
    return counted.size


def read_package(
    source: Path, *, limit: int = MAX_UNZIPPED_BYTES, without: frozenset[str] = frozenset(), name: str = ""
) -> Package:
    """Read what would be deployed from a folder or a .zip.

    `limit` is the most that the files may hold, in bytes. Of a folder, `without` leaves out entries of these names,
    and, behind a slash, of these paths. `name` is what messages call the package. Raises `PackagingError`, naming the
    file and what to do.
    """
    source = source.absolute()  # a message names it for readers in other folders
    found = list_files(source, without)
    if not found:
        raise PackagingError(f"{source} holds nothing to deploy: it is empty, or its ignore files leave everything out")
    _check_size(source, found, limit)
    files: list[PackageFile] = []
    left = limit
    with opened(source) as open_file:
        for file in found:
            checksum = hashlib.sha256()
            size, executable = 0, file.executable
            for chunk in _chunks(source, open_file, file.path):
                if executable is None:
                    executable = is_program(chunk)
                checksum.update(chunk)
                size += len(chunk)
                # The bytes are counted as they come: the size that a zip announces may be wrong.
                if size > left:
                    break
            files.append(PackageFile(file.path, size, checksum.hexdigest(), bool(executable)))
            left -= size
            if left < 0:
                _check_size(source, files, limit)
    return Package(source, tuple(files), name)


def zipped_size_problem(package: Package, *, limit: int = MAX_ZIPPED_BYTES) -> str | None:
    """Return a sentence that names the biggest files when the package's .zip exceeds `limit` bytes, else None."""
    size = excessive_zipped_size(package, limit)
    return None if size is None else _too_big(package.source, package.files, size, limit, "zipped")


def excessive_zipped_size(package: Package, limit: int = MAX_ZIPPED_BYTES) -> int | None:
    """Return the bytes of the package's .zip when they exceed `limit`, else None.

    A package too small to exceed the limit costs nothing; any other is compressed once.
    """
    names = sum(2 * len(file.path.encode()) for file in package.files)
    overhead = names + _ZIP_FILE_OVERHEAD * len(package.files) + package.size // 1024 + _ZIP_OVERHEAD
    if package.size + overhead <= limit:
        return None
    size = package.write_zip(_Nowhere())
    return size if size > limit else None


def _chunks(source: Path, open_file: Callable[[str], IO[bytes]], path: str) -> Iterator[bytes]:
    with reading(source, path), open_file(path) as content:
        while chunk := content.read(_BUFFER_BYTES):
            yield chunk


def _check_size(source: Path, files: Iterable[SourceFile | PackageFile], limit: int) -> None:
    files = tuple(files)
    size = sum(file.size for file in files)
    if size > limit:
        raise PackagingError(_too_big(source, files, size, limit, "unzipped"))


def _too_big(source: Path, files: Iterable[SourceFile | PackageFile], size: int, limit: int, form: str) -> str:
    biggest = sorted(files, key=lambda file: (-file.size, file.path))[:_BIGGEST_FILES]
    named = {file.path: file.size for file in biggest}
    remedy = f"name in {BIOTIGNORE} what is not needed" if is_folder(source) else "leave out what is not needed"
    return too_big(str(source), size, limit, form, "files", named, remedy)


def too_big(place: str, size: int, limit: int, form: str, parts: str, biggest: Mapping[str, int], remedy: str) -> str:
    """Return the sentence about a package over a limit, with the biggest of its parts and their bytes."""
    named = ", ".join(f"{name} ({megabytes(size)})" for name, size in biggest.items())
    return (
        f"{place}: the package has {megabytes(size)} {form}, over AWS Lambda's limit of {megabytes(limit)}; "
        f"the biggest {parts} are {named}; {remedy}, or deploy the plugin as an image"
    )


def megabytes(size: int) -> str:
    """Return bytes as a message shows them."""
    return f"{size / 1024**2:.1f} MB".replace(".0 ", " ")


def _digest(files: Iterable[PackageFile]) -> str:
    # The digest is stored with every deployed plugin: another recipe would deploy all of them again.
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.path}\0{'x' if file.executable else '-'}\0{file.digest}\n".encode())
    return total.hexdigest()


def _short_digest(path: str, files: list[PackageFile]) -> str:
    if path.endswith("/"):
        return _digest(files)[:_SHORT_DIGEST]
    return files[0].digest[:_SHORT_DIGEST] + ("+x" if files[0].executable else "")


def _folded(files: Iterable[PackageFile], most: int) -> dict[str, list[PackageFile]]:
    entries = {file.path: [file] for file in files}

    def fold(paths: Iterable[str], into: str) -> None:
        entries[into] = sorted((file for path in paths for file in entries.pop(path)), key=lambda file: file.path)

    while len(entries) > most:
        deepest = max(_depth(path) for path in entries)
        if deepest == 0:
            # The root's own files come before its folders.
            fold(sorted(entries, key=lambda path: (path.endswith("/"), path))[most - 1 :], into="./")
            break
        folders: defaultdict[str, list[str]] = defaultdict(list)
        for path in entries:
            if _depth(path) == deepest:
                folders[path.removesuffix("/").rpartition("/")[0] + "/"].append(path)
        for folder, paths in sorted(folders.items(), key=lambda item: (-len(item[1]), item[0])):
            fold(paths, into=folder)
            if len(entries) <= most:
                break
    return entries


def _depth(path: str) -> int:
    return path.removesuffix("/").count("/")


class _Counted:
    """Counts the bytes written. It cannot seek, so that equal packages give equal bytes whatever the target can do."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._target.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Leave the target open: whoever opened it closes it."""


class _Nowhere:
    def write(self, data: bytes, /) -> None:
        pass
