"""Which comes first when a plugin is made anew: the delete of the old one, or the create of the new one."""

from __future__ import annotations

from typing import Any

from .conftest import Project, Result

DELETE_FIRST = ["delete-replaced", "replace", "create-replacement"]
CREATE_FIRST = ["create-replacement", "replace", "delete-replaced"]
CODE = {"code": "plugins/hello"}
BEFORE: dict[str, dict[str, Any]] = {
    "renamed": CODE | {"name": "renamed-1"},
    "uncoded": CODE,
    "renamed-image": {"name": "renamed-image-1", "image_tag": "image-1"},
    "other-image": {"name": "other-image-1", "image_tag": "image-2"},
    "forced": CODE,
    "forced-image": {"image_tag": "image-4"},
    "becomes-image": CODE,
}
AFTER: dict[str, dict[str, Any]] = {
    "renamed": CODE | {"name": "renamed-2"},
    "uncoded": {},
    "renamed-image": {"name": "renamed-image-2", "image_tag": "image-1"},
    "other-image": {"name": "other-image-2", "image_tag": "image-3"},
    "forced": CODE,
    "forced-image": {"image_tag": "image-4"},
    "becomes-image": {"image_tag": "image-5"},
}


def forced(project: Project) -> list[str]:
    """The options of `pulumi up` that have the plugins made anew whose arguments do not ask for it."""
    urns = [project.resources()[name]["urn"] for name in ("forced", "forced-image", "becomes-image")]
    return [word for urn in urns for word in ("--replace", urn)]


def check(project: Project, up: Result, shown_before: dict[str, dict[str, Any]]) -> None:
    """Each plugin is there once, and keeps its image."""
    steps = {name: up.steps[name] for name in AFTER}
    assert {name for name, found in steps.items() if found == DELETE_FIRST} == {
        "renamed", "uncoded", "other-image", "forced",
    }  # fmt: skip
    # The platform deletes an image with the last plugin that runs it, so the new plugin has to be there first.
    assert {name for name, found in steps.items() if found == CREATE_FIRST} >= {"renamed-image", "forced-image"}
    assert {given.get("name", name) for name, given in AFTER.items()} <= project.names()
    assert not {given["name"] for given in BEFORE.values() if "name" in given} & project.names()
    assert project.platform.images.tags().keys() == {"image-1", "image-3", "image-4", "image-5"}
    assert project.platform.code("uncoded") is None
    assert project.shown("forced")["endpointUrl"] != shown_before["forced"]["endpointUrl"]
    assert "plugin 'forced-image': is kept, not made anew: its replacement has taken it over" in up.output
    assert project.shown("forced-image")["creationTime"] == shown_before["forced-image"]["creationTime"]
    assert project.shown("becomes-image")["deploymentPackageType"] == "IMAGE"
    assert project.resources()["renamed"]["id"] == "renamed-2"
