"""Checks whether a built package is too big, and because of which distributions."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from biot_provider.errors import PackagingError
from biot_provider.package.limits import MAX_UNZIPPED_BYTES, MAX_ZIPPED_BYTES, too_big
from biot_provider.package.package import Package, excessive_zipped_size
from biot_provider.package.source import list_files
from biot_provider.package.source_file import PackageFile, SourceFile
from biot_provider.recipe.node_modules import MODULES

_BIGGEST = 5
_RECORD = ".dist-info/RECORD"
_REMEDY = "take others, or fewer"


def built_size_problem(package: Package) -> str | None:
    """Return a sentence with the biggest distributions if a package exceeds a limit of AWS Lambda, else None."""
    if package.size > MAX_UNZIPPED_BYTES:
        size, limit, form = package.size, MAX_UNZIPPED_BYTES, "unzipped"
    elif (zipped := excessive_zipped_size(package)) is not None:
        size, limit, form = zipped, MAX_ZIPPED_BYTES, "zipped"
    else:
        return None
    return too_big(package.place, size, limit, form, "parts", _biggest(package.files, package.content), _REMEDY)


def refuse_too_much(folder: Path, place: str) -> None:
    """Raise PackagingError if the installed dependencies alone are too big, before anything else is done."""
    files = list_files(folder)
    size = sum(file.size for file in files)
    if size > MAX_UNZIPPED_BYTES:
        biggest = _biggest(files, lambda path: (folder / path).read_bytes())
        raise PackagingError(
            too_big(place, size, MAX_UNZIPPED_BYTES, "unzipped", "parts", biggest, _REMEDY), "BIOT-3005"
        )


def _biggest(files: Iterable[PackageFile | SourceFile], content: Callable[[str], bytes]) -> dict[str, int]:
    """Return the biggest distributions and their sizes in bytes; sources count by top-level folder."""
    files = tuple(files)
    of_files: dict[str, str] = {}
    for file in files:
        if file.path.endswith(_RECORD):
            name = file.path.removesuffix(_RECORD).replace("-", " ")
            rows = csv.reader(io.StringIO(content(file.path).decode(errors="replace"), newline=""))
            of_files.update({row[0]: name for row in rows if row})
    sizes: defaultdict[str, int] = defaultdict(int)
    for file in files:
        sizes[of_files.get(file.path) or _top(file.path)] += file.size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_BIGGEST])


def _top(path: str) -> str:
    """Return the Node.js package that contains a file, else its top-level folder or the file itself."""
    if f"{MODULES}/" in path:
        parts = path.rpartition(f"{MODULES}/")[2].split("/")
        return "/".join(parts[: 2 if parts[0].startswith("@") else 1])
    top, slash, _ = path.partition("/")
    return top + slash
