"""Finds the lock file beside the code, and reads the versions in it."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biot_provider.api.redaction import redact
from biot_provider.errors import PackagingError
from biot_provider.package.source_file import reading
from biot_provider.recipe.manifests import unlocked
from biot_provider.recipe.recipe import AUTO, NONE, Recipe
from biot_provider.recipe.requirements import normalized, read_requirements

UV, PIP, NPM, PNPM = "uv", "pip", "npm", "pnpm"
"""Kinds of lock files, by the tool that writes them."""

_KINDS = {
    "uv.lock": UV,
    "requirements.txt": PIP,
    "pnpm-lock.yaml": PNPM,
    "npm-shrinkwrap.json": NPM,
    "package-lock.json": NPM,
}
"""The tool of each file name; the first existing file counts."""
_LANGUAGES = {UV: "python", PIP: "python", NPM: "nodejs", PNPM: "nodejs"}
_OF_LAMBDA = ("dependencies", "optionalDependencies")
_WITH = {
    UV: ("pyproject.toml", "uv.toml"),
    PIP: (),
    NPM: ("package.json", ".npmrc"),
    PNPM: ("package.json", ".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs"),
}
"""The files that each tool reads beside its lock file."""


@dataclass(frozen=True)
class LockFile:
    """A lock file, with the files that its tool reads beside it."""

    name: str
    kind: str
    place: str
    """The folder's name in messages."""
    files: Mapping[str, bytes]

    @property
    def text(self) -> str:
        """The lock file's text. Raises PackagingError if the file is not text."""
        try:
            return self.files[self.name].decode("utf-8-sig")
        except UnicodeDecodeError:
            raise PackagingError(f"{self.place}: {self.name} is not UTF-8: write it again", "BIOT-3107") from None

    def versions(self, *, with_dev: bool = False) -> dict[str, str]:
        """Return the version of each distribution by name; several versions are joined. Raises PackagingError."""
        try:
            found = dict(_joined(_READERS[self.kind](self, with_dev)))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise PackagingError(
                f"{self.place}: {self.name} is no lock file of {self.kind} ({type(error).__name__})",
                "BIOT-3107",
                advice="write it again",
            ) from None
        return dict(sorted(found.items()))


def find_lock_file(recipe: Recipe) -> LockFile | None:
    """Return the lock file that a recipe names, or the one beside the code; None if nothing is locked.

    Raises PackagingError if it is missing, ambiguous, or for another language.
    """
    folder, wanted = recipe.folder, recipe.dependencies
    if wanted == NONE:
        return None
    if wanted != AUTO:
        return _named(recipe, wanted)
    found = [name for name, kind in _KINDS.items() if _LANGUAGES[kind] == recipe.language and (folder / name).is_file()]
    if PNPM in (kinds := [_KINDS[name] for name in found]) and NPM in kinds:
        manager = str(_json(folder / "package.json").get("packageManager", ""))
        found = [name for name in found if manager.startswith(f"{_KINDS[name]}@")]
        if not found:
            raise PackagingError(
                f"{folder}: there are two lock files, pnpm-lock.yaml and package-lock.json",
                "BIOT-3102",
                advice="delete one, or name one: build: {dependencies: package-lock.json}",
            )
    if found:
        return _read(folder, found[0], _KINDS[found[0]])
    if problem := unlocked(recipe):
        raise problem
    if recipe.command is None and recipe.language not in _LANGUAGES.values():
        raise PackagingError(
            f"{folder}: there is nothing to build: dependencies are installed for Python and Node.js",
            "BIOT-3101",
            advice="give a command, such as build: {command: make, output: dist}",
        )
    return None


def denied(place: str, server: str, status: str) -> PackagingError:
    """Return the error about an index (of Python) or a registry (of Node.js) that gives nothing to this machine."""
    return PackagingError(
        f"{place}: the {server} answers {status}: it wants credentials, or refuses those that it gets",
        "BIOT-3145",
        advice="give it the credentials as its tool reads them (.npmrc, .netrc, UV_INDEX_..., pip.conf)",
    )


def _named(recipe: Recipe, name: str) -> LockFile:
    kind = _KINDS.get(name) or (PIP if name.endswith((".txt", ".lock")) else None)
    if kind is None:
        known = ", ".join(_KINDS)
        raise PackagingError(
            f"{recipe.folder}: {name} is no lock file that is known: {known}, or another .txt of pip", "BIOT-3103"
        )
    if not (recipe.folder / name).is_file():
        raise PackagingError(f"{recipe.folder}: {name}, which dependencies names, is not there", "BIOT-3103")
    if _LANGUAGES[kind] != recipe.language:
        raise PackagingError(f"{recipe.folder}: {name} is not for the runtime {recipe.runtime}", "BIOT-3103")
    return _read(recipe.folder, name, kind)


def _read(folder: Path, name: str, kind: str) -> LockFile:
    if kind in (NPM, PNPM) and not (folder / "package.json").is_file():
        raise PackagingError(f"{folder}: {name} has no package.json beside it", "BIOT-3103")
    files = {}
    for file in (name, *_WITH[kind]):
        if file == name or (folder / file).is_file():
            with reading(folder, file):
                files[file] = (folder / file).read_bytes()
    return LockFile(name, kind, str(folder), files)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _joined(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    found: dict[str, set[str]] = {}
    for name, version in pairs:
        found.setdefault(name, set()).add(version)
    for name, versions in found.items():
        yield name, " or ".join(sorted(versions))


def _of_requirements(lock: LockFile, _with_dev: bool) -> Iterator[tuple[str, str]]:
    yield from read_requirements(lock.place, lock.name, lock.text).versions.items()


def _of_uv(lock: LockFile, _with_dev: bool) -> Iterator[tuple[str, str]]:
    for package in tomllib.loads(lock.text)["package"]:
        if not {"virtual", "editable"} & set(package.get("source") or {}):
            yield normalized(package["name"]), str(package.get("version") or "no version")


def _npm_packages(lock: LockFile, *, with_dev: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each package of npm's lock file with its path; those for development on request."""
    content = json.loads(lock.text)
    packages: Mapping[str, Any] = content.get("packages") or content.get("dependencies") or {}
    for path, package in packages.items():
        # One for development that something else has as an optional one ("devOptional") is installed all the same.
        if with_dev or not package.get("dev"):
            yield path, package


def _pnpm_content(lock: LockFile) -> Any:
    """Return the content of pnpm's lock file."""
    import yaml

    return yaml.load(lock.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe)


def local_packages(lock: LockFile, *, with_dev: bool) -> list[str]:
    """Return the names of packages of Node.js that are local, sorted; those for development too on request.

    They are folders or files of this machine: what they hold is not in the lock file, so that two installations of the
    same lock file may differ. A lock file that its tool cannot read has none: the tool says so.
    """
    try:
        return sorted(set((_local_of_npm if lock.kind == NPM else _local_of_pnpm)(lock, with_dev)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, PackagingError):
        return []


def _local_of_npm(lock: LockFile, with_dev: bool) -> Iterator[str]:
    for path, package in _npm_packages(lock, with_dev=with_dev):
        address = str(package.get("resolved") or package.get("version"))
        if package.get("link") or address.startswith("file:"):
            yield path.rpartition("node_modules/")[2]


def _local_of_pnpm(lock: LockFile, with_dev: bool) -> Iterator[str]:
    content = _pnpm_content(lock)
    project = content.get("importers", {}).get(".") or content
    for kind in (*_OF_LAMBDA, *(["devDependencies"] if with_dev else [])):
        for name, package in (project.get(kind) or {}).items():
            version = package["version"] if isinstance(package, Mapping) else package
            if str(version).startswith(("link:", "file:")):
                yield name


def _of_npm(lock: LockFile, with_dev: bool) -> Iterator[tuple[str, str]]:
    for path, package in _npm_packages(lock, with_dev=with_dev):
        if path and _is_for_lambda(package) and "version" in package:
            # Of a repository it may be an address, with a token.
            yield path.rpartition("node_modules/")[2], redact(str(package["version"]), ())


def _of_pnpm(lock: LockFile, _with_dev: bool) -> Iterator[tuple[str, str]]:
    for path, package in (_pnpm_content(lock).get("packages") or {}).items():
        if not _is_for_lambda(package):
            continue
        path = posixpath.normpath(redact(path, ()))
        name, _, version = re.sub(r"\(.*", "", path.lstrip("/")).rpartition("@")
        yield name, version


def _is_for_lambda(package: Mapping[str, Any]) -> bool:
    """Return whether a Node.js package is for every machine, or for Linux on x86-64."""
    return "linux" in package.get("os", ["linux"]) and "x64" in package.get("cpu", ["x64"])


_READERS = {PIP: _of_requirements, UV: _of_uv, NPM: _of_npm, PNPM: _of_pnpm}
