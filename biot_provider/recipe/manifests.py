"""The manifests beside the code: the dependencies that they declare, and whether these are locked or in the package."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from biot_provider.errors import PackagingError
from biot_provider.package.ignore import BIOTIGNORE, IgnoreFile
from biot_provider.package.package import Package
from biot_provider.package.source import is_folder
from biot_provider.recipe.recipe import Recipe
from biot_provider.recipe.requirements import normalized

_COMMAND = "or give a command that installs them, and dependencies: none"
_OF_OTHER_TOOLS = {
    "nodejs": {
        "yarn.lock": f"Yarn's lock file is not read: use npm's or pnpm's, {_COMMAND}",
        "bun.lock": f"Bun's lock file is not read: use npm's or pnpm's, {_COMMAND}",
        "bun.lockb": f"Bun's lock file is not read: use npm's or pnpm's, {_COMMAND}",
    },
    "python": {
        "poetry.lock": "Poetry's lock file is not read: `poetry export -o requirements.txt` writes one",
        "Pipfile.lock": "Pipenv's lock file is not read: `pipenv requirements --hash > requirements.txt` writes one",
        "pdm.lock": "PDM's lock file is not read: `pdm export -o requirements.txt` writes one",
        "pylock.toml": "pylock.toml is not read: `uv export --format requirements.txt -o requirements.txt` writes one",
    },
}
_MANIFESTS = {"nodejs": ("package.json",), "python": ("pyproject.toml", "Pipfile", "requirements.in")}
_WRITES = {
    "package.json": "`npm install --package-lock-only`",
    "pyproject.toml": "`uv lock`, or a requirements.txt with hashes",
    "Pipfile": "`pipenv lock && pipenv requirements --hash > requirements.txt`",
    "requirements.in": "`uv pip compile --generate-hashes requirements.in -o requirements.txt`",
}
"""What writes a lock file for each manifest."""
_OF_RUNTIMES = re.compile(r"@aws-sdk/.+|@smithy/.+|boto3|botocore|s3transfer|jmespath|urllib3|python-dateutil|six")
"""Packages that AWS Lambda's runtimes have (AWS Lambda developer guide, runtime-included SDK versions)."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_REQUIREMENT = re.compile(rf"(?m)^[ \t]*({_NAME})(?=[\s\[=<>~!@,(#]|$)[^;\n]*$")
"""A line of a requirements.txt for every machine and version of Python."""
_UV = ("tool", "uv", "workspace")
_MODULES = "node_modules"
_SOURCES = (".js", ".mjs", ".cjs")
_MOST = 3


def unlocked(recipe: Recipe) -> PackagingError | None:
    """Return the error for dependencies that are declared but not locked; None if there are none."""
    folder, language = recipe.folder, recipe.language
    for name, problem in _OF_OTHER_TOOLS.get(language, {}).items():
        if (folder / name).is_file():
            return PackagingError(f"{folder}: {problem}", "BIOT-3108")
    for manifest in _MANIFESTS.get(language, ()):
        try:
            names = _declared(folder / manifest, "dependencies", "devDependencies", "optionalDependencies")
        except ValueError as error:
            return PackagingError(f"{folder}: {manifest} cannot be read ({error}): correct it", "BIOT-3107")
        if names:
            return PackagingError(
                f"{folder}: {manifest} names dependencies ({', '.join(names[:_MOST])}), and no lock file:"
                f" {_writes(folder, manifest)} writes one",
                "BIOT-3108",
            )
    return None


def _writes(folder: Path, manifest: str) -> str:
    """Return what writes a lock file into the folder: in a workspace the usual command would write the root's."""
    for parent in folder.parents:
        try:
            if manifest == "package.json" and (parent / "pnpm-workspace.yaml").is_file():
                return "`pnpm install --lockfile-only --ignore-workspace`"
            if manifest == "package.json" and "workspaces" in json.loads((parent / manifest).read_bytes()):
                return "`npm install --package-lock-only --workspaces=false`"
            if manifest == "pyproject.toml" and _map(tomllib.loads((parent / manifest).read_text("utf-8")), *_UV):
                return "`uv export --no-emit-workspace -o requirements.txt`"
        except (OSError, ValueError, TypeError):
            continue
    return _WRITES[manifest]


def missing_dependencies(package: Package, folder: Path, runtime: str) -> str | None:
    """Return the sentence about dependencies that the folder declares and its package lacks; None if there are none.

    Of a package that is no folder's, nothing is said: it has what it needs, or its own way to get it.
    """
    paths = {file.path for file in package.files}
    language = Recipe(folder, runtime).language
    found = _missing_modules if language == "nodejs" else _missing_distributions if language == "python" else None
    if found is None or not is_folder(folder):
        return None
    try:
        manifest, names, unless = found(package, folder, paths)
    except ValueError:
        return None
    if not names:
        return None
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return (
        f"{manifest} names {', '.join(names[:_MOST])}{more}, which the package does not have: `build: auto` installs"
        f" what a lock file names; if nothing is missing, name {unless} in {BIOTIGNORE}"
    )


def _missing_modules(package: Package, folder: Path, paths: set[str]) -> tuple[str, list[str], str]:
    """Return the packages that package.json names, the code loads, and no node_modules has."""
    manifest = "package.json"
    ignore = folder / BIOTIGNORE
    rules = IgnoreFile(ignore.read_bytes() if ignore.is_file() else b"")
    if manifest not in paths or rules.verdict(_MODULES, is_folder=True) is not None:
        return manifest, [], _MODULES
    names = [
        name
        for name in _declared(folder / manifest)
        if not _OF_RUNTIMES.fullmatch(name)
        and f"{_MODULES}/{name}/package.json" not in paths
        and not any(f"{_MODULES}/{name}/" in path for path in paths)
    ]
    loads = re.compile(rf"""["'`]({"|".join(map(re.escape, names))})(?:/[^"'`]*)?["'`]""")
    loaded: set[str] = set()
    for path in paths if names else ():
        if path.endswith(_SOURCES) and f"/{_MODULES}/" not in f"/{path}":
            loaded.update(loads.findall(package.content(path).decode(errors="replace")))
    return manifest, sorted(loaded), _MODULES


def _missing_distributions(_package: Package, folder: Path, paths: set[str]) -> tuple[str, list[str], str]:
    """Return the distributions that the first manifest of Python names, if the package has none of them."""
    stems = {normalized(part) for path in paths for part in re.split(r"/|-\d|\.py$", path)}
    for manifest in ("requirements.txt", *_MANIFESTS["python"]):
        if manifest in paths and (names := _declared(folder / manifest)):
            names = [name for name in names if not _OF_RUNTIMES.fullmatch(normalized(name))]
            return manifest, [] if any(normalized(name) in stems for name in names) else names, manifest
    return "", [], ""


def _declared(path: Path, *kinds: str) -> list[str]:
    """Return the names that a manifest declares for running, or in package.json for these kinds.

    Raises ValueError if the manifest is damaged.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError:
        return []
    if path.suffix in (".in", ".txt"):
        return _REQUIREMENT.findall(text)
    if path.suffix == ".json":
        content = json.loads(text)
        return [name for kind in kinds or ("dependencies",) for name in _map(content, kind)]
    content = tomllib.loads(text)
    if path.name == "Pipfile":
        return list(_map(content, "packages"))
    project = _map(content, "project").get("dependencies")
    listed = "\n".join(map(str, project)) if isinstance(project, list) else ""
    return _REQUIREMENT.findall(listed) + [
        name for name in _map(content, "tool", "poetry", "dependencies") if name != "python"
    ]


def _map(content: Any, *keys: str) -> dict[str, Any]:
    """Return the map at this place; an empty one if there is none."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}
