"""The version of a plugin, managed or given by hand, and plugins that are images."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project


def _code(project: Project, content: str, version: int | None = None) -> None:
    project.file("plugins/hello/index.js", content)
    given = {} if version is None else {"version": version}
    project.declare({"hello": {"code": "plugins/hello"} | given})


def test_a_version_given_by_hand_is_sent_with_the_code_it_belongs_to(project: Project) -> None:
    _code(project, "one", 7)
    project.up().succeeded()
    assert project.shown("hello")["version"] == 7
    _code(project, "two", 9)

    project.up().succeeded()

    assert project.shown("hello")["version"] == 9
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
    _code(project, "three")
    project.up().succeeded()
    assert project.shown("hello")["version"] == 10


def test_a_version_that_the_platform_would_refuse_is_an_error_of_the_preview(project: Project) -> None:
    _code(project, "one", 7)
    project.up().succeeded()
    before = project.state_text()
    project.forget_requests()

    for content, version, rule in (
        ("two", 7, "has new code, so its version must be above 7, not 7"),
        ("two", 6, "has new code, so its version must be above 7, not 6"),
        ("one", 8, "has no new code, so its version must stay 7, not 8"),
        ("one", 6, "has no new code, so its version must stay 7, not 6"),
    ):
        _code(project, content, version)
        project.preview().failed(f"version: plugin 'hello' {rule}", "leave version out")
    project.up().failed("has no new code, so its version must stay 7, not 6")

    assert project.requests() == []
    assert project.state_text() == before


def test_a_version_taken_over_by_hand_at_its_present_value_changes_nothing(project: Project) -> None:
    _code(project, "one")
    project.up().succeeded()
    _code(project, "two")
    project.up().succeeded()
    project.forget_requests()
    _code(project, "two", 2)

    up = project.up().succeeded()

    assert project.requests("PATCH", "POST", "DELETE") == []
    assert "hello" not in up.steps
    assert project.preview("--expect-no-changes").succeeded().unchanged


def test_an_image_plugin_is_deployed_by_its_tag_and_a_new_tag_is_the_next_version(project: Project) -> None:
    project.declare({"hello": {"image_tag": "image-1"}})
    project.up().succeeded()
    created = project.requests("POST")[0]["config"]
    assert (created["deploymentPackageType"], created["imageTag"]) == ("IMAGE", "image-1")
    assert created.keys().isdisjoint({"runtime", "handler"})
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
    before = project.shown("hello")
    project.declare({"hello": {"image_tag": "image-2"}})
    project.forget_requests()

    up = project.up().succeeded()

    (patch,) = project.requests("PATCH", "POST", "DELETE")
    assert up.steps == {"hello": ["update"]}
    assert (patch["config"]["imageTag"], patch["config"]["version"]) == ("image-2", 2)
    assert set(patch["config"]) == {"imageTag", "version", "environmentVariables"}
    assert project.shown("hello")["endpointUrl"] == before["endpointUrl"]
    assert project.resources()["hello"]["outputs"]["image_tag"] == "image-2"
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_going_from_a_package_to_an_image_and_back_replaces_the_plugin(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    for given, kind in (({"image_tag": "image-1"}, "IMAGE"), ({"code": "plugins/hello"}, "ZIP")):
        project.declare({"hello": given})
        up = project.up().succeeded()
        assert up.steps["hello"] == ["delete-replaced", "replace", "create-replacement"]
        assert project.shown("hello")["deploymentPackageType"] == kind
        assert project.shown("hello")["version"] == 1
    assert project.preview("--expect-no-changes").succeeded().unchanged


@pytest.mark.parametrize("with_stamp", [True, False])
def test_code_that_somebody_else_deployed_shows_in_a_refresh_and_the_next_up_deploys_ours_again(
    project: Project, with_stamp: bool
) -> None:
    project.config["biot:stamp"] = "true" if with_stamp else "false"
    _code(project, "ours")
    project.up().succeeded()
    stamp = [key for key in project.shown("hello")["environmentVariables"] if key == "PULUMI_BIOT_STAMP"]
    assert bool(stamp) is with_stamp
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("index.js", "theirs")
    project.platform.plugins.update("Plugin-hello", {"version": 5}, foreign.getvalue())

    refresh = project.refresh().succeeded()
    assert refresh.changes["update"] == 1
    assert project.resources()["hello"]["outputs"]["code_digest"] == "deployed elsewhere as version 5"
    preview = project.preview().succeeded()
    assert preview.steps == {"hello": ["update"]}
    project.forget_requests()

    project.up().succeeded()

    (patch,) = project.requests("PATCH", "POST", "DELETE")
    assert patch["config"]["version"] == 6
    assert project.deployed_files("hello") == {"index.js": b"ours"}
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
