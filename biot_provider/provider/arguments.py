"""What the resource classes do alike with a program's arguments."""

from __future__ import annotations

import inspect
import os
from typing import Any

import pulumi

_STACK_TYPE = "pulumi:pulumi:Stack"


def owner(resource_name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Input[str]:
    """``project/stack/resource name``, kept in state as ``__owner``: what is unique of the resource's URN.

    Below a parent it is ``project/stack/types::resource name``, the parents' types as they stand in the URN.
    """
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    if opts is None or opts.parent is None:
        return f"{stack}/{resource_name}"
    # Of the URN as text: an output of the parent's own would make the resource depend on it.
    return pulumi.Output.from_input(_below(opts.parent, stack, resource_name))


async def _below(parent: pulumi.Resource, stack: str, resource_name: str) -> str:
    _, _, types, *_ = str(await parent.urn.future()).split("::")  # urn:pulumi:stack::project::types::name
    parents = "$".join(type_ for type_ in types.split("$") if type_ != _STACK_TYPE)
    return f"{stack}/{parents}::{resource_name}" if parents else f"{stack}/{resource_name}"


def reading(id_: pulumi.Input[str], opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """The options of a ``get``: it reads what has this id, and manages nothing."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id_))


def path(value: Any) -> Any:
    """The path alone, of a plain value or of an output: the engine cannot read back an asset in properties."""
    if isinstance(value, pulumi.Output) or inspect.isawaitable(value):
        return pulumi.Output.from_input(value).apply(path)
    if isinstance(value, pulumi.FileArchive):
        return value.path
    return value if value is None else os.fspath(value)
