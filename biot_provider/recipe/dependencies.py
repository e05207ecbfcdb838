"""Installs the dependencies of a lock file, once on a machine: for AWS Lambda, and for build commands."""

from __future__ import annotations

import platform
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from biot_provider.errors import Notice, PackagingError
from biot_provider.package.package import Package, read_package, write_zip
from biot_provider.recipe.cache import DEPENDENCIES, DEVELOPMENT, Cache
from biot_provider.recipe.lock_files import LockFile, local_packages
from biot_provider.recipe.node_modules import MODULES, install_modules
from biot_provider.recipe.python_wheels import install_wheels
from biot_provider.recipe.run import Runner
from biot_provider.recipe.size import refuse_too_much
from biot_provider.recipe.sources import MAX_SOURCE_BYTES, dependencies_digest, recipe_digest

INSTALLED = "installed"
"""The folder of a build into which dependencies are installed."""

_EMPTY_ZIP_BYTES = 22
_LOCKS: dict[str, threading.Lock] = {}


def lambda_dependencies(
    lock: LockFile, runtime: str, cache: Cache, runner: Runner, show: Callable[[Notice], None]
) -> Package:
    """Return the dependencies for AWS Lambda as a package. Raises PackagingError."""
    digest = dependencies_digest(lock, runtime)
    with _LOCKS.setdefault(digest, threading.Lock()):
        known = cache.find(DEPENDENCIES, digest)
        if known is not None:
            try:
                return _read(known)
            except PackagingError:
                cache.remove(DEPENDENCIES, digest)  # damaged, or deleted meanwhile
        target = runner.folder / INSTALLED
        target.mkdir()
        if runtime.startswith("python"):
            unnamed = install_wheels(lock, runtime, target, runner)
            if unnamed:
                show(
                    Notice(
                        f"{lock.name} does not name {', '.join(unnamed)}, which it needs: another machine may get"
                        " another version; compile the file with all that it needs",
                        "BIOT-3144",
                    )
                )
        else:
            _refuse_local(lock)
            install_modules(lock, target, runner, for_lambda=True)
            for file in lock.files:
                (target / file).unlink(missing_ok=True)
        refuse_too_much(target, f"{lock.place}: {lock.name}")
        return _read(cache.add(DEPENDENCIES, digest, lambda file: _pack(target, file)))


def install_for_command(lock: LockFile, stage: Path, cache: Cache, runner: Runner) -> None:
    """Install Node.js packages, with those for development, beside a command's sources. Raises PackagingError."""
    if local_packages(lock, with_dev=True):
        # Their tool copies them, and their content is in no digest of the lock file.
        install_modules(lock, stage, runner, for_lambda=False)
        return
    digest = recipe_digest([dependencies_digest(lock, "nodejs"), sys.platform, platform.machine()])
    known = cache.find(DEVELOPMENT, digest)
    if known is not None:
        try:
            with tarfile.open(known) as archive:
                archive.extraction_filter = lambda member, _path: (
                    member
                )  # this function wrote the archive itself, links included
                archive.extractall(stage)  # noqa: S202
            return
        except (tarfile.TarError, OSError, EOFError):
            cache.remove(DEVELOPMENT, digest)
    install_modules(lock, stage, runner, for_lambda=False)

    def pack(file: IO[bytes]) -> None:
        with tarfile.open(fileobj=file, mode="w") as archive:
            if (stage / MODULES).is_dir():
                archive.add(stage / MODULES, MODULES)

    cache.add(DEVELOPMENT, digest, pack)


def _refuse_local(lock: LockFile) -> None:
    """Raise PackagingError where AWS Lambda needs one: it is not installed there."""
    if names := local_packages(lock, with_dev=False):
        raise PackagingError(
            f"{lock.place}: {lock.name}: {', '.join(names[:3])} is no package of a registry, and nothing else is"
            " installed: publish it there, or have a command bundle it into its output",
            "BIOT-3141",
        )


def _read(path: Path) -> Package:
    if path.stat().st_size <= _EMPTY_ZIP_BYTES:
        return Package(path, ())
    return read_package(path, limit=MAX_SOURCE_BYTES)


def _pack(folder: Path, file: IO[bytes]) -> None:
    """Write a folder into the cache; an empty folder becomes an empty .zip."""
    is_empty = not any(path.is_file() for path in folder.rglob("*"))
    packages = [] if is_empty else [read_package(folder, limit=MAX_SOURCE_BYTES)]
    write_zip(packages, file, compression=zipfile.ZIP_STORED)
