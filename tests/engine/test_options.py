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
IGNORING = """
R = pulumi.ResourceOptions
biot.Plugin("code", code={folder!r}, timeout={timeout}, opts=R(ignore_changes=["code"]))
biot.Plugin("all", code={folder!r}, timeout={timeout}, opts=R(ignore_changes=["*"]))
biot.Plugin("image", image_tag={tag!r}, timeout={timeout}, opts=R(ignore_changes=["image_tag"]))
biot.PluginImage("wave", code={folder!r}, base_image="embedded/base/python:3.13", opts=R(ignore_changes=["code"]))
"""
TRANSFORMED = """
def add(args):
    if args.name == "transformed":
        args.opts.ignore_changes = {ignored!r}
    return pulumi.ResourceTransformResult(args.props, args.opts)
pulumi.runtime.register_resource_transform(add)
biot.Plugin("transformed", code="plugins/transformed")
"""
REPLACING = """
def plugin(name, code="plugins/hello", **options):
    biot.Plugin(
        name,
        code=code,
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
plugin("code-alone", replace_on_changes=["code"])
"""
CODED = """
coded = biot.Plugin("coded", code="plugins/coded")
biot.Plugin("coded-version", environment_variables={"VERSION": coded.version.apply(str)})
biot.Plugin("coded-url", environment_variables={"URL": coded.endpoint_url})
biot.Plugin("coded-everything", code="plugins/coded", opts=R(replace_on_changes=["*"]))
biot.Plugin("coded-code", code="plugins/coded", opts=R(replace_on_changes=["code"]))
"""
IMPORTED = """
biot.Plugin("imported", code="plugins/hello", environment_variables={"TOKEN": "canary-value"})
"""


def _program(
    *,
    word: str = "one",
    active: bool = True,
    type_: str = "PRE_REQUEST",
    ignoring: tuple[str, str, int] = ("plugins/ignored", "image-1", 3),
    transformation: tuple[str, ...] = ("code", "code_digest"),
) -> str:
    """All of it, as deployed first or with these differences."""
    folder, tag, timeout = ignoring
    return "".join(
        [
            TRANSFORMED.format(ignored=list(transformation)),
            CHAIN.format(word=word, active=active),
            IGNORING.format(folder=folder, tag=tag, timeout=timeout),
            REPLACING.format(word=word, type=type_),
            CODED,
            IMPORTED,
        ]
    )


def test_each_option_does_what_it_says_in_previews_and_in_an_up(project: Project) -> None:
    project.platform.images.add("image-1")
    for folder in ("ignored", "coded", "transformed"):
        project.file(f"plugins/{folder}/index.js")
    project.program(_program())
    project.up().succeeded()

    _an_import_file_with_inputs_and_outputs_keeps_secrets(project)
    _a_preview_knows_what_an_update_leaves_as_it_is_and_what_is_none_and_what_replaces(project)
    _ignored_code_stays_whatever_the_folder_holds_and_whoever_deployed_it(project)
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged
    _ignoring_code_by_a_transformation_alone_is_an_error_that_says_how(project)


def _an_import_file_with_inputs_and_outputs_keeps_secrets(project: Project) -> None:
    """That the imported plugin is unchanged, the previews that follow show."""
    exported = json.loads(project.pulumi("stack", "export", "--show-secrets").succeeded().stdout)
    (plugin,) = [r for r in exported["deployment"]["resources"] if r["urn"].endswith("::imported")]
    assert SECRET_MARK in json.dumps(plugin["inputs"])
    entry: dict[str, Any] = {key: plugin[key] for key in ("type", "id", "inputs", "outputs")}
    project.file("import.json", json.dumps({"resources": [{"name": "imported", **entry}]}))
    project.pulumi("state", "delete", plugin["urn"], "--yes").succeeded()

    project.pulumi("import", "--file", "import.json", "--yes", "--skip-preview", "--generate-code=false").succeeded()

    assert "imported" in project.resources()
    assert "canary-value" not in project.state_text()


def _a_preview_knows_what_an_update_leaves_as_it_is_and_what_is_none_and_what_replaces(project: Project) -> None:
    replaced = ["delete-replaced", "replace", "create-replacement"]
    project.program(_program(word="two", active=False, type_="POST_REQUEST"))
    project.file("plugins/coded/other.js")
    preview = project.preview("--diff").succeeded()
    # With new code the version grows, so what takes it may change too; the endpoint stays.
    assert {name for name, steps in preview.steps.items() if steps == ["update"]} == {
        "hello", "ci", "plain", "other", "code-alone", "coded", "coded-version",
    }  # fmt: skip
    assert {name for name, steps in preview.steps.items() if steps == replaced} == {
        "field", "nested", "any-of-list", "variable", "everything", "coded-everything", "coded-code",
    }  # fmt: skip
    assert len(preview.steps) == 14
    assert "+ other.js" in preview.output  # the engine shows the properties that a diff names, so all of them
    (project.root / "plugins/coded/other.js").unlink()


def _ignored_code_stays_whatever_the_folder_holds_and_whoever_deployed_it(project: Project) -> None:
    for name in ("code", "all"):
        project.platform.plugins.update(f"Plugin-{name}", {"version": 7}, project.platform.code(name))
    project.platform.plugins.update("Plugin-image", {"version": 7, "imageTag": "image-1"}, None)
    project.file("plugins/transformed/index.js", "exports.handler = async () => 5\n")

    project.program(_program(ignoring=("plugins/is-not-there", "image-2", 4)))
    up = project.up("--refresh").succeeded()

    changed = {name for name, found in up.steps.items() if found != ["refresh"]}
    assert changed == {"code", "image"}
    assert up.steps["code"] == up.steps["image"] == ["refresh", "update"]
    for name, timeout in (("code", 4), ("all", 3), ("image", 4)):
        assert (name, project.shown(name)["version"], project.shown(name)["timeout"]) == (name, 7, timeout)


def _ignoring_code_by_a_transformation_alone_is_an_error_that_says_how(project: Project) -> None:
    project.program(_program(ignoring=("plugins/is-not-there", "image-2", 4), transformation=("code",)))
    project.preview().failed(
        "ignore_changes: plugin 'transformed': a transformation adds 'code', which leaves out what the files hold."
        " What to do: add 'code_digest' there too, or give ignore_changes to the resource itself"
    )
