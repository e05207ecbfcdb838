"""What Pulumi's resource options do, and which outputs a preview knows."""

from __future__ import annotations

import json
from typing import Any

from .conftest import Project

ROLE = "5be0c5a8-1b2c-4d3e-8f4a-5b6c7d8e9f01"
SECRET_MARK = "4dabf18193072939515e22adb298388d"

CHAIN = f"""
plugin = biot.Plugin("hello", code="plugins/hello", display_name={{word!r}})
user = biot.ServiceUser("ci", role_id="{ROLE}", type="EXTERNAL_SERVICE", active={{active}})
key = biot.ServiceUserKey("key", service_user_id=user.id)
biot.InterceptionSubscription(
    "hooked", type="PRE_REQUEST", api_id="GET/device/v2/devices", endpoint=plugin.endpoint_url)
def texts(resource, *names):
    return {{{{name.upper(): getattr(resource, name).apply(str) for name in names}}}}
biot.Plugin("watcher", environment_variables={{{{
    **texts(plugin, "name", "version", "endpoint_url", "link_to_console", "creation_time", "deployment_package_type",
            "cron_schedule", "subscriptions", "cors", "image_tag"),
    **texts(user, "secret_key", "secret_key_id", "owner_organization_id", "secret_key_expiration_in_minutes"),
    **texts(key, "expiration_time", "keepers"),
}}}})
"""


def test_a_preview_knows_what_an_update_leaves_as_it_is_and_what_is_none(project: Project) -> None:
    project.program(CHAIN.format(word="one", active=True))
    project.up().succeeded()

    project.program(CHAIN.format(word="two", active=False))
    preview = project.preview().succeeded()
    assert preview.steps == {"hello": ["update"], "ci": ["update"]}
    assert preview.changes == {"update": 2, "same": 4}

    # With new code the version grows, so what takes it may change too; the endpoint stays.
    project.file("plugins/hello/index.js", "exports.handler = async () => ({ statusCode: 201 })\n")
    preview = project.preview().succeeded()
    assert preview.changes == {"update": 3, "same": 3}
    assert preview.steps == {"hello": ["update"], "ci": ["update"], "watcher": ["update"]}


IGNORING = """
R = pulumi.ResourceOptions
biot.Plugin("code", code={folder!r}, timeout={timeout}, opts=R(ignore_changes=["code"]))
biot.Plugin("all", code={folder!r}, timeout={timeout}, opts=R(ignore_changes=["*"]))
biot.Plugin("image", image_tag={tag!r}, timeout={timeout}, opts=R(ignore_changes=["image_tag"]))
biot.PluginImage("wave", code={folder!r}, base_image="embedded/base/python:3.13", opts=R(ignore_changes=["code"]))
"""


def test_ignored_code_stays_whatever_the_folder_holds_and_whoever_deployed_it(project: Project) -> None:
    project.platform.images.add("image-1")
    project.program(IGNORING.format(folder="plugins/hello", tag="image-1", timeout=3))
    project.up().succeeded()
    for name in ("code", "all"):
        project.platform.plugins.update(f"Plugin-{name}", {"version": 7}, project.platform.code(name))
    project.platform.plugins.update("Plugin-image", {"version": 7, "imageTag": "image-1"}, None)

    project.program(IGNORING.format(folder="plugins/is-not-there", tag="image-2", timeout=4))
    up = project.up("--refresh").succeeded()

    assert up.steps == {
        "code": ["refresh", "update"], "all": ["refresh"], "image": ["refresh", "update"], "wave": ["refresh"],
    }  # fmt: skip
    for name, timeout in (("code", 4), ("all", 3), ("image", 4)):
        assert (name, project.shown(name)["version"], project.shown(name)["timeout"]) == (name, 7, timeout)
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_ignoring_code_by_a_transformation_is_right_or_an_error_that_says_how(project: Project) -> None:
    program = """
def add(args):
    args.opts.ignore_changes = {ignored!r}
    return pulumi.ResourceTransformResult(args.props, args.opts)
pulumi.runtime.register_resource_transform(add)
biot.Plugin("hello", code="plugins/hello")
"""
    project.program(program.format(ignored=["code"]))
    project.up().succeeded()
    project.file("plugins/hello/index.js", "exports.handler = async () => 5\n")

    project.preview().failed(
        "ignore_changes: plugin 'hello': a transformation adds 'code', which leaves out what the files hold."
        " What to do: add 'code_digest' there too, or give ignore_changes to the resource itself"
    )

    project.program(program.format(ignored=["code", "code_digest"]))
    assert project.preview("--expect-no-changes").succeeded().unchanged


REPLACING = """
def plugin(name, **options):
    biot.Plugin(
        name,
        code="plugins/hello",
        display_name={word!r},
        environment_variables={{"MODE": {word!r}}},
        subscriptions={{"interceptions": [{{"type": {type!r}, "api_id": "GET/device/v2/devices"}}]}},
        opts=pulumi.ResourceOptions(**options),
    )
plugin("plain")
plugin("other", replace_on_changes=["timeout", 'environment_variables["ELSE"]', "subscriptions.interceptions[0].order"])
plugin("field", replace_on_changes=["display_name"])
plugin("nested", replace_on_changes=["subscriptions.interceptions[0].type"])
plugin("any-of-list", replace_on_changes=["subscriptions.interceptions[*].type"])
plugin("variable", replace_on_changes=['environment_variables["MODE"]'])
plugin("everything", replace_on_changes=["*"])
plugin("code", replace_on_changes=["code"])
"""


def test_replace_on_changes_replaces_down_to_a_nested_path(project: Project) -> None:
    project.program(REPLACING.format(word="one", type="PRE_REQUEST"))
    project.up().succeeded()

    project.program(REPLACING.format(word="two", type="POST_REQUEST"))
    replaced = ["delete-replaced", "replace", "create-replacement"]
    steps = project.preview().succeeded().steps
    assert {name for name in steps if steps[name] == ["update"]} == {"plain", "other", "code"}
    assert {name for name in steps if steps[name] == replaced} == {
        "field", "nested", "any-of-list", "variable", "everything",
    }  # fmt: skip

    project.program(REPLACING.format(word="one", type="PRE_REQUEST"))
    project.file("plugins/hello/other.js")
    preview = project.preview("--diff").succeeded()
    assert {name for name, steps in preview.steps.items() if steps == replaced} == {"everything", "code"}
    assert "+ other.js" in preview.output  # the engine shows the properties that a diff names, so all of them


def test_an_import_file_with_inputs_and_outputs_ends_unchanged_and_keeps_secrets(project: Project) -> None:
    project.program('biot.Plugin("hello", code="plugins/hello", environment_variables={"TOKEN": "canary-value"})')
    project.up().succeeded()
    exported = json.loads(project.pulumi("stack", "export", "--show-secrets").succeeded().stdout)
    (plugin,) = [r for r in exported["deployment"]["resources"] if r["type"].endswith(":Plugin")]
    assert SECRET_MARK in json.dumps(plugin["inputs"])
    entry: dict[str, Any] = {key: plugin[key] for key in ("type", "id", "inputs", "outputs")}
    project.file("import.json", json.dumps({"resources": [{"name": "hello", **entry}]}))
    project.pulumi("state", "delete", plugin["urn"], "--yes").succeeded()

    project.pulumi("import", "--file", "import.json", "--yes", "--generate-code=false").succeeded()

    assert "canary-value" not in project.state_text()
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
