"""The folder outside the clone where an engine is kept, so that a second clone starts at once.

    engine-<version>-<platform>-<digest>/   what was built from source
    yaml-<version>-<platform>-<digest>/     the YAML language host, built from source by --yaml
    vendor-<version>-<platform>/            what the vendor's installer brought
    work-<random>/                          something being made; without its maker it is rubbish
    lock                                    held by the one that makes something

A folder appears under its name only when it is complete, by a rename, and never changes afterwards. Its commands are in
`bin/`; its `manifest.json` lists them, and if a file does not match, the whole folder is unusable. The digest is over
the inputs of the build: another host or another version is another engine.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from progress import Progress
from unavailable import UnavailableError

SOURCES = Path(__file__).resolve().parent
"""This folder."""

VERSION = "3.274.1"
"""The engine's version; go.mod names the same one."""


class Part(NamedTuple):
    """The result of one build, kept in one folder."""

    name: str
    title: str
    """The part's name for the user; the next field is the duration of a build."""
    takes: str
    version: str
    commands: tuple[str, ...]
    """The commands that make the part complete; the others lie beside the first."""
    packages: tuple[str, ...]
    """The Go packages to build; each becomes a command."""
    stamp: str
    """The variable that holds the version in the programs."""
    module: str
    """The folder of its go.mod and go.sum below this one."""
    sources: tuple[str, ...] = ()
    """Further source files of the module."""


ENGINE = Part(
    name="engine",
    title="Pulumi",
    takes="four minutes",
    version=VERSION,
    # The commands needed to run a Python program with dynamic resources.
    commands=("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python"),
    packages=("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "./pulumi-language-python"),
    stamp="github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    module=".",
    sources=("pulumi-language-python/main.go", "pulumi-language-python/required_packages.py"),
)

YAML = Part(
    name="yaml",
    title="the YAML language host",
    takes="a minute",
    version="1.25.0",
    commands=("pulumi-language-yaml",),
    packages=("github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",),
    stamp="github.com/pulumi/pulumi-yaml/pkg/version.Version",
    module="pulumi-language-yaml",
)
"""A separate Go module, since it needs older versions of Pulumi's packages than the engine."""

ABSENT = "not there"

RECIPE = 2
"""Increased when the way of building or the layout changes but the inputs do not."""


def root() -> Path:
    """Return the folder of engines: $BIOT_ENGINE_CACHE, else below the user's cache folder."""
    if given := os.environ.get("BIOT_ENGINE_CACHE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "biot-provider" / "engine"


def inputs(part: Part) -> list[Path]:
    """Return the files from which a part is built."""
    return [SOURCES / part.module / name for name in ("go.mod", "go.sum", *part.sources)]


def folder_of(part: Part) -> Path:
    """Return the folder of the part that these sources describe, which may not exist yet."""
    total = hashlib.sha256(str(RECIPE).encode())
    for file in inputs(part):
        total.update(f"\n{file.name} {_sha256(file)}".encode())
    return root() / f"{part.name}-{target(part)}-{total.hexdigest()[:12]}"


def target(part: Part) -> str:
    """Return version and platform, in the form of the folders' names."""
    return f"{part.version}-{platform.system()}-{platform.machine()}".lower()


def vendor_folder() -> Path:
    """Return the folder for the CLI of the vendor's installer."""
    return root() / f"vendor-{target(ENGINE)}"


def flaw(folder: Path) -> str:
    """Return the flaw that makes this folder unusable: empty if there is none, `ABSENT` without a folder.

    A file with the recorded size and time counts as unchanged; if its time differs, it is read and compared.
    """
    if not folder.is_dir():
        return ABSENT
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        for name, recorded in manifest["files"].items():
            if fault := _fault(folder / "bin" / name, recorded):
                return f"{name} {fault}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest is unreadable ({type(error).__name__})"
    return ""


def _fault(file: Path, recorded: dict[str, Any]) -> str:
    try:
        state = file.stat()
    except OSError:
        return "is missing"
    if state.st_size != recorded["size"]:
        return f"has {state.st_size} bytes instead of {recorded['size']}"
    if state.st_mtime_ns != recorded["modified"] and _sha256(file) != recorded["sha256"]:
        return "was changed"
    return "" if os.access(file, os.X_OK) or not recorded["executable"] else "cannot be executed"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def locked(progress: Progress) -> Iterator[None]:
    """Hold the lock for making something in the cache; wait for another process that holds it.

    The lock ends with its process, so anything half made when the lock is taken is abandoned.

    Raises:
        UnavailableError: the cache's folder cannot be written.
    """
    import fcntl

    try:
        root().mkdir(parents=True, exist_ok=True)
        stream = (root() / "lock").open("a+")
    except OSError as error:
        raise UnavailableError(
            f"the cache {root()} cannot be written: {error.strerror}; set BIOT_ENGINE_CACHE"
        ) from error
    with stream:
        waiting = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    progress.stage("waiting for another process that is preparing the engine")
                waiting = True
                time.sleep(0.2)
        for rubbish in root().glob("work-*"):
            _remove(rubbish)
        yield


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a folder for work, on the cache's file system, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=root()))
    try:
        yield folder
    finally:
        _remove(folder)


def publish(made: Path, folder: Path) -> None:
    """Give the finished folder its manifest and its name, in place of an unusable folder of that name."""
    listed = {}
    for file in sorted((made / "bin").iterdir()):
        state = file.stat()
        listed[file.name] = {
            "sha256": _sha256(file),
            "size": state.st_size,
            "modified": state.st_mtime_ns,
            "executable": os.access(file, os.X_OK),
        }
    (made / "manifest.json").write_text(json.dumps({"files": listed}, indent=2) + "\n", "utf-8")
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix="work-", dir=root()))
        folder.rename(aside / "flawed")
        _remove(aside)
    made.rename(folder)


def _remove(folder: Path) -> None:
    """Delete a folder, including read-only subfolders, which Go's module cache has."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for inner, _, _ in os.walk(folder):
            Path(inner).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
