"""Which comes first when a plugin is made anew: the delete of the old one, or the create of the new one."""

from __future__ import annotations

from .conftest import Project

DELETE_FIRST = ["delete-replaced", "replace", "create-replacement"]
CREATE_FIRST = ["create-replacement", "replace", "delete-replaced"]


def test_a_plugin_made_anew_is_there_once_and_keeps_its_image(project: Project) -> None:
    code = {"code": "plugins/hello"}
    project.declare(
        {
            "renamed": code | {"name": "renamed-1"},
            "uncoded": code,
            "renamed-image": {"name": "renamed-image-1", "image_tag": "image-1"},
            "other-image": {"name": "other-image-1", "image_tag": "image-2"},
            "forced": code,
            "forced-image": {"image_tag": "image-4"},
            "becomes-image": code,
        }
    )
    project.up().succeeded()
    before = {name: project.shown(name) for name in ("forced", "forced-image")}
    urns = [project.resources()[name]["urn"] for name in ("forced", "forced-image", "becomes-image")]
    project.declare(
        {
            "renamed": code | {"name": "renamed-2"},
            "uncoded": {},
            "renamed-image": {"name": "renamed-image-2", "image_tag": "image-1"},
            "other-image": {"name": "other-image-2", "image_tag": "image-3"},
            "forced": code,
            "forced-image": {"image_tag": "image-4"},
            "becomes-image": {"image_tag": "image-5"},
        }
    )
    up = project.up(*(word for urn in urns for word in ("--replace", urn))).succeeded()

    steps = up.steps
    assert {name for name, found in steps.items() if found == DELETE_FIRST} == {
        "renamed", "uncoded", "other-image", "forced",
    }  # fmt: skip
    # The platform deletes an image with the last plugin that runs it, so the new plugin has to be there first.
    assert {name for name, found in steps.items() if found == CREATE_FIRST} >= {"renamed-image", "forced-image"}
    assert project.names() == {
        "renamed-2", "uncoded", "renamed-image-2", "other-image-2", "forced", "forced-image", "becomes-image",
    }  # fmt: skip
    assert project.platform.images.tags().keys() == {"image-1", "image-3", "image-4", "image-5"}
    assert project.platform.code("uncoded") is None
    assert project.shown("forced")["endpointUrl"] != before["forced"]["endpointUrl"]
    assert "plugin 'forced-image': is kept, not made anew: its replacement has taken it over" in up.output
    assert project.shown("forced-image")["creationTime"] == before["forced-image"]["creationTime"]
    assert project.shown("becomes-image")["deploymentPackageType"] == "IMAGE"
    assert project.resources()["renamed"]["id"] == "renamed-2"
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
