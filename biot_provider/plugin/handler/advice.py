"""The messages for a handler without its file in the package, with the right form or the nearest file."""

from __future__ import annotations

import difflib
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.package.folders.ignore import BIOTIGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from biot_provider.package.package import Package

_MOST_SUGGESTIONS = 3
# Files that macOS adds to a zip beside the zipped folder.
_OF_MACOS = "__MACOSX"


def malformed(handler: str) -> str:
    """Return the message for a handler without a file or a function."""
    return f"the handler {handler!r} names no function: it is written file.function, for example index.handler"


def missing(package: Package, what: str, wanted: Sequence[str], others: Sequence[str] = ()) -> str:
    """Return the message for a file that is not in the package.

    `wanted` are the names that would be found; `others` would too, but are too rare to be named.
    """
    looked_for = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
    return f"{what} needs {looked_for}, which is not in {package.place}: {_nearest(package, [*wanted, *others])}"


def _nearest(package: Package, wanted: list[str]) -> str:
    paths = [file.path for file in package.files]
    tops = {path.partition("/")[0] for path in paths} - {_OF_MACOS}
    if len(tops) == 1:
        (top,) = tops
        if any(f"{top}/{path}" in paths for path in wanted):
            return f"all files lie in the folder {top!r}; package what is in that folder"
    for path in wanted:
        if Path(f"{package.source}/{path}").is_file():
            kept = _left_out(path, paths)
            why = "files of that kind are left out" if path.endswith(".pyc") else "an ignore file leaves it out"
            return f"{path} is in the folder, but {why}; a line !{kept} in {BIOTIGNORE} keeps it"
    names = {path.rpartition("/")[2] for path in wanted}
    elsewhere = [path for path in paths if path.rpartition("/")[2] in names]
    if elsewhere:
        places = [f"{path.rpartition('/')[2]} is in {_place(path)}" for path in elsewhere[:_MOST_SUGGESTIONS]]
        return " and ".join(places)
    stem = f"{posixpath.splitext(wanted[0])[0]}."
    alike = [path for path in paths if path.startswith(stem)][:_MOST_SUGGESTIONS]
    alike = alike or difflib.get_close_matches(wanted[0], paths, n=_MOST_SUGGESTIONS)
    if alike:
        return f"the nearest is {' or '.join(alike)}"
    listed = [path for path in paths if "/" not in path][:_MOST_SUGGESTIONS] or sorted(f"{top}/" for top in tops)
    return f"at its top are {', '.join(listed[:_MOST_SUGGESTIONS])}"


def _left_out(path: str, paths: list[str]) -> str:
    """Return the file, or the first of its parent folders of which nothing is in the package."""
    for end, letter in enumerate(path, start=1):
        if letter == "/" and not any(other.startswith(path[:end]) for other in paths):
            return path[:end]
    return path


def _place(path: str) -> str:
    folder = path.rpartition("/")[0]
    return f"the folder {folder!r}" if folder else "the top folder"
