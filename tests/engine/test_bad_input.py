"""What is wrong is told at preview: all of it, in plain words, with nothing asked of the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project, Result

GOOD = {"code": "plugins/hello"}


def _refused(project: Project, result: Result, *texts: str) -> None:
    """The run failed with these texts, asked nothing and left no plugin in the state."""
    result.failed(*(text.replace("{root}", str(project.root)) for text in texts))
    assert project.platform.requests() == []
    assert project.resources() == {}


EVERYTHING_WRONG: dict[str, Any] = {
    "name": "Plugin-hello",
    "version": 32768,
    "display_name": "d" * 256,
    "handler": "index.main.js.",
    "timeout": 0,
    "memory_size": 127,
    "ephemeral_storage": 10241,
    "environment_variables": {"BIOT_KEY": "a", "AWS_REGION": "b", "PULUMI_BIOT_STAMP": "c", "1st": "d", "EMPTY": ""},
    "subscriptions": {
        "interception_order": 0,
        "interceptions": [
            {"type": "PRE_REQUEST"},
            {"type": "ADAPT_ENTITY", "api_id": "GET/device/v2/devices"},
            {"type": "PRE_REQEST", "api_id": "GET/device/v2/devices", "ordr": 3},
        ],
        "notifications": [{"entity_type_name": "patient"}],
    },
    "enabled_state": "enabled",
    "cron_schedule": "cron(0 8 * * ? *)",
    "analytics_db_access": "perhaps",
    "cors": {"allow_methods": ["FETCH"], "allow_origin": ["*"]},
    "code": "plugins/nowhere",
}
ALL_PROBLEMS = (
    "name: must not start with 'Plugin-', the platform adds it: use 'hello'",
    "version: must be 1 to 32767, not 32768",
    "display_name: must be at most 255 characters, not 256",
    "timeout: must be 1 to 900 (seconds), not 0",
    "memory_size: must be 128 to 10240 (MB), not 127",
    "ephemeral_storage: must be 512 to 10240 (MB), not 10241",
    "environment_variables.BIOT_KEY: the prefix BIOT_ is reserved by BioT",
    "environment_variables.AWS_REGION: is a variable that AWS Lambda sets itself",
    "environment_variables.PULUMI_BIOT_STAMP: is where this provider keeps its stamp",
    "environment_variables.1st: must be a letter, then letters, digits and _",
    "environment_variables.EMPTY: must not be empty",
    "subscriptions.interception_order: must be 1 to 2147483647, not 0",
    "subscriptions.interceptions[0].api_id: is required for PRE_REQUEST",
    "subscriptions.interceptions[1].api_id: must be left out for ADAPT_ENTITY",
    "subscriptions.interceptions[1].entity_type_name: is required for ADAPT_ENTITY",
    "subscriptions.interceptions[2].type: must be 'PRE_REQUEST', 'POST_REQUEST' or 'ADAPT_ENTITY', not 'PRE_REQEST';"
    " did you mean 'PRE_REQUEST'?",
    "subscriptions.interceptions[2].ordr: unknown argument; did you mean 'order'?",
    "subscriptions.notifications[0].action_name: is required",
    "enabled_state: must be 'ENABLED' or 'DISABLED', not 'enabled'; did you mean 'ENABLED'?",
    "cron_schedule: must be the six fields alone, without cron( ) or rate( )",
    "analytics_db_access: must be true or false, not 'perhaps'",
    "cors.allow_methods[0]: must be 'GET', 'PUT', 'POST', 'DELETE', 'HEAD' or 'PATCH', not 'FETCH'",
    "cors.allow_origin: unknown argument; did you mean 'allow_origins'?",
    "code: {root}/plugins/nowhere does not exist: code is the path of a folder or a .zip",
)


def test_all_problems_of_a_plugin_are_listed_at_once_by_preview_and_by_up(project: Project) -> None:
    project.declare({"hello": EVERYTHING_WRONG})

    _refused(project, project.preview(), *ALL_PROBLEMS)
    _refused(project, project.up(), *ALL_PROBLEMS)


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"name": "has blank"}, ["name: must be letters, digits, - and _ only, not 'has blank'"]),
        ({"name": "n" * 58}, ["name: must be at most 57 characters, not 58"]),
        ({"timeout": 1.5}, ["timeout: must be a whole number (seconds), not 1.5"]),
        ({"environment_variables": {"BIG": "x" * 4096}}, ["environment_variables: must be at most", "not 4099"]),
        (
            {"image_tag": "image-1", "runtime": "nodejs22.x", "handler": "index.handler"},
            ["code: does not go with image_tag", "runtime: does not go", "handler: does not go"],
        ),
        ({"handler": "main.handler"}, ["handler: the handler 'main.handler' needs main.js", "plugins/hello"]),
        ({"runtime": "python3.13"}, ["handler: the handler 'index.handler' needs index.py or index/__init__.py"]),
        ({"code": "plugins/hello/index.js"}, ["code: {root}/plugins/hello/index.js is neither a folder nor a .zip"]),
        ({"code": "empty"}, ["code: {root}/empty holds nothing to deploy"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_bad_argument_is_refused_at_preview(project: Project, given: dict[str, Any], problems: list[str]) -> None:
    (project.root / "empty").mkdir()
    project.declare({"hello": GOOD | given})

    _refused(project, project.preview(), *problems)


UNSENDABLE = r"""
biot.Plugin(
    "hello",
    display_name="a\ud800b",
    timeout=10**400,
    handler=b"index.handler",
    runtime=pulumi.StringAsset("x"),
    environment_variables={1: "canary-value", "A\ud800": "canary-value"},
    subscriptions=biot.SubscriptionsArgs(interceptions=[biot.InterceptionArgs(type="ADAPT_ENTITY", order={5})]),
    cors=(deep := {}) or deep.update(allow_origins=deep) or deep,
)
"""
LATER = r"""
variables = pulumi.Output.secret({"MODE": b"canary-value", "OTHER": "canary-value\ud800"})
biot.Plugin("hello", environment_variables=variables)
"""


@pytest.mark.parametrize(
    ("program", "problems"),
    [
        (
            UNSENDABLE,
            [
                "display_name: must be text that UTF-8 can write: character 2, U+D800, is half of a surrogate pair",
                "timeout: must be a number of at most 308 digits",
                "handler: must be text, a number, true or false, a list or a map, not bytes",
                "runtime: must be text, a number, true or false, a list or a map, not StringAsset",
                "environment_variables: the key 1 must be text, not int",
                "environment_variables: the key 'A\\ud800' must be text that UTF-8 can write",
                "cors: must not be nested deeper than 20 levels",
            ],
        ),
        (
            'biot.Plugin("hello", subscriptions=biot.SubscriptionsArgs(interceptions=[b"x"]))',
            ["subscriptions.interceptions: must be text, a number, true or false, a list or a map, not bytes"],
        ),
        (
            LATER,
            ["environment_variables.MODE: must be text, a number", "environment_variables.OTHER: must be text that"],
        ),
        ('biot.PluginImage("hello", code=7, base_image="x/y:z")', ["code: must be a string, not 7"]),
    ],
    ids=["plain", "args", "later", "number"],
)
def test_what_pulumi_cannot_send_is_refused_by_name_in_the_program(
    project: Project, program: str, problems: list[str]
) -> None:
    project.program(program)

    result = project.preview()

    result.failed(*problems)
    assert "canary" not in result.output


def test_a_bad_change_leaves_the_deployed_plugin_and_the_state_as_they_were(project: Project) -> None:
    project.declare({"hello": GOOD})
    project.up().succeeded()
    state, shown = project.state_text(), project.shown("hello")
    project.declare({"hello": GOOD | {"timeout": 901, "memory_size": 1}})
    project.platform.request_log.clear()

    for result in (project.preview(), project.up()):
        result.failed("timeout: must be 1 to 900 (seconds), not 901", "memory_size: must be 128 to 10240 (MB), not 1")

    assert project.platform.requests() == []
    assert project.state_text() == state
    assert project.shown("hello") == shown


def test_all_mistakes_in_all_plugin_yaml_files_and_overrides_are_listed_at_once(project: Project) -> None:
    project.file("plugins/hello/plugin.yaml", "displayNam: Hello\ntimeout: 1000\n")
    project.file("plugins/broken/plugin.yaml", "displayName: [\n")
    project.file("plugins/list/plugin.yaml", "- displayName\n")
    project.file("plugins/nested/plugin.yaml", "subscriptions: {interceptionOrdr: 2}\nmemorySize: much\n")
    project.config["shop:plugins"] = {"helo": {"timeout": 3}, "nested": {"enabled": "perhaps", "timout": 4}}
    project.program('biot.declare_plugins("plugins")')

    result = project.preview()

    _refused(
        project,
        result,
        "plugins/hello/plugin.yaml: displayNam: unknown key; did you mean 'displayName'?",
        "plugins/hello/plugin.yaml: timeout: must be 1 to 900 (seconds), not 1000",
        "plugins/broken/plugin.yaml (line 2, column 1): is not YAML",
        "plugins/list/plugin.yaml: must be a map such as 'displayName: My plugin'",
        "plugins/nested/plugin.yaml: subscriptions.interceptionOrdr: unknown key; did you mean 'interceptionOrder'?",
        "plugins/nested/plugin.yaml: memorySize: must be a whole number (MB), not 'much'",
        f"stack configuration 'plugins': no plugin 'helo' in {project.root}/plugins; did you mean 'hello'?",
        "stack configuration 'plugins.nested': enabled: must be true or false, not 'perhaps'",
        "stack configuration 'plugins.nested': timout: unknown key; did you mean 'timeout'?",
    )


@pytest.mark.parametrize(
    ("program", "config", "text"),
    [
        ('biot.declare_plugins("functions")', {}, "functions' does not exist: create /"),
        ('biot.declare_plugins("plugins")', {"shop:plugins": "hello"}, "'plugins': must be a map of plugin names"),
        ('biot.declare_plugins("plugins")', {"shop:plugins": ["hello"]}, "'plugins': must be a map of plugin names"),
        ('biot.declare_plugins("plugins")', {"shop:plugins": {"hello": 3}}, "'plugins.hello': must be a map such as"),
    ],
)
def test_a_fleet_that_cannot_be_read_is_told_in_one_line(
    project: Project, program: str, config: dict[str, Any], text: str
) -> None:
    project.file("plugins/hello/plugin.yaml", "displayName: Hello\n")
    project.config |= config
    project.program(program)

    _refused(project, project.preview(), text)


HTTPS = "https://api.dev.clinic.biot-med.com"
NO_ID = "biot:serviceId is not set: run `pulumi config set biot:serviceId <id>`, or set BIOT_SERVICE_ID"
NO_SECRET = (
    "biot:serviceSecretKey is not set: run `pulumi config set --secret biot:serviceSecretKey`,"
    " or set BIOT_SERVICE_SECRET_KEY"
)


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ({"biot:baseUrl": None}, ["biot:baseUrl is not set: run `pulumi config set biot:baseUrl", NO_ID, NO_SECRET]),
        ({"biot:baseUrl": HTTPS, "biot:serviceId": "service-1"}, [NO_SECRET]),
        ({"biot:baseUrl": "http://biot-med.com"}, ["biot:baseUrl must be https, not 'http://biot-med.com'", NO_ID]),
        ({"biot:baseUrl": "api.biot-med.com"}, ["biot:baseUrl must be an https address or `embedded`"]),
        ({"biot:baseUrl": f"{HTTPS}/settings"}, ["must be the address alone, without '/settings'"]),
        (
            {"biot:requestTimeout": "0", "biot:stamp": "perhaps"},
            ["biot:requestTimeout must be 1 to 3600 seconds, not '0'", "biot:stamp must be true or false"],
        ),
    ],
    ids=lambda value: "-".join(key.removeprefix("biot:") for key in value) if isinstance(value, dict) else "",
)
def test_a_bad_connection_is_told_at_preview_in_one_line_with_the_command_that_mends_it(
    project: Project, config: dict[str, Any], problems: list[str]
) -> None:
    project.config = {key: value for key, value in (project.config | config).items() if value is not None}
    project.declare({"hello": GOOD | {"timeout": 0}})

    result = project.preview()

    _refused(project, result, *problems, "timeout: must be 1 to 900 (seconds), not 0")
    (line,) = [error for error in result.errors if "BioT connection:" in error]
    assert "\n" not in line
    assert all(problem in line for problem in problems)
    assert "run `pulumi config set" in line
