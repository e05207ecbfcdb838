"""Finds the files that pip installed beside the code, by each distribution's list of its files.

`pip install --target` puts distributions into a folder of the plugin, each with a `*.dist-info/RECORD` (Python
packaging specifications, recording installed projects). Rules of an ignore file that are meant for the project's own
build output (`lib/`, `*.so`) would leave out parts of these distributions.
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.source_file import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DIST_INFO = ".dist-info"
_RECORD = "RECORD"


class Installed:
    """The distributions that lie in one folder of the package; their lists are read when first needed."""

    def __init__(self, root: Path, prefix: str, dist_infos: Iterable[str]) -> None:
        self._root = root
        self._prefix = prefix
        self._dist_infos = tuple(dist_infos)

    def holds(self, path: str) -> bool:
        """Return whether a distribution includes this file, or a file below this folder."""
        return path in self._paths

    @cached_property
    def _paths(self) -> frozenset[str]:
        found: set[str] = set()
        for dist_info in self._dist_infos:
            for path in self._listed(dist_info):
                place = path
                while place not in found and place not in ("", "/", ".."):
                    found.add(place)
                    place = posixpath.dirname(place)
        return frozenset(found)

    def _listed(self, dist_info: str) -> Iterator[str]:
        """Yield the paths from the package's root that a RECORD names; some may lie outside of it, or not exist.

        With `--target`, pip lists scripts as `../../bin/x`, which do not exist. No handler needs them, and they name
        the interpreter of the machine that installed them.
        """
        for path in self._rows(f"{self._prefix}{dist_info}/{_RECORD}"):
            yield posixpath.normpath(self._prefix + path)

    def _rows(self, record: str) -> Iterator[str]:
        file = Path(self._root, record)
        # Nothing outside the folder is read, not even through a link; a missing list counts as empty.
        if not file.is_file() or not file.resolve().is_relative_to(self._root.resolve()):
            return
        with reading(self._root, record):
            text = file.read_bytes().decode(errors="surrogateescape")
        try:
            yield from filter(None, (row[0] for row in csv.reader(io.StringIO(text, newline="")) if row))
        except csv.Error as problem:
            raise PackagingError(
                f"{self._root}: {record} is no list of files ({problem}); install that distribution again", "BIOT-3015"
            ) from None


def dist_infos(names: Iterable[str]) -> list[str]:
    """Return the names of distributions' metadata folders among the names of a folder's entries."""
    return [name for name in names if name.endswith(_DIST_INFO)]


def is_target(folder: str) -> bool:
    """Return whether pip installed into this very folder."""
    try:
        with os.scandir(folder) as entries:
            return any(os.path.isfile(f"{entry.path}/{_RECORD}") for entry in entries if dist_infos([entry.name]))  # noqa: PTH113
    except OSError:
        return False
