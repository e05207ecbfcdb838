"""A preview reports all problems, in plain words, without a request to the platform."""

from __future__ import annotations

from typing import Any

from .conftest import Project

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


CONNECTION = "BioT connection: biot:requestTimeout must be 1 to 3600 seconds, not '0'"


def test_all_problems_of_a_plugin_are_listed_at_once_and_nothing_is_sent_or_recorded(project: Project) -> None:
    project.declare({"hello": EVERYTHING_WRONG})
    project.config["biot:requestTimeout"] = "0"

    result = project.pulumi("up", "--yes", log=True)  # its preview fails
    result.failed(*(text.replace("{root}", str(project.root)) for text in ALL_PROBLEMS))
    (line,) = {error for error in result.errors if CONNECTION in error}
    assert "run `pulumi config set" in line
    assert "\n" not in line

    assert project.platform.requests() == []
    assert project.resources() == {}


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


UNSENDABLE_PROBLEMS = (
    "display_name: must be text that UTF-8 can write: character 2, U+D800, is half of a surrogate pair",
    "timeout: must be a number of at most 308 digits",
    "handler: must be text, a number, true or false, a list or a map, not bytes",
    "runtime: must be text, a number, true or false, a list or a map, not StringAsset",
    "environment_variables: the key 1 must be text, not int",
    "environment_variables: the key 'A\\ud800' must be text that UTF-8 can write",
    "cors: must not be nested deeper than 20 levels",
)


def test_what_pulumi_cannot_send_is_refused_by_name_in_the_program(project: Project) -> None:
    project.program(UNSENDABLE)
    plain = project.preview().failed(*UNSENDABLE_PROBLEMS)
    project.program(LATER)
    later = project.preview().failed(
        "environment_variables.MODE: must be text, a number", "environment_variables.OTHER: must be text that"
    )
    assert "canary" not in plain.output + later.output
