"""Builds a package from its sources, once for each digest."""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from biot_provider.errors import Notice, PackagingError
from biot_provider.package.cache_folder import FOLDER_VARIABLE
from biot_provider.package.known_files import forget_all
from biot_provider.package.package import Package, read_package, reread_package, write_zip
from biot_provider.package.source import opened
from biot_provider.package.temporary import reporting_no_room
from biot_provider.recipe.cache import BUILT, Cache, user_cache
from biot_provider.recipe.dependencies import INSTALLED, install_for_command, lambda_dependencies
from biot_provider.recipe.node_modules import MODULES, node_paths
from biot_provider.recipe.run import FailedRunError, Runner
from biot_provider.recipe.sources import MAX_SOURCE_BYTES, Sources, read_sources

Show = Callable[[Notice], None]

_SOURCE = "source"
_OWN_ENTRIES = frozenset({"tmp", "lock", "tools", _SOURCE, INSTALLED})
"""The entries that this module creates in a build's folder."""

_LOCKS: dict[str, threading.Lock] = {}
"""Locks by digest: threads build the same package once. Two processes may both build it, with equal bytes."""


def build_package(sources: Sources, show: Show = lambda _notice: None) -> Package:
    """Return the package that is built of the sources: from the cache, or built now, which is reported.

    Raises PackagingError, which names the problem and what to do, and has the last lines of a failed command.
    """
    cache = user_cache()
    place = str(sources.recipe.folder)
    with _LOCKS.setdefault(sources.digest, threading.Lock()):
        if (path := cache.find(BUILT, sources.digest)) is not None:
            try:
                return _read(path, place)
            except PackagingError:
                cache.remove(BUILT, sources.digest)  # damaged, or deleted meanwhile
        started = time.monotonic()
        path = _build(sources, cache, show)
        show(Notice(f"built in {time.monotonic() - started:.1f} s"))
        if cache.find(BUILT, sources.digest) is None:
            text = (
                f"the cache {cache.folder} cannot keep this build safe from other accounts: each preview builds again"
            )
            show(Notice(f"{text}; name another folder in {FOLDER_VARIABLE}", "BIOT-3147"))
        return _read(path, place)


def _read(path: Path, place: str) -> Package:
    return reread_package(path, limit=MAX_SOURCE_BYTES, name=f"what was built of {place}")


def _build(sources: Sources, cache: Cache, show: Show) -> Path:
    recipe = sources.recipe
    with reporting_no_room(), tempfile.TemporaryDirectory(prefix="biot-build-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        runner = Runner.new(folder, str(recipe.folder))
        parts = [sources.files if recipe.command is None else _run_command(sources, recipe.command, cache, runner)]
        if sources.lock is not None and (recipe.keeps_sources or recipe.language == "python"):
            dependencies = lambda_dependencies(sources.lock, recipe.runtime, cache, runner, show)
            parts += [dependencies] if dependencies.files else []
        _refuse_common_files(recipe.folder, parts)
        return cache.add(BUILT, sources.digest, lambda file: write_zip(parts, file, compression=zipfile.ZIP_STORED))


def _run_command(sources: Sources, command: str, cache: Cache, runner: Runner) -> Package:
    """Run the build command in a copy of the sources, and return its output as a package."""
    recipe, place = sources.recipe, str(sources.recipe.folder)
    stage = runner.folder / _SOURCE
    _copy(sources.files, stage)
    if sources.lock is not None:
        for name, content in sources.lock.files.items():
            (stage / name).write_bytes(content)
        if recipe.language == "nodejs":
            install_for_command(sources.lock, stage, cache, runner)
    path = [stage / MODULES / ".bin", *node_paths(runner.folder)]
    try:
        runner.run(_in_a_shell(command), stage, f"the command {command!r}", path)
    except FailedRunError as error:
        raise PackagingError(
            f"{place}: the command {command!r} failed ({error}); its last lines:\n{error.last_lines}", "BIOT-3110"
        ) from None
    if outside := {entry.name for entry in runner.folder.iterdir()} - _OWN_ENTRIES:
        raise PackagingError(
            f"{place}: the command {command!r} wrote outside its folder: ../{min(outside)}", "BIOT-3111"
        )
    if read_sources(recipe).files.files != sources.files.files:
        raise PackagingError(
            f"{place} changed while it was built: the command must not write there; run it again", "BIOT-3111"
        )
    return _output(sources, stage, command)


def _output(sources: Sources, stage: Path, command: str) -> Package:
    """Return the package that a command wrote into the copy of the sources."""
    recipe, place = sources.recipe, str(sources.recipe.folder)
    output = stage / (recipe.output or ".")
    if not output.exists():
        raise PackagingError(
            f"{place}: the command {command!r} wrote no {recipe.output}, which output names", "BIOT-3113"
        )
    if not output.resolve().is_relative_to(stage):
        raise PackagingError(f"{place}: output {recipe.output} leads out of the folder", "BIOT-3113")
    without: frozenset[str] = frozenset()
    if recipe.keeps_sources and sources.lock is not None:
        # The copy also has dependencies for development and this machine, and manifests that an ignore file leaves out.
        kept = {file.path for file in sources.files.files}
        without = frozenset({f"/{MODULES}", *(f"/{name}" for name in sources.lock.files if name not in kept)})
    try:
        return read_package(output, limit=MAX_SOURCE_BYTES, without=without)
    except PackagingError as error:
        raise PackagingError(
            error.text.replace(str(output), os.path.normpath(f"{place}/{recipe.output}")), error.message_code
        ) from None


def _in_a_shell(command: str) -> list[str]:
    return [os.environ.get("COMSPEC", "cmd.exe"), "/c", command] if os.name == "nt" else ["/bin/sh", "-c", command]


def _copy(package: Package, folder: Path) -> None:
    with opened(package.source) as open_file:
        for file in package.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_file(file.path) as content, target.open("wb") as copy:
                shutil.copyfileobj(content, copy)
            with target.open("rb") as copy:
                if hashlib.file_digest(copy, "sha256").hexdigest() != file.digest:
                    forget_all()
                    raise PackagingError(
                        f"{package.place}: {file.path} changed while it was copied; run it again", "BIOT-3007"
                    )
            target.chmod(0o755 if file.executable else 0o644)
    folder.mkdir(exist_ok=True)


def _refuse_common_files(folder: Path, parts: Iterable[Package]) -> None:
    seen: set[str] = set()
    for package in parts:
        for file in package.files:
            if file.path in seen:
                raise PackagingError(
                    f"{folder}: {file.path} is in the sources and in a dependency too",
                    "BIOT-3115",
                    advice=f"rename it, or name {posixpath.dirname(file.path) or file.path} in .biotignore",
                )
            seen.add(file.path)
