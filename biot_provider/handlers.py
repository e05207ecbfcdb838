"""Is the file that a function's handler names in the package? The reading of each runtime's own start-up code."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.ignore import BIOTIGNORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.packaging import Package

_MOST_SUGGESTIONS = 3


def handler_problem(package: Package, runtime: str, handler: str) -> str | None:
    """None when the handler's file is in the package; else one sentence: what was looked for and what comes nearest.

    Checked for Node.js, Python and Ruby. Java's and .NET's handlers name classes, an own runtime's whatever it likes.
    """
    candidates = next((read for name, read in _CANDIDATES.items() if runtime.startswith(name)), None)
    if candidates is None:
        return None
    wanted = candidates(handler)
    if not wanted:
        return f"the handler {handler!r} names no function: it is written file.function, for example index.handler"
    paths = [file.path for file in package.files]
    if not set(wanted).isdisjoint(paths):
        return None
    looked_for = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
    return f"the handler {handler!r} needs {looked_for}, which is not in {package.source}: {_nearest(package, wanted)}"


def _nodejs(handler: str) -> list[str]:
    folder, slash, name = handler.rpartition("/")
    module, _, function = name.partition(".")
    return [f"{folder}{slash}{module}{end}" for end in (".js", ".mjs", ".cjs")] if module and function else []


def _python(handler: str) -> list[str]:
    module, _, function = handler.rpartition(".")
    path = module.replace(".", "/")
    return [f"{path}.py", f"{path}/__init__.py"] if module and function else []


def _ruby(handler: str) -> list[str]:
    module, _, function = handler.partition(".")
    return [f"{module}.rb"] if module and function else []


_CANDIDATES: dict[str, Callable[[str], list[str]]] = {"nodejs": _nodejs, "python": _python, "ruby": _ruby}


def _nearest(package: Package, wanted: list[str]) -> str:
    paths = [file.path for file in package.files]
    tops = {path.partition("/")[0] for path in paths}
    if len(tops) == 1:
        (top,) = tops
        if any(f"{top}/{path}" in paths for path in wanted):
            return f"all files lie in the folder {top!r}; package what is in that folder"
    for path in wanted:
        if Path(f"{package.source}/{path}").is_file():
            kept = _left_out(path, paths)
            return f"{path} is in the folder, but an ignore file leaves it out; a line !{kept} in {BIOTIGNORE} keeps it"
    names = {path.rpartition("/")[2] for path in wanted}
    elsewhere = [path for path in paths if path.rpartition("/")[2] in names]
    if elsewhere:
        places = [f"{path.rpartition('/')[2]} is in {_place(path)}" for path in elsewhere[:_MOST_SUGGESTIONS]]
        return " and ".join(places)
    alike = difflib.get_close_matches(wanted[0], paths, n=_MOST_SUGGESTIONS)
    if alike:
        return f"the nearest is {' or '.join(alike)}"
    listed = [path for path in paths if "/" not in path][:_MOST_SUGGESTIONS] or sorted(f"{top}/" for top in tops)
    return f"at its top are {', '.join(listed[:_MOST_SUGGESTIONS])}"


def _left_out(path: str, paths: list[str]) -> str:
    """The file, or the first folder on the way to it of which the package has nothing."""
    for end, letter in enumerate(path, start=1):
        if letter == "/" and not any(other.startswith(path[:end]) for other in paths):
            return path[:end]
    return path


def _place(path: str) -> str:
    folder = path.rpartition("/")[0]
    return f"the folder {folder!r}" if folder else "the top folder"
