"""Which comes first when a plugin is made anew: the delete of the old one, or the create of the new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

DELETE_FIRST = ["delete-replaced", "replace", "create-replacement"]
CREATE_FIRST = ["create-replacement", "replace", "delete-replaced"]


def _urn(project: Project, name: str) -> str:
    return str(project.resources()[name]["urn"])


def test_a_replacement_the_user_forces_leaves_one_new_plugin(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    before = project.shown("hello")
    project.forget_requests()

    up = project.up("--replace", _urn(project, "hello")).succeeded()

    assert up.steps["hello"] == DELETE_FIRST
    assert [entry["method"] for entry in project.requests("POST", "DELETE")] == ["DELETE", "POST"]
    assert project.shown("hello")["endpointUrl"] != before["endpointUrl"]
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_an_image_plugin_under_a_new_name_is_there_before_the_old_one_goes_so_its_image_stays(project: Project) -> None:
    project.declare({"hello": {"name": "first", "image_tag": "image-1"}})
    project.up().succeeded()
    project.program('biot.Plugin("hello", name="second", image_tag="image-1")')

    up = project.up().succeeded()

    assert up.steps["hello"] == CREATE_FIRST
    assert project.names() == {"second"}
    assert "image-1" in project.platform.images.tags()
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_an_image_plugin_under_a_new_name_with_another_image_deletes_the_old_one_first(project: Project) -> None:
    project.declare({"hello": {"name": "first", "image_tag": "image-1"}})
    project.up().succeeded()
    project.declare({"hello": {"name": "second", "image_tag": "image-2"}})

    assert project.up().succeeded().steps["hello"] == DELETE_FIRST
    assert project.names() == {"second"}
    assert project.platform.images.tags().keys() == {"image-2"}


def test_an_image_plugin_is_not_lost_with_its_image_when_the_user_forces_its_replacement(project: Project) -> None:
    project.declare({"hello": {"image_tag": "image-1"}})
    project.up().succeeded()
    before = project.shown("hello")

    up = project.up("--replace", _urn(project, "hello")).succeeded()

    assert up.steps["hello"] == CREATE_FIRST
    assert "plugin 'hello': is kept, not made anew: its replacement has taken it over" in up.output
    assert project.shown("hello")["creationTime"] == before["creationTime"]
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_package_that_becomes_an_image_in_a_forced_replacement_is_there_once(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    project.declare({"hello": {"image_tag": "image-1"}})

    project.up("--replace", _urn(project, "hello")).succeeded()

    assert project.shown("hello")["deploymentPackageType"] == "IMAGE"
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
