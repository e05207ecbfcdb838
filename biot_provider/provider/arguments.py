"""What the resource classes do alike with a program's arguments."""

from __future__ import annotations

import inspect
import os
from typing import Any

import pulumi


def owner(resource_name: str) -> str:
    """``project/stack/resource name``, kept in state as ``__owner``."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}/{resource_name}"


def reading(id_: pulumi.Input[str], opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """The options of a ``get``: it reads what has this id, and manages nothing."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id_))


def path(value: Any) -> Any:
    """The path alone, of a plain value or of an output: the engine cannot read back an asset in properties."""
    if isinstance(value, pulumi.Output) or inspect.isawaitable(value):
        return pulumi.Output.from_input(value).apply(path)
    if isinstance(value, pulumi.FileArchive):
        return value.path
    return os.fspath(value) if isinstance(value, os.PathLike) else value
