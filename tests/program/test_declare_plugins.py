"""From plugin.yaml and a stack's overrides to declared plugins; every mistake of every file at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from biot_provider.errors import InputError
from biot_provider.plugin.manifest.fleet import read_fleet
from biot_provider.program.declare_plugins import declare_plugins, is_output

from ..uncoded import uncoded

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "plugins.json").read_text())


class Folder:
    """A folder of plugins being written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def plugin(self, name: str, manifest: str = "", *, code: bool = True) -> None:
        folder = self.path / name
        folder.mkdir(parents=True)
        (folder / "plugin.yaml").write_text(manifest)
        if code:
            (folder / "index.js").write_text("exports.handler = async () => ({ statusCode: 200 })\n")

    def read(self, overrides: Any = None) -> dict[str, dict[str, Any]]:
        return read_fleet(self.path, overrides or {}, is_unknown=is_output)

    def problems(self, overrides: Any = None) -> list[str]:
        with pytest.raises(InputError) as raised:
            self.read(overrides)
        return uncoded(str(raised.value)).replace(f"{self.path}/", "").splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "plugins"
    path.mkdir()
    return Folder(path)


def test_an_empty_manifest_is_a_plugin_of_its_folders_name_and_code(folder: Folder) -> None:
    folder.plugin("guard")
    assert folder.read() == {"guard": {"name": "guard", "code": str(folder.path / "guard")}}


def test_a_manifest_without_code_beside_it_declares_the_platforms_own_code(folder: Folder) -> None:
    folder.plugin("guard", "runtime: nodejs22.x", code=False)
    (folder.path / "guard" / ".gitignore").write_text("*")
    assert folder.read() == {"guard": {"name": "guard", "runtime": "nodejs22.x"}}


def test_a_folder_code_beside_the_manifest_is_the_code_where_it_is_all_there_is(folder: Folder) -> None:
    folder.plugin("guard", code=False)
    (folder.path / "guard" / "code").mkdir()
    (folder.path / "guard" / "code" / "index.js").touch()
    assert folder.read()["guard"]["code"] == str(folder.path / "guard" / "code")
    (folder.path / "guard" / "index.js").touch()
    assert folder.read()["guard"]["code"] == str(folder.path / "guard")


def test_code_may_be_elsewhere_relative_to_the_manifest(folder: Folder) -> None:
    folder.plugin("guard", "code: build", code=False)
    assert folder.read()["guard"]["code"] == str(folder.path / "guard" / "build")
    assert folder.read({"guard": {"code": Path("dist")}})["guard"]["code"] == str(folder.path / "guard" / "dist")


def test_an_image_takes_no_code_of_the_folder(folder: Folder) -> None:
    folder.plugin("wave", "imageTag: wave-1")
    assert folder.read()["wave"] == {"name": "wave", "image_tag": "wave-1"}


def test_the_documentations_json_is_valid_as_it_is(folder: Folder) -> None:
    config = dict(VECTORS["creations"]["A2 zip, everything set"])
    folder.plugin(config.pop("name"), json.dumps(config))
    read = folder.read()["vitals-guard"]
    assert read["display_name"] == "Vitals Guard"
    assert read["subscriptions"]["interceptions"][0]["api_id"] == "POST/organization/v1/users/patients"
    assert read["environment_variables"] == {"THRESHOLD": "90", "MODE": "strict"}
    assert read["cors"]["allow_origins"] == ["https://portal.acme.example"]
    assert "deployment_package_type" not in read


def test_numbers_as_text_are_taken_for_numbers(folder: Folder) -> None:
    folder.plugin("guard", 'timeout: "30"\nmemorySize: "256"')
    read = folder.read()["guard"]
    assert (read["timeout"], read["memory_size"]) == ("30", "256")


WRITTEN = (
    *("012345670123", "0012", "0x1F", "0o17", "0b11", "1_000", "+5", "-0", "22:30", "1e3", "1.10", ".5", "1."),
    *("12345678901234567890", "yes", "on", "No", "True", "y", "2024-01-01", "2024-01-01T10:00:00+02:00"),
    *("~", "Null", "NULL", ".inf", ".NaN", "=", "<<", "30..45", "a:b", "a b", "-1", "8080", "true"),
)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_field_gets_the_scalar_as_it_is_written(folder: Folder, text: str) -> None:
    folder.plugin("guard", f"displayName: {text}\ncors: {{allowHeaders: [{text}, '{text}']}}")
    folder.plugin("block", f"environmentVariables:\n  KEY: {text}\n  SAME: &same {text}\n  OTHER: *same\n")
    read = folder.read()
    assert read["guard"]["display_name"] == text
    assert read["guard"]["cors"] == {"allow_headers": [text, text]}
    assert read["block"]["environment_variables"] == {"KEY": text, "SAME": text, "OTHER": text}


def test_the_name_of_a_variable_is_text_too(folder: Folder) -> None:
    folder.plugin("guard", "environmentVariables: {yes: 1, NO: 2, null: 3, on: 4}")
    assert folder.read()["guard"]["environment_variables"] == {"yes": "1", "NO": "2", "null": "3", "on": "4"}


def test_every_text_field_gets_its_text(folder: Folder) -> None:
    folder.plugin(
        "guard",
        """
        {name: 0012, handler: 1.10, runtime: 0x1F, code: 007, subscriptions:
          {interceptions: [{type: ADAPT_ENTITY, entityTypeName: 0o17}],
           notifications: [{entityTypeName: on, actionName: off, templateName: 1_0}]}}
        """,
    )
    read = folder.read()["guard"]
    assert (read["name"], read["handler"], read["runtime"], Path(read["code"]).name) == ("0012", "1.10", "0x1F", "007")
    assert read["subscriptions"] == {
        "interceptions": [{"type": "ADAPT_ENTITY", "entity_type_name": "0o17"}],
        "notifications": [{"entity_type_name": "on", "action_name": "off", "template_name": "1_0"}],
    }


@pytest.mark.parametrize(
    ("text", "value"), [("012", 12), ("0x10", 16), ("0o20", 16), ("1e1", 10), ("+12", 12), ("null", None), ("~", None)]
)
def test_a_number_has_the_meaning_of_yaml_1_2(folder: Folder, text: str, value: object) -> None:
    folder.plugin("guard", f"timeout: {text}")
    assert folder.read()["guard"].get("timeout") == value


def test_null_is_nothing_written(folder: Folder) -> None:
    folder.plugin("guard", "name: null\nhandler:\nenvironmentVariables: {KEY: null}\nsubscriptions: null", code=False)
    assert folder.read()["guard"] == {"name": "guard", "environment_variables": {}}


def test_booleans_are_booleans(folder: Folder) -> None:
    folder.plugin("guard", "analyticsDbAccess: true\nadopt: False")
    read = folder.read()["guard"]
    assert (read["analytics_db_access"], read["adopt"]) == (True, False)


SHOWN = {
    "name": "Plugin-guard",
    "displayName": "Guard",
    "version": 3,
    "endpointUrl": "https://guard.example",
    "linkToConsole": "https://console.example",
    "creationTime": "2026-01-01T00:00:00.000Z",
    "lastModifiedTime": "2026-01-01T00:00:00.000Z",
    "deploymentPackageType": "ZIP",
    "cronSchedule": None,
    "cors": None,
    "environmentVariables": {"MODE": "strict", "BIOT_BASE_URL": "x", "PULUMI_BIOT_STAMP": "v1:a:b", "GONE": None},
    "subscriptions": {
        "interceptionOrder": 1,
        "interceptions": [
            {
                "type": "POST_REQUEST",
                "servicePrefix": "/organization",
                "apiId": "POST/organization/v1/users/patients",
                "entityTypeName": None,
                "order": 1,
            }
        ],
        "notifications": [],
    },
}


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_what_the_platform_shows_of_a_plugin_is_taken_as_pasted(folder: Folder, indent: Any) -> None:
    folder.plugin("guard", json.dumps(SHOWN, indent=indent), code=False)
    assert folder.read()["guard"] == {
        "name": "guard",
        "display_name": "Guard",
        "version": 3,
        "environment_variables": {"MODE": "strict"},
        "subscriptions": {
            "interception_order": 1,
            "interceptions": [{"type": "POST_REQUEST", "api_id": "POST/organization/v1/users/patients", "order": 1}],
            "notifications": [],
        },
    }


def test_two_folders_cannot_describe_one_plugin(folder: Folder) -> None:
    folder.plugin("guard")
    folder.plugin("guard-copy", "name: Plugin-guard")
    assert folder.problems() == ["guard-copy/plugin.yaml: name: 'guard' is the name of guard/plugin.yaml too"]


def test_overrides_merge_maps_replace_lists_and_values_and_take_away_with_null(folder: Folder) -> None:
    folder.plugin(
        "guard",
        """
        timeout: 30
        cronSchedule: 0 8 ? * MON *
        environmentVariables: {MODE: strict, LEVEL: info}
        cors: {allowOrigins: ["https://a.example"], allowMethods: [GET]}
        """,
    )
    read = folder.read(
        {
            "guard": {
                "memorySize": 512,
                "cronSchedule": None,
                "environmentVariables": {"MODE": "lax", "LEVEL": None},
                "cors": {"allowOrigins": ["https://b.example"]},
            }
        }
    )["guard"]
    assert (read["timeout"], read["memory_size"]) == (30, 512)
    assert "cron_schedule" not in read
    assert read["environment_variables"] == {"MODE": "lax"}
    assert read["cors"] == {"allow_origins": ["https://b.example"], "allow_methods": ["GET"]}


def test_the_merged_plugin_is_judged_and_not_its_parts(folder: Folder) -> None:
    folder.plugin("image", "deploymentPackageType: IMAGE", code=False)
    folder.plugin("zip", "imageTag: wave-1\ndeploymentPackageType: IMAGE\ntimeout: 9000", code=False)
    read = folder.read(
        {
            "image": {"imageTag": "wave-2", "cronSchedule": None, "environmentVariables": {"NONE": None}},
            "zip": {"imageTag": None, "deploymentPackageType": None, "timeout": 9},
        }
    )
    assert read["image"] == {"name": "image", "image_tag": "wave-2", "environment_variables": {}}
    assert read["zip"] == {"name": "zip", "timeout": 9}


def test_an_override_may_hold_a_value_that_is_not_known_yet(folder: Folder) -> None:
    folder.plugin("guard", "environmentVariables: {MODE: strict}")
    with asyncio.Runner() as runner:  # an output belongs to a loop
        token = runner.run(_secret("x"))
    assert folder.read({"guard": {"environmentVariables": {"TOKEN": token}}})["guard"]["environment_variables"] == {
        "MODE": "strict",
        "TOKEN": token,
    }


async def _secret(value: str) -> pulumi.Output[str]:
    return pulumi.Output.secret(value)


def test_a_mistake_names_the_place_where_its_value_stands(folder: Folder) -> None:
    folder.plugin("both", "environmentVariables: {A_KEY: a}\nsubscriptions: {interceptionOrder: 0}\ntimeout: 0")
    folder.plugin("image", "runtime: python3.13", code=False)
    folder.plugin("zip", "deploymentPackageType: ZIP", code=False)
    stack = "stack configuration 'plugins"
    problems = folder.problems(
        {
            "both": {
                "environmentVariables": {"B_KEY": "b" * 5000, "C_KEY": 5},
                "subscriptions": {"notifications": [{}]},
                "memorySize": 1,
            },
            "image": {"imageTag": "wave-1"},
            "zip": {"imageTag": "wave-1"},
        }
    )
    assert [
        problem.rpartition(": must")[0] or problem.rpartition(": is req")[0] or problem for problem in problems
    ] == [
        f"{stack}.both': environmentVariables.C_KEY",
        f"both/plugin.yaml with {stack}.both': environmentVariables",
        f"{stack}.both': memorySize",
        "both/plugin.yaml: subscriptions.interceptionOrder",
        f"{stack}.both': subscriptions.notifications[0].actionName",
        f"{stack}.both': subscriptions.notifications[0].entityTypeName",
        "both/plugin.yaml: timeout",
        f"image/plugin.yaml: runtime: does not go with imageTag, which stands in {stack}.image': an image brings its"
        " own code, runtime and handler",
        f"zip/plugin.yaml: deploymentPackageType: ZIP does not go with imageTag, which stands in {stack}.zip'",
    ]


@pytest.mark.parametrize(
    ("value", "state"),
    [("true", "ENABLED"), ("false", "DISABLED"), ("no", "DISABLED"), ("On", "ENABLED"), ("'false'", "DISABLED")],
)
def test_enabled_is_short_for_the_state(folder: Folder, value: str, state: str) -> None:
    folder.plugin("guard", f"enabled: {value}")
    assert folder.read()["guard"]["enabled_state"] == state
    assert folder.read({"guard": {"enabled": False}})["guard"]["enabled_state"] == "DISABLED"
    assert "enabled_state" not in folder.read({"guard": {"enabled": None}})["guard"]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("memroySize: 5", "guard/plugin.yaml: memroySize: unknown key; did you mean 'memorySize'?"),
        ("memory_size: 256", "guard/plugin.yaml: memory_size: unknown key; did you mean 'memorySize'?"),
        ("codeDigest: x", "guard/plugin.yaml: codeDigest: unknown key"),
        ("timeout: 0", "guard/plugin.yaml: timeout: must be 1 to 900 (seconds), not 0"),
        ("memorySize: 5", "guard/plugin.yaml: memorySize: must be 128 to 10240 (MB), not 5"),
        ("enabled: perhaps", "guard/plugin.yaml: enabled: must be true or false, not 'perhaps'"),
        ("deploymentPackageType: TAR", "deploymentPackageType: must be ZIP or IMAGE, not 'TAR'"),
        ("deploymentPackageType: IMAGE", "deploymentPackageType: IMAGE needs an imageTag"),
        ("deploymentPackageType: ZIP\nimageTag: a", "deploymentPackageType: ZIP does not go with imageTag"),
        ("enabled: 1", "guard/plugin.yaml: enabled: must be true or false, not '1'"),
        ("enabled: true\nenabledState: DISABLED", "enabled: is short for enabledState: leave one of them out"),
        ("imageTag: a\nruntime: x", "runtime: does not go with imageTag: an image"),
        ('code: ""', "guard/plugin.yaml: code: must not be empty"),
        ("environmentVariables: {BIOT_X: a1}", "environmentVariables.BIOT_X: the prefix BIOT_ is reserved by BioT"),
        ("environmentVariables: {PULUMI_BIOT_STAMPS: [a]}", "PULUMI_BIOT_STAMPS: must be a string, not list"),
        ("environmentVariables: {MY_KEY: }", "environmentVariables.MY_KEY: must not be empty"),
        ("environmentVariables: [A=b]", "environmentVariables: must be a map of strings"),
        ("subscriptions: {interceptions: [{type: PRE_REQUEST}]}", "subscriptions.interceptions[0].apiId: is required"),
        ("subscriptions: {notification: []}", "subscriptions.notification: unknown key; did you mean 'notifications'?"),
        (
            "subscriptions: {interceptions: [{api_id: a, type: ADAPT_ENTITY, entityTypeName: b}]}",
            "did you mean 'apiId'?",
        ),
        ("subscriptions: {notifications: {}}", "subscriptions.notifications: must be a list"),
        ("endpointURL: a", "endpointURL: unknown key"),
        ("cronSchedule: 0 29 ? * MON *", "cronSchedule: hours must be 0 to 23, not 29"),
        ("- a list", "guard/plugin.yaml: must be a map such as 'displayName: My plugin'"),
        ("a: [", "guard/plugin.yaml (line 1, column 5): is not YAML"),
        ("a: 1\na: [}", "guard/plugin.yaml (line 2, column 5): is not YAML"),
        (
            "timeout: 1\n\ntimeout: 2",
            "guard/plugin.yaml (line 3, column 1): the key 'timeout' is given twice, in line 1 too",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_file_and_in_its_words(folder: Folder, manifest: str, words: str) -> None:
    folder.plugin("guard", manifest)
    said = folder.problems()
    assert any(words in line for line in said), said
    assert len(said) == 1


def test_all_mistakes_of_all_files_and_of_the_stack_are_reported_at_once(folder: Folder) -> None:
    folder.plugin("first", "timout: 3\nmemorySize: 1")
    folder.plugin("second", "a: [")
    folder.plugin("third")
    said = folder.problems({"thrid": {}, "third": {"handlr": "x"}})
    assert [line.partition(": ")[0] for line in said] == [
        "stack configuration 'plugins'",
        "first/plugin.yaml",
        "first/plugin.yaml",
        "second/plugin.yaml (line 1, column 5)",
        "stack configuration 'plugins.third'",
    ]
    assert "did you mean 'third'?" in said[0]
    assert "did you mean 'handler'?" in said[4]


def test_the_overrides_of_every_plugin_are_judged_at_once(folder: Folder) -> None:
    for name in ("a-list", "a-scalar", "mistaken"):
        folder.plugin(name)
    stack = "stack configuration 'plugins"
    assert folder.problems(
        {"a-list": ["x"], "a-scalar": 5, "mistaken": {"enabled": [True], "memory": 1}, "mistakes": None}
    ) == [
        f"{stack}': no plugin 'mistakes' in {folder.path}; did you mean 'mistaken'?",
        f"{stack}.a-list': must be a map such as 'displayName: My plugin'",
        f"{stack}.a-scalar': must be a map such as 'displayName: My plugin'",
        f"{stack}.mistaken': enabled: must be true or false, not a list",
        f"{stack}.mistaken': memory: unknown key; did you mean 'memorySize'?",
    ]


@pytest.mark.parametrize(
    "value",
    [
        *("[canary]", "*canary", "!canary x", "!canary!x y", "'a' canary", "canary: x", "{canary: [x]}", "@canary"),
        *('"\\qcanary"', "|canary", "&canary a\n  B: &canary c", "canary\n B: c", "{{canary}}", "!!binary canary"),
    ],
)
def test_no_value_of_a_variable_is_quoted(folder: Folder, value: str) -> None:
    folder.plugin("guard", f"environmentVariables:\n  TOKEN: {value}\n")
    (problem,) = folder.problems()
    assert "canary" not in problem


def test_overrides_given_by_the_program_are_named_as_its_own(folder: Folder) -> None:
    folder.plugin("guard")
    with pytest.raises(pulumi.RunError) as raised:
        declare_plugins(folder.path, {"guard": {"displayName": 5}, "gard": {}})
    assert uncoded(str(raised.value)).splitlines() == [
        f"overrides: no plugin 'gard' in {folder.path}; did you mean 'guard'?",
        "overrides.guard: displayName: must be a string, not a number: put it in quotes",
    ]


@pytest.mark.parametrize("overrides", [["guard"], "guard", 5])
def test_overrides_that_are_no_map_are_reported(folder: Folder, overrides: Any) -> None:
    with pytest.raises(InputError, match="stack configuration 'plugins': must be a map of plugin names"):
        read_fleet(folder.path, overrides)
