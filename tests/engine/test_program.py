"""The ways to write a program: plugin.yaml files with overrides, argument classes, plain dicts, other outputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Project

GUIDE = """{
"name":"demo_plugin",
"displayName":"Demo Plugin",
"version":"2",
"timeout": 10,
"handler": "index.main",
"runtime": "python3.10",
"environmentVariables":{
"var1":"val1",
"var2":"val2",
"var3":"val3"
},
"subscriptions":{
"interceptionOrder":"2",
"interceptions":[
{
"type":"POST_REQUEST",
"apiId":"POST/organization/v1/users/patients",
"entityTypeName":"<String>",
"order":"5"
}
],
"notifications":[
{
"entityTypeName":"<String>",
"actionName":"<String>"
}
]
}
}
"""
"""The configuration of the platform's own guide to plugin deployment, as it stands there."""

FULL = {
    "timeout": 10,
    "environment_variables": {"KEY": "value"},
    "subscriptions": {
        "interception_order": 2,
        "interceptions": [{"type": "PRE_REQUEST", "api_id": "GET/device/v2/devices", "order": 3}],
        "notifications": [{"entity_type_name": "patient", "action_name": "_create", "template_name": "adult"}],
    },
    "cors": {"allow_origins": ["https://a.example"], "allow_methods": ["PUT"], "allow_headers": ["x"]},
}


def _fleet(project: Project) -> None:
    project.program(
        'for name, plugin in biot.declare_plugins("plugins").items():\n    pulumi.export(name, plugin.version)'
    )


def test_the_configuration_of_the_platforms_guide_deploys_as_it_is_when_pasted_as_plugin_yaml(project: Project) -> None:
    project.file("plugins/demo_plugin/plugin.yaml", GUIDE)
    project.file("plugins/demo_plugin/index.py", "def main(event, context):\n    return {}\n")
    _fleet(project)

    up = project.up().succeeded()

    shown = project.shown("demo_plugin")
    expected = {
        "name": "demo_plugin",
        "displayName": "Demo Plugin",
        "version": 2,
        "timeout": 10,
        "handler": "index.main",
        "runtime": "python3.10",
        "subscriptions": {
            "interceptionOrder": 2,
            "interceptions": [
                {
                    "type": "POST_REQUEST",
                    "apiId": "POST/organization/v1/users/patients",
                    "entityTypeName": "<String>",
                    "order": 5,
                }
            ],
            "notifications": [{"entityTypeName": "<String>", "actionName": "<String>", "templateName": None}],
        },
    }
    assert {key: shown[key] for key in expected} == expected
    assert project.variables("demo_plugin") == {"var1": "val1", "var2": "val2", "var3": "val3"}
    assert project.deployed_files("demo_plugin").keys() == {"index.py"}
    assert "warning: plugin 'demo_plugin': runtime 'python3.10' is deprecated since 2026-10-31" in up.output
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_stacks_overrides_are_merged_into_the_declared_plugins(project: Project) -> None:
    project.file(
        "plugins/hello/plugin.yaml",
        "displayName: Hello\nmemorySize: 256\ncronSchedule: 0 8 ? * MON-FRI *\n"
        "environmentVariables: {LEVEL: info, PLACE: here}\n",
    )
    project.file("plugins/quiet/plugin.yaml", "displayName: Quiet\n")
    project.config["shop:plugins"] = {
        "hello": {"memorySize": 512, "cronSchedule": None, "environmentVariables": {"LEVEL": "debug", "PORT": "8080"}},
        "quiet": {"enabled": False},
    }
    _fleet(project)

    project.up().succeeded()

    hello, quiet = project.shown("hello"), project.shown("quiet")
    assert (hello["displayName"], hello["memorySize"], hello["cronSchedule"]) == ("Hello", 512, None)
    assert project.variables("hello") == {"LEVEL": "debug", "PLACE": "here", "PORT": "8080"}
    assert hello["enabledState"] == "ENABLED"
    assert quiet["enabledState"] == "DISABLED"
    assert project.platform.code("quiet") is None  # nothing but its plugin.yaml in the folder: the platform's seed

    project.config["shop:plugins"] = {"quiet": {"enabled": True}}
    up = project.up().succeeded()

    assert up.steps == {"hello": ["update"], "quiet": ["update"]}
    assert project.shown("hello")["memorySize"] == 256
    assert project.shown("quiet")["enabledState"] == "ENABLED"
    assert project.preview("--expect-no-changes").succeeded().unchanged


class Plain(str):
    """A scalar that goes into the stack's file without quotes."""


class Quoted(str):
    """A scalar that goes into the stack's file in quotes, which PyYAML leaves out of ``1e3``."""


def _plain(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(dumper.resolve(yaml.ScalarNode, text, (True, False)), text)


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'")


yaml.SafeDumper.add_representer(Plain, _plain)
yaml.SafeDumper.add_representer(Quoted, _quoted)

CHANGED = ("012345670123", "0012", "0x1F", "1_000", "1e3", "1.10", "+5", "8080", "True", "2024-01-01", "1" * 21)
UNCHANGED = ("yes", "22:30", "1.2.3", "30..45", "1e400")


def test_the_text_of_variables_arrives_as_it_is_written_or_is_an_error(project: Project) -> None:
    lines = [f"  M_{number}: {text}\n" for number, text in enumerate((*CHANGED, "~"))]
    project.file("plugins/hello/plugin.yaml", f"environmentVariables:\n{''.join(lines)}")
    _fleet(project)
    quoted = {f"Q_{number}": Quoted(text) for number, text in enumerate(CHANGED)}
    plain = {f"P_{number}": Plain(text) for number, text in enumerate(UNCHANGED)}
    changed = {f"C_{number}": Plain(text) for number, text in enumerate(CHANGED)}
    project.config["shop:plugins"] = {"hello": {"environmentVariables": quoted | plain | changed}}

    preview = project.preview().failed()

    place = "stack configuration 'plugins.hello': environmentVariables"
    refused = re.findall(rf"{place}\.(\w+): must be a string, not .*: put it in quotes", preview.output)
    assert set(refused) == set(changed)

    project.config["shop:plugins"] = {"hello": {"environmentVariables": quoted | plain}}
    project.up().succeeded()

    manifest = {f"M_{number}": text for number, text in enumerate((*CHANGED, "~"))}
    assert project.variables("hello") == manifest | quoted | plain
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_two_stacks_of_one_program_differ_by_their_overrides_alone(project: Project) -> None:
    project.file("plugins/hello/plugin.yaml", "displayName: Hello\n")
    _fleet(project)
    project.up().succeeded()
    project.use_stack("production")
    project.config |= {
        "biot:baseUrl": f"embedded:{project.folder / 'other-platform'}",
        "shop:plugins": {"hello": {"timeout": 30}},
    }
    up = project.up().succeeded()

    assert up.steps == {"hello": ["create"]}
    assert project.resources()["hello"]["outputs"]["timeout"] == 30
    assert project.shown("hello")["timeout"] == 3


def test_argument_classes_and_plain_dicts_declare_the_same(project: Project) -> None:
    project.declare({"hello": FULL})
    project.up().succeeded()
    shown = project.shown("hello")
    project.program(
        """
biot.Plugin(
    "hello",
    timeout=10,
    environment_variables={"KEY": "value"},
    subscriptions=biot.SubscriptionsArgs(
        interception_order=2,
        interceptions=[biot.InterceptionArgs(type="PRE_REQUEST", api_id="GET/device/v2/devices", order=3)],
        notifications=[
            biot.NotificationArgs(entity_type_name="patient", action_name="_create", template_name="adult")
        ],
    ),
    cors=biot.CorsArgs(allow_origins=["https://a.example"], allow_methods=["PUT"], allow_headers=["x"]),
)
"""
    )

    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.destroy().succeeded()
    project.up().succeeded()

    own = {"endpointUrl", "creationTime", "lastModifiedTime", "environmentVariables"}
    assert {k: v for k, v in project.shown("hello").items() if k not in own} == {
        k: v for k, v in shown.items() if k not in own
    }


def test_code_may_be_a_path_object_an_archive_or_a_zip(project: Project) -> None:
    project.program(
        """
import pathlib
import zipfile
with zipfile.ZipFile("packed.zip", "w") as archive:
    archive.write("plugins/hello/index.js", "index.js")
biot.Plugin("path", code=pathlib.Path("plugins/hello"))
biot.Plugin("archive", code=pulumi.FileArchive("plugins/hello"))
biot.Plugin("packed", code="packed.zip")
biot.Plugin("packed-archive", code=pulumi.FileArchive("packed.zip"))
biot.Plugin("assets", code=pulumi.AssetArchive({".": pulumi.FileArchive("plugins/hello")}))
biot.Plugin("later", code=pulumi.Output.from_input("plugins/hello").apply(pulumi.FileArchive))
"""
    )
    names = ("path", "archive", "packed", "packed-archive", "assets", "later")
    project.up().succeeded()

    files = [project.deployed_files(name) for name in names]
    assert files == [{"index.js": (project.root / "plugins/hello/index.js").read_bytes()}] * len(names)
    assert project.preview("--expect-no-changes").succeeded().unchanged
    assert project.refresh("--expect-no-changes").succeeded().unchanged
    project.destroy().succeeded()
    assert project.names() == set()


@pytest.mark.parametrize("given", ["{}", "pulumi.Output.from_input('x').apply(lambda _: {})"])
def test_code_that_is_an_archive_of_several_things_is_refused_in_one_line(project: Project, given: str) -> None:
    archive = "pulumi.AssetArchive({'index.js': pulumi.StringAsset('x'), 'lib': pulumi.FileArchive('lib')})"
    project.program(f"biot.Plugin('hello', code={given.format(archive)})")

    project.preview().failed(
        "error: code must be the path of a folder or a .zip, not a pulumi.AssetArchive of index.js, lib:"
        " put the files into one folder, and give its path, such as code='plugins/hello'\n"
    )


UNKNOWN = """
first = biot.Plugin("first", name={name!r})
known_later = first.endpoint_url.apply
API = "GET/device/v2/devices"
biot.Plugin("p-name", name=known_later(lambda url: "named-later"))
biot.Plugin("p-display-name", display_name=first.endpoint_url)
biot.Plugin("p-version", version=first.version.apply(lambda version: version + 4))
biot.Plugin("p-code", code=known_later(lambda url: "plugins/hello"))
biot.Plugin("p-image", image_tag=known_later(lambda url: "image-1"))
biot.Plugin("p-runtime", runtime=known_later(lambda url: "python3.13"), handler="index.handler")
biot.Plugin("p-handler", code="plugins/hello", handler=known_later(lambda url: "index.handler"))
biot.Plugin("p-number", timeout=first.version.apply(lambda version: version + 8), memory_size=known_later(len))
biot.Plugin("p-variable", environment_variables={{"URL": first.endpoint_url, "PLAIN": "here"}})
biot.Plugin("p-variables", environment_variables=known_later(lambda url: {{"URL": url}}))
biot.Plugin("p-subscriptions", subscriptions=known_later(lambda url: {{"notifications": [
    {{"entity_type_name": "patient", "action_name": "_create"}}]}}))
biot.Plugin("p-interceptions", subscriptions=biot.SubscriptionsArgs(
    interception_order=first.version,
    interceptions=known_later(lambda url: [{{"type": "PRE_REQUEST", "api_id": API}}])))
biot.Plugin("p-interception", subscriptions=biot.SubscriptionsArgs(interceptions=[
    biot.InterceptionArgs(type="PRE_REQUEST", api_id=known_later(lambda url: API), order=first.version),
    known_later(lambda url: biot.InterceptionArgs(type="POST_REQUEST", api_id=API))]))
biot.Plugin("p-notification", subscriptions={{"notifications": [
    {{"entity_type_name": known_later(lambda url: "patient"), "action_name": "_create"}}]}})
biot.Plugin("p-words", enabled_state=known_later(lambda url: "DISABLED"), analytics_db_access=known_later(bool),
    cron_schedule=known_later(lambda url: "0 8 ? * MON-FRI *"), adopt=known_later(bool))
biot.Plugin("p-cors", cors=known_later(lambda url: biot.CorsArgs(allow_origins=[url])))
biot.Plugin(
    "p-origins", cors={{"allow_origins": [first.endpoint_url], "allow_methods": known_later(lambda u: ["PUT"])}}
)
"""


def test_every_argument_may_come_from_an_output_not_known_before_the_up(project: Project) -> None:
    project.platform.images.add("image-1")
    project.program(UNKNOWN.replace("known_later(len)", "known_later(lambda url: 256)").format(name="first"))
    count = UNKNOWN.count("biot.Plugin(")

    preview = project.preview().succeeded()
    assert preview.changes == {"create": count + 1}
    project.up().succeeded()

    url = project.shown("first")["endpointUrl"]
    words = project.shown("p-words")
    interceptions = project.shown("p-interception")["subscriptions"]["interceptions"]
    assert {
        "name": project.resources()["p-name"]["id"],
        "display_name": project.shown("p-display-name")["displayName"],
        "version": project.shown("p-version")["version"],
        "code": project.deployed_files("p-code").keys() == {"index.js"},
        "image": project.shown("p-image")["deploymentPackageType"],
        "runtime": project.shown("p-runtime")["runtime"],
        "handler": project.shown("p-handler")["handler"],
        "timeout": project.shown("p-number")["timeout"],
        "memory_size": project.shown("p-number")["memorySize"],
        "variable": project.variables("p-variable"),
        "variables": project.variables("p-variables"),
        "subscriptions": len(project.shown("p-subscriptions")["subscriptions"]["notifications"]),
        "interceptions": len(project.shown("p-interceptions")["subscriptions"]["interceptions"]),
        "interception": [(item["type"], item["apiId"], item["order"]) for item in interceptions],
        "notification": project.shown("p-notification")["subscriptions"]["notifications"][0]["entityTypeName"],
        "words": (words["enabledState"], words["analyticsDbAccess"], words["cronSchedule"]),
        "cors": project.shown("p-cors")["cors"]["allowOrigins"],
        "origins": project.shown("p-origins")["cors"]["allowOrigins"],
        "methods": project.shown("p-origins")["cors"]["allowMethods"],
    } == {
        "name": "named-later",
        "display_name": url,
        "version": 5,
        "code": True,
        "image": "IMAGE",
        "runtime": "python3.13",
        "handler": "index.handler",
        "timeout": 9,
        "memory_size": 256,
        "variable": {"URL": url, "PLAIN": "here"},
        "variables": {"URL": url},
        "subscriptions": 1,
        "interceptions": 1,
        "interception": [
            ("PRE_REQUEST", "GET/device/v2/devices", 1),
            ("POST_REQUEST", "GET/device/v2/devices", None),
        ],
        "notification": "patient",
        "words": ("DISABLED", True, "0 8 ? * MON-FRI *"),
        "cors": [url],
        "origins": [url],
        "methods": ["PUT"],
    }
    assert project.preview("--expect-no-changes").succeeded().unchanged

    # When the first one is replaced, what depends on it is unknown again, and known to exist: an unknown name replaces.
    project.program(UNKNOWN.replace("known_later(len)", "known_later(lambda url: 256)").format(name="renamed"))
    preview = project.preview().succeeded()
    assert preview.steps["first"] == ["delete-replaced", "replace", "create-replacement"]
    assert {name for name, steps in preview.steps.items() if steps != ["update"]} == {"first", "p-name"}
    project.forget_requests()
    up = project.up().succeeded()

    new_url = project.shown("renamed")["endpointUrl"]
    assert {name for name, steps in up.steps.items() if steps == ["update"]} == {
        "p-display-name", "p-variable", "p-variables", "p-cors", "p-origins",
    }  # fmt: skip
    assert project.variables("p-variable") == {"URL": new_url, "PLAIN": "here"}
    assert project.shown("p-cors")["cors"]["allowOrigins"] == [new_url]
    assert project.preview("--expect-no-changes").succeeded().unchanged


def test_a_bad_value_known_only_during_the_up_is_still_found_before_anything_is_sent(project: Project) -> None:
    project.program(
        'first = biot.Plugin("first")\n'
        'biot.Plugin("second", timeout=first.version.apply(lambda version: version + 900), memory_size=64)'
    )
    project.preview().failed("memory_size: must be 128 to 10240 (MB), not 64")
    project.program(
        'first = biot.Plugin("first")\n'
        'biot.Plugin("second", timeout=first.version.apply(lambda version: version + 900))'
    )
    project.preview().succeeded()

    project.up().failed("timeout: must be 1 to 900 (seconds), not 901")

    assert project.names() == {"first"}
