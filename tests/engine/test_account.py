"""Service users, keys and subscriptions on the real engine."""

from __future__ import annotations

from typing import Any

import pytest

from biot_provider.api.client import Client

from .conftest import Project

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


CREATE_FIRST = ["create-replacement", "replace", "delete-replaced"]
FOUND = """
user = biot.ServiceUser.get("user", "{user}")
theirs = biot.ServiceUserKey.get("theirs", "{user}/{key}")
told = biot.NotificationSubscription.get("their-told", "patient _login {hook}")
adapts = biot.InterceptionSubscription.get("their-adapts", "ADAPT_ENTITY device {hook}")
pulumi.export("found", pulumi.Output.all(user.name, user.type, user.secret_key, theirs.key_id, told.action_name,
    adapts.entity_name, adapts.execution_order))
"""
"""What others have made, read by its ids."""


def declare(project: Project, more: str = "", **values: Any) -> None:
    project.program(EVERYTHING.format(**{**DEFAULTS, **values}) + more)


def asked(project: Project, *methods: str) -> list[str]:
    """What was asked about service users and subscriptions, logins apart."""
    entries = [entry for entry in project.platform.requests() if not entry["path"].endswith("/accessToken")]
    return [f"{e['method']} {e['path']}" for e in entries if not methods or e["method"] in methods]


@pytest.mark.story
def test_service_user_key_and_subscriptions_live_their_life_and_no_key_is_shown(project: Project, api: Client) -> None:
    theirs = api.create_service_user({"name": "theirs", "roleId": ROLE, "type": "INTERNAL_SERVICE"})
    assert theirs.secret_key_data is not None
    api.subscribe_notification({"entityTypeName": "patient", "actionName": "_login", "endpoint": HOOK})
    api.subscribe_interception({"type": "ADAPT_ENTITY", "entityName": "device", "endpoint": HOOK, "executionOrder": 4})
    found = FOUND.format(user=theirs.id, key=theirs.secret_key_data.id, hook=HOOK)
    declare(project)
    project.forget_requests()

    preview = project.preview("--diff").succeeded()
    assert preview.steps == {key: ["create"] for key in DECLARED}
    assert asked(project) == []

    runs = [preview, project.up("--diff").succeeded()]
    state = project.resources()
    assert {name: state[name]["id"] for name in ("before", "told")} == {
        "before": f"PRE_REQUEST {PATIENTS} {HOOK}",
        "told": f"patient _create {HOOK}",
    }
    secrets = {"user": project.outputs()["user"], "key": project.outputs()["key"]}
    assert min(map(len, secrets.values())) > 10
    assert project.up("--refresh", "--expect-no-changes").succeeded().unchanged

    # A new key and a new endpoint are there before the old ones go; a new order is in place.
    user, old_key = state["ci"]["id"], state["key"]["outputs"]["key_id"]
    declare(project, found, month=2, path="/v2", order=8)
    project.forget_requests()
    runs.append(project.up("--diff").succeeded())
    assert runs[-1].steps == {
        "key": CREATE_FIRST, "told": CREATE_FIRST, "before": ["update"],
        "user": ["read"], "theirs": ["read"], "their-told": ["read"], "their-adapts": ["read"],
    }  # fmt: skip
    writes = asked(project, "POST", "DELETE")
    assert [write for write in writes if "secret-keys" in write] == [
        f"POST /ums/v2/services/{user}/secret-keys",
        f"DELETE /ums/v2/services/{user}/secret-keys/{old_key}",
    ]
    hooks = [write.removeprefix("POST /dispatcher/v1/hooks/") for write in writes if "/hooks/" in write]
    assert sorted(hooks) == ["interceptions/subscribe", "notifications/subscribe", "notifications/unsubscribe"]
    assert hooks.index("notifications/subscribe") < hooks.index("notifications/unsubscribe")
    outputs = project.outputs()
    assert outputs["found"] == [
        "theirs", "INTERNAL_SERVICE", None, theirs.secret_key_data.id, "_login", "device", 4
    ]  # fmt: skip
    assert outputs["user"] == secrets["user"]
    secrets["rotated"] = outputs["key"]
    assert secrets["rotated"] != secrets["key"]

    # What others have changed is changed back, and what is gone is made again.
    api.update_service_user(user, {"active": False})
    api.delete_secret_key(user, project.resources()["key"]["outputs"]["key_id"])
    (row,) = api.search_notifications({"endpoint": {"eq": f"{HOOK}/v2"}})
    api.unsubscribe_notification(row.model_dump(by_alias=True, exclude_none=True))
    runs.append(project.up("--refresh", "--diff").succeeded())
    assert api.get_service_user(user).active is True
    assert len(api.get_service_user(user).secret_keys or ()) == 2
    assert len(list(api.search_notifications({"endpoint": {"eq": f"{HOOK}/v2"}}))) == 1

    # A service user made anew takes its keys with it; a renamed resource keeps its subscription.
    key_id = project.resources()["key"]["outputs"]["key_id"]
    declare(project, found, month=2, path="/v2", order=8, told="renamed", type="INTERNAL_SERVICE")
    project.forget_requests()
    up = project.up("--diff").succeeded()
    assert "warning: service user 'ci' is made anew (type cannot change in place)" in up.output
    assert f"notification 'patient _create {HOOK}/v2' stays subscribed: resource 'renamed' declares it" in up.output
    assert (up.steps["renamed"], up.steps["told"]) == (["create"], ["delete"])
    new = project.resources()["ci"]["id"]
    assert [write for write in asked(project, "POST", "DELETE") if "/services" in write] == [
        f"DELETE /ums/v2/services/{user}/secret-keys/{key_id}",
        f"DELETE /ums/v2/services/{user}",
        "POST /ums/v2/services",
        f"POST /ums/v2/services/{new}/secret-keys",
    ]

    runs += [up, project.pulumi("stack", "output"), project.pulumi("stack", "export")]
    runs.append(project.destroy("--diff").succeeded())
    assert list(api.search_service_users({"name": {"eq": "ci"}})) == []
    assert [row.execution_order for row in api.search_interceptions({})] == [4]
    assert [row.action_name for row in api.search_notifications({"endpoint": {"eq": HOOK}})] == ["_login"]
    assert api.get_service_user(theirs.id).name == "theirs"
    texts = [text for run in runs for text in (run.stdout, run.stderr, run.event_log)] + [project.stored_text()]
    assert {name for name, secret in secrets.items() for text in texts if secret in text} == set()


@pytest.mark.story
def test_what_a_killed_run_left_is_adopted_or_reported_with_advice(project: Project, api: Client) -> None:
    def killed_after(path: str) -> None:
        project.platform.faults.add("kill-after-commit", method="POST", path=path)
        assert project.up().code != 0
        project.platform.faults.clear()

    declare(project)
    killed_after("/ums/v2/services$")
    (left,) = api.search_service_users({"name": {"eq": "ci"}})
    project.up().failed(f"create service user 'ci': one of that name exists already (id {left.id})", "delete it")
    assert left.id is not None
    api.delete_service_user(left.id)
    project.up().succeeded()

    declare(project, path="/new")
    killed_after("/notifications/subscribe$")
    project.up().succeeded()
    assert project.resources().keys() == DECLARED
    assert len(list(api.search_interceptions({"endpoint": {"eq": HOOK}}))) == 1
    # The run killed first may have left the notification at its first endpoint.
    assert len(list(api.search_notifications({"endpoint": {"eq": f"{HOOK}/new"}}))) == 1

    old = project.resources()["key"]["outputs"]["key_id"]
    declare(project, month=2)
    killed_after("/secret-keys$")
    project.up().succeeded()
    state = project.resources()
    there = [key.id for key in api.get_service_user(state["ci"]["id"]).secret_keys or ()]
    assert state["key"]["outputs"]["key_id"] in there
    assert old not in there
    assert project.preview("--expect-no-changes").succeeded().unchanged
