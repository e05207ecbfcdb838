"""``plugins/<name>/plugin.yaml`` and the stack's overrides become declared plugins."""

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

    ``overrides`` maps a plugin's name to what differs in this stack, in the same names; left out, it is the
    stack's configuration ``<project>:plugins``. Maps are merged, lists and values are replaced, null takes a
    value away, and ``enabled: false`` is short for ``enabledState: DISABLED``. Every mistake in every file is
    reported at once, and so is a file that looks like a plugin.yaml and is none.
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
    # Config.get_object would warn that a part is secret; the resource itself keeps variables secret.
    text = get_config(f"{pulumi.get_project()}:plugins")
    if not text:
        return {}
    try:
        return read_overrides(text, Path(get_root_directory()))
    except InputError as error:
        raise InputError(f"{STACK.format('')}: {error.text}", error.message_code) from None
