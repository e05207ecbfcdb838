"""Declares plugins from ``plugins/<name>/plugin.yaml`` and the stack's overrides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import get_config, get_root_directory

from biot_provider.errors import InputError
from biot_provider.plugin.manifest.fleet import STACK, read_fleet
from biot_provider.plugin.manifest.overrides import read_overrides
from biot_provider.program.resources.plugin import Plugin


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
            fleet = read_fleet(Path(folder), _stack_overrides(), is_unknown=is_output)
        else:
            fleet = read_fleet(Path(folder), overrides, "overrides{}", is_output)
    except InputError as error:
        raise pulumi.RunError(str(error)) from None
    return {name: Plugin(name, **arguments, opts=opts) for name, arguments in fleet.items()}


def is_output(value: Any) -> bool:
    """Whether only the run of the program gives a value."""
    return isinstance(value, pulumi.Output)


def _stack_overrides() -> Any:
    # Config.get_object would warn that a part is secret; but the resource keeps variables secret anyway.
    text = get_config(f"{pulumi.get_project()}:plugins")
    if not text:
        return {}
    try:
        return read_overrides(text, Path(get_root_directory()))
    except InputError as error:
        raise InputError(f"{STACK.format('')}: {error.text}", error.message_code) from None
