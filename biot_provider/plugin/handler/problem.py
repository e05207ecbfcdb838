"""Checks that the file which a function's handler names is in the package, as each runtime's start-up code looks.

Sources: AWS's runtime interface clients for Node.js (see `node`), Python and Ruby; AWS Lambda's guide, OS-only
runtimes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.plugin.handler.advice import malformed, missing
from biot_provider.plugin.handler.node import node_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.package.package import Package

_BOOTSTRAP = "bootstrap"
# Modules that Python prefers to any file on its path.
_BUILT_IN = ["atexit", "builtins", "errno", "faulthandler", "gc", "itertools", "marshal", "posix", "pwd", "sys", "time"]


def handler_problem(package: Package, runtime: str, handler: str) -> str | None:
    """Return None if the handler's file is in the package, else a message with the missing and the nearest file.

    Checked for Node.js, Python, Ruby, and the `bootstrap` of an OS-only runtime. Java's and .NET's handlers name
    classes, and are not checked.
    """
    check = next((check for name, check in _CHECKS.items() if runtime.startswith(name)), None)
    return check(package, runtime, handler) if check else None


def _python_problem(package: Package, runtime: str, handler: str) -> str | None:
    module, _, function = handler.rpartition(".")
    parts = module.replace("/", ".").split(".")
    if not (module and function):
        return malformed(handler)
    if not all(parts):
        return f"the handler {handler!r} must be a path from the package's top, without ./ or / before it"
    if parts[0] in _BUILT_IN:
        return f"the handler {handler!r} needs a file of another name: {parts[0]} is a module of Python's own"
    version = runtime.removeprefix("python").replace(".", "")
    ends = (".py", ".pyc", f".cpython-{version}-x86_64-linux-gnu.so", ".abi3.so", ".so")
    paths = {file.path for file in package.files}
    place, wanted = "", "/".join(parts)
    for part in parts:
        place = f"{place}/{part}".lstrip("/")
        if any(f"{place}/__init__{end}" in paths for end in ends):
            continue
        if (file := next((f"{place}{end}" for end in ends if f"{place}{end}" in paths), None)) is not None:
            if place == wanted:
                return None
            return f"the handler {handler!r} takes {place} for a folder, but Python finds {file} for it: rename one"
        if place == wanted or not any(path.startswith(f"{place}/") for path in paths):
            found = [f"{wanted}.py", f"{wanted}/__init__.py"]
            return missing(package, f"the handler {handler!r}", found, [f"{wanted}{end}" for end in ends[1:]])
    return None


def _ruby_problem(package: Package, _runtime: str, handler: str) -> str | None:
    file, *names = handler.removeprefix("/var/task/").removeprefix("./").split(".")
    if not file or len(names) not in (1, 2) or not all(names):
        return malformed(handler)
    paths = {found.path for found in package.files}
    if not paths.isdisjoint((f"{file}.rb", f"{file}.so")):
        return None
    return missing(package, f"the handler {handler!r}", [f"{file}.rb"])


def _os_only_problem(package: Package, runtime: str, _handler: str) -> str | None:
    bootstrap = next((file for file in package.files if file.path == _BOOTSTRAP), None)
    if bootstrap is None:
        return missing(package, f"the runtime {runtime}", [_BOOTSTRAP])
    if not bootstrap.executable:
        make = f"`chmod +x {_BOOTSTRAP}`"
        if not (package.name or package.source.is_dir()):
            make += ", and zip it on Linux or macOS, or give the folder: a zip made on Windows has no such permission"
        return f"the runtime {runtime} starts {_BOOTSTRAP}, which is not executable in {package.place}: {make}"
    with contextlib.suppress(PackagingError):  # the package is read again when it is sent
        first_line = package.content(_BOOTSTRAP).partition(b"\n")[0]
        if first_line.startswith(b"#!") and first_line.endswith(b"\r"):
            return (
                f"the runtime {runtime} starts {_BOOTSTRAP}, but its lines end as on Windows, so that its interpreter"
                " is not found: save it with Unix line ends (in .gitattributes: bootstrap text eol=lf)"
            )
    return None


_CHECKS: dict[str, Callable[[Package, str, str], str | None]] = {
    "nodejs": node_problem,
    "python": _python_problem,
    "ruby": _ruby_problem,
    "provided": _os_only_problem,
}
