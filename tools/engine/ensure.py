"""Finds or gets the Pulumi CLI with its Python language host; prints the folder to put in front of PATH.

    PATH="$(.venv/bin/python tools/engine/ensure.py):$PATH" pulumi version

With `--yaml` also the host of YAML programs; then it may print two folders with a colon between them.

Tried in this order: on PATH; the project's cache; the vendor's installer; built from the Go module proxy. Standard
error shows which one it used, and why not the ones before. Ends with exit code 1 and one line if none works.
"""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import cache
from progress import Progress, report
from unavailable import UnavailableError

VENDOR = "https://www.pulumi.com/docs/install/"


def on_path(part: cache.Part) -> Path:
    """Find the folder of a part on PATH.

    Raises:
        UnavailableError: it is not there, or not whole.
    """
    search = os.environ.get("PATH", os.defpath)
    if pulumi := shutil.which("pulumi"):
        # The engine also looks beside its own executable.
        search += os.pathsep + str(Path(os.path.realpath(pulumi)).parent)
    found = {name: shutil.which(name, path=search) for name in part.commands}
    first = found[part.commands[0]]
    if first is None:
        raise UnavailableError(f"there is no {part.commands[0]}")
    if missing := [name for name, path in found.items() if path is None]:
        raise UnavailableError(f"{first} has no {' and no '.join(missing)} beside it")
    return Path(first).absolute().parent


def cached(part: cache.Part) -> Path:
    """Find the folder of a part that an earlier run left.

    Raises:
        UnavailableError: there is none, or it is damaged.
    """
    flaws = {folder: cache.flaw(folder) for folder in (cache.vendor_folder(), cache.folder_of(part))}
    for folder, flaw in flaws.items():
        # The vendor's installation may lack a part.
        if not flaw and os.access(folder / "bin" / part.commands[0], os.X_OK):
            return folder / "bin"
    if damaged := [f"{folder} is damaged: {flaw}" for folder, flaw in flaws.items() if flaw not in ("", cache.ABSENT)]:
        raise UnavailableError("; ".join(damaged))
    raise UnavailableError(f"{cache.root()} has none for {cache.target(part)} and these sources")


def made(part: cache.Part) -> Path:
    """Make a part, or wait for another process that is making it.

    Raises:
        UnavailableError: there is no way to one.
    """
    import builder
    import vendor

    with Progress() as progress, cache.locked(progress):
        with contextlib.suppress(UnavailableError):
            name = "in the project's cache, which another process has just filled"
            return _tried(part, name, lambda: cached(part), quiet=True)
        if part == cache.ENGINE:
            with contextlib.suppress(UnavailableError):
                return _tried(part, "from the vendor's installer", lambda: vendor.install(progress))
        return _tried(part, "built from the Go module proxy", lambda: builder.build(part, progress))


def find(part: cache.Part) -> Path:
    """Find the folder of the first one of a part that can be had.

    Raises:
        UnavailableError: none can.
    """
    with contextlib.suppress(UnavailableError):
        return _tried(part, "on PATH", lambda: on_path(part))
    with contextlib.suppress(UnavailableError):
        return _tried(part, "in the project's cache", lambda: cached(part))
    return made(part)


def _tried(part: cache.Part, name: str, way: Callable[[], Path], quiet: bool = False) -> Path:
    try:
        folder = way()
    except UnavailableError as reason:
        if not quiet:
            report(f"not {name}: {reason}")
        raise
    report(f"using {part.title} {name}: {folder}")
    return folder


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the command and return its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    parts = [cache.ENGINE, cache.YAML] if "--yaml" in sys.argv[1:] else [cache.ENGINE]
    folders = []
    for part in parts:
        try:
            folders.append(str(find(part)))
        except UnavailableError:
            report(
                f"no {part.commands[0]} to be had; install Pulumi ({VENDOR}) so that it is on PATH, "
                "or make a registry reachable"
            )
            return 1
        except KeyboardInterrupt:
            report("stopped; what was half made is removed")
            return 130
    sys.stdout.write(os.pathsep.join(dict.fromkeys(folders)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
