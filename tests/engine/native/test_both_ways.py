"""One stack, declared with this package's dynamic resources, then with those of the native provider, and back."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from ..conftest import NATIVE, Project

pytestmark = pytest.mark.story

TEAM = """
class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Team", name)

team = Team("team")
"""
DYNAMIC_PROGRAM = f"""{TEAM}
key = pulumi.Config("shop").require_secret("key")
seed = biot.Plugin("seed")
hello = biot.Plugin(
    "hello", code="plugins/hello", display_name=key, timeout=TIMEOUT, memory_size=256,
    environment_variables={{"MODE": "strict", "KEY": key}},
    subscriptions=biot.SubscriptionsArgs(
        interception_order=2,
        interceptions=[biot.InterceptionArgs(type="PRE_REQUEST", api_id="POST/organization/v1/users/patients")],
        notifications=[biot.NotificationArgs(entity_type_name="patient", action_name="_create", template_name="nurse")],
    ),
    cron_schedule="0 8 ? * MON-FRI *", cors=biot.CorsArgs(allow_origins=["https://portal.example.com"]),
    analytics_db_access=True,
)
image = biot.PluginImage("wave", code="code", base_image="embedded/base/python:3.13", handler="index.handler")
wave = biot.Plugin("wave", image_tag=image.image_tag)
inner = biot.Plugin("inner", code="plugins/hello", opts=pulumi.ResourceOptions(parent=team))
user = biot.ServiceUser("ci", role_id="{{ROLE}}", type="EXTERNAL_SERVICE")
biot.ServiceUserKey("key", service_user_id=user.id, keepers={{"since": "2026"}})
biot.InterceptionSubscription(
    "filtered", type="PRE_REQUEST", endpoint="https://hooks.example.com/pre?code=plain", execution_order=4,
    api_id="POST/organization/v1/users/patients/templates/{{templateName}}", path_filters={{"templateName": "nurse"}},
)
biot.NotificationSubscription(
    "told", entity_type_name="patient", action_name="_create", endpoint="https://hooks.example.com/told"
)
pulumi.export("url", hello.endpoint_url)
"""
NATIVE_PROGRAM = f"""{NATIVE}{TEAM}
key = pulumi.Config("shop").require_secret("key")
seed = declare("Plugin", "seed")
hello = declare(
    "Plugin", "hello", code="plugins/hello", displayName=key, timeout=TIMEOUT, memorySize=256,
    environmentVariables={{"MODE": "strict", "KEY": key}},
    subscriptions={{
        "interceptionOrder": 2,
        "interceptions": [{{"type": "PRE_REQUEST", "apiId": "POST/organization/v1/users/patients"}}],
        "notifications": [{{"entityTypeName": "patient", "actionName": "_create", "templateName": "nurse"}}],
    }},
    cronSchedule="0 8 ? * MON-FRI *", cors={{"allowOrigins": ["https://portal.example.com"]}},
    analyticsDbAccess=True,
)
image = declare("PluginImage", "wave", code="code", baseImage="embedded/base/python:3.13", handler="index.handler")
wave = declare("Plugin", "wave", imageTag=image.imageTag)
inner = declare("Plugin", "inner", code="plugins/hello", opts=pulumi.ResourceOptions(parent=team))
user = declare("ServiceUser", "ci", roleId="{{ROLE}}", type="EXTERNAL_SERVICE")
declare("ServiceUserKey", "key", serviceUserId=user.id, keepers={{"since": "2026"}})
declare(
    "InterceptionSubscription", "filtered", type="PRE_REQUEST", endpoint="https://hooks.example.com/pre?code=plain",
    executionOrder=4, apiId="POST/organization/v1/users/patients/templates/{{templateName}}",
    pathFilters={{"templateName": "nurse"}},
)
declare(
    "NotificationSubscription", "told", entityTypeName="patient", actionName="_create",
    endpoint="https://hooks.example.com/told",
)
pulumi.export("url", hello.endpointUrl)
"""


def program(text: str, timeout: int = 30) -> str:
    """The program with what differs between runs."""
    return text.replace("TIMEOUT", str(timeout)).replace("{ROLE}", "0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11")


def writes(project: Project) -> list[str]:
    """What was written to the platform since the last `forget_requests`."""
    asked = [f"{entry['method']} {entry['path']}" for entry in project.platform.requests()]
    return [text for text in asked if not text.startswith("GET") and "accessToken" not in text]


def secret_texts(project: Project) -> set[str]:
    """What the state holds as secrets, in plain."""
    exported = json.loads(project.pulumi("stack", "export", "--show-secrets").succeeded().stdout)
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict) and "plaintext" in value:
            found.update(_leaves(json.loads(value["plaintext"])))
        elif isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                walk(item)

    walk([{**r.get("inputs", {}), "outputs": r.get("outputs")} for r in exported["deployment"]["resources"]])
    return found


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [leaf for item in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(item)]
    return [str(value)]


@pytest.fixture
def shop(project: Project) -> tuple[Project, str]:
    """A project, and a secret in its configuration."""
    key = secrets.token_hex(16)
    project.set_secret("shop:key", key)
    project.file("code/index.py", "def handler(event, context):\n    return {'statusCode': 200}\n")
    return project, key


@pytest.mark.parametrize("first", ["dynamic", "native"])
def test_a_stack_moves_to_the_other_provider_and_back(shop: tuple[Project, str], first: str) -> None:
    project, key = shop
    one, other = (DYNAMIC_PROGRAM, NATIVE_PROGRAM) if first == "dynamic" else (NATIVE_PROGRAM, DYNAMIC_PROGRAM)
    project.program(program(one))
    up = project.up().succeeded()
    assert key not in up.output
    assert project.preview().succeeded().unchanged
    url, held = project.outputs()["url"], secret_texts(project)
    assert url == project.shown("hello")["endpointUrl"]
    assert key in held

    for text in (other, one):
        project.program(program(text))
        project.forget_requests()
        up = project.up().succeeded()
        assert set(up.changes) == {"same", "update"}, up.output
        assert writes(project) == [], up.output
        assert project.outputs()["url"] == url
        assert secret_texts(project) == held
        assert key not in up.output + project.stored_text()
        assert project.preview().succeeded().unchanged
        assert project.refresh().succeeded().unchanged

    project.program(program(other, timeout=31))
    up = project.up().succeeded()
    assert project.shown("hello")["timeout"] == 31
    project.destroy().succeeded()
    assert project.names() == set()


IGNORED = {
    "dynamic": """
biot.Plugin(
    "hello", memory_size=SIZE, environment_variables={"MODE": "strict"}, display_name="Hello",
    cors=biot.CorsArgs(allow_origins=["https://portal.example.com"], allow_headers=["x-one"]),
    opts=pulumi.ResourceOptions(
        ignore_changes=["memory_size", "environment_variables", "cors.allow_origins", "image_tag"],
    ),
)
""",
    "native": NATIVE
    + """
declare(
    "Plugin", "hello", memorySize=SIZE, environmentVariables={"MODE": "strict"}, displayName="Hello",
    cors={"allowOrigins": ["https://portal.example.com"], "allowHeaders": ["x-one"]},
    opts=pulumi.ResourceOptions(
        ignore_changes=["memorySize", "environmentVariables", "cors.allowOrigins", "imageTag"],
    ),
)
""",
}


@pytest.mark.parametrize("first", IGNORED)
def test_what_is_ignored_stays_in_a_move(project: Project, first: str) -> None:
    """The engine looks for it in the old inputs, under the name of the other provider."""
    (other,) = IGNORED.keys() - {first}
    project.program(IGNORED[first].replace("SIZE", "512"))
    project.up().succeeded()
    project.platform.edits.change("plugin", "hello", "memorySize", 1024)
    project.platform.edits.change("plugin", "hello", "environmentVariables.HAND", "theirs")
    project.refresh().succeeded()
    before = {name: project.shown("hello")[name] for name in ("memorySize", "cors")} | project.variables("hello")

    project.program(IGNORED[other].replace("SIZE", "256"))
    project.forget_requests()
    up = project.up().succeeded()
    assert writes(project) == [], up.output
    project.program(IGNORED[other].replace("SIZE", "256").replace('"Hello"', '"Other"'))
    project.up().succeeded()
    assert project.shown("hello")["displayName"] == "Other"
    assert {name: project.shown("hello")[name] for name in ("memorySize", "cors")} | project.variables(
        "hello"
    ) == before
    assert project.preview("--refresh").succeeded().unchanged
