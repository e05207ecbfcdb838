"""One plugin from its first `pulumi preview` to `pulumi destroy`, and what a program reads of others."""

from __future__ import annotations

import io
import secrets
import zipfile

from .conftest import HANDLER, Project

FILE = "plugins/hello/index.js"


def _program(project: Project, folder: str, timeout: int = 3) -> None:
    project.program(
        f'plugin = biot.Plugin("hello", code={folder!r}, timeout={timeout})\npulumi.export("url", plugin.endpoint_url)'
    )


def test_a_plugin_from_its_first_preview_to_its_destroy(project: Project) -> None:
    _program(project, "plugins/hello")
    preview = project.preview().succeeded()
    assert preview.steps == {"hello": ["create"]}
    assert (project.requests(), project.resources()) == ([], {})

    up = project.up().succeeded()
    created = project.shown("hello")
    assert created["endpointUrl"] in up.stdout
    assert project.deployed_files("hello") == {"index.js": HANDLER.encode()}
    assert [entry["status"] for entry in project.requests("POST")] == [201]
    state = project.resources()["hello"]
    assert state["id"] == "hello"
    for output, member in (
        ("version", "version"),
        ("endpoint_url", "endpointUrl"),
        ("link_to_console", "linkToConsole"),
        ("deployment_package_type", "deploymentPackageType"),
        ("creation_time", "creationTime"),
        ("last_modified_time", "lastModifiedTime"),
    ):
        assert state["outputs"][output] == created[member]

    _the_same_files_in_another_folder_are_no_change(project)
    _changed_code_is_one_patch_with_the_next_version(project)
    after = project.shown("hello")
    assert (after["endpointUrl"], after["creationTime"]) == (created["endpointUrl"], created["creationTime"])
    _code_of_others_shows_in_a_refresh_and_the_next_up_deploys_ours(project)

    project.platform.plugins.delete("Plugin-hello")
    _program(project, "functions/hello", timeout=9)
    assert "warning: plugin 'hello' no longer exists: it is created anew" in project.up().succeeded().output
    assert project.shown("hello")["timeout"] == 9

    project.platform.plugins.delete("Plugin-hello")
    assert "create" in project.up("--refresh").succeeded().steps["hello"]
    assert project.deployed_files("hello").keys() == {"index.js", "lib/names.js"}

    project.platform.plugins.create({"name": "by-hand", "displayName": "By hand", "version": 1}, None, "http://x")
    assert project.destroy().succeeded().steps == {"hello": ["delete"]}
    assert project.names() == {"by-hand"}
    assert project.resources() == {}


def _the_same_files_in_another_folder_are_no_change(project: Project) -> None:
    (project.root / "plugins").rename(project.root / "functions")
    _program(project, "functions/hello")
    project.forget_requests()
    unchanged = project.up("--expect-no-changes").succeeded()
    assert unchanged.steps == {}
    assert project.requests() == []


def _changed_code_is_one_patch_with_the_next_version(project: Project) -> None:
    project.file("functions/hello/lib/names.js", "exports.names = ['Ada']\n")
    preview = project.preview("--diff").succeeded()
    assert "lib/names.js" in preview.stdout
    assert '"index.js"' not in preview.stdout

    assert project.up().succeeded().steps == {"hello": ["update"]}
    (patch,) = project.requests("PATCH", "POST", "PUT", "DELETE")
    assert set(patch["config"]) == {"version", "environmentVariables"}
    assert patch["config"]["version"] == 2
    assert [part["name"] for part in patch["parts"] if part["name"] == "code"] == ["code"]
    assert project.deployed_files("hello")["lib/names.js"] == b"exports.names = ['Ada']\n"
    assert project.resources()["hello"]["outputs"]["version"] == project.shown("hello")["version"] == 2


def _code_of_others_shows_in_a_refresh_and_the_next_up_deploys_ours(project: Project) -> None:
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("index.js", "theirs")
    project.platform.plugins.update("Plugin-hello", {"version": 5}, foreign.getvalue())
    assert project.refresh().succeeded().changes["update"] == 1
    assert project.resources()["hello"]["outputs"]["code_digest"] == "deployed elsewhere as version 5"
    assert project.up().succeeded().steps == {"hello": ["update"]}
    assert project.shown("hello")["version"] == 6
    assert project.deployed_files("hello")["index.js"] == HANDLER.encode()


READING = """
found = biot.Plugin.get("found", "old-007")
one = biot.get_plugin("old-007")
assert one.environment_variables == {"TOKEN": one.environment_variables["TOKEN"]}
pulumi.export("found", pulumi.Output.all(found.version, found.handler, found.timeout))
pulumi.export("one", [one.name, one.version, one.memory_size, repr(one)])
pulumi.export("all", len({plugin.name for plugin in biot.list_plugins()}))
pulumi.export("big", len(biot.list_plugins(filters={"memorySize": {"gte": 512}})))
pulumi.export("last", biot.list_plugins(sort=[{"prop": "name", "order": "DESC"}], free_text="old")[0].name)
"""


def test_a_program_reads_plugins_that_it_does_not_manage(project: Project) -> None:
    canary = secrets.token_hex(16)
    for number in range(103):  # more than one page
        config = {
            "name": f"old-{number:03}",
            "displayName": f"Old {number}",
            "version": 7,
            "handler": "src/main.run",
            "timeout": 33,
            "memorySize": 512 if number % 2 else 128,
            "environmentVariables": {"TOKEN": canary},
        }
        project.platform.plugins.create(config, None, "http://embedded")
    before = project.names()
    project.program(READING)

    assert project.up().succeeded().steps == {"found": ["read"]}

    outputs = project.outputs()
    assert canary not in str(outputs)
    assert outputs["found"] == [7, "src/main.run", 33]
    assert outputs["one"][:3] == ["old-007", 7, 512]
    assert {name: outputs[name] for name in ("all", "big", "last")} == {"all": 103, "big": 51, "last": "old-102"}
    project.destroy().succeeded()
    assert project.names() == before

    for reading in ('biot.Plugin.get("none", "nowhere")', 'biot.get_plugin("nowhere")'):
        project.program(reading)
        project.preview().failed("read plugin 'nowhere'", "404 PLUGIN_NOT_FOUND", "trace id")


def test_a_refresh_of_many_plugins_is_one_search_and_a_read_of_what_has_changed(project: Project) -> None:
    project.declare({f"p{number}": {"environment_variables": {"MODE": "strict"}} for number in range(12)})
    project.up().succeeded()
    project.forget_requests()
    assert project.refresh().succeeded().unchanged
    assert len(project.requests("GET")) <= 3

    project.platform.plugins.update("Plugin-p7", {"timeout": 99}, None)
    changed = project.refresh().succeeded()
    assert changed.changes["update"] == 1
    assert project.resources()["p7"]["outputs"]["timeout"] == 99
