"""A stack that an earlier version has written: unchanged in a preview, refreshed, updated, destroyed.

``earlier/<date>.json`` is what `pulumi stack export --show-secrets` gave then, without what the platform gives, for the
program below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from biot_provider.plugin.stamp import owner_hash

from .conftest import NATIVE, Project

GIVEN = "given by the platform"
PROGRAM = """
class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Team", name)

team = Team("team")
seed = biot.Plugin("seed")
hello = biot.Plugin(
    "hello",
    code="plugins/hello",
    display_name="Hello",
    timeout=30,
    memory_size=256,
    environment_variables={"MODE": "strict"},
    subscriptions=biot.SubscriptionsArgs(
        interception_order=2,
        interceptions=[
            biot.InterceptionArgs(type="PRE_REQUEST", api_id="POST/organization/v1/users/patients"),
            biot.InterceptionArgs(type="ADAPT_ENTITY", entity_type_name="device", order=7),
        ],
        notifications=[biot.NotificationArgs(entity_type_name="patient", action_name="_create", template_name="nurse")],
    ),
    cron_schedule="0 8 ? * MON-FRI *",
    cors=biot.CorsArgs(allow_origins=["https://portal.example.com"]),
    analytics_db_access=True,
    version=3,
)
wave = biot.Plugin("wave", image_tag="image-1", enabled_state="DISABLED")
inner = biot.Plugin("inner", code="plugins/hello", opts=pulumi.ResourceOptions(parent=team))
user = biot.ServiceUser("ci", role_id="0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11", type="EXTERNAL_SERVICE")
key = biot.ServiceUserKey("key", service_user_id=user.id, keepers={"since": "2026"})
biot.InterceptionSubscription(
    "filtered",
    type="PRE_REQUEST",
    endpoint="https://hooks.example.com/pre",
    api_id="POST/organization/v1/users/patients/templates/{templateName}",
    path_filters={"templateName": "nurse"},
    execution_order=4,
)
biot.InterceptionSubscription(
    "adapter", type="ADAPT_ENTITY", endpoint="https://hooks.example.com/adapt?code=plain", entity_name="device"
)
biot.NotificationSubscription(
    "told", entity_type_name="patient", action_name="_create", endpoint=hello.endpoint_url.apply(lambda _: "https://hooks.example.com/told")
)
"""

NATIVE_PROGRAM = f"""
{NATIVE}
class Team(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Team", name)

team = Team("team")
declare("Plugin", "seed")
declare(
    "Plugin",
    "hello",
    code="plugins/hello",
    displayName="Hello",
    timeout=30,
    memorySize=256,
    environmentVariables={{"MODE": "strict"}},
    subscriptions={{
        "interceptionOrder": 2,
        "interceptions": [
            {{"type": "PRE_REQUEST", "apiId": "POST/organization/v1/users/patients"}},
            {{"type": "ADAPT_ENTITY", "entityTypeName": "device", "order": 7}},
        ],
        "notifications": [{{"entityTypeName": "patient", "actionName": "_create", "templateName": "nurse"}}],
    }},
    cronSchedule="0 8 ? * MON-FRI *",
    cors={{"allowOrigins": ["https://portal.example.com"]}},
    analyticsDbAccess=True,
    version=3,
)
declare("Plugin", "wave", imageTag="image-1", enabledState="DISABLED")
declare("Plugin", "inner", code="plugins/hello", opts=pulumi.ResourceOptions(parent=team))
user = declare("ServiceUser", "ci", roleId="0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11", type="EXTERNAL_SERVICE")
declare("ServiceUserKey", "key", serviceUserId=user.id, keepers={{"since": "2026"}})
declare(
    "InterceptionSubscription",
    "filtered",
    type="PRE_REQUEST",
    endpoint="https://hooks.example.com/pre",
    apiId="POST/organization/v1/users/patients/templates/{{templateName}}",
    pathFilters={{"templateName": "nurse"}},
    executionOrder=4,
)
declare(
    "InterceptionSubscription",
    "adapter",
    type="ADAPT_ENTITY",
    endpoint="https://hooks.example.com/adapt?code=plain",
    entityName="device",
)
declare(
    "NotificationSubscription",
    "told",
    entityTypeName="patient",
    actionName="_create",
    endpoint="https://hooks.example.com/told",
)
"""
"""The same for the native provider."""

EARLIER = pytest.mark.parametrize(
    "earlier", sorted(Path(__file__).parent.glob("earlier/*.json")), ids=lambda path: path.stem
)


@EARLIER
def test_a_stack_of_an_earlier_version_continues(project: Project, earlier: Path) -> None:
    _import_state(project, earlier)
    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.program(PROGRAM.replace("timeout=30", "timeout=31").replace("execution_order=4", "execution_order=5"))
    up = project.up("--refresh").succeeded()
    assert up.refreshed == {}, up.output
    assert up.changes["update"] == 2, up.output
    assert len(project.requests("POST", "PATCH", "DELETE")) == 1  # the other one is a subscription
    project.destroy().succeeded()
    assert project.names() == set()


@EARLIER
@pytest.mark.story
def test_a_stack_of_an_earlier_version_moves_to_the_native_provider(project: Project, earlier: Path) -> None:
    _import_state(project, earlier)
    project.program(NATIVE_PROGRAM)
    up = project.up().succeeded()
    assert set(up.changes) == {"same", "update"}, up.output
    assert project.requests("POST", "PATCH", "DELETE") == []
    assert project.preview().succeeded().unchanged
    project.destroy().succeeded()
    assert project.names() == set()


def _import_state(project: Project, earlier: Path) -> None:
    """Deploy the program, and have the stack's state be the one that the earlier version wrote."""
    project.platform.images.add("image-1")
    project.program(PROGRAM)
    project.up().succeeded()
    now = json.loads(project.pulumi("stack", "export", "--show-secrets").succeeded().stdout)
    project.pulumi("stack", "import", stdin=json.dumps(_as_written_then(project, earlier, now))).succeeded()
    project.forget_requests()


def _as_written_then(project: Project, earlier: Path, now: dict[str, Any]) -> dict[str, Any]:
    """The earlier state, with what the platform has given to the resources of now; stamps are those of then."""
    then: dict[str, Any] = json.loads(earlier.read_text())
    for part in ("secrets_providers", "manifest"):
        then["deployment"][part] = now["deployment"][part]
    resources = {resource["urn"]: resource for resource in now["deployment"]["resources"]}
    ids = {r["id"]: resources[r["urn"]]["id"] for r in then["deployment"]["resources"] if "ServiceUser" in r["type"]}
    for resource in then["deployment"]["resources"]:
        outputs = resources[resource["urn"]].get("outputs", {})
        for part in ("inputs", "outputs"):
            for key, value in resource.get(part, {}).items():
                if value == GIVEN:
                    resource[part][key] = outputs[key]
                elif value == "the platform":
                    resource[part][key] = project.config["biot:baseUrl"]
        if resource["type"].endswith("biot:Plugin"):
            stamp = f"v1:{owner_hash(resource['inputs']['__owner'])}:{_code(project, resource['id'])}"
            project.platform.edits.change("plugin", resource["id"], "environmentVariables.PULUMI_BIOT_STAMP", stamp)
    text = json.dumps(then)
    for was, is_now in sorted(ids.items(), reverse=True):  # of a key its whole id before its service user's
        text = text.replace(was, is_now)
    resource_now: dict[str, Any] = json.loads(text)
    return resource_now


def _code(project: Project, name: str) -> str:
    return str(project.shown(name)["environmentVariables"]["PULUMI_BIOT_STAMP"]).split(":")[2]
