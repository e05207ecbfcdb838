"""The sources of a built package, and the digest that identifies the package before anything is built.

The digest follows from the files on which the result depends, the lock file with the files that its tool reads beside
it, the runtime and the recipe. It does not depend on which tool and version installs the locked dependencies: the
result is the same, and two machines must get the same digest. Tools that a build command runs are pinned by the lock
file, by ``packageManager`` or by go.mod, which count as files.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from biot_provider.errors import PackagingError
from biot_provider.package.folders.ignore import DEPENDENCIES, IgnoreFile
from biot_provider.package.package import MAX_FILE_DIGESTS, Package, reread_package
from biot_provider.package.source import is_folder
from biot_provider.package.source_file import reading
from biot_provider.recipe.lock_files import LockFile, find_lock_file
from biot_provider.recipe.recipe import NONE, Recipe
from biot_provider.recipe.versions import VERSION_MARK

VERSION = "biot build v1"
"""Increased when the same sources give a different package; then every built package is deployed once more."""

MAX_SOURCE_BYTES = 1024**3
_MAX_VERSIONS = 300


@dataclass(frozen=True)
class Sources:
    """A folder of sources, as read."""

    recipe: Recipe
    files: Package
    lock: LockFile | None

    @cached_property
    def digest(self) -> str:
        """The SHA-256, in hex, that identifies the package built from the sources."""
        recipe = self.recipe
        said = {
            "sources": self._counted.digest,
            "lock": None if self.lock is None else [self.lock.name, *_digests(self.lock.files)],
            "runtime": recipe.runtime,
            "command": recipe.command,
            "output": None if recipe.keeps_sources else recipe.output,
        }
        return recipe_digest(said)

    def file_digests(self, most: int = MAX_FILE_DIGESTS) -> dict[str, str]:
        """Return a short digest for each file that counts, folded to ``most`` entries, and the version of each
        distribution that is locked.
        """
        digests = self._counted.file_digests(most)
        if self.lock is None:
            return digests
        versions = self.lock.versions(with_dev=self.recipe.command is not None)
        if len(versions) > _MAX_VERSIONS:
            versions = {"": recipe_digest(versions)[:16]}
        return digests | {f"{self.lock.name}{VERSION_MARK}{name}": version for name, version in versions.items()}

    @cached_property
    def _counted(self) -> Package:
        """The files on which the result depends: all, or those that match the inputs of a command."""
        recipe = self.recipe
        if recipe.keeps_sources or not recipe.inputs:
            return self.files
        patterns = IgnoreFile("\n".join(recipe.inputs).encode())
        counted = tuple(file for file in self.files.files if _matches(patterns, file.path))
        if not counted:
            raise PackagingError(
                f"{recipe.folder}: no file of the folder matches inputs ({', '.join(recipe.inputs)})", "BIOT-3143"
            )
        return Package(self.files.source, counted)


def read_sources(recipe: Recipe) -> Sources:
    """Read the sources of a recipe. Raises PackagingError."""
    if not is_folder(recipe.folder):
        raise PackagingError(
            f"{recipe.folder}: build needs the folder of the sources: a .zip is deployed as it is", "BIOT-3142"
        )
    with reading(recipe.folder):
        lock = find_lock_file(recipe)
    without = frozenset() if recipe.dependencies == NONE else DEPENDENCIES
    if not recipe.keeps_sources:
        without |= {"/" + posixpath.normpath(str(recipe.output))}
    return Sources(recipe, reread_package(recipe.folder, limit=MAX_SOURCE_BYTES, without=without), lock)


def dependencies_digest(lock: LockFile, runtime: str) -> str:
    """Return the digest that identifies the dependencies of a lock file for a runtime."""
    # Node.js packages are the same for every version of Node.js.
    wanted = runtime if runtime.startswith("python") else "nodejs"
    return recipe_digest({"kind": lock.kind, "runtime": wanted, "lock": _digests(lock.files)})


def recipe_digest(said: object) -> str:
    """Return the SHA-256, in hex, over the description of a package."""
    return hashlib.sha256(f"{VERSION}\n{json.dumps(said, sort_keys=True)}".encode()).hexdigest()


def _digests(files: Mapping[str, bytes]) -> list[list[str]]:
    return [[name, hashlib.sha256(content).hexdigest()] for name, content in sorted(files.items())]


def _matches(patterns: IgnoreFile, path: str) -> bool:
    verdict = patterns.verdict(path, is_folder=False)
    while verdict is None and (path := posixpath.dirname(path)):
        verdict = patterns.verdict(path, is_folder=True)
    return verdict is True
