"""Finds the Pulumi CLI with its Python language host, or gets it; prints the folder to put in front of PATH.

    PATH="$(.venv/bin/python tools/engine/ensure.py):$PATH" pulumi version

Tried in this order: on PATH; the project's cache; the vendor's installer; built from the Go module proxy. Which one it
took, and why not the ones before, stands on standard error. Ends with exit code 1 and one line if none works.
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


def on_path() -> Path:
    """Find the folder of the CLI on PATH.

    Raises:
        UnavailableError: it is not there, or not whole.
    """
    found = {name: shutil.which(name) for name in cache.COMMANDS}
    pulumi = found["pulumi"]
    if pulumi is None:
        raise UnavailableError("there is no pulumi")
    # The engine looks beside its own executable too.
    beside = Path(os.path.realpath(pulumi)).parent
    missing = [name for name, path in found.items() if path is None and not os.access(beside / name, os.X_OK)]
    if missing:
        raise UnavailableError(f"{pulumi} has no {' and no '.join(missing)} beside it")
    return Path(pulumi).absolute().parent


def cached() -> Path:
    """Find the folder of an engine that an earlier run left.

    Raises:
        UnavailableError: there is none, or it is damaged.
    """
    flaws = {folder: cache.flaw(folder) for folder in (cache.vendor_folder(), cache.engine_folder())}
    for folder, flaw in flaws.items():
        if not flaw:
            return folder / "bin"
    if damaged := [f"{folder} is damaged: {flaw}" for folder, flaw in flaws.items() if flaw != cache.ABSENT]:
        raise UnavailableError("; ".join(damaged))
    raise UnavailableError(f"{cache.root()} has none for {cache.target()} and these sources")


def made() -> Path:
    """Make an engine, or wait for another process that is making one.

    Raises:
        UnavailableError: there is no way to one.
    """
    import builder
    import vendor

    with Progress() as progress, cache.locked(progress):
        with contextlib.suppress(UnavailableError):
            return _tried("in the project's cache, which another process has just filled", cached, quiet=True)
        with contextlib.suppress(UnavailableError):
            return _tried("from the vendor's installer", lambda: vendor.install(progress))
        return _tried("built from the Go module proxy", lambda: builder.build(progress))


def find() -> Path:
    """Find the folder of the first engine that can be had.

    Raises:
        UnavailableError: none can.
    """
    with contextlib.suppress(UnavailableError):
        return _tried("on PATH", on_path)
    with contextlib.suppress(UnavailableError):
        return _tried("in the project's cache", cached)
    return made()


def _tried(name: str, way: Callable[[], Path], quiet: bool = False) -> Path:
    try:
        folder = way()
    except UnavailableError as reason:
        if not quiet:
            report(f"not {name}: {reason}")
        raise
    report(f"using Pulumi {name}: {folder}")
    return folder


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the command and return its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        folder = find()
    except UnavailableError:
        report(f"no Pulumi CLI to be had; install it ({VENDOR}) so that it is on PATH, or make a registry reachable")
        return 1
    except KeyboardInterrupt:
        report("stopped; what was half made is removed")
        return 130
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
