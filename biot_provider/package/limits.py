"""AWS Lambda's limits of a package, and the sentences about a package that exceeds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError, shown_size
from biot_provider.package.folders.ignore import BIOTIGNORE
from biot_provider.package.source import is_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from biot_provider.package.source_file import PackageFile, SourceFile

MAX_ZIPPED_BYTES = 50 * 1024**2
"""AWS Lambda quotas, deployment package (.zip file archive) size: zipped, for direct upload."""
MAX_UNZIPPED_BYTES = 250 * 1024**2
"""AWS Lambda quotas, deployment package (.zip file archive) size: unzipped."""

_BIGGEST_FILES = 5


def refuse_too_big(source: Path, files: Iterable[SourceFile | PackageFile], limit: int) -> None:
    """Raise `PackagingError` if the files have more than `limit` bytes in total."""
    files = tuple(files)
    size = sum(file.size for file in files)
    if size > limit:
        raise PackagingError(too_big_files(source, files, size, limit, "unzipped"), "BIOT-3005")


def too_big_files(source: Path, files: Iterable[SourceFile | PackageFile], size: int, limit: int, form: str) -> str:
    """Return the sentence about a package that exceeds a limit, with its biggest files."""
    biggest = sorted(files, key=lambda file: (-file.size, file.path))[:_BIGGEST_FILES]
    named = {file.path: file.size for file in biggest}
    remedy = f"name in {BIOTIGNORE} what is not needed" if is_folder(source) else "leave out what is not needed"
    return too_big(str(source), size, limit, form, "files", named, remedy)


def too_big(place: str, size: int, limit: int, form: str, parts: str, biggest: Mapping[str, int], remedy: str) -> str:
    """Return the sentence about a package over a limit, with the biggest of its parts and their bytes."""
    named = ", ".join(f"{name} ({shown_size(size)})" for name, size in biggest.items())
    return (
        f"{place}: the package has {shown_size(size)} {form}, over AWS Lambda's limit of {shown_size(limit)}; "
        f"the biggest {parts} are {named}; {remedy}, or deploy the plugin as an image"
    )
