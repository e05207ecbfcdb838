"""Packages that were zipped while they were read, for the process that sends them: `pulumi up` after its preview.

A zip lies in the user's cache folder, named by the package's digest and by its own digest, which is verified before
use. A zip that another user could have written is not used. Zips are kept for an hour. A package that cannot be kept is
zipped when it is sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from typing import IO, TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.cache_folder import cache_folder, is_own
from biot_provider.package.drafts import draft, publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = "zipped"
"""Subfolder of the cache folder."""

_SECONDS = 3600.0
_MAX_BYTES = 1024**3
"""Maximum total bytes of kept zips; beyond it no more are kept until some are an hour old."""
_ENDING = ".zip"


class Hashing:
    """A file that is hashed while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.checksum = hashlib.sha256()

    def write(self, data: bytes | bytearray, /) -> None:
        """Write the next bytes."""
        self.checksum.update(data)
        self._file.write(data)


def keep_zip(write: Callable[[Hashing], str]) -> bool:
    """Keep the zip that `write` writes; it returns the package's digest. Return False if nothing can be kept.

    Errors of `write` pass through, except `OSError`, which comes from the cache folder.
    """
    try:
        folder = cache_folder() / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _bytes_kept(folder) > _MAX_BYTES:
            return False
    except (OSError, PackagingError):
        return False
    try:
        with draft(folder) as file:
            target = Hashing(file)
            digest = write(target)
            publish(file, folder / f"{digest}-{target.checksum.hexdigest()}{_ENDING}")
    except OSError:
        return False
    return True


def kept_zip(digest: str) -> IO[bytes] | None:
    """Return the kept zip of a package, open at its start; None if there is none."""
    with contextlib.suppress(OSError, PackagingError):
        for path in (cache_folder() / FOLDER).glob(f"{digest}-*{_ENDING}"):
            file = path.open("rb")
            try:
                if is_own(os.fstat(file.fileno())):
                    checksum = hashlib.file_digest(file, "sha256").hexdigest()
                    if path.stem == f"{digest}-{checksum}":
                        file.seek(0)
                        return file
            except BaseException:
                file.close()
                raise
            file.close()
            path.unlink()
    return None


def kept_zip_size(digest: str) -> int | None:
    """Return the size of the kept zip of a package in bytes; None if there is none."""
    with contextlib.suppress(OSError, PackagingError):
        for path in (cache_folder() / FOLDER).glob(f"{digest}-*{_ENDING}"):
            return path.stat().st_size
    return None


def _bytes_kept(folder: Path) -> int:
    """Drop zips older than an hour; return the total bytes of the rest."""
    total = 0
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            status = entry.stat()
            if time.time() - status.st_mtime > _SECONDS:
                os.unlink(entry.path)  # noqa: PTH108
            else:
                total += status.st_size
    return total
