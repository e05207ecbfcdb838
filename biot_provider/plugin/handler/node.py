"""Finds the file of a Node.js handler, as AWS's loaders do.

Up to Node.js 22 (aws-lambda-nodejs-runtime-interface-client 3.3) the handler's module is loaded by `require` under the
exact name, if anything has that name: a folder precedes `.mjs` and `.cjs`, since `require` accepts folders. From 24 on
(4.0) the module is loaded by `import`, which accepts no folder. Then the file endings are tried, and finally packages
in `node_modules`.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.plugin.handler.advice import malformed, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biot_provider.package.package import Package

_ROOT = "/var/task/"
_IMPORTS_SINCE = 24
_ENDINGS = (".js", ".mjs", ".cjs")
_REQUIRED_ENDINGS = (".js", ".json", ".node")
_TYPESCRIPT = (".ts", ".mts", ".cts", ".tsx")


def node_problem(package: Package, runtime: str, handler: str) -> str | None:
    """Return None if the handler's module is in the package, else a message with the missing file and what to do."""
    name = handler.rstrip("/").rpartition("/")[2]
    module, _, function = name.partition(".")
    folder = handler[: handler.index(name)]
    if not (module and function):
        return malformed(handler)
    if ".." in handler or (folder.startswith("/") and not folder.startswith(_ROOT)):
        return f"the handler {handler!r} must be a path from the package's top, without '..'"
    files = _Files(package)
    place = posixpath.normpath(folder.removeprefix(_ROOT) + module)
    if place in files.paths:
        return None
    if files.is_folder(place):
        return _folder_problem(files, runtime, handler, place, function)
    wanted = [place + end for end in _ENDINGS]
    if not files.paths.isdisjoint(wanted) or any(files.required(found) for found in _installed(place)):
        return None
    for end in _TYPESCRIPT:
        if place + end in files.paths:
            return (
                f"the handler {handler!r} needs {wanted[0]}: {place}{end} is TypeScript, which Lambda does not load as"
                " a handler; compile it first (tsc, or esbuild --bundle), and package what comes of it"
            )
    return missing(package, f"the handler {handler!r}", wanted)


def _folder_problem(files: _Files, runtime: str, handler: str, place: str, function: str) -> str | None:
    found = files.required(place)
    imports = int(re.sub(r"\D", "", runtime.partition(".")[0]) or 0) >= _IMPORTS_SINCE
    if imports:
        why = f"{runtime} loads files alone"
    elif found is None:
        why = "in which there is no index.js, nor what its package.json names as main"
    elif files.is_es_module(found):
        why = f"from which Lambda loads CommonJS alone, and {found} is an ES module"
    else:
        return None
    beside = [place + end for end in _ENDINGS if place + end in files.paths]
    if beside:
        remedy = f"give the folder another name than {beside[0]} has"
    elif found is not None:
        remedy = f"name the file itself, {posixpath.splitext(found)[0]}.{function}"
    else:
        remedy = f"name a file in it, such as {place}/index.{function}"
    return f"the handler {handler!r} names the folder {place!r}, {why}: {remedy}"


def _installed(place: str) -> Iterator[str]:
    """Yield the paths where Node.js looks for a package with the module's name: from the handler's folder upwards."""
    folder, name = posixpath.split(place)
    while True:
        if posixpath.basename(folder) != "node_modules":
            yield posixpath.join(folder, "node_modules", name)
        if not folder:
            return
        folder = posixpath.dirname(folder)


class _Files:
    """A package's files, resolved as by `require` (Node.js documentation, modules, all together)."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self.paths = {file.path for file in package.files}

    def is_folder(self, place: str) -> bool:
        """Return whether there are files below the path."""
        return any(path.startswith(f"{place}/") for path in self.paths)

    def required(self, place: str) -> str | None:
        """Return the file that `require` loads for a path, or None."""
        found = self._as_file(place)
        if found is None:
            manifest = self._manifest(place)
            if "node_modules" in place.split("/") and "exports" in manifest:
                return f"{place}/package.json"  # the package's exports are not resolved
            main = manifest.get("main")
            if isinstance(main, str):
                target = posixpath.normpath(f"{place}/{main}")
                found = self._as_file(target) or self._as_file(f"{target}/index")
        return found or self._as_file(f"{place}/index")

    def is_es_module(self, path: str) -> bool:
        """Return whether `require` refuses the file: by its ending, or by the nearest package.json."""
        folder = posixpath.dirname(path)
        while folder and f"{folder}/package.json" not in self.paths:
            folder = posixpath.dirname(folder)
        return path.endswith(".mjs") or (path.endswith(".js") and self._manifest(folder).get("type") == "module")

    def _as_file(self, place: str) -> str | None:
        return next((place + end for end in ("", *_REQUIRED_ENDINGS) if place + end in self.paths), None)

    def _manifest(self, folder: str) -> dict[str, object]:
        path = posixpath.join(folder, "package.json")
        try:
            content = json.loads(self._package.content(path)) if path in self.paths else None
        except (PackagingError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}
