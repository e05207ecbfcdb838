"""Declares plugins from ``plugins/<name>/plugin.yaml`` and the stack's overrides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import get_config, get_root_directory

from biot_provider.errors import InputError, coded
from biot_provider.lifecycle.problems import nearest
from biot_provider.plugin.manifest.arguments import MANIFEST_KEYS, PluginManifest
from biot_provider.plugin.manifest.folders import MANIFEST, find_manifests
from biot_provider.plugin.manifest.overrides import read_overrides
from biot_provider.plugin.manifest.yaml_file import read_written
from biot_provider.program.resources.plugin import Plugin

STACK = "stack configuration 'plugins{}'"
"""The place of the overrides in errors, with or without a dot and a plugin's name."""

_CODE = "code"
_NOT_CODE = frozenset({MANIFEST, ".gitignore", ".biotignore", ".git", ".DS_Store", "__pycache__"})


def declare_plugins(
    folder: str | os.PathLike[str] = "plugins",
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> dict[str, Plugin]:
    """Declare a :class:`Plugin` for each ``<folder>/<name>/plugin.yaml``, by its folder's name.

    ``overrides`` maps a plugin's name to the values that differ in this stack, with the keys of plugin.yaml; by default
    it is the stack's configuration ``<project>:plugins``. Maps are merged, lists and values are replaced, null removes
    a value, and ``enabled: false`` is short for ``enabledState: DISABLED``. All mistakes in all files are reported at
    once, including a file that looks like a plugin.yaml but is not one.
    """
    try:
        if overrides is None:
            fleet = read_fleet(Path(folder), _stack_overrides())
        else:
            fleet = read_fleet(Path(folder), overrides, "overrides{}")
    except InputError as error:
        raise pulumi.RunError(str(error)) from None
    return {name: Plugin(name, **arguments, opts=opts) for name, arguments in fleet.items()}


def read_fleet(folder: Path, overrides: Mapping[str, Any], place: str = STACK) -> dict[str, dict[str, Any]]:
    """Return the arguments of each plugin below a folder. Raises InputError with every problem found."""
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
            fleet[name] = _plugin(manifest, overrides.get(name), place.format(f".{name}"), problems)
        except InputError as error:
            problems.append(str(error))
    problems += _shared_names(fleet, manifests)
    if problems:
        raise InputError("\n".join(problems), None)
    return fleet


def read_plugin(manifest: Path, override: Any = None, place: str = "override") -> dict[str, Any]:
    """Return the arguments of the plugin that a plugin.yaml describes, merged with an override from ``place``.

    Raises InputError with every problem found.
    """
    problems: list[str] = []
    arguments = _plugin(manifest, override, place, problems)
    if problems:
        raise InputError("\n".join(problems), None)
    return arguments


def _plugin(manifest: Path, override: Any, override_place: str, problems: list[str]) -> dict[str, Any]:
    """Return the arguments of one plugin, named by default like its folder; add mistakes to ``problems``."""
    place = str(manifest.absolute())
    plugin = PluginManifest(place, read_written(manifest, place), override_place, override)
    arguments = {"name": manifest.absolute().parent.name, **plugin.arguments()}
    code = arguments.get("code")
    if isinstance(code, (str, os.PathLike)) and code:
        arguments["code"] = str(manifest.parent / code)
    elif code is None and "image_tag" not in arguments and (found := _code_beside(manifest)) is not None:
        arguments["code"] = str(found)
    # Pulumi stops at the first resource that fails its check; this reports the mistakes of all files at once.
    plugin.check(arguments, lambda value: isinstance(value, pulumi.Output))
    problems += plugin.problems
    return arguments


def _shared_names(fleet: Mapping[str, Mapping[str, Any]], manifests: Mapping[str, Path]) -> list[str]:
    """Return a problem for each name that two plugins share: a copied folder often keeps its origin's name."""
    first: dict[Any, str] = {}
    problems = []
    for folder, arguments in fleet.items():
        name = arguments["name"]
        if isinstance(name, str) and first.setdefault(name, folder) != folder:
            other = manifests[first[name]].absolute()
            problem = f"{manifests[folder].absolute()}: name: {name!r} is the name of {other} too"
            problems.append(coded(problem, "BIOT-2142"))
    return problems


def _stack_overrides() -> Any:
    # Config.get_object would warn that a part is secret; but the resource keeps variables secret anyway.
    text = get_config(f"{pulumi.get_project()}:plugins")
    if not text:
        return {}
    try:
        return read_overrides(text, Path(get_root_directory()))
    except InputError as error:
        raise InputError(f"{STACK.format('')}: {error.text}", error.message_code) from None


def _code_beside(manifest: Path) -> Path | None:
    """Return the code of a plugin's folder: the folder `code` if there is nothing else, else the plugin's folder."""
    entries = [entry for entry in manifest.parent.iterdir() if entry.name not in _NOT_CODE]
    if not entries:
        return None
    is_folder_of_code = [entry.name for entry in entries] == [_CODE] and entries[0].is_dir()
    return entries[0] if is_folder_of_code else manifest.parent
