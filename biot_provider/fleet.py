"""``plugins/<name>/plugin.yaml`` and the stack's overrides become declared plugins.

A plugin.yaml uses the API's own names: the JSON of the platform's documentation, pasted as it is, is valid.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import get_config

from biot_provider.errors import InputError
from biot_provider.models import UNDECLARED, PluginInputs
from biot_provider.provider.plugin_resource import Plugin
from biot_provider.rules import nearest, plugin_problems, snake
from biot_provider.yaml_file import read_yaml

MANIFEST = "plugin.yaml"

_NOT_CODE = frozenset({MANIFEST, ".gitignore", ".biotignore", ".git", ".DS_Store", "__pycache__"})
_ARGUMENTS = {str(field.alias): name for name, field in PluginInputs.model_fields.items() if name not in UNDECLARED}
_EXTRA = frozenset({"deploymentPackageType", "enabled"})


def declare_plugins(
    folder: str | os.PathLike[str] = "plugins",
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> dict[str, Plugin]:
    """Declare a :class:`Plugin` for each ``<folder>/<name>/plugin.yaml``, by its folder's name.

    ``overrides`` maps a plugin's name to what differs in this stack, in the same names; left out, it is the
    stack's configuration ``<project>:plugins``. Maps are merged, lists and values are replaced, null takes a
    value away, and ``enabled: false`` is short for ``enabledState: DISABLED``. Every mistake in every file is
    reported at once.
    """
    if overrides is None:
        overrides = _stack_overrides()
    try:
        fleet = read_fleet(Path(folder), overrides)
    except InputError as error:
        raise pulumi.RunError(str(error)) from None
    return {name: Plugin(name, **arguments, opts=opts) for name, arguments in fleet.items()}


def read_fleet(folder: Path, overrides: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The arguments of each plugin below a folder. Raises InputError with every problem found."""
    if not folder.is_dir():
        raise InputError(f"plugins: the folder {str(folder)!r} does not exist: create {folder}/<name>/{MANIFEST}")
    problems: list[str] = []
    fleet: dict[str, dict[str, Any]] = {}
    manifests = sorted(folder.glob(f"*/{MANIFEST}"))
    names = [manifest.parent.name for manifest in manifests]
    if not isinstance(overrides, Mapping):
        raise InputError("stack configuration 'plugins': must be a map of plugin names")
    for name in overrides:
        if name not in names:
            problems.append(f"stack configuration 'plugins': no plugin {name!r} in {folder}{nearest(name, names)}")
    for manifest in manifests:
        name = manifest.parent.name
        try:
            fleet[name] = _plugin(manifest, overrides.get(name) or {}, problems)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return fleet


def read_plugin(manifest: Path) -> dict[str, Any]:
    """The arguments of the plugin that this plugin.yaml describes. Raises InputError with every problem found."""
    problems: list[str] = []
    arguments = _plugin(manifest, {}, problems)
    if problems:
        raise InputError("\n".join(problems))
    return arguments


def _plugin(manifest: Path, override: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """The arguments of one plugin, named as its folder; what is wrong with them is added to the problems."""
    name = manifest.absolute().parent.name
    declared = _arguments(read_yaml(manifest, str(manifest)), str(manifest), problems)
    differs = _arguments(override, f"stack configuration 'plugins.{name}'", problems)
    arguments = _merged(declared, differs)
    if "code" in arguments:
        arguments["code"] = str(manifest.parent / str(arguments["code"]))
    elif "image_tag" not in arguments and _has_code(manifest.parent):
        arguments["code"] = str(manifest.parent)
    arguments = {"name": name, **arguments}
    # Pulumi stops at the first resource whose check fails; here the mistakes of all files come at once.
    found = plugin_problems(arguments, lambda _: False)
    problems += [f"{manifest}: {_camel_path(problem.path)}: {problem.text}" for problem in found]
    return arguments


def _stack_overrides() -> Mapping[str, Any]:
    # Config.get_object would warn that a part is secret; the resource itself keeps variables secret.
    text = get_config(f"{pulumi.get_project()}:plugins")
    try:
        overrides: Mapping[str, Any] = json.loads(text) if text else {}
    except ValueError:
        raise pulumi.RunError("stack configuration 'plugins': must be a map of plugin names") from None
    return overrides


def _arguments(values: Any, place: str, problems: list[str]) -> dict[str, Any]:
    """Camel case to the resource's arguments; unknown keys become problems, with the nearest right one."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InputError(f"{place}: must be a map such as 'displayName: My plugin'")
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key == "enabled" and isinstance(value, bool):
            arguments["enabled_state"] = "ENABLED" if value else "DISABLED"
        elif key == "enabled":
            problems.append(f"{place}: enabled: must be true or false, not {value!r}")
        elif key == "deploymentPackageType":
            problem = _package_type_problem(value, values.get("imageTag"))
            problems += [f"{place}: deploymentPackageType: {problem}"] if problem else []
        elif key in _ARGUMENTS:
            arguments[_ARGUMENTS[key]] = _plain(value, variables=key == "environmentVariables")
        else:
            problems.append(f"{place}: {key}: unknown key" + nearest(key, sorted({*_ARGUMENTS, *_EXTRA})))
    return arguments


def _package_type_problem(value: Any, image_tag: Any) -> str | None:
    """The package type follows from imageTag; written out, it must agree."""
    if value not in ("ZIP", "IMAGE"):
        return f"must be ZIP or IMAGE, not {value!r}"
    if value == "IMAGE" and image_tag is None:
        return "IMAGE needs an imageTag"
    return "ZIP does not go with imageTag" if value == "ZIP" and image_tag is not None else None


def _plain(value: Any, *, variables: bool = False) -> Any:
    """Keys in snake case, except a variable's own name; a whole number given to a variable is its text."""
    if isinstance(value, Mapping):
        if variables:
            return {str(k): str(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in value.items()}
        return {snake(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _camel_path(path: str) -> str:
    head, dot, variable = path.partition("environment_variables.")
    if dot:
        return f"environmentVariables.{variable}"
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), head)


def _merged(declared: Mapping[str, Any], differs: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(declared)
    for key, value in differs.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return {key: value for key, value in merged.items() if value is not None}


def _has_code(folder: Path) -> bool:
    return any(entry.name not in _NOT_CODE for entry in folder.iterdir())
