"""Service users, keys and subscriptions on the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.api.client import Client
from biot_provider.config import Settings

if TYPE_CHECKING:
    from conftest import Project, Result

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
HOOK = "https://hooks.acme.example/biot"
PATIENTS = "POST/organization/v1/users/patients"
EVERYTHING = """
user = biot.ServiceUser("ci", role_id="{role}", type="{type}", active={active})
key = biot.ServiceUserKey("key", service_user_id=user.id, keepers={{"month": "{month}"}})
biot.InterceptionSubscription(
    "before", type="PRE_REQUEST", api_id="{api}", entity_name="patient", endpoint="{hook}", execution_order={order}
)
biot.NotificationSubscription("{told}", entity_type_name="patient", action_name="_create", endpoint="{hook}{path}")
pulumi.export("user", user.secret_key)
pulumi.export("key", key.secret_key)
pulumi.export("id", user.id)
"""
DEFAULTS = {
    "role": ROLE,
    "type": "EXTERNAL_SERVICE",
    "api": PATIENTS,
    "hook": HOOK,
    "active": True,
    "month": 1,
    "order": 5,
    "told": "told",
    "path": "",
}
DECLARED = {"ci", "key", "before", "told"}


def declare(project: Project, **values: Any) -> None:
    project.program(EVERYTHING.format(**{**DEFAULTS, **values}))


def steps(result: Result) -> dict[str, list[str]]:
    """The operations on each resource of ours by its name; `same` is none."""
    found: dict[str, list[str]] = {}
    for event in result.events:
        step = event.get("resourcePreEvent", {}).get("metadata", {})
        if step.get("type", "").startswith("pulumi-python:dynamic/biot:") and step["op"] != "same":
            found.setdefault(step["urn"].rpartition("::")[2], []).append(step["op"])
    return found


def resources(project: Project) -> dict[str, dict[str, Any]]:
    """All of ours in the state, by resource name."""
    found = json.loads(project.state_text()).get("resources") or []
    return {r["urn"].rpartition("::")[2]: r for r in found if r["type"].startswith("pulumi-python:dynamic/biot:")}


def outputs(project: Project) -> dict[str, Any]:
    """The stack's outputs, secrets as they are."""
    return dict(json.loads(project.pulumi("stack", "output", "--show-secrets", "--json").succeeded().stdout))


def asked(project: Project, *methods: str) -> list[str]:
    """What was asked about service users and subscriptions, logins apart."""
    entries = [entry for entry in project.platform.requests() if not entry["path"].endswith("/accessToken")]
    return [f"{e['method']} {e['path']}" for e in entries if not methods or e["method"] in methods]


@pytest.fixture
def api(project: Project) -> Iterator[Client]:
    """Somebody else on the same platform."""
    client = Client.connect(Settings(f"embedded:{project.platform_folder}"))
    yield client
    client.close()


def test_all_four_in_one_program_are_made_stay_unchanged_and_are_taken_away(project: Project, api: Client) -> None:
    declare(project)
    preview = project.preview().succeeded()
    assert steps(preview) == {key: ["create"] for key in DECLARED}
    assert asked(project) == []
    project.up().succeeded()
    assert {name: entry["id"] for name, entry in resources(project).items() if name not in ("ci", "key")} == {
        "before": f"PRE_REQUEST {PATIENTS} {HOOK}",
        "told": f"patient _create {HOOK}",
    }
    assert project.preview("--expect-no-changes").succeeded().unchanged
    project.refresh("--expect-no-changes").succeeded()
    assert project.up("--refresh", "--expect-no-changes").succeeded().unchanged

    assert set(steps(project.destroy().succeeded())) == DECLARED
    assert list(api.search_service_users({"name": {"eq": "ci"}})) == []
    by_endpoint = {"endpoint": {"eq": HOOK}}
    assert [*api.search_interceptions(by_endpoint), *api.search_notifications(by_endpoint)] == []


def test_the_secret_keys_are_outputs_and_in_no_text_of_a_whole_life(project: Project) -> None:
    declare(project)
    runs = [project.preview("--diff").succeeded(), project.up("--diff").succeeded()]
    secrets = outputs(project)
    assert min(len(secrets[name]) for name in ("user", "key")) > 10
    declare(project, month=2, active=False)
    runs += [
        project.preview("--diff").succeeded(),
        project.refresh("--diff").succeeded(),
        project.up("--diff").succeeded(),
    ]
    secrets["rotated"] = outputs(project)["key"]
    assert outputs(project)["user"] == secrets["user"]
    assert secrets["rotated"] != secrets["key"]
    runs += [
        project.pulumi("stack", "output"),
        project.pulumi("stack", "export"),
        project.destroy("--diff").succeeded(),
    ]
    texts = [text for run in runs for text in (run.stdout, run.stderr, run.event_log)] + [project.stored_text()]
    for name in ("user", "key", "rotated"):
        assert [number for number, text in enumerate(texts) if secrets[name] in text] == []


def test_rotation_makes_the_new_key_before_it_drops_the_old_one(project: Project, api: Client) -> None:
    declare(project)
    project.up().succeeded()
    old = resources(project)["key"]["outputs"]["key_id"]
    declare(project, month=2)
    project.forget_requests()
    assert steps(project.up().succeeded()) == {"key": ["create-replacement", "replace", "delete-replaced"]}
    (post, delete) = asked(project, "POST", "DELETE")
    assert post.endswith("/secret-keys")
    assert delete.endswith(f"/secret-keys/{old}")
    state = resources(project)
    there = [key.id for key in api.get_service_user(state["ci"]["id"]).secret_keys or ()]
    assert sorted(there) == sorted([state["ci"]["outputs"]["secret_key_id"], state["key"]["outputs"]["key_id"]])
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_rotation_killed_after_the_new_key_was_made_is_finished_by_the_next_up(project: Project, api: Client) -> None:
    declare(project)
    project.up().succeeded()
    old = resources(project)["key"]["outputs"]["key_id"]
    declare(project, month=2)
    project.platform.faults.add("kill-after-commit", method="POST", path="/secret-keys$")
    assert project.up().code != 0
    project.up().succeeded()
    state = resources(project)
    there = [key.id for key in api.get_service_user(state["ci"]["id"]).secret_keys or ()]
    assert state["key"]["outputs"]["key_id"] in there
    assert old not in there
    assert project.preview("--expect-no-changes").succeeded().unchanged


def test_a_service_user_whose_creation_was_killed_is_told_with_what_to_do(project: Project, api: Client) -> None:
    declare(project)
    project.platform.faults.add("kill-after-commit", method="POST", path="/ums/v2/services$")
    assert project.up().code != 0
    (left,) = api.search_service_users({"name": {"eq": "ci"}})
    project.up().failed(f"create service user 'ci': one of that name exists already (id {left.id})", "delete it")
    api.delete_service_user(left.id)
    project.up().succeeded()
    assert resources(project).keys() == DECLARED


def test_a_subscription_whose_creation_was_killed_is_gone_on_with(project: Project, api: Client) -> None:
    declare(project)
    project.platform.faults.add("kill-after-commit", method="POST", path="/subscribe$")
    assert project.up().code != 0
    for row in api.search_service_users({"name": {"eq": "ci"}}):
        if "ci" not in resources(project):
            api.delete_service_user(row.id)
    project.up().succeeded()
    by_endpoint = {"endpoint": {"eq": HOOK}}
    assert (len(list(api.search_interceptions(by_endpoint))), len(list(api.search_notifications(by_endpoint)))) == (
        1,
        1,
    )


def test_a_service_user_made_anew_takes_its_keys_with_it_and_its_name_is_free_again(
    project: Project, api: Client
) -> None:
    declare(project)
    project.up().succeeded()
    old = resources(project)
    declare(project, type="INTERNAL_SERVICE")
    project.forget_requests()
    up = project.up().succeeded()
    assert "warning: service user 'ci' is made anew (type cannot change in place)" in up.output
    writes = [entry.replace(old["ci"]["id"], "OLD") for entry in asked(project, "POST", "DELETE")]
    new = resources(project)
    assert [entry.replace(new["ci"]["id"], "NEW") for entry in writes] == [
        f"DELETE /ums/v2/services/OLD/secret-keys/{old['key']['outputs']['key_id']}",
        "DELETE /ums/v2/services/OLD",
        "POST /ums/v2/services",
        "POST /ums/v2/services/NEW/secret-keys",
    ]
    assert [row.type for row in api.search_service_users({"name": {"eq": "ci"}})] == ["INTERNAL_SERVICE"]
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_new_endpoint_is_subscribed_before_the_old_one_ends_and_a_new_order_in_place(project: Project) -> None:
    declare(project)
    project.up().succeeded()
    declare(project, path="/v2", order=8)
    project.forget_requests()
    up = project.up().succeeded()
    assert steps(up) == {"before": ["update"], "told": ["create-replacement", "replace", "delete-replaced"]}
    notifications = [entry for entry in asked(project, "POST") if "notifications" in entry]
    assert [entry.rpartition("/")[2] for entry in notifications] == ["subscribe", "unsubscribe"]
    assert [entry for entry in asked(project, "POST") if "interceptions" in entry] == [
        "POST /dispatcher/v1/hooks/interceptions/subscribe"
    ]
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_a_resource_that_is_renamed_keeps_its_subscription(project: Project, api: Client) -> None:
    declare(project)
    project.up().succeeded()
    declare(project, told="renamed")
    up = project.up().succeeded()
    assert steps(up) == {"renamed": ["create"], "told": ["delete"]}
    assert f"notification 'patient _create {HOOK}' stays subscribed: resource 'renamed' declares it" in up.output
    assert len(list(api.search_notifications({"endpoint": {"eq": HOOK}}))) == 1


def test_drift_of_a_service_user_is_healed_and_what_is_gone_is_made_again(project: Project, api: Client) -> None:
    declare(project)
    project.up().succeeded()
    state = resources(project)
    user = state["ci"]["id"]
    api.update_service_user(user, {"active": False})
    api.delete_secret_key(user, state["key"]["outputs"]["key_id"])
    (row,) = api.search_notifications({"endpoint": {"eq": HOOK}})
    api.unsubscribe_notification(row.model_dump(by_alias=True, exclude_none=True))
    project.up("--refresh").succeeded()
    assert api.get_service_user(user).active is True
    assert len(api.get_service_user(user).secret_keys or ()) == 2
    assert len(list(api.search_notifications({"endpoint": {"eq": HOOK}}))) == 1
    assert project.preview("--refresh", "--expect-no-changes").succeeded().unchanged


def test_each_can_be_read_by_its_id_without_being_managed(project: Project, api: Client) -> None:
    made = api.create_service_user({"name": "theirs", "roleId": ROLE, "type": "INTERNAL_SERVICE"})
    api.subscribe_notification({"entityTypeName": "patient", "actionName": "_login", "endpoint": HOOK})
    api.subscribe_interception({"type": "ADAPT_ENTITY", "entityName": "device", "endpoint": HOOK, "executionOrder": 4})
    project.program(
        f'user = biot.ServiceUser.get("user", "{made.id}")\n'
        f'key = biot.ServiceUserKey.get("key", "{made.id}/{made.secret_key_data.id}")\n'
        f'told = biot.NotificationSubscription.get("told", "patient _login {HOOK}")\n'
        f'adapts = biot.InterceptionSubscription.get("adapts", "ADAPT_ENTITY device {HOOK}")\n'
        'pulumi.export("found", pulumi.Output.all(user.name, user.type, user.secret_key, key.key_id, told.action_name,'
        " adapts.entity_name, adapts.execution_order))"
    )
    up = project.up().succeeded()
    assert steps(up) == {key: ["read"] for key in ["user", "key", "told", "adapts"]}
    key_id = made.secret_key_data.id
    assert outputs(project)["found"] == [
        "theirs", "INTERNAL_SERVICE", None, key_id, "_login", "device", 4
    ]  # fmt: skip
    project.destroy().succeeded()
    assert len(list(api.search_notifications({"endpoint": {"eq": HOOK}}))) == 1
    assert api.get_service_user(made.id).name == "theirs"


def test_every_bad_argument_is_told_in_the_preview_and_nothing_is_asked(project: Project) -> None:
    project.program(
        'biot.NotificationSubscription("told", entity_type_name="patient", action_name="_create", endpoint="ftp://x")'
    )
    project.preview().failed("endpoint: must be https: BioT calls no ftp address")
    project.program('biot.ServiceUser("ci", role_id="nurse", type="EXTERNAL")')
    project.preview().failed("role_id: must be a UUID", "type: must be 'INTERNAL_SERVICE' or 'EXTERNAL_SERVICE'")
    assert asked(project) == []


def test_two_interceptions_at_one_order_are_warned_of_in_the_preview(project: Project) -> None:
    project.program(
        "".join(
            f'biot.InterceptionSubscription("{name}", type="PRE_REQUEST", api_id="{PATIENTS}",'
            f' endpoint="{HOOK}/{name}", execution_order=5)\n'
            for name in ("one", "two")
        )
    )
    preview = project.preview().succeeded()
    assert f"both ask for order 5 of PRE_REQUEST {PATIENTS}" in preview.output


def test_a_get_of_what_is_not_there_is_an_error(project: Project) -> None:
    absent = "00000000-0000-4000-8000-000000000009"
    for text, told in (
        (f'biot.ServiceUser.get("x", "{absent}")', f"service user '{absent}'"),
        (f'biot.ServiceUserKey.get("x", "{absent}/{absent}")', f"secret key '{absent}/{absent}'"),
        (f'biot.NotificationSubscription.get("x", "patient _login {HOOK}")', f"notification 'patient _login {HOOK}'"),
        (f'biot.InterceptionSubscription.get("x", "ADAPT_ENTITY device {HOOK}")', "interception 'ADAPT_ENTITY device"),
    ):
        project.program(text)
        project.up().failed(f"read {told}", "there is none on this platform")
