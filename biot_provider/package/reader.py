"""Reads each file of a source at most once: hashes it, and if a zip is needed, compresses it in the same pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.content import Content
from biot_provider.package.known_files import stamp
from biot_provider.package.limits import refuse_too_big
from biot_provider.package.source import is_folder, list_files, opened
from biot_provider.package.source_file import PackageFile, SourceFile, reading
from biot_provider.package.zips.packing import zipped

if TYPE_CHECKING:
    from pathlib import Path

    from biot_provider.package.known_files import KnownFiles
    from biot_provider.package.zips.writer import ZipWriter

_HELD_BYTES = 1024**2
"""Maximum bytes of content in memory until it is known whether the package changed."""


class SourceReader:
    """The files of one folder or .zip, given by its absolute path. Raises `PackagingError`.

    `limit` is the maximum total size of the files, in bytes. Files that are `known` are not opened.
    """

    def __init__(self, source: Path, limit: int, without: frozenset[str], known: KnownFiles | None) -> None:
        self._source = source
        self._limit = limit
        self._known = known
        self._listed, self._read = self._list(without)
        if not self._listed:
            raise PackagingError(
                f"{source} holds nothing to deploy: it is empty, or its ignore files leave everything out", "BIOT-3004"
            )
        refuse_too_big(source, self._listed, limit)
        self._held: dict[str, bytes] = {}

    @property
    def are_known(self) -> bool:
        """Whether no file has to be opened."""
        return len(self._read) == len(self._listed)

    def hashed(self, *, hold: bool = False) -> tuple[PackageFile, ...]:
        """Hash the files that are not known. `hold` keeps up to a megabyte of content in memory for `zipped`."""
        if not self.are_known:
            left, room = self._limit, _HELD_BYTES if hold else 0
            with opened(self._source) as open_file:
                for file in self._listed:
                    if file.path not in self._read:
                        content = Content(file, self._source, open_file, left)
                        if file.size <= room and (whole := content.whole(room)) is not None:
                            room -= len(whole)
                            self._held[file.path] = whole
                            self._read[file.path] = content.found(whole)
                        else:
                            self._read[file.path] = content.hashed()
                    left -= self._read[file.path].size
                    if left < 0:
                        self._refuse()
            self._keep()
        return tuple(self._read[file.path] for file in self._listed)

    def zipped(self, archive: ZipWriter) -> tuple[PackageFile, ...]:
        """Zip all files, and hash all of them, including known ones."""
        left = self._limit
        with opened(self._source) as open_file:
            contents = (
                Content(file, self._source, open_file, self._limit, self._held.pop(file.path, None))
                for file in self._listed
            )
            for found in zipped(archive, contents):
                self._read[found.path] = found
                left -= found.size
                if left < 0:
                    self._refuse()
        archive.finish()
        self._keep()
        return tuple(self._read[file.path] for file in self._listed)

    def _list(self, without: frozenset[str]) -> tuple[list[SourceFile], dict[str, PackageFile]]:
        """Return the files of the source, and their known digests."""
        known = self._known
        if known is None:
            return list_files(self._source, without), {}
        if not is_folder(self._source):
            with reading(self._source):
                its_stamp = stamp(self._source.stat(), time.time_ns())
            if files := known.all(its_stamp):
                listed = [SourceFile(file.path, file.size, file.executable, its_stamp) for file in files]
                return listed, {file.path: file for file in files}
        listed = list_files(self._source, without)
        found = ((file.path, known.find(file.path, file.stamp)) for file in listed)
        return listed, {path: file for path, file in found if file is not None}

    def _keep(self) -> None:
        if self._known is not None:
            self._known.keep((file.stamp, self._read[file.path]) for file in self._listed)

    def _refuse(self) -> None:
        refuse_too_big(self._source, self._read.values(), self._limit)
