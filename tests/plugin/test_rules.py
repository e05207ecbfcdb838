"""Every bad input is found before anything is sent, all at once, with its path, what is allowed and what was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.output import Unknown

from biot_provider.config import Settings
from biot_provider.errors import ConfigError
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.problems import nearest
from biot_provider.plugin.rules import plugin_problems
from biot_provider.plugin.stamp import STAMP_BYTES, VARIABLES_BYTES
from biot_provider.provider.plugin import PluginProvider

from ..uncoded import uncoded
from .checked import check

PATIENTS = "POST/organization/v1/users/patients"
PRE: dict[str, Any] = {"type": "PRE_REQUEST", "api_id": PATIENTS}
ADAPT: dict[str, Any] = {"type": "ADAPT_ENTITY", "entity_type_name": "device"}
NOTIFICATION: dict[str, Any] = {"entity_type_name": "patient", "action_name": "_create"}
ROOM = VARIABLES_BYTES - STAMP_BYTES
unknown: Callable[[], Any] = Unknown


def one(**interception: Any) -> dict[str, Any]:
    return {"subscriptions": {"interceptions": [interception]}}


def notified(**notification: Any) -> dict[str, Any]:
    return {"subscriptions": {"notifications": [notification]}}


def variables(**values: Any) -> dict[str, Any]:
    return {"environment_variables": values}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


BAD: list[tuple[dict[str, Any], str, str]] = [
    # the name
    ({"name": ""}, "name", "must not be empty"),
    ({"name": "a b"}, "name", "must be letters, digits, - and _ only, not 'a b'"),
    ({"name": "gärd"}, "name", "must be letters, digits, - and _ only"),
    ({"name": "guard\n"}, "name", "must be letters, digits, - and _ only"),
    ({"name": "g" * 58}, "name", "must be at most 57 characters, not 58"),
    ({"name": "Plugin-guard"}, "name", "must not start with 'Plugin-', the platform adds it: use 'guard'"),
    ({"name": 7}, "name", "must be a string, not 7"),
    ({"name": None}, "name", "is required"),
    # plain fields: lengths, ranges, words, types
    ({"display_name": ""}, "display_name", "must not be empty"),
    ({"display_name": "d" * 256}, "display_name", "must be at most 255 characters, not 256"),
    ({"version": 0}, "version", "must be 1 to 32767, not 0"),
    ({"version": 32768}, "version", "must be 1 to 32767, not 32768"),
    ({"version": 1.5}, "version", "must be a whole number, not 1.5"),
    ({"version": True}, "version", "must be a whole number, not True"),
    ({"version": "two"}, "version", "must be a whole number, not 'two'"),
    ({"runtime": ""}, "runtime", "must not be empty"),
    ({"runtime": "r" * 51}, "runtime", "must be at most 50 characters, not 51"),
    ({"handler": ""}, "handler", "must not be empty"),
    ({"handler": "h" * 1025}, "handler", "must be at most 1024 characters, not 1025"),
    ({"timeout": 0}, "timeout", "must be 1 to 900 (seconds), not 0"),
    ({"timeout": 901.0}, "timeout", "must be 1 to 900 (seconds), not 901"),
    ({"timeout": "soon"}, "timeout", "must be a whole number (seconds), not 'soon'"),
    ({"memory_size": 127}, "memory_size", "must be 128 to 10240 (MB), not 127"),
    ({"memory_size": 10241}, "memory_size", "must be 128 to 10240 (MB), not 10241"),
    ({"ephemeral_storage": 511}, "ephemeral_storage", "must be 512 to 10240 (MB), not 511"),
    ({"ephemeral_storage": 20000}, "ephemeral_storage", "must be 512 to 10240 (MB), not 20000"),
    ({"enabled_state": "enabled"}, "enabled_state", "must be 'ENABLED' or 'DISABLED', not 'enabled'; did you mean"),
    ({"enabled_state": True}, "enabled_state", "must be 'ENABLED' or 'DISABLED', not True"),
    ({"analytics_db_access": "maybe"}, "analytics_db_access", "must be true or false, not 'maybe'"),
    ({"adopt": 3}, "adopt", "must be true or false, not 3"),
    ({"code": ""}, "code", "must not be empty"),
    ({"code": "no/such/folder"}, "code", "does not exist"),
    # an image excludes what it brings itself
    ({"image_tag": ""}, "image_tag", "must not be empty"),
    ({"image_tag": "t" * 129}, "image_tag", "must be at most 128 characters, not 129"),
    ({"image_tag": "repo/name:tag"}, "image_tag", "must be an image tag alone (letters, digits, _ . -), not"),
    ({"image_tag": "-x"}, "image_tag", "must be an image tag alone"),
    ({"image_tag": "t-1", "code": "."}, "code", "does not go with image_tag"),
    ({"image_tag": "t-1", "runtime": "python3.13"}, "runtime", "does not go with image_tag"),
    ({"image_tag": "t-1", "handler": "index.handler"}, "handler", "does not go with image_tag"),
    # what is built needs sources
    ({"build": "auto"}, "build", "needs code: the folder of the sources"),
    ({"image_tag": "t-1", "build": "auto"}, "build", "does not go with image_tag"),
    ({"code": ".", "build": "autos"}, "build", "must be a map of arguments, not 'autos'"),
    ({"code": ".", "build": {"comand": "make"}}, "build.comand", "unknown argument; did you mean 'command'?"),
    ({"code": ".", "build": {"command": ""}}, "build.command", "must not be empty"),
    ({"code": ".", "build": {"output": "dist"}}, "build.output", "goes with a command alone"),
    ({"code": ".", "build": {"inputs": ["src"]}}, "build.inputs", "goes with a command alone"),
    ({"code": ".", "build": {"command": "make", "output": "../x"}}, "build.output", "must be a path within code"),
    ({"code": ".", "build": {"command": "make", "output": "/x"}}, "build.output", "must be a path within code"),
    # environment variables
    (variables(BIOT_MODE="x1"), "environment_variables.BIOT_MODE", "the prefix BIOT_ is reserved by BioT"),
    (variables(AWS_REGION="x1"), "environment_variables.AWS_REGION", "is a variable that AWS Lambda sets itself"),
    (variables(_HANDLER="x1"), "environment_variables._HANDLER", "is a variable that AWS Lambda sets itself"),
    (variables(LAMBDA_TASK_ROOT="x1"), "environment_variables.LAMBDA_TASK_ROOT", "AWS Lambda sets itself"),
    (variables(LAMBDA_RUNTIME_DIR="x1"), "environment_variables.LAMBDA_RUNTIME_DIR", "AWS Lambda sets itself"),
    (
        variables(PULUMI_BIOT_STAMP="x1"),
        "environment_variables.PULUMI_BIOT_STAMP",
        "is where this provider keeps its stamp",
    ),
    (variables(**{"9LIVES": "x1"}), "environment_variables.9LIVES", "must be a letter, then letters, digits and _"),
    (variables(A="x1"), "environment_variables.A", "two characters or more"),
    (variables(**{"A-B": "x1"}), "environment_variables.A-B", "must be a letter, then letters, digits and _"),
    (variables(**{"": "x1"}), "environment_variables.", "must be a letter"),
    (variables(**{"MODE\n": "x1"}), "environment_variables.MODE", "must be a letter"),
    (variables(MODE=""), "environment_variables.MODE", "must not be empty: leave the variable out instead"),
    (variables(MODE=5), "environment_variables.MODE", "must be a string, not int: put it in quotes"),
    (variables(MODE=True), "environment_variables.MODE", "must be a string, not bool"),
    (variables(MODE=None), "environment_variables.MODE", "must be a string, not NoneType"),
    (variables(MODE=["x1"]), "environment_variables.MODE", "must be a string, not list"),
    ({"environment_variables": "MODE=x1"}, "environment_variables", "must be a map of strings"),
    ({"environment_variables": ["MODE"]}, "environment_variables", "must be a map of strings"),
    (variables(MODE="v" * ROOM), "environment_variables", f"must be at most {ROOM} bytes in all"),
    (variables(MODE="ü" * (ROOM // 2)), "environment_variables", f"must be at most {ROOM} bytes in all"),
    # interceptions
    ({"subscriptions": "all"}, "subscriptions", "must be a map of arguments, not 'all'"),
    ({"subscriptions": {"interceptions": "all"}}, "subscriptions.interceptions", "must be a list, not 'all'"),
    ({"subscriptions": {"interceptions": ["x"]}}, "subscriptions.interceptions[0]", "must be a map of arguments"),
    ({"subscriptions": {"interception_order": 0}}, "subscriptions.interception_order", "must be 1 to 2147483647"),
    ({"subscriptions": {"interception_order": "x"}}, "subscriptions.interception_order", "must be a whole number"),
    (one(api_id=PATIENTS), "subscriptions.interceptions[0].type", "is required"),
    (
        one(type="PRE_REQEST", api_id=PATIENTS),
        "subscriptions.interceptions[0].type",
        "must be 'PRE_REQUEST', 'POST_REQUEST' or 'ADAPT_ENTITY', not 'PRE_REQEST'; did you mean 'PRE_REQUEST'?",
    ),
    (one(type="PRE_REQUEST"), "subscriptions.interceptions[0].api_id", "is required for PRE_REQUEST"),
    (one(type="POST_REQUEST"), "subscriptions.interceptions[0].api_id", "is required for POST_REQUEST"),
    (one(type="PRE_REQUEST", api_id=""), "subscriptions.interceptions[0].api_id", "must not be empty"),
    (one(type="PRE_REQUEST", api_id="patients"), "subscriptions.interceptions[0].api_id", "must be a method and a"),
    (one(type="PRE_REQUEST", api_id="post/x/v1"), "subscriptions.interceptions[0].api_id", "must be a method and"),
    (one(type="PRE_REQUEST", api_id="POST /x/v1"), "subscriptions.interceptions[0].api_id", "must be a method and"),
    (one(**ADAPT, api_id=PATIENTS), "subscriptions.interceptions[0].api_id", "must be left out for ADAPT_ENTITY"),
    (one(type="ADAPT_ENTITY"), "subscriptions.interceptions[0].entity_type_name", "is required for ADAPT_ENTITY"),
    (one(**PRE, entity_type_name=""), "subscriptions.interceptions[0].entity_type_name", "must not be empty"),
    (one(**PRE, order=0), "subscriptions.interceptions[0].order", "must be 1 to 2147483647, not 0"),
    (one(**PRE, order=True), "subscriptions.interceptions[0].order", "must be a whole number, not True"),
    (
        {"subscriptions": {"interceptions": [PRE, {**PRE, "order": 4}]}},
        "subscriptions.interceptions[1]",
        "is the same subscription as subscriptions.interceptions[0]: leave one out",
    ),
    (
        {"subscriptions": {"interceptions": [PRE, ADAPT, ADAPT]}},
        "subscriptions.interceptions[2]",
        "is the same subscription as subscriptions.interceptions[1]",
    ),
    (
        {"subscriptions": {"interceptions": [PRE, {"type": "POST_REQUEST"}]}},
        "subscriptions.interceptions[1].api_id",
        "is required for POST_REQUEST",
    ),
    # notifications
    (notified(action_name="_create"), "subscriptions.notifications[0].entity_type_name", "is required"),
    (notified(entity_type_name="patient"), "subscriptions.notifications[0].action_name", "is required"),
    (
        notified(**{**NOTIFICATION, "action_name": ""}),
        "subscriptions.notifications[0].action_name",
        "must not be empty",
    ),
    (notified(**NOTIFICATION, template_name=""), "subscriptions.notifications[0].template_name", "must not be empty"),
    (
        {"subscriptions": {"notifications": [NOTIFICATION, NOTIFICATION]}},
        "subscriptions.notifications[1]",
        "is the same subscription as subscriptions.notifications[0]",
    ),
    # cors
    ({"cors": True}, "cors", "must be a map of arguments, not True"),
    ({"cors": {"allow_origins": "*"}}, "cors.allow_origins", "must be a list, not '*'"),
    ({"cors": {"allow_methods": ["GET", "get"]}}, "cors.allow_methods[1]", "not 'get'; did you mean 'GET'?"),
    ({"cors": {"allow_methods": ["OPTIONS"]}}, "cors.allow_methods[0]", "must be 'GET', 'PUT', 'POST', 'DELETE'"),
    ({"cors": {"allow_headers": [1]}}, "cors.allow_headers[0]", "must be a string, not 1"),
    # what no argument takes, wherever it stands
    ({"display_name": "a\ud800b"}, "display_name", "must be text that UTF-8 can write: character 2, U+D800, is half"),
    ({"display_name": "a\0b"}, "display_name", "must not hold a NUL: character 2 is one"),
    ({"name": "a\0b"}, "name", "must not hold a NUL: character 2 is one"),
    ({"code": "plugins/\0"}, "code", "must not hold a NUL: character 9 is one"),
    ({"code": "plugins/\udcff"}, "code", "must be text that UTF-8 can write: character 9, U+DCFF"),
    (variables(MODE="a\ud800b"), "environment_variables.MODE", "must be text that UTF-8 can write"),
    (variables(MODE="a\0b"), "environment_variables.MODE", "must not hold a NUL"),
    (variables(**{"A\ud800": "x1"}), "environment_variables", "the key 'A\\ud800' must be text that UTF-8 can write"),
    ({"environment_variables": {1: "x1"}}, "environment_variables", "the key 1 must be text, not int"),
    (variables(MODE=b"x1"), "environment_variables.MODE", "must be text, a number, true or false, a list or a map"),
    ({"runtime": b"python3.13"}, "runtime", "must be text, a number, true or false, a list or a map, not bytes"),
    ({"cron_schedule": pulumi.StringAsset("x")}, "cron_schedule", "or a map, not StringAsset"),
    ({"timeout": float("nan")}, "timeout", "must be a finite number, not nan"),
    ({"timeout": float("-inf")}, "timeout", "must be a finite number, not -inf"),
    ({"timeout": 10**400}, "timeout", "must be a number of at most 308 digits"),
    ({"timeout": 10**300}, "timeout", "must be 1 to 900 (seconds), not 1000000"),
    ({"timeout": "9" * 5000}, "timeout", "must be a whole number (seconds), not '999999"),
    ({"cors": nested(21)}, "cors", "must not be nested deeper than 20 levels"),
    ({"cors": nested(5000)}, "cors", "must not be nested deeper than 20 levels"),
    ({"cors": {"allow_origins": nested(6)}}, "cors.allow_origins[0]", "must be a string, not a list"),
    ({"display_name": {"TOKEN": "canary-value"}}, "display_name", "must be a string, not a map"),
    # keys nobody knows, with the nearest right one, at every level
    ({"memory": 128}, "memory", "unknown argument; did you mean 'memory_size'?"),
    ({"enviroment_variables": {}}, "enviroment_variables", "unknown argument; did you mean 'environment_variables'?"),
    ({"code_digest_": "x"}, "code_digest_", "unknown argument"),
    (
        {"subscriptions": {"interception": []}},
        "subscriptions.interception",
        "unknown argument; did you mean 'interceptions'?",
    ),
    (
        one(**PRE, entity_name="patient"),
        "subscriptions.interceptions[0].entity_name",
        "unknown argument; did you mean 'entity_type_name'?",
    ),
    (
        notified(**NOTIFICATION, template="x"),
        "subscriptions.notifications[0].template",
        "unknown argument; did you mean 'template_name'?",
    ),
    ({"cors": {"a.b": 1}}, "cors.a.b", "unknown argument"),
    ({"cors": {"a[0]": {"b": 1}}}, "cors.a[0]", "unknown argument"),
    ({"a.b": 1}, "a.b", "unknown argument"),
    ({"a\nb": 1}, "a\\nb", "unknown argument"),
    ({"a\ud800": b"x"}, "a\\ud800", "unknown argument"),
    ({"memorySize": 128}, "memorySize", "unknown argument; did you mean 'memory_size'?"),
    ({"x" * 5000: 1}, "x" * 77 + "...: ", "unknown argument"),
    ({"cors": {"allowed_origins": []}}, "cors.allowed_origins", "unknown argument; did you mean 'allow_origins'?"),
    # schedules, whose own rules are tested in test_schedule.py
    ({"cron_schedule": ""}, "cron_schedule", "must have six fields"),
    ({"cron_schedule": "0 29 ? * MON *"}, "cron_schedule", "hours must be 0 to 23, not 29"),
    ({"cron_schedule": "0 8 1 1 ? 2020"}, "cron_schedule", "never fires again, its last time is past"),
    ({"cron_schedule": "* " * 130}, "cron_schedule", "must be at most 250 characters"),
    ({"cron_schedule": 5}, "cron_schedule", "must be a string, not 5"),
]

GOOD: list[dict[str, Any]] = [
    {},
    {"name": "g" * 57},
    {"name": "plugin-guard"},
    {"name": "_-9"},
    {"display_name": "Ümläut & <tags> 日本"},
    {"version": 32767, "timeout": 900, "memory_size": 10240, "ephemeral_storage": 10240},
    {"version": 1.0, "timeout": 1.0, "memory_size": 128.0, "ephemeral_storage": 512.0},
    {"timeout": "30", "memory_size": "512"},
    {"runtime": "nodejs99.x", "handler": "a/b/index.main"},
    {"enabled_state": "DISABLED", "analytics_db_access": True, "adopt": True},
    {"image_tag": "wave-model_1.0-4f9c21ab"},
    variables(MODE="strict", aB_9="x"),
    variables(MODE="v" * (ROOM - len("MODE"))),
    variables(BIOTOPE="x1", AWSOME="x1", AWS_LAMBDA_EXEC_WRAPPER="/opt/run", AWS_USE_FIPS_ENDPOINT="true", TZ="UTC"),
    {"environment_variables": {}},
    {"subscriptions": {}},
    {"subscriptions": {"interceptions": [], "notifications": []}},
    {"subscriptions": {"interception_order": 1, "interceptions": [{**PRE, "order": 2**31 - 1}]}},
    {"subscriptions": {"interceptions": [PRE, {**PRE, "type": "POST_REQUEST"}, ADAPT]}},
    one(type="PRE_REQUEST", api_id=f"{PATIENTS}/templates/{{templateName}}", entity_type_name="patient"),
    {
        "subscriptions": {
            "notifications": [
                NOTIFICATION,
                {**NOTIFICATION, "template_name": "nurse"},
                {**NOTIFICATION, "action_name": "x"},
            ]
        }
    },
    {"cors": {}},
    {"cors": {"allow_origins": ["https://portal.acme.example"], "allow_methods": ["HEAD"], "expose_headers": []}},
    {"cron_schedule": "0 8 ? * MON-FRI *"},
    {"cron_schedule": "0  8  L  *  ?  *"},
    one(type="PRE_REQUEST", apiId=PATIENTS),  # the platform's own spelling, as its documentation has it
    {"code": None, "subscriptions": None, "cors": None},
]


@pytest.mark.parametrize(("given", "path", "words"), BAD, ids=[f"{path}-{words[:30]}" for _, path, words in BAD])
def test_a_bad_input_is_named_with_what_is_allowed(given: dict[str, Any], path: str, words: str) -> None:
    reported = check(given)
    assert [line for line in reported if line.startswith(f"{path}") and words in line], reported
    assert len(reported) == 1, "one mistake is reported once"


@pytest.mark.parametrize("given", GOOD, ids=str)
def test_a_good_input_passes(given: dict[str, Any]) -> None:
    assert check(given) == []


def test_every_mistake_is_reported_at_once() -> None:
    given: dict[str, Any] = {
        "name": "Plugin-x",
        "timout": 3,
        "timeout": 0,
        "memory_size": "big",
        "environment_variables": {"BIOT_A": "x1", "OK": ""},
        "subscriptions": {"interceptions": [PRE, {"type": "PRE_REQUEST", "api_id": "x"}, ADAPT], "notifications": [{}]},
        "cors": {"allow_methods": ["CONNECT"]},
        "cron_schedule": "0 29 ? * MON *",
        "code": "no/such/folder",
    }
    paths = [line.partition(":")[0] for line in check(given)]
    assert sorted(paths) == sorted(
        [
            *("name", "timout", "timeout", "memory_size", "cron_schedule", "code", "cors.allow_methods[0]"),
            *("environment_variables.BIOT_A", "environment_variables.OK", "subscriptions.interceptions[1].api_id"),
            "subscriptions.notifications[0].entity_type_name",
            "subscriptions.notifications[0].action_name",
        ]
    )


def test_a_missing_connection_is_reported_beside_the_other_mistakes() -> None:
    provider = PluginProvider()
    provider.connect(Connection(ConfigError("BioT connection: biot:baseUrl is not set", "BIOT-1001")))
    reported = [uncoded(failure.reason) for failure in provider.check({}, {"name": "guard", "timeout": 0}).failures]
    assert reported == ["BioT connection: biot:baseUrl is not set", "timeout: must be 1 to 900 (seconds), not 0"]


@pytest.mark.parametrize(
    ("place", "neighbour", "problem"),
    [
        ({"name": "?"}, {"timeout": 0}, "timeout"),
        ({"timeout": "?", "memory_size": 128}, {"ephemeral_storage": 1}, "ephemeral_storage"),
        ({"code": "?"}, {"handler": ""}, "handler"),
        ({"image_tag": "?"}, {"version": 0}, "version"),
        ({"cron_schedule": "?"}, {"name": ""}, "name"),
        ({"environment_variables": "?"}, {"timeout": 0}, "timeout"),
        ({"environment_variables": {"MODE": "?", "BIOT_X": "x1"}}, {}, "environment_variables.BIOT_X"),
        ({"environment_variables": {"BIOT_X": "?"}}, {}, "environment_variables.BIOT_X"),
        ({"subscriptions": "?"}, {"timeout": 0}, "timeout"),
        ({"subscriptions": {"interceptions": "?", "interception_order": 0}}, {}, "subscriptions.interception_order"),
        ({"subscriptions": {"interceptions": ["?", {**PRE, "order": 0}]}}, {}, "subscriptions.interceptions[1].order"),
        (one(type="PRE_REQUEST", api_id="?", order=0), {}, "subscriptions.interceptions[0].order"),
        (one(type="?", api_id="", entity_type_name="x"), {}, "subscriptions.interceptions[0].api_id"),
        (one(type="ADAPT_ENTITY", entity_type_name="?", order=0), {}, "subscriptions.interceptions[0].order"),
        (notified(entity_type_name="?", action_name=""), {}, "subscriptions.notifications[0].action_name"),
        ({"cors": {"allow_origins": ["?"], "allow_methods": ["x"]}}, {}, "cors.allow_methods[0]"),
    ],
    ids=str,
)
def test_what_is_not_known_yet_is_skipped_and_its_neighbours_are_not(
    place: dict[str, Any], neighbour: dict[str, Any], problem: str
) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return unknown() if value == "?" else value

    reported = [line.partition(":")[0] for line in check({**filled(place), **neighbour})]
    assert reported == [problem]


def test_values_not_known_yet_alone_are_no_problem_and_stay() -> None:
    provider = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    later = unknown()
    given = {"name": "guard", "code": later, "environment_variables": {"MODE": later, "OTHER": "x1"}, "cors": later}
    result = provider.check({}, given)
    assert result.failures == []
    assert isinstance(result.inputs["code"], Unknown)
    assert isinstance(result.inputs["environment_variables"]["MODE"], Unknown)
    assert (result.inputs["timeout"], result.inputs["runtime"]) == (3, "nodejs22.x")


@pytest.mark.parametrize(
    "values",
    [
        {"BIOT_TOKEN": "canary-value"},
        {"A": "canary-value"},
        {"TOKEN": ["canary-value"]},
        {"TOKEN": {"deep": "canary-value"}},
        {"TOKEN": "canary-value" * 400},
        {"TOKEN": "canary-value\0"},
        {"TOKEN": "canary-value\ud800"},
        {"TOKEN": {"canary-key": b"canary-value"}},
        {"TOKEN": [["canary-value", {"canary-key": "canary-value\0"}]]},
        ["canary-value\0"],
        b"canary-value",
        "canary-value",
        ["canary-value"],
    ],
    ids=lambda values: str(type(values).__name__),
)
def test_no_value_of_a_variable_is_quoted(values: Any) -> None:
    for name in ("environment_variables", "environmentVariables", "enviroment_variables"):
        reported = check({name: values})
        assert reported
        assert "canary" not in "".join(reported)


@pytest.mark.parametrize("name", ["Plugin-", "Plugin-Plugin-x"])
def test_a_prefixed_name_is_refused_whatever_follows(name: str) -> None:
    assert any("must not start with 'Plugin-'" in line for line in check({"name": name}))


def test_problems_come_in_the_order_of_their_paths() -> None:
    found = plugin_problems({"timeout": 0, "name": "", "cors": 1}, lambda _: False)
    assert [problem.path for problem in found] == ["cors", "name", "timeout"]


@pytest.mark.parametrize(
    ("given", "suggestion"),
    [("MemorySize", "; did you mean 'memory_size'?"), ("xyz", ""), (5, ""), ("", "")],
)
def test_the_nearest_word_is_suggested_only_when_it_is_near(given: object, suggestion: str) -> None:
    assert nearest(given, ["memory_size", "timeout"]) == suggestion
