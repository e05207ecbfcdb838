"""The ways to write a program: plugin.yaml files with overrides, argument classes, plain dicts, other outputs."""

from __future__ import annotations

import re
from typing import Any

import yaml

from .conftest import HANDLER, Project

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


class Plain(str):
    """A scalar that goes into the stack's file without quotes."""


class Quoted(str):
    """A scalar that goes into the stack's file in quotes, which PyYAML leaves out of ``1e3``."""


def _plain(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    tag: str = dumper.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(tag, text)


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'")


yaml.SafeDumper.add_representer(Plain, _plain)
yaml.SafeDumper.add_representer(Quoted, _quoted)

CHANGED = ("012345670123", "0012", "0x1F", "1_000", "1e3", "1.10", "+5", "8080", "True", "2024-01-01", "1" * 21)
UNCHANGED = ("yes", "22:30", "1.2.3", "30..45", "1e400")


EXPECTED = {
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


PLACED = 'def declare():\n    biot.Plugin("placed")\n\ndeclare()\n'
FOLDER = 'for name, plugin in biot.declare_plugins("plugins").items():\n    pulumi.export(name, plugin.version)\n'
FORMS = """
import pathlib
import zipfile
with zipfile.ZipFile("packed.zip", "w") as archive:
    archive.write("handlers/hello/index.js", "index.js")
biot.Plugin("path", code=pathlib.Path("handlers/hello"))
biot.Plugin("archive", code=pulumi.FileArchive("handlers/hello"))
biot.Plugin("packed", code="packed.zip")
biot.Plugin("packed-archive", code=pulumi.FileArchive("packed.zip"))
biot.Plugin("assets", code=pulumi.AssetArchive({".": pulumi.FileArchive("handlers/hello")}))
biot.Plugin("later", code=pulumi.Output.from_input("handlers/hello").apply(pulumi.FileArchive))
"""
PLAIN = f"""
biot.Plugin("typed", **{FULL!r})
"""
CLASSES = """
biot.Plugin(
    "typed",
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

UNKNOWN = """
first = biot.Plugin("first", name={name!r})
known_later = first.endpoint_url.apply
API = "GET/device/v2/devices"
biot.Plugin("p-name", name=known_later(lambda url: "named-later"))
biot.Plugin("p-display-name", display_name=first.endpoint_url)
biot.Plugin("p-version", version=first.version.apply(lambda version: version + 4))
biot.Plugin("p-code", code=known_later(lambda url: "handlers/hello"))
biot.Plugin("p-image", image_tag=known_later(lambda url: "image-1"))
biot.Plugin("p-runtime", runtime=known_later(lambda url: "python3.13"), handler="index.handler")
biot.Plugin("p-handler", code="handlers/hello", handler=known_later(lambda url: "index.handler"))
biot.Plugin("p-number", timeout=first.version.apply(lambda version: version + 8),
    memory_size=known_later(lambda url: 256))
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


def _program(typed: str, first: str) -> str:
    return PLACED + FOLDER + FORMS + typed + UNKNOWN.format(name=first)


def test_each_way_to_write_a_program_deploys_what_it_says(project: Project) -> None:
    project.file("handlers/hello/index.js")
    project.platform.images.add("image-1")
    project.file("plugins/demo_plugin/plugin.yaml", GUIDE)
    project.file("plugins/demo_plugin/index.py", "def main(event, context):\n    return {}\n")
    project.file(
        "plugins/hello/plugin.yaml",
        "displayName: Hello\nmemorySize: 256\ncronSchedule: 0 8 ? * MON-FRI *\n"
        "environmentVariables: {LEVEL: info, PLACE: here}\n",
    )
    project.file("plugins/quiet/plugin.yaml", "displayName: Quiet\n")
    lines = [f"  M_{number}: {text}\n" for number, text in enumerate((*CHANGED, "~"))]
    project.file("plugins/texts/plugin.yaml", f"environmentVariables:\n{''.join(lines)}")
    project.program(_program(PLAIN, "first"))
    quoted: dict[str, str] = {f"Q_{number}": Quoted(text) for number, text in enumerate(CHANGED)}
    plain: dict[str, str] = {f"P_{number}": Plain(text) for number, text in enumerate(UNCHANGED)}
    changed: dict[str, str] = {f"C_{number}": Plain(text) for number, text in enumerate(CHANGED)}
    hello = {"memorySize": 512, "cronSchedule": None, "environmentVariables": {"LEVEL": "debug", "PORT": "8080"}}
    overrides: dict[str, Any] = {"hello": hello, "quiet": {"enabled": False}}

    # What Pulumi makes of a text without quotes cannot be told any more.
    project.config["shop:plugins"] = overrides | {"texts": {"environmentVariables": quoted | plain | changed}}
    place = "stack configuration 'plugins.texts': environmentVariables"
    refused = re.findall(
        rf"{place}\.(\w+): must be a string, not .*: put it in quotes", project.preview().failed().output
    )
    assert set(refused) == set(changed)

    project.config["shop:plugins"] = overrides | {"texts": {"environmentVariables": quoted | plain}}
    count = (FORMS + PLAIN + UNKNOWN).count("biot.Plugin(") + len(("placed", "demo_plugin", "hello", "quiet", "texts"))
    assert project.preview().succeeded().changes == {"create": count + 1}
    up = project.up().succeeded()
    assert "warning: plugin 'demo_plugin': runtime 'python3.10' is deprecated since 2026-10-31" in up.output

    _the_state_says_where_the_program_declares_a_resource_and_nothing_of_the_machine(project)
    _a_folder_of_plugins_with_a_stacks_overrides_is_deployed_as_written(project, quoted | plain)
    names = ("path", "archive", "packed", "packed-archive", "assets", "later")
    files = [project.deployed_files(name) for name in names]
    assert files == [{"index.js": HANDLER.encode()}] * len(names)
    _every_argument_may_come_from_an_output_not_known_before_the_up(project)

    # When the first one is replaced, what depends on it is unknown again, and known to exist: an unknown name replaces.
    # Classes of arguments are the same as plain dicts.
    project.program(_program(CLASSES, "renamed"))
    project.config["shop:plugins"]["quiet"] = {"enabled": True}
    del project.config["shop:plugins"]["hello"]
    preview = project.preview().succeeded()
    assert preview.steps["first"] == ["delete-replaced", "replace", "create-replacement"]
    assert {name for name, steps in preview.steps.items() if steps != ["update"]} == {"first", "p-name"}
    assert not preview.steps.keys() & {"typed", "placed", "demo_plugin", "texts", *names}
    up = project.up().succeeded()

    new_url = project.shown("renamed")["endpointUrl"]
    updated = {name for name, steps in up.steps.items() if steps == ["update"]}
    assert updated == {"p-display-name", "p-variable", "p-variables", "p-cors", "p-origins", "hello", "quiet"}
    assert up.steps.keys() == {"first", "p-name", *updated}
    assert project.variables("p-variable") == {"URL": new_url, "PLAIN": "here"}
    assert project.shown("p-cors")["cors"]["allowOrigins"] == [new_url]
    assert project.shown("hello")["memorySize"] == 256
    assert project.shown("quiet")["enabledState"] == "ENABLED"


def _the_state_says_where_the_program_declares_a_resource_and_nothing_of_the_machine(project: Project) -> None:
    trace = [frame["sourcePosition"] for frame in project.resources()["placed"]["stackTrace"]]
    assert trace[-2:] == ["project:///__main__.py#5", "project:///__main__.py#7"]
    assert all("/biot_provider/program/" in frame for frame in trace[:-2])


def _a_folder_of_plugins_with_a_stacks_overrides_is_deployed_as_written(
    project: Project, overrides: dict[str, str]
) -> None:
    guide = project.shown("demo_plugin")
    assert {key: guide[key] for key in EXPECTED} == EXPECTED
    assert project.variables("demo_plugin") == {"var1": "val1", "var2": "val2", "var3": "val3"}
    assert project.deployed_files("demo_plugin").keys() == {"index.py"}
    shown = project.shown("hello")
    assert (shown["displayName"], shown["memorySize"], shown["cronSchedule"]) == ("Hello", 512, None)
    assert project.variables("hello") == {"LEVEL": "debug", "PLACE": "here", "PORT": "8080"}
    assert project.shown("quiet")["enabledState"] == "DISABLED"
    assert project.platform.code("quiet") is None  # nothing but its plugin.yaml in the folder: the platform's seed
    manifest = {f"M_{number}": text for number, text in enumerate((*CHANGED, "~"))}
    assert project.variables("texts") == manifest | overrides


def _every_argument_may_come_from_an_output_not_known_before_the_up(project: Project) -> None:
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


def test_a_bad_value_known_only_during_the_up_is_still_found_before_anything_is_sent(project: Project) -> None:
    project.program(
        'first = biot.Plugin("first")\n'
        'biot.Plugin("second", timeout=first.version.apply(lambda version: version + 900))'
    )

    project.up().failed("timeout: must be 1 to 900 (seconds), not 901")

    assert project.names() == {"first"}
