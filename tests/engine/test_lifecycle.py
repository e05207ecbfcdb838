"""Plugins from their first `pulumi preview` to `pulumi destroy`, beside what the program only reads."""

from __future__ import annotations

import io
import secrets
import zipfile

from .conftest import HANDLER, Project

FLEET = [f"p{number}" for number in range(12)]
PROGRAM = """
hello = biot.Plugin("hello", code={folder!r}, timeout={timeout})
pulumi.export("url", hello.endpoint_url)
biot.Plugin("vanished", timeout={timeout})
biot.Plugin("lost")
for number in range(12):
    biot.Plugin(f"p{{number}}", environment_variables={{"MODE": "strict"}})
"""
READING = """
found = biot.Plugin.get("found", "old-007")
one = biot.get_plugin("old-007")
assert one.environment_variables == {"TOKEN": one.environment_variables["TOKEN"]}
pulumi.export("found", pulumi.Output.all(found.version, found.handler, found.timeout))
pulumi.export("one", [one.name, one.version, one.memory_size, repr(one)])
pulumi.export("all", len({plugin.name for plugin in biot.list_plugins()}))
pulumi.export("big", len(biot.list_plugins(filters={"memorySize": {"gte": 512}})))
pulumi.export("last", biot.list_plugins(sort=[{"prop": "name", "order": "DESC"}], free_text="old")[0].name)
try:
    biot.get_plugin("nowhere")
except pulumi.RunError as error:
    pulumi.export("nowhere", str(error))
"""


def _program(project: Project, folder: str, timeout: int = 3, more: str = "") -> None:
    project.program(PROGRAM.format(folder=folder, timeout=timeout) + more)


def test_plugins_from_their_first_preview_to_their_destroy(project: Project) -> None:
    _program(project, "plugins/hello")
    preview = project.preview().succeeded()
    assert preview.steps == {name: ["create"] for name in ("hello", "vanished", "lost", *FLEET)}
    assert (project.requests(), project.resources()) == ([], {})

    up = project.up().succeeded()
    created = project.shown("hello")
    assert created["endpointUrl"] in up.stdout
    assert project.deployed_files("hello") == {"index.js": HANDLER.encode()}
    assert [entry["status"] for entry in project.requests("POST")] == [201] * len(preview.steps)
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

    _a_refresh_of_many_is_one_search_and_a_read_of_what_has_changed(project)
    _changed_code_is_one_patch_with_the_next_version(project)
    after = project.shown("hello")
    assert (after["endpointUrl"], after["creationTime"]) == (created["endpointUrl"], created["creationTime"])
    _what_others_did_shows_in_a_refresh_and_is_made_good_and_others_plugins_are_read(project)

    project.forget_requests()
    destroyed = project.destroy().succeeded()
    assert destroyed.steps == {name: ["delete"] for name in preview.steps} | {"found": ["discard"]}
    deleted = [entry["path"].rpartition("/Plugin-")[2] for entry in project.requests("DELETE")]
    assert sorted(deleted) == sorted(preview.steps)
    assert project.resources() == {}


def _a_refresh_of_many_is_one_search_and_a_read_of_what_has_changed(project: Project) -> None:
    project.platform.plugins.update("Plugin-p7", {"timeout": 99}, None)
    project.forget_requests()
    changed = project.refresh().succeeded()
    assert changed.changes == {"update": 1, "same": len(FLEET) + 3}
    assert project.resources()["p7"]["outputs"]["timeout"] == 99
    assert len(project.requests("GET")) <= 4
    assert project.requests("POST", "PATCH", "DELETE") == []


def _changed_code_is_one_patch_with_the_next_version(project: Project) -> None:
    """The folder is another one too, and a plugin was deleted by hand."""
    (project.root / "plugins").rename(project.root / "functions")
    project.file("functions/hello/lib/names.js", "exports.names = ['Ada']\n")
    project.platform.plugins.delete("Plugin-vanished")
    _program(project, "functions/hello")
    project.program(
        (project.root / "__main__.py").read_text().replace('"vanished", timeout=3', '"vanished", timeout=9')
    )
    project.forget_requests()
    up = project.up("--diff").succeeded()
    assert "lib/names.js" in up.stdout
    assert '"index.js"' not in up.stdout
    assert up.steps == {name: ["update"] for name in ("hello", "vanished", "p7")}
    (patch,) = [entry for entry in project.requests("PATCH", "PUT") if entry["path"].endswith("/Plugin-hello")]
    assert set(patch["config"]) == {"version", "environmentVariables"}
    assert patch["config"]["version"] == 2
    assert [part["name"] for part in patch["parts"] if part["name"] == "code"] == ["code"]
    assert project.deployed_files("hello")["lib/names.js"] == b"exports.names = ['Ada']\n"
    assert project.resources()["hello"]["outputs"]["version"] == project.shown("hello")["version"] == 2
    assert "warning: plugin 'vanished' no longer exists: it is created anew" in up.output
    assert project.shown("vanished")["timeout"] == 9


def _what_others_did_shows_in_a_refresh_and_is_made_good_and_others_plugins_are_read(project: Project) -> None:
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("index.js", "theirs")
    project.platform.plugins.update("Plugin-hello", {"version": 5}, foreign.getvalue())
    project.platform.plugins.delete("Plugin-lost")
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
    _program(project, "functions/hello", 9, READING)

    up = project.up("--refresh").succeeded()

    steps = {name: found for name, found in up.steps.items() if found != ["refresh"]}
    assert steps.pop("lost")[-1] == "create"
    assert steps == {"hello": ["refresh", "update"], "found": ["read"]}
    assert up.refreshed["hello"]["code_digest"] == "deployed elsewhere as version 5"
    assert (project.shown("hello")["version"], project.shown("hello")["timeout"]) == (6, 9)
    assert project.deployed_files("hello").keys() == {"index.js", "lib/names.js"}
    assert project.deployed_files("hello")["index.js"] == HANDLER.encode()
    outputs = project.outputs()
    assert canary not in str(outputs)
    assert outputs["found"] == [7, "src/main.run", 33]
    assert outputs["one"][:3] == ["old-007", 7, 512]
    own = len(FLEET) + 2  # one is lost when the program reads
    assert {name: outputs[name] for name in ("all", "big", "last")} == {"all": 103 + own, "big": 51, "last": "old-102"}
    for text in ("read plugin 'nowhere'", "404 PLUGIN_NOT_FOUND", "trace id"):
        assert text in outputs["nowhere"]
