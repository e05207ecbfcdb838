"""One plugin from its first `pulumi up` to `pulumi destroy`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

HELLO = {"hello": {"code": "plugins/hello"}}


def test_a_preview_asks_the_platform_nothing_and_an_up_deploys_what_it_showed(project: Project) -> None:
    project.program('plugin = biot.Plugin("hello", code="plugins/hello")\npulumi.export("url", plugin.endpoint_url)')

    preview = project.preview().succeeded()

    assert preview.steps == {"hello": ["create"]}
    assert project.requests() == []
    assert project.resources() == {}

    up = project.pulumi("up", "--yes", log=True).succeeded()

    shown = project.shown("hello")
    assert up.steps["hello"][-1] == "create"
    assert shown["endpointUrl"] in up.stdout
    assert project.deployed_files("hello") == {"index.js": (project.root / "plugins/hello/index.js").read_bytes()}
    assert [entry["status"] for entry in project.requests("POST")] == [201]
    assert project.resources()["hello"]["id"] == "hello"
    outputs = project.resources()["hello"]["outputs"]
    assert {key: outputs[key] for key in ("version", "endpoint_url", "link_to_console", "deployment_package_type")} == {
        "version": 1,
        "endpoint_url": shown["endpointUrl"],
        "link_to_console": shown["linkToConsole"],
        "deployment_package_type": "ZIP",
    }
    assert (outputs["creation_time"], outputs["last_modified_time"]) == (
        shown["creationTime"],
        shown["lastModifiedTime"],
    )


def test_a_second_preview_and_a_second_up_change_nothing_and_ask_nothing(project: Project) -> None:
    project.declare(HELLO)
    project.up().succeeded()
    project.forget_requests()

    assert project.preview("--expect-no-changes").succeeded().unchanged
    assert project.up("--expect-no-changes").succeeded().unchanged

    assert project.requests() == []


def test_changed_code_is_one_patch_with_the_next_version_and_the_same_endpoint(project: Project) -> None:
    project.file("plugins/hello/lib/names.js", "exports.names = []\n")
    project.declare(HELLO)
    project.up().succeeded()
    before = project.shown("hello")
    project.file("plugins/hello/lib/names.js", "exports.names = ['Ada']\n")
    project.forget_requests()

    preview = project.preview("--diff").succeeded()
    up = project.up().succeeded()

    assert "lib/names.js" in preview.stdout
    assert '"index.js"' not in preview.stdout
    assert up.steps == {"hello": ["update"]}
    (patch,) = project.requests("PATCH", "POST", "PUT", "DELETE")
    assert patch["method"] == "PATCH"
    assert set(patch["config"]) == {"version", "environmentVariables"}
    assert patch["config"]["version"] == 2
    assert set(patch["config"]["environmentVariables"]) == {"PULUMI_BIOT_STAMP"}
    assert [part["name"] for part in patch["parts"] if part["name"] == "code"] == ["code"]
    assert project.deployed_files("hello")["lib/names.js"] == b"exports.names = ['Ada']\n"
    after = project.shown("hello")
    assert after["version"] == 2
    assert (after["endpointUrl"], after["creationTime"]) == (before["endpointUrl"], before["creationTime"])
    assert project.resources()["hello"]["outputs"]["version"] == 2
    assert project.preview("--expect-no-changes").succeeded().unchanged


def test_the_path_of_the_code_may_move_when_the_files_stay_the_same(project: Project) -> None:
    project.declare(HELLO)
    project.up().succeeded()
    (project.root / "plugins").rename(project.root / "functions")
    project.declare({"hello": {"code": "functions/hello"}})
    project.forget_requests()

    assert "hello" not in project.preview().succeeded().steps
    assert "hello" not in project.up().succeeded().steps

    assert project.requests() == []
    assert project.preview("--expect-no-changes").succeeded().unchanged


def test_a_new_name_replaces_the_plugin_and_deletes_the_old_one_first(project: Project) -> None:
    project.declare({"hello": {"name": "first", "code": "plugins/hello"}})
    project.up().succeeded()
    project.declare({"hello": {"name": "second", "code": "plugins/hello"}})
    project.forget_requests()

    preview = project.preview().succeeded()
    project.up().succeeded()

    assert preview.steps["hello"] == ["delete-replaced", "replace", "create-replacement"]
    assert [(e["method"], e["path"].rpartition("/")[2]) for e in project.requests("POST", "DELETE")] == [
        ("DELETE", "Plugin-first"),
        ("POST", "plugins"),
    ]
    assert project.names() == {"second"}
    assert project.resources()["hello"]["id"] == "second"


def test_taking_the_code_away_replaces_the_plugin_since_the_platform_never_goes_back_to_its_seed(
    project: Project,
) -> None:
    project.declare({"hello": {}})
    project.up().succeeded()
    assert project.platform.code("hello") is None
    project.declare(HELLO)
    up = project.up().succeeded()
    assert up.steps == {"hello": ["update"]}
    assert project.platform.code("hello") is not None
    project.declare({"hello": {}})

    up = project.up().succeeded()

    assert up.steps["hello"] == ["delete-replaced", "replace", "create-replacement"]
    assert project.platform.code("hello") is None
    assert project.shown("hello")["version"] == 1


def test_destroy_deletes_the_plugins_and_leaves_an_empty_state(project: Project) -> None:
    project.declare(HELLO | {"seed": {}})
    project.up().succeeded()
    project.platform.plugins.create({"name": "by-hand", "displayName": "By hand", "version": 1}, None, "http://x")

    destroy = project.destroy().succeeded()

    assert destroy.steps == {"hello": ["delete"], "seed": ["delete"]}
    assert project.names() == {"by-hand"}
    assert project.resources() == {}


def test_destroy_takes_a_plugin_that_is_gone_already_as_deleted(project: Project) -> None:
    project.declare(HELLO)
    project.up().succeeded()
    project.platform.plugins.delete("Plugin-hello")

    project.destroy().succeeded()

    assert project.resources() == {}


def test_a_plugin_deleted_behind_pulumis_back_is_made_again_by_an_up_with_refresh(project: Project) -> None:
    project.declare(HELLO)
    project.up().succeeded()
    project.platform.plugins.delete("Plugin-hello")

    up = project.up("--refresh").succeeded()

    assert "create" in up.steps["hello"]
    assert project.names() == {"hello"}
    assert project.deployed_files("hello").keys() == {"index.js"}
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_an_update_of_a_plugin_that_is_gone_creates_it_anew_and_says_so(project: Project) -> None:
    project.declare(HELLO)
    project.up().succeeded()
    project.platform.plugins.delete("Plugin-hello")
    project.declare({"hello": {"code": "plugins/hello", "timeout": 9}})

    assert "warning: plugin 'hello' no longer exists: it is created anew" in project.up().succeeded().output

    assert project.shown("hello")["timeout"] == 9
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_plugin_can_be_read_by_its_name_without_being_managed(project: Project) -> None:
    config = {"name": "by-hand", "displayName": "By hand", "version": 7, "handler": "src/main.run", "timeout": 33}
    project.platform.plugins.create(config, None, "http://x")
    project.program(
        'plugin = biot.Plugin.get("found", "by-hand")\n'
        'pulumi.export("found", pulumi.Output.all(plugin.version, plugin.handler, plugin.timeout))'
    )

    up = project.up().succeeded()

    assert up.steps == {"found": ["read"]}
    outputs = project.pulumi("stack", "output", "--json").succeeded().stdout
    assert json.loads(outputs)["found"] == [7, "src/main.run", 33]
    project.destroy().succeeded()
    assert project.names() == {"by-hand"}

    project.program('biot.Plugin.get("none", "nobodys")')
    project.up().failed("read plugin 'nobodys'", "PLUGIN_NOT_FOUND")
