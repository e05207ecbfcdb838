"""How all resource classes treat a program's arguments."""

from __future__ import annotations

import inspect
import os
from typing import Any

import pulumi

from biot_provider.errors import coded
from biot_provider.lifecycle.owner import Urn, owner_of

FilePath = str | os.PathLike[str] | pulumi.FileArchive
"""The types of an argument that is a path."""


def owner(resource_name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Input[str]:
    """Return the unique part of the resource's URN: ``project/stack/resource name``, kept in state as ``__owner``.

    Below a parent it is ``project/stack/types::resource name``, with the parents' types as in the URN.
    """
    if opts is None or opts.parent is None:
        return owner_of(pulumi.get_project(), pulumi.get_stack(), (), resource_name)
    # From the URN's text: an output of the parent would make the resource depend on the parent.
    return pulumi.Output.from_input(_below(opts.parent, pulumi.get_project(), pulumi.get_stack(), resource_name))


async def _below(parent: pulumi.Resource, project: str, stack: str, resource_name: str) -> str:
    urn = Urn.parse(str(await parent.urn.future()))
    return owner_of(project, stack, urn.types if urn else (), resource_name)


def path(value: Any) -> Any:
    """Return an argument's path as text, from a plain value or an output: the engine cannot keep assets in properties.

    Raises pulumi.RunError for an archive or asset without a path, with what to write instead.
    """
    if isinstance(value, pulumi.Output) or inspect.isawaitable(value):
        return pulumi.Output.from_input(value).apply(path)
    if isinstance(value, pulumi.FileArchive | pulumi.FileAsset):
        return value.path
    if isinstance(value, pulumi.AssetArchive) and [os.path.normpath(name) for name in value.assets] == ["."]:
        return path(next(iter(value.assets.values())))
    if isinstance(value, pulumi.Archive | pulumi.Asset):
        kind = f"pulumi.{type(value).__name__}"
        if isinstance(value, pulumi.AssetArchive) and value.assets:
            kind += f" of {', '.join(value.assets)[:80]}"
        raise pulumi.RunError(
            coded(
                f"code must be the path of a folder or a .zip, not a {kind}: put the files into one folder, and give"
                " its path, such as code='plugins/hello'",
                "BIOT-2141",
            )
        )
    return os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else value
