"""`pulumi import` of what exists, into a program in any language."""

from __future__ import annotations

from typing import Any

import pytest

from biot_provider.api.client import Client

from ..conftest import NATIVE, Project

pytestmark = pytest.mark.story

ROLE = "0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11"


def imported(project: Project, *arguments: str) -> Any:
    return project.pulumi("import", *arguments, "--yes", "--protect=false", "--generate-code=false", "--skip-preview")


def test_a_plugin_is_imported_and_unchanged(project: Project) -> None:
    project.platform.plugins.create(
        {
            "name": "theirs",
            "displayName": "Theirs",
            "version": 7,
            "runtime": "nodejs22.x",
            "timeout": 9,
            "environmentVariables": {"MODE": "by-hand"},
            "subscriptions": {
                "interceptions": [{"type": "PRE_REQUEST", "apiId": "POST/organization/v1/users/patients"}]
            },
        },
        None,
        "http://x",
    )
    project.forget_requests()
    done = imported(project, "biot:index:Plugin", "x", "theirs").succeeded()
    assert "1 imported" in done.output
    assert "by-hand" not in done.output + project.stored_text()
    project.program(
        NATIVE + 'declare("Plugin", "x", name="theirs", displayName="Theirs", timeout=9,'
        ' environmentVariables={"MODE": "by-hand"}, subscriptions={"interceptions": [{"type": "PRE_REQUEST",'
        ' "apiId": "POST/organization/v1/users/patients"}]})'
    )
    preview = project.preview("--diff").succeeded()
    assert preview.unchanged, preview.output
    assert project.requests("POST", "PATCH") == []
    project.destroy().succeeded()
    assert project.names() == set()


@pytest.mark.parametrize("content", ["code", "image"])
def test_a_plugin_that_this_resource_has_deployed_is_imported_with_its_code(project: Project, content: str) -> None:
    """Such as one whose state was lost."""
    project.platform.images.add("wave-1")
    given = 'code="plugins/hello"' if content == "code" else 'imageTag="wave-1"'
    project.program(NATIVE + f'declare("Plugin", "hello", {given})')
    project.up().succeeded()
    (urn,) = [resource["urn"] for resource in project.resources().values()]
    project.pulumi("state", "delete", urn, "--yes").succeeded()
    imported(project, "biot:index:Plugin", "hello", "hello").succeeded()
    project.forget_requests()
    preview = project.preview("--diff").succeeded()
    assert preview.unchanged, preview.output
    up = project.up("--refresh").succeeded()
    assert set(up.changes) == {"same"}, up.output
    assert project.requests("POST", "PATCH") == []


def test_an_image_whose_tag_nobody_knows_stays(project: Project) -> None:
    project.platform.images.add("theirs-1")
    config = {"name": "wave", "displayName": "wave", "version": 1, "timeout": 3, "imageTag": "theirs-1"}
    project.platform.plugins.create(config | {"deploymentPackageType": "IMAGE"}, None, "http://x")
    imported(project, "biot:index:Plugin", "wave", "wave").succeeded()
    project.program(NATIVE + 'declare("Plugin", "wave", imageTag="as-deployed")')
    preview = project.preview("--diff").succeeded()
    assert preview.unchanged, preview.output
    project.program(NATIVE + 'declare("Plugin", "wave", imageTag="as-deployed", timeout=9)')
    project.up().succeeded()
    assert project.shown("wave")["timeout"] == 9
    assert project.preview().succeeded().unchanged


def test_service_users_and_subscriptions_are_imported(project: Project, api: Client) -> None:
    user = api.create_service_user({"name": "ci", "roleId": ROLE, "type": "EXTERNAL_SERVICE"})
    project.program(
        NATIVE + f'declare("NotificationSubscription", "told", entityTypeName="patient", actionName="_create",'
        f' endpoint="https://hooks.example.com/told")\n'
        f'declare("InterceptionSubscription", "pre", type="PRE_REQUEST", endpoint="https://hooks.example.com/pre",'
        f' apiId="POST/organization/v1/users/patients", executionOrder=4)\n'
        f'declare("ServiceUser", "ci", roleId="{ROLE}", type="EXTERNAL_SERVICE")'
    )
    project.up("--target", "**told", "--target", "**pre").succeeded()
    subscriptions = project.resources()
    for resource in subscriptions.values():
        project.pulumi("state", "delete", resource["urn"], "--yes").succeeded()
    for name, resource in subscriptions.items():
        imported(project, resource["type"], name, resource["id"]).succeeded()
    imported(project, "biot:index:ServiceUser", "ci", user.id).succeeded()
    preview = project.preview("--diff").succeeded()
    assert preview.unchanged, preview.output


def test_what_there_is_not_is_one_line_and_no_state(project: Project) -> None:
    before = project.pulumi("stack", "export").stdout
    for type_, id_ in [("Plugin", "nobody"), ("ServiceUser", ROLE), ("NotificationSubscription", "nonsense")]:
        refused = imported(project, f"biot:index:{type_}", "x", id_).failed()
        lines = [line for line in refused.output.splitlines() if "error:" in line]
        assert len({line.partition("error:")[2] for line in lines}) <= 2, refused.output
        assert project.resources() == {}
    assert '"biot:index:' not in before
