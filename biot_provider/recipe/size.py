"""Whether what was built is too big, and by which distributions."""

from __future__ import annotations

import csv
import io
from collections import defaultdict

from biot_provider.errors import PackagingError
from biot_provider.package.package import (
    MAX_UNZIPPED_BYTES,
    MAX_ZIPPED_BYTES,
    Package,
    excessive_zipped_size,
    too_big,
)
from biot_provider.recipe.node_modules import MODULES

_BIGGEST = 5
_RECORD = ".dist-info/RECORD"


def built_size_problem(package: Package) -> str | None:
    """Return a sentence that names the biggest distributions of a package over a limit of AWS Lambda, else None."""
    remedy = "take another one, or fewer"
    if package.size > MAX_UNZIPPED_BYTES:
        return too_big(package.place, package.size, MAX_UNZIPPED_BYTES, "unzipped", "parts", _biggest(package), remedy)
    size = excessive_zipped_size(package)
    if size is None:
        return None
    return too_big(package.place, size, MAX_ZIPPED_BYTES, "zipped", "parts", _biggest(package), remedy)


def _biggest(package: Package) -> dict[str, int]:
    """Return the biggest distributions and the bytes of their files; the sources count by their top folders."""
    of_files = _distributions(package)
    sizes: defaultdict[str, int] = defaultdict(int)
    for file in package.files:
        sizes[of_files.get(file.path) or _top(file.path)] += file.size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_BIGGEST])


def _distributions(package: Package) -> dict[str, str]:
    """Return the Python distribution of each file that one lists, with its version."""
    found = {}
    for file in package.files:
        if file.path.endswith(_RECORD):
            name = file.path.removesuffix(_RECORD).rpartition("/")[2].replace("-", " ")
            try:
                text = package.content(file.path).decode(errors="replace")
            except PackagingError:
                continue
            found.update({row[0]: name for row in csv.reader(io.StringIO(text, newline="")) if row})
    return found


def _top(path: str) -> str:
    """Return the package of Node.js that a file is in, else the folder or the file at the top."""
    if f"{MODULES}/" in path:
        parts = path.rpartition(f"{MODULES}/")[2].split("/")
        return "/".join(parts[: 2 if parts[0].startswith("@") else 1])
    top, slash, _ = path.partition("/")
    return top + slash
