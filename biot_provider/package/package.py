"""The deployment package of a folder or a .zip: a pure function of the deployed files.

The same files give the same digest, whatever their times, umask, order, compressor or machine: the digest is computed
over the files, never over a zip. `ignore` describes which files of a folder are left out; a .zip is used unchanged.
"""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.content import Content
from biot_provider.package.known_files import KnownFiles, forget_all
from biot_provider.package.limits import MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES, too_big_files
from biot_provider.package.reader import SourceReader
from biot_provider.package.source import opened
from biot_provider.package.source_file import PackageFile, SourceFile, reading
from biot_provider.package.temporary import reporting_no_room
from biot_provider.package.zips.kept_zips import keep_zip, kept_zip, kept_zip_size
from biot_provider.package.zips.packing import zipped
from biot_provider.package.zips.writer import Writable, ZipWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import IO

MAX_FILE_DIGESTS = 50
"""Default maximum of entries of `Package.file_digests`; a plugin uses ten (`plugin/check.py`)."""

_SHORT_DIGEST = 16
# More than a zip adds: 100 bytes of headers and twice the name, and 5 bytes per 5,000 of incompressible content.
_ZIP_FILE_OVERHEAD = 128
_ZIP_OVERHEAD = 128

_LOCKS: dict[Path, threading.Lock] = {}
"""Locks by source, so that threads that need the same package read it only once."""


@dataclass(frozen=True, slots=True)
class Package:
    """The files of a folder or .zip that would be deployed; their content is read again by `write_zip`."""

    source: Path
    files: tuple[PackageFile, ...]
    """Sorted by path."""
    name: str = ""
    """The package's name in messages, if it is not its source."""

    @property
    def place(self) -> str:
        """The package's name in messages."""
        return self.name or str(self.source)

    @property
    def digest(self) -> str:
        """The SHA-256 over path, executable bit and content of every file, in hex; it changes when the code does."""
        return _digest(self.files)

    @property
    def size(self) -> int:
        """The total size of the files in bytes, unzipped."""
        return sum(file.size for file in self.files)

    def content(self, path: str) -> bytes:
        """Read the content of one file again. Raises `PackagingError`."""
        with opened(self.source) as open_file, reading(self.source, path), open_file(path) as content:
            return content.read()

    def file_digests(self, most: int = MAX_FILE_DIGESTS) -> dict[str, str]:
        """Return a short digest for each path, followed by `+x` when executable, so that a diff names changed files.

        Beyond `most` entries a folder (`src/`) stands for its files, the deepest and fullest folders first; finally
        `./` stands for surplus files of the root.
        """
        return {path: _short_digest(path, files) for path, files in sorted(_folded(self.files, most).items())}

    def write_zip(self, target: Writable) -> int:
        """Write the package as a .zip that depends only on the files; return its size in bytes.

        Raises `PackagingError` if a file has changed since the package was read.
        """
        return write_zip([self], target)

    @contextmanager
    def zip(self) -> Iterator[IO[bytes]]:
        """Yield the .zip as a file: the one that was kept when the package was read, or one that is written now.

        Raises `PackagingError` like `write_zip`, and where there is no room for it.
        """
        with ExitStack() as closing:
            kept = kept_zip(self.digest)
            with reporting_no_room():
                file = closing.enter_context(TemporaryFile() if kept is None else kept)  # noqa: SIM115  (it is entered)
                if kept is None:
                    self.write_zip(file)
                    file.seek(0)
            yield file


def write_zip(packages: Iterable[Package], target: Writable, compression: int = zipfile.ZIP_DEFLATED) -> int:
    """Write several packages without common files as one .zip, as `Package.write_zip` does."""
    archive = ZipWriter(target, compression)
    with ExitStack() as closing:
        readers = [(package, closing.enter_context(opened(package.source))) for package in packages]
        everything = sorted(
            ((file, package, open_file) for package, open_file in readers for file in package.files),
            key=lambda item: item[0].path,
        )
        contents = (
            Content(SourceFile(file.path, file.size, file.executable), package.source, open_file, file.size)
            for file, package, open_file in everything
        )
        try:
            for found, (file, package, _) in zip(zipped(archive, contents), everything, strict=True):
                if found != file:
                    raise PackagingError(
                        f"{package.place}: {file.path} changed after the package was read; run it again", "BIOT-3007"
                    )
        except PackagingError:
            forget_all()
            raise
    return archive.finish()


def read_package(source: Path, *, limit: int = MAX_UNZIPPED_BYTES, without: frozenset[str] = frozenset()) -> Package:
    """Read the files that would be deployed from a folder or a .zip.

    `limit` is the maximum total size of the files, in bytes. `without` leaves out entries of a folder with these names
    or, if they begin with a slash, these paths. Raises `PackagingError`, naming the file and what to do.
    """
    source = source.absolute()  # absolute, as the reader of a message may be in another folder
    return Package(source, SourceReader(source, limit, without, None).hashed())


def reread_package(
    source: Path, *, limit: int = MAX_UNZIPPED_BYTES, without: frozenset[str] = frozenset(), name: str = ""
) -> Package:
    """Read a package as `read_package` does, but open only files that changed since they were last read.

    `name` is the package's name in messages.
    """
    source = source.absolute()
    known = KnownFiles(str(source), *sorted(without))
    return Package(source, SourceReader(source, limit, without, known).hashed(), name)


def package_to_deploy(source: Path, deployed: str | None) -> Package:
    """Read a package as `reread_package` does; unless `deployed` is its digest, also zip it, and keep the zip.

    A package in which no file has to be read is zipped when it is sent, unless a zip is kept already.
    """
    source = source.absolute()
    with _LOCKS.setdefault(source, threading.Lock()):
        files = SourceReader(source, MAX_UNZIPPED_BYTES, frozenset(), KnownFiles(str(source)))
        if not files.are_known and (deployed is None or _digest(files.hashed(hold=True)) != deployed):
            keep_zip(lambda target: _digest(files.zipped(ZipWriter(target))))
        return Package(source, files.hashed())


def zipped_size_problem(package: Package, *, limit: int = MAX_ZIPPED_BYTES) -> str | None:
    """Return a sentence that names the biggest files if the package's .zip exceeds `limit` bytes, else None."""
    size = excessive_zipped_size(package, limit)
    return None if size is None else too_big_files(package.source, package.files, size, limit, "zipped")


def excessive_zipped_size(package: Package, limit: int = MAX_ZIPPED_BYTES) -> int | None:
    """Return the size of the package's .zip in bytes if it exceeds `limit`, else None.

    A package that is too small to exceed the limit is not compressed; any other is compressed once.
    """
    names = sum(2 * len(file.path.encode()) for file in package.files)
    overhead = names + _ZIP_FILE_OVERHEAD * len(package.files) + package.size // 512 + _ZIP_OVERHEAD
    if package.size + overhead <= limit:
        return None
    size = kept_zip_size(package.digest)
    if size is None:
        keep_zip(lambda target: package.digest if package.write_zip(target) else "")
        size = kept_zip_size(package.digest) or package.write_zip(_Nowhere())
    return size if size > limit else None


def _digest(files: Iterable[PackageFile]) -> str:
    # The digest is stored with every deployed plugin: another computation would deploy all of them again.
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


class _Nowhere:
    def write(self, data: bytes | bytearray, /) -> None:
        pass
