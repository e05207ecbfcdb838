"""The source of a package: the files of a folder, or the entries of a .zip.

Nothing outside the source is ever read: a link that leaves the folder, or a name in a zip that would, is an error that
names it.
"""

from __future__ import annotations

import errno
import re
import stat
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.folders.folder_source import list_folder
from biot_provider.package.source_file import SourceFile, reading, shown
from biot_provider.package.zips.zip_source import list_zip, zip_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

_ARCHIVES = frozenset({".zip", ".jar"})
_ADDRESS = re.compile(r"(?:^|/)((?:https?|s3|gs|ftp|file|git|ssh):)/")


def list_files(source: Path, without: frozenset[str] = frozenset()) -> list[SourceFile]:
    """Return the files of a folder or a .zip that would be deployed, sorted by path. Raises `PackagingError`.

    `without` leaves out entries of a folder with these names or, if they begin with a slash, these paths.
    """
    files = list_folder(source, without) if is_folder(source) else list_zip(source)
    return sorted(files, key=lambda file: file.path)


def is_folder(source: Path) -> bool:
    """Return whether the source is a folder; False when it is a .zip. Raises `PackagingError` if it is neither."""
    try:
        mode = source.stat().st_mode
    except OSError as problem:
        if problem.errno in (errno.ENOENT, errno.ENOTDIR):
            if address := _ADDRESS.search(source.as_posix()):  # not quoted: it may be signed, or have a password
                raise PackagingError(
                    f"{address[1]}//... is an address, and nothing is downloaded: code is the path of a folder or a"
                    " .zip",
                    "BIOT-3001",
                ) from None
            raise PackagingError(
                f"{source} does not exist: code is the path of a folder or a .zip", "BIOT-3001"
            ) from None
        raise PackagingError(f"{source} cannot be read: {problem.strerror or problem}", "BIOT-3002") from problem
    except ValueError:
        raise PackagingError(
            f"{shown(str(source))} is no path: it has a character that none may have", "BIOT-3001"
        ) from None
    if stat.S_ISDIR(mode):
        return True
    if stat.S_ISREG(mode) and source.suffix.lower() in _ARCHIVES:
        return False
    raise PackagingError(
        f"{source} is neither a folder nor a .zip: code is the path of one of them{_advice(source)}", "BIOT-3003"
    )


def _advice(source: Path) -> str:
    if source.name.lower().endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".whl", ".war", ".7z")):
        return "; unpack it, and give the folder"
    return f"; give the folder that it lies in, {source.parent}" if source.is_file() else ""


@contextmanager
def opened(source: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """Keep the source open, and yield a function that opens one of its files by path. Raises `PackagingError`."""
    if is_folder(source):
        yield lambda path: open(f"{source}/{path}", "rb", buffering=0)  # noqa: SIM115, PTH123 (a Path per file is slow)
        return
    with reading(source):
        archive = zipfile.ZipFile(source)
    with archive:
        entries = zip_entries(source, archive)
        yield lambda path: archive.open(entries[path])
