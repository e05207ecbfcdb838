"""Finds the Pulumi CLI with its Python language host, or gets it; prints the folder to put in front of PATH.

    PATH="$(.venv/bin/python tools/engine/ensure.py):$PATH" pulumi version

Tried in this order: on PATH; the project's cache; the vendor's installer; built from the Go module proxy. Which one it
took, and why not the ones before, is said on standard error. Ends with exit code 1 and one line if none works.
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
from progress import Progress, say
from unavailable import UnavailableError

VENDOR = "https://www.pulumi.com/docs/install/"


def on_path() -> Path:
    """The folder of the CLI on PATH.

    :raises UnavailableError: it is not there, or not whole.
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
    """The folder of an engine that an earlier run left.

    :raises UnavailableError: there is none, or it is damaged.
    """
    engine = cache.engine_folder()
    flaws = {folder: cache.flaw(folder) for folder in (cache.vendor_folder(), engine)}
    for folder, flaw in flaws.items():
        if not flaw:
            return folder / "bin"
    if damaged := [f"{folder} is damaged: {flaw}" for folder, flaw in flaws.items() if flaw != cache.ABSENT]:
        raise UnavailableError("; ".join(damaged))
    if not cache.flaw(cache.cli_folder()):
        raise UnavailableError(f"the one in {cache.root()} has another language host")
    raise UnavailableError(f"{cache.root()} has none for {cache.target()}")


def made() -> Path:
    """An engine that is got now; another process that is at it already is waited for.

    :raises UnavailableError: there is no way to one.
    """
    import builder
    import vendor

    with Progress() as progress, cache.locked(progress):
        with contextlib.suppress(UnavailableError):
            return _tried("in the project's cache, which another process has just filled", cached, quiet=True)
        if not cache.flaw(cache.cli_folder()):
            with contextlib.suppress(UnavailableError):
                return _tried("in the project's cache, its language host renewed", lambda: builder.build(progress))
        with contextlib.suppress(UnavailableError):
            return _tried("from the vendor's installer", lambda: vendor.install(progress))
        return _tried("built from the Go module proxy", lambda: builder.build(progress))


def find() -> Path:
    """The folder of the first engine that can be had.

    :raises UnavailableError: none can.
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
            say(f"not {name}: {reason}")
        raise
    say(f"using Pulumi {name}: {folder}")
    return folder


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the command; the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        folder = find()
    except UnavailableError:
        say(f"no Pulumi CLI to be had; install it ({VENDOR}) so that it is on PATH, or make a registry reachable")
        return 1
    except KeyboardInterrupt:
        say("stopped; what was half made is removed")
        return 130
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
