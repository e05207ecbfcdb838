"""`biot-provider compare` and `graph` beside the real engine: a stack's state, its platform, its program's preview."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys

import pytest

from biot_provider.api.client import Client

from ..conftest import Project

pytestmark = pytest.mark.story

API = "PATCH/organization/v1/users/patients/{id}"
PROGRAM = f"""
hook = dict(type="PRE_REQUEST", api_id={API!r})
biot.Plugin("hello", code="plugins/hello", environment_variables={{"TOKEN": os.environ["TOKEN"]}},
    subscriptions=dict(interception_order=4, interceptions=[hook]))
made = biot.Plugin("made", subscriptions=dict(interception_order=2, interceptions=[hook]))
biot.InterceptionSubscription("outside", **hook, endpoint="https://hooks.acme.example/biot", execution_order=3)
biot.NotificationSubscription("secret", entity_type_name="patient", action_name="_create",
    endpoint=pulumi.Output.secret("https://hooks.acme.example/" + os.environ["TOKEN"]))
biot.NotificationSubscription("later", entity_type_name="patient", action_name="_create", endpoint=made.endpoint_url)
"""


def run(project: Project, *arguments: str) -> tuple[int, str]:
    """Run the command in the project: exit code, and everything printed."""
    command = [sys.executable, "-m", "biot_provider.cli", *arguments]
    done = subprocess.run(command, cwd=project.root, env=project.environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_program_is_drawn_before_it_is_deployed_and_compared_with_its_platform_after(
    project: Project, api: Client
) -> None:
    token = secrets.token_hex(16)
    project.environment["TOKEN"] = token
    project.program(PROGRAM)
    project.prepare_stack()
    project.forget_requests()

    code, declared = run(project, "graph", "--declared", "--stack", "dev", "--text")
    assert code == 0, declared
    assert declared.splitlines()[:7] == [
        API,
        "  before      2  made",
        "              3  https://hooks.acme.example/biot",
        "              4  hello",
        "patient _create",
        "  notifies       endpoint of later",
        "                 endpoint of secret",
    ]
    assert project.requests("POST", "PATCH", "DELETE") == []

    project.up().succeeded()
    assert run(project, "compare", "dev") == (0, "hello: equal\nmade: equal\n2 equal\n")
    assert run(project, "compare", "state:dev", "state:dev", "--json")[0] == 0
    code, live = run(project, "graph", "--stack", "dev", "--text")
    assert (code, live.splitlines()[1:4]) == (0, declared.splitlines()[1:4])

    api.update_plugin("hello", {"memorySize": 256, "environmentVariables": {"TOKEN": secrets.token_hex(16)}})
    code, drifted = run(project, "compare", "dev", "--json")
    assert code == 1
    (hello,) = (one for one in json.loads(drifted)["plugins"] if one["result"] == "different")
    assert {one["field"] for one in hello["differences"]} == {"code", "environment_variables.TOKEN", "memory_size"}
    assert token not in declared + live + drifted


def test_a_preview_says_whom_a_new_plugin_meets_and_what_the_platform_lacks(project: Project, api: Client) -> None:
    deployed = {"interceptionOrder": 3, "interceptions": [{"type": "PRE_REQUEST", "apiId": API}], "notifications": []}
    api.create_plugin({"name": "audit", "displayName": "audit", "version": 1, "subscriptions": deployed})
    hooks = {
        "interception_order": 3,
        "interceptions": [
            {"type": "PRE_REQUEST", "api_id": API},
            {"type": "PRE_REQUEST", "api_id": f"{API}x", "order": 1},
        ],
    }
    project.declare({"hello": {"code": "plugins/hello", "subscriptions": hooks}, "plain": {}})
    preview = project.preview().succeeded()
    assert preview.steps == {"hello": ["create"], "plain": ["create"]}
    assert f"warning: plugin 'hello': PRE_REQUEST {API}: order 3 is that of audit too" in preview.output
    assert (
        f"PRE_REQUEST {API}x: this platform has no such API to intercept; the nearest it has: {API}" in preview.output
    )

    hooks["interceptions"] = [{"type": "PRE_REQUEST", "api_id": API}]
    project.declare({"hello": {"code": "plugins/hello", "subscriptions": {**hooks, "interception_order": 9}}})
    assert f"plugin 'hello': PRE_REQUEST {API}: with order 9 it runs after audit" in project.up().succeeded().output
    project.forget_requests()
    again = project.preview().succeeded()
    assert again.unchanged
    assert "runs after" not in again.output
    assert project.platform.requests() == []
