"""``plugins/<name>/plugin.yaml`` and the stack's overrides as the arguments of plugins; Pulumi is not needed for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biot_provider.errors import InputError, coded
from biot_provider.lifecycle.problems import nearest
from biot_provider.plugin.manifest.arguments import MANIFEST_KEYS, PluginManifest
from biot_provider.plugin.manifest.folders import MANIFEST, find_manifests
from biot_provider.plugin.manifest.yaml_file import read_written

STACK = "stack configuration 'plugins{}'"
"""The place of the overrides in errors. ``{}`` is empty, or a dot and a plugin's name."""

_CODE = "code"
_NOT_CODE = frozenset({MANIFEST, ".gitignore", ".biotignore", ".git", ".DS_Store", "__pycache__"})


def _never(_value: Any) -> bool:
    return False


def read_fleet(
    folder: Path,
    overrides: Mapping[str, Any],
    place: str = STACK,
    is_unknown: Callable[[Any], bool] = _never,
) -> dict[str, dict[str, Any]]:
    """Return the arguments of each plugin below a folder. Raises InputError with every problem found.

    ``is_unknown`` returns whether a value of an override is known only in a run of the program.
    """
    problems: list[str] = []
    manifests = {manifest.parent.name: manifest for manifest in find_manifests(folder, MANIFEST_KEYS, problems)}
    if not isinstance(overrides, Mapping):
        problems.append(coded(f"{place.format('')}: must be a map of plugin names", "BIOT-2154"))
        overrides = {}
    for name in overrides if manifests else ():
        if name not in manifests:
            near = nearest(name, list(manifests))
            problems.append(coded(f"{place.format('')}: no plugin {name!r} in {folder.absolute()}{near}", "BIOT-2163"))
    fleet: dict[str, dict[str, Any]] = {}
    for name, manifest in manifests.items():
        try:
            fleet[name] = _plugin(manifest, overrides.get(name), place.format(f".{name}"), problems, is_unknown)
        except InputError as error:
            problems.append(str(error))
    problems += _shared_names(fleet, manifests)
    if problems:
        raise InputError("\n".join(problems), None)
    return fleet


def read_plugin(manifest: Path, override: Any = None, place: str = "override") -> dict[str, Any]:
    """Return the arguments of the plugin that a plugin.yaml describes, changed by an override.

    ``place`` is the override's place in errors. Raises InputError with every problem found.
    """
    problems: list[str] = []
    arguments = _plugin(manifest, override, place, problems, _never)
    if problems:
        raise InputError("\n".join(problems), None)
    return arguments


def _plugin(
    manifest: Path, override: Any, override_place: str, problems: list[str], is_unknown: Callable[[Any], bool]
) -> dict[str, Any]:
    """Return the arguments of one plugin, by default named as its folder; add their mistakes to the problems."""
    place = str(manifest.absolute())
    plugin = PluginManifest(place, read_written(manifest, place), override_place, override)
    arguments = {"name": manifest.absolute().parent.name, **plugin.arguments()}
    code = arguments.get("code")
    if isinstance(code, (str, os.PathLike)) and code:
        arguments["code"] = str(manifest.parent / code)
    elif code is None and "image_tag" not in arguments and (found := _code_beside(manifest)) is not None:
        arguments["code"] = str(found)
    # Pulumi stops at the first resource whose check fails; here the mistakes of all files come at once.
    plugin.check(arguments, is_unknown)
    problems += plugin.problems
    return arguments


def _shared_names(fleet: Mapping[str, Mapping[str, Any]], manifests: Mapping[str, Path]) -> list[str]:
    """Return the problems of plugins with the same name: a copied folder often keeps the name of its origin."""
    first: dict[Any, str] = {}
    problems = []
    for folder, arguments in fleet.items():
        name = arguments["name"]
        if isinstance(name, str) and first.setdefault(name, folder) != folder:
            other = manifests[first[name]].absolute()
            problem = f"{manifests[folder].absolute()}: name: {name!r} is the name of {other} too"
            problems.append(coded(problem, "BIOT-2142"))
    return problems


def _code_beside(manifest: Path) -> Path | None:
    """Return a plugin's code: its folder `code` if that is all there is, else its folder; None for an empty folder."""
    entries = [entry for entry in manifest.parent.iterdir() if entry.name not in _NOT_CODE]
    if not entries:
        return None
    is_folder_of_code = [entry.name for entry in entries] == [_CODE] and entries[0].is_dir()
    return entries[0] if is_folder_of_code else manifest.parent
