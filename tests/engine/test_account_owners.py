"""Own-account resources on the real engine: whose they are, what they show, and that no secret of an endpoint shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from biot_provider.api.client import Client
from biot_provider.config import Settings

if TYPE_CHECKING:
    from conftest import Project

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
HOOK = "https://hooks.acme.example/biot"
TEMPLATES = "POST/organization/v1/users/patients/templates/{templateName}"
TOLD = 'biot.NotificationSubscription("told", entity_type_name="patient", action_name="_create", endpoint="{}")\n'


@pytest.fixture
def api(project: Project) -> Iterator[Client]:
    """Somebody else on the same platform."""
    client = Client.connect(Settings(f"embedded:{project.platform_folder}"))
    yield client
    client.close()


def listening(api: Client) -> int:
    return len(list(api.search_notifications({})))


def test_of_two_stacks_with_one_subscription_the_one_that_made_it_ends_it(project: Project, api: Client) -> None:
    project.program(TOLD.format(HOOK))
    project.up().succeeded()
    project.use_stack("other")
    up = project.up().succeeded()
    id_ = f"patient _create {HOOK}"
    assert (
        f"warning: notification '{id_}' exists already: taken as this resource's. This stack did not make" in up.output
    )
    assert project.up("--refresh", "--expect-no-changes").succeeded().unchanged
    destroyed = project.destroy().succeeded()
    assert f"warning: notification '{id_}' stays subscribed: this stack did not make the one that" in destroyed.output
    assert listening(api) == 1
    project.use_stack("dev")
    project.destroy().succeeded()
    assert listening(api) == 0


def test_no_secret_of_an_endpoint_or_a_filter_is_in_state_or_in_a_text(project: Project, api: Client) -> None:
    key, value, changed = "canary-of-a-query", "canary-of-a-filter", "canary-of-a-change"
    program = (
        'key, value = (pulumi.Output.secret(os.environ[name]) for name in ("KEY", "VALUE"))\n'
        f'told = biot.NotificationSubscription("told", entity_type_name="patient", action_name="_create",'
        f' endpoint=pulumi.Output.concat("{HOOK}?code=", key))\n'
        'biot.InterceptionSubscription("before", type="PRE_REQUEST", entity_name="patient",'
        f' api_id="{TEMPLATES}", endpoint=pulumi.Output.concat("{HOOK}/2?code=", key),'
        ' path_filters={"templateName": value}, execution_order=int(os.environ["ORDER"]))\n'
        'pulumi.export("told", told.id)\n'
    )
    project.environment |= {"KEY": key, "VALUE": value, "ORDER": "5"}
    project.program(program)
    runs = [project.preview("--diff").succeeded(), project.up("--diff", "--show-replacement-steps").succeeded()]
    runs.append(project.refresh("--diff").succeeded())
    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.environment |= {"KEY": changed, "ORDER": "6"}
    project.platform.faults.add(
        status=400, code="X", details={"endpoint": changed}, path="/hooks/.*/subscribe", times=1
    )
    runs += [project.preview("--diff"), project.up("--diff"), project.up("--diff").succeeded()]
    runs += [project.pulumi("stack", "--show-ids"), project.pulumi("stack", "output", "--json")]
    runs += [project.pulumi("stack", "export"), project.destroy("--diff").succeeded()]
    texts = [text for run in runs for text in (run.stdout, run.stderr, run.event_log)] + [project.stored_text()]
    for canary in (key, value, changed):
        assert [number for number, text in enumerate(texts) if canary in text] == []
    assert listening(api) == 0
    assert list(api.search_interceptions({})) == []


def test_an_id_of_an_earlier_version_is_no_change_and_its_secret_goes_with_a_refresh(
    project: Project, api: Client
) -> None:
    endpoint = f"{HOOK}?code=canary-of-a-query"
    project.program(TOLD.format(endpoint))
    project.up().succeeded()
    state = json.loads(project.pulumi("stack", "export").succeeded().stdout)
    (told,) = [entry for entry in state["deployment"]["resources"] if "NotificationSubscription" in entry["type"]]
    new, told["id"] = told["id"], f"patient _create {endpoint}"
    told["outputs"] = {name: value for name, value in told["outputs"].items() if name not in ("__id", "__created")}
    old = project.folder / "old.json"
    old.write_text(json.dumps(state))
    project.pulumi("stack", "import", "--file", str(old)).succeeded()
    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.refresh().succeeded()
    assert f'"id": "{new}"' in project.state_text()
    assert f'"id": "patient _create {endpoint}"' not in project.state_text()
    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.destroy().succeeded()
    assert listening(api) == 0


def test_what_nobody_foresaw_is_shown_healed_or_ignored_and_destroyed(project: Project, api: Client) -> None:
    options = ""
    program = 'biot.ServiceUser("ci", role_id="{}", type="EXTERNAL_SERVICE"{})\n' + TOLD.format(HOOK)
    project.program(program.format(ROLE, options))
    project.up().succeeded()
    (user,) = api.search_service_users({"name": {"eq": "ci"}})
    project.platform.edits.change("service-user", str(user.id), "roleId", "nurse")
    for kind, at, value in (
        ("service-user", "type", "ROBOT"),
        ("service-user", "unheardOf", {"of": 7}),
        ("notification", "actionName", "_vanish"),
    ):
        project.platform.variants.add(kind, at, value)
    refresh = project.refresh().succeeded()
    assert "the platform shows type 'ROBOT', which is none that this version knows" in refresh.output
    assert "the platform shows notification" in refresh.output
    project.program(program.format(ROLE, ', opts=pulumi.ResourceOptions(ignore_changes=["*"])'))
    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.program(program.format(ROLE, ""))
    project.up().succeeded()
    assert api.get_service_user(str(user.id)).role_id == ROLE
    project.refresh().succeeded()
    project.destroy().succeeded()
    assert (listening(api), list(api.search_service_users({"name": {"eq": "ci"}}))) == (0, [])
