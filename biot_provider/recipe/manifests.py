"""The manifests beside the code: the dependencies that they declare, and whether these are locked or in the package."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biot_provider.errors import PackagingError, shown_names
from biot_provider.package.folders.folder_source import read_biotignore
from biot_provider.package.folders.ignore import BIOTIGNORE
from biot_provider.package.package import Package
from biot_provider.package.source import is_folder
from biot_provider.recipe.recipe import Recipe
from biot_provider.recipe.requirements import normalized

Places = tuple[tuple[str, ...], ...]
"""Keys below which a manifest declares dependencies; in a .txt or .in file each line declares one."""

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
    },
}
_PROJECT, _POETRY = ("project", "dependencies"), ("tool", "poetry", "dependencies")
_TO_LOCK: Mapping[str, Mapping[str, Places]] = {
    "nodejs": {"package.json": (("dependencies",), ("devDependencies",))},
    "python": {"pyproject.toml": (_PROJECT,)},
}
_TO_LOCK_WITHOUT_COMMAND: Mapping[str, Mapping[str, Places]] = {
    "nodejs": {"package.json": (("optionalDependencies",),)},
    "python": {
        "pyproject.toml": (_POETRY,),
        "Pipfile": (("packages",),),
        "requirements.in": (),
        "pylock.toml": (("packages",),),
    },
}
"""What a command may install in its own way; what AWS Lambda's runtimes have does not count."""
_TO_RUN: Mapping[str, Places] = {
    "requirements.txt": (),
    "pyproject.toml": (_PROJECT, _POETRY),
    "Pipfile": (("packages",),),
}
_WRITES = {
    "package.json": "`npm install --package-lock-only`",
    "pyproject.toml": "`uv lock`, or a requirements.txt with hashes",
    "Pipfile": "`pipenv lock && pipenv requirements --hash > requirements.txt`",
    "requirements.in": "`uv pip compile --generate-hashes requirements.in -o requirements.txt`",
    "pylock.toml": "`uv export --format requirements.txt -o requirements.txt`",
}
"""What writes a lock file for each manifest."""
_OF_RUNTIMES = re.compile(r"@aws-sdk/.+|@smithy/.+|boto3|botocore|s3transfer|jmespath|urllib3|python-dateutil|six")
"""Packages that AWS Lambda's runtimes have (AWS Lambda developer guide, runtime-included SDK versions)."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?=[\s\[=<>~!@,;(#]|$)")
_WORKSPACE_OF_UV = ("tool", "uv", "workspace")
_MODULES = "node_modules"
_LOAD = re.compile(r"(?:\bfrom|\bimport|(?:require|\bimport)\s*\()\s*$")
"""What is before the name of a module that is loaded; a bundle has such names in other strings too."""
_SOURCES = (".js", ".mjs", ".cjs")
_MOST = 3


def unlocked(recipe: Recipe) -> PackagingError | None:
    """Return the error for dependencies that are declared but not locked; None if there are none."""
    folder, language = recipe.folder, recipe.language
    for name, problem in _OF_OTHER_TOOLS.get(language, {}).items():
        if (folder / name).is_file():
            return PackagingError(f"{folder}: {problem}", "BIOT-3108")
    has_command = recipe.command is not None
    more = {} if has_command else _TO_LOCK_WITHOUT_COMMAND.get(language, {})
    known = _TO_LOCK.get(language, {})
    for manifest in {**known, **more}:
        try:
            names = _declared(folder / manifest, known.get(manifest))
            names += [name for name in _declared(folder / manifest, more.get(manifest)) if not _is_of_runtimes(name)]
        except ValueError as error:
            if has_command:
                continue
            return PackagingError(f"{folder}: {manifest} cannot be read ({error}): correct it", "BIOT-3107")
        if names:
            return PackagingError(
                f"{folder}: {manifest} names dependencies ({', '.join(names[:_MOST])}), and no lock file:"
                f" {_of_workspace(folder, manifest) or _WRITES[manifest]} writes one",
                "BIOT-3108",
            )
    return None


def missing_dependencies(package: Package, folder: Path, runtime: str) -> str | None:
    """Return the sentence about dependencies that the folder declares and its package lacks; None if there are none.

    Of a package that is no folder's, nothing is said: it has what it needs, or its own way to get it.
    """
    language = Recipe(folder, runtime).language
    found = {"nodejs": _missing_modules, "python": _missing_distributions}.get(language)
    if found is None or not is_folder(folder):
        return None
    try:
        manifest, names, unless = found(package, folder, {file.path for file in package.files})
    except ValueError:
        return None
    if not names:
        return None
    return (
        f"{manifest} names {shown_names(names, _MOST)}, which the package does not have: `build: auto` installs"
        f" what a lock file names; if nothing is missing, name {unless} in {BIOTIGNORE}"
    )


def _missing_modules(package: Package, folder: Path, paths: set[str]) -> tuple[str, list[str], str]:
    """Return the packages that package.json names, the code loads, and no node_modules has."""
    manifest = "package.json"
    if manifest not in paths or read_biotignore(folder).verdict(_MODULES, is_folder=True) is not None:
        return manifest, [], _MODULES
    names = [
        name
        for name in _declared(folder / manifest, (("dependencies",),))
        if not _is_of_runtimes(name)
        and f"{_MODULES}/{name}/package.json" not in paths
        and not any(f"{_MODULES}/{name}/" in path for path in paths)
    ]
    quoted = re.compile(rf"""["'`](?<=[\s(mt].)({"|".join(map(re.escape, names))})(?=["'`/])""")
    loaded: set[str] = set()
    for path in paths if names else ():
        if path.endswith(_SOURCES) and f"/{_MODULES}/" not in f"/{path}":
            text = package.content(path).decode(errors="replace")
            loaded.update(found[1] for found in quoted.finditer(text) if _is_load(text, found.start()))
    return manifest, sorted(loaded), _MODULES


def _is_load(text: str, start: int) -> bool:
    return bool(_LOAD.search(text[max(0, start - 40) : start]))


def _missing_distributions(_package: Package, folder: Path, paths: set[str]) -> tuple[str, list[str], str]:
    """Return the distributions that the first manifest of Python names, if the package has none of them."""
    stems = {normalized(part) for path in paths for part in re.split(r"/|-\d|\.py$", path)}
    for manifest, places in _TO_RUN.items():
        if manifest in paths and (names := _declared(folder / manifest, places, everywhere=True)):
            names = [name for name in names if not _is_of_runtimes(name)]
            return manifest, [] if any(normalized(name) in stems for name in names) else names, manifest
    return "", [], ""


def _is_of_runtimes(name: str) -> bool:
    return bool(_OF_RUNTIMES.fullmatch(name if name.startswith("@") else normalized(name)))


def _of_workspace(folder: Path, manifest: str) -> str | None:
    """Return what writes a lock file into a workspace's folder, where the usual command would write the root's."""
    for parent in folder.parents:
        try:
            if manifest == "package.json" and (parent / "pnpm-workspace.yaml").is_file():
                return "`pnpm install --lockfile-only --ignore-workspace`"
            if manifest == "package.json" and "workspaces" in json.loads((parent / manifest).read_bytes()):
                return "`npm install --package-lock-only --workspaces=false`"
            if manifest == "pyproject.toml" and _at(
                tomllib.loads((parent / manifest).read_text("utf-8")), _WORKSPACE_OF_UV
            ):
                return "`uv export --no-emit-workspace -o requirements.txt`"
        except (OSError, ValueError, TypeError, RecursionError):
            continue
    return None


def _declared(path: Path, places: Places | None, *, everywhere: bool = False) -> list[str]:
    """Return the names that a manifest declares at these places; ``everywhere`` without those for some machines only.

    Raises ValueError if the manifest is damaged.
    """
    if places is None:
        return []
    try:
        text = path.read_text("utf-8-sig")
    except OSError:
        return []
    if path.suffix in (".in", ".txt"):
        entries: list[Any] = [line.strip() for line in text.splitlines()]
    else:
        try:
            content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        entries = [entry for place in places for entry in _at(content, place)]
    if path.suffix == ".json":
        return [str(entry) for entry in entries if entry]
    lines = [str(entry.get("name", "") if isinstance(entry, dict) else entry) for entry in entries]
    found = [_REQUIREMENT.match(line) for line in lines if not (everywhere and ";" in line)]
    return [name[1] for name in found if name and name[1] != "python"]


def _at(content: Any, place: tuple[str, ...]) -> list[Any]:
    """Return the entries of the list, or the keys of the map, at this place; none if there is neither."""
    for key in place:
        content = content.get(key) if isinstance(content, dict) else None
    return list(content) if isinstance(content, dict | list) else []
