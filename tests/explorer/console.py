"""What people do to plugins in the platform's Console, past Pulumi."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from .world import Truth

if TYPE_CHECKING:
    from .world import World

CHANGES: dict[str, tuple[str, Any]] = {
    "timeout": ("timeout", 77),
    "state": ("enabledState", "SUSPENDED"),
    "cors": ("cors.allowMethods[+]", "OPTIONS"),
    "interception": ("subscriptions.interceptions[+]", {"type": "PRE_RESPONSE", "apiId": "GET/a/b"}),
    "no variables": ("environmentVariables", {}),
    "empty variable": ("environmentVariables.MODE", ""),
    "another variable": ("environmentVariables.HAND", "theirs"),
}
EDITS = ("make", "delete", "remake", "remake with code", "remake of an image", "deploy", "creation time", *CHANGES)


def edit(world: World, name: str, what: str) -> None:
    """Do one of EDITS to the plugin of this name, if there is one; `make` needs that there is none."""
    live, platform = world.live(name), world.platform
    if what == "make":
        if live is None:
            platform.plugins.create({"name": name, "displayName": name, "version": 1}, None)
            _note_made(world, name, None)
        return
    if live is None:
        return
    world.edits += 1
    label = f"theirs-{world.edits}"
    if what == "delete":
        platform.edits.delete("plugin", name)
    elif what == "remake of an image":
        platform.images.add(label)
        platform.edits.remake(name, deploymentPackageType="IMAGE", imageTag=label)
        _note_made(world, name, label)
    elif what.startswith("remake"):
        with_code = what.endswith("code")
        platform.edits.remake(name, _zip(label) if with_code else None)
        _note_made(world, name, label if with_code else None)
    elif what == "deploy":
        _deploy(world, name, label, image=live["deploymentPackageType"] == "IMAGE")
    elif what == "creation time":
        platform.edits.change("plugin", name, "creationTime", live["creationTime"].replace("Z", "+00:00"))
    else:
        platform.edits.change("plugin", name, *CHANGES[what])


def _deploy(world: World, name: str, label: str, *, image: bool) -> None:
    if image:
        world.platform.images.add(label)
        world.platform.edits.deploy(name, image_tag=label)
    else:
        world.platform.edits.deploy(name, _zip(label))
    truth = world.truth(name)
    assert truth is not None
    truth.code, truth.deployed_by = label, None


def _note_made(world: World, name: str, code: str | None) -> None:
    live = world.live(name)
    assert live is not None
    world.truths[live["endpointUrl"]] = Truth(set(), None, code)


def _zip(label: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", f"# {label}\n")
    return buffer.getvalue()
