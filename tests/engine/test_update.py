"""Every attribute of a plugin, changed in the program and changed behind Pulumi's back.

One project holds a plugin for each attribute, so that a few runs of `pulumi` serve all tests here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import biot_provider as biot

if TYPE_CHECKING:
    from conftest import Project, Result


@dataclass(frozen=True)
class Change:
    """One attribute: as first declared, as declared then, and what the platform gets and shows of it."""

    before: dict[str, Any]
    after: dict[str, Any]
    sent: dict[str, Any]
    """The members of the PATCH, variables by name only."""
    shown: dict[str, Any]
    drift: dict[str, Any] | None = None
    """What somebody else sends the platform; `sent` must heal it."""


PATIENTS = "POST/organization/v1/users/patients"
DEVICES = "GET/device/v2/devices"
PRE = {"type": "PRE_REQUEST", "api_id": PATIENTS}
POST = {"type": "POST_REQUEST", "api_id": DEVICES, "order": 4}
ADAPT = {"type": "ADAPT_ENTITY", "entity_type_name": "patient"}
TOLD = {"entity_type_name": "patient", "action_name": "_create"}
TOLD_OF_ONE = {"entity_type_name": "device", "action_name": "_update", "template_name": "pump"}
NO_SUBSCRIPTIONS = {"interceptionOrder": 1, "interceptions": [], "notifications": []}
CHANGED_CORS = {"allowMethods": ["PUT"], "exposeHeaders": ["x-id"]}
DEFAULT_CORS = {
    "allowOrigins": ["*"],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["authorization", "content-type"],
    "exposeHeaders": [],
}


def _simple(argument: str, member: str, before: Any, after: Any, other: Any) -> Change:
    return Change({argument: before}, {argument: after}, {member: after}, {member: after}, {member: other})


def _subscriptions(before: Any, after: Any, sent: dict[str, Any], shown: dict[str, Any]) -> Change:
    return Change(
        {"subscriptions": before},
        {"subscriptions": after},
        {"subscriptions": sent},
        {"subscriptions": shown},
        {"subscriptions": {"interceptionOrder": 9, "interceptions": [_wire(PRE) | {"order": 9}], "notifications": []}},
    )


def _wire(item: dict[str, Any]) -> dict[str, Any]:
    names = {"api_id": "apiId", "entity_type_name": "entityTypeName", "action_name": "actionName"}
    return {names.get(key, "templateName" if key == "template_name" else key): value for key, value in item.items()}


def _nulls(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return dict.fromkeys(names) | item


_INTERCEPTION = ("type", "apiId", "entityTypeName", "order")
_NOTIFICATION = ("entityTypeName", "actionName", "templateName")

CHANGES = {
    "display_name": _simple("display_name", "displayName", "Old name", "Näme, new", "By hand"),
    "display_name-default": Change(
        {"display_name": "Old"},
        {},
        {"displayName": "display_name-default"},
        {"displayName": "display_name-default"},
        {"displayName": "By hand"},
    ),
    "runtime": _simple("runtime", "runtime", "nodejs22.x", "nodejs24.x", "python3.13"),
    "handler": _simple("handler", "handler", "index.handler", "src/main.run", "index.other"),
    "timeout": _simple("timeout", "timeout", 3, 900, 60),
    "memory_size": _simple("memory_size", "memorySize", 10240, 128, 256),
    "ephemeral_storage": _simple("ephemeral_storage", "ephemeralStorage", 512, 10240, 600),
    "enabled_state": _simple("enabled_state", "enabledState", "ENABLED", "DISABLED", "ENABLED"),
    "analytics_db_access": _simple("analytics_db_access", "analyticsDbAccess", False, True, False),
    "cron_schedule": _simple(
        "cron_schedule", "cronSchedule", "0 8 ? * MON-FRI *", "45 1/12 1-5 JAN,OCT ? *", "0 9 * * ? *"
    ),
    "cron_schedule-taken-away": Change(
        {"cron_schedule": "0 8 ? * MON-FRI *"},
        {},
        {"cronSchedule": None},
        {"cronSchedule": None},
        {"cronSchedule": "0 9 * * ? *"},
    ),
    "environment_variables": Change(
        {"environment_variables": {"KEPT": "same", "GONE": "old", "MOVED": "one"}},
        {"environment_variables": {"KEPT": "same", "MOVED": "two", "ADDED": "new"}},
        {"environmentVariables": {"KEPT", "MOVED", "ADDED", "PULUMI_BIOT_STAMP"}},
        {"environmentVariables": {"KEPT": "same", "MOVED": "two", "ADDED": "new"}},
        {"environmentVariables": {"KEPT": "drifted"}},
    ),
    "environment_variables-taken-away": Change(
        {"environment_variables": {"GONE": "old"}},
        {},
        {"environmentVariables": {"PULUMI_BIOT_STAMP"}},
        {"environmentVariables": {}},
        {"environmentVariables": {"BY_HAND": "drifted"}},
    ),
    "subscriptions": _subscriptions(
        {"interception_order": 2, "interceptions": [PRE], "notifications": [TOLD]},
        {"interception_order": 3, "interceptions": [POST, ADAPT], "notifications": [TOLD, TOLD_OF_ONE]},
        {
            "interceptionOrder": 3,
            "interceptions": [_wire(POST), _wire(ADAPT)],
            "notifications": [_wire(TOLD), _wire(TOLD_OF_ONE)],
        },
        {
            "interceptionOrder": 3,
            "interceptions": [_nulls(_wire(POST), *_INTERCEPTION), _nulls(_wire(ADAPT), *_INTERCEPTION)],
            "notifications": [_nulls(_wire(TOLD), *_NOTIFICATION), _wire(TOLD_OF_ONE)],
        },
    ),
    "subscriptions-one-list-taken-away": _subscriptions(
        {"interceptions": [PRE], "notifications": [TOLD]},
        {"notifications": [TOLD]},
        {"interceptionOrder": 1, "interceptions": [], "notifications": [_wire(TOLD)]},
        {"interceptionOrder": 1, "interceptions": [], "notifications": [_nulls(_wire(TOLD), *_NOTIFICATION)]},
    ),
    "subscriptions-taken-away": Change(
        {"subscriptions": {"interception_order": 5, "interceptions": [PRE], "notifications": [TOLD]}},
        {},
        {"subscriptions": NO_SUBSCRIPTIONS},
        {"subscriptions": NO_SUBSCRIPTIONS},
        {"subscriptions": {"interceptionOrder": 1, "interceptions": [], "notifications": [_wire(TOLD)]}},
    ),
    "cors": Change(
        {"cors": {"allow_origins": ["https://a.example"]}},
        {"cors": {"allow_origins": ["https://b.example"], "allow_methods": ["PUT"], "expose_headers": ["x-id"]}},
        {"cors": DEFAULT_CORS | {"allowOrigins": ["https://b.example"]} | CHANGED_CORS},
        {"cors": DEFAULT_CORS | {"allowOrigins": ["https://b.example"]} | CHANGED_CORS},
        {"cors": {"allowOrigins": ["*"]}},
    ),
    "cors-taken-away": Change(
        {"cors": {"allow_origins": ["https://a.example"], "allow_headers": ["x-own"]}},
        {},
        {"cors": DEFAULT_CORS},
        {"cors": DEFAULT_CORS},
        {"cors": {"allowMethods": ["DELETE"]}},
    ),
    "two-at-once": Change(
        {"timeout": 3, "memory_size": 128},
        {"timeout": 4, "memory_size": 256},
        {"timeout": 4, "memorySize": 256},
        {"timeout": 4, "memorySize": 256},
        {"timeout": 8, "memorySize": 512},
    ),
}  # fmt: skip
ELSEWHERE = {
    "resource_name", "opts",
    "name", "code",  # test_lifecycle.py
    "version", "image_tag",  # test_versions.py
    "adopt",  # test_owners.py
}  # fmt: skip


def test_every_argument_of_a_plugin_is_among_these_changes() -> None:
    declared = set(inspect.signature(biot.Plugin.__init__).parameters) - {"self"}
    tested = {argument for change in CHANGES.values() for argument in change.before}

    assert declared - ELSEWHERE == tested


@dataclass(frozen=True)
class Stage:
    """One run of `pulumi` and what the platform was asked and had, before and after it."""

    run: Result
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    patches: dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Story:
    created: Result
    unchanged: Result
    update: Stage
    refresh: Stage
    heal: Stage
    healed: Result


@pytest.fixture(scope="module")
def story(new_project: Callable[..., Project]) -> Story:
    """Create every plugin, change one thing of each, change it behind Pulumi's back, refresh and heal."""
    project = new_project()

    def shown() -> dict[str, dict[str, Any]]:
        return {name: project.shown(name) | {"environmentVariables": project.variables(name)} for name in CHANGES}

    def stage(run: Callable[[], Result]) -> Stage:
        before = shown()
        project.forget_requests()
        result = run()
        writes = project.requests("POST", "PUT", "PATCH", "DELETE")
        patches = {name: [w for w in writes if w["path"].endswith(f"/Plugin-{name}")] for name in CHANGES}
        return Stage(result, before, shown(), patches)

    project.declare({name: change.before for name, change in CHANGES.items()})
    created = project.up()
    unchanged = project.preview("--refresh")
    project.declare({name: change.after for name, change in CHANGES.items()})
    update = stage(project.up)
    for name, change in CHANGES.items():
        if change.drift is not None:
            project.platform.plugins.update(f"Plugin-{name}", change.drift, None)
    refresh = stage(project.refresh)
    heal = stage(project.up)
    return Story(created, unchanged, update, refresh, heal, project.preview("--refresh"))


def _sent(patch: dict[str, Any]) -> dict[str, Any]:
    """The members of a PATCH, variables by name only."""
    config = dict(patch["config"])
    if "environmentVariables" in config:
        config["environmentVariables"] = set(config["environmentVariables"])
    return config


def test_every_plugin_is_created_and_then_shows_no_difference_even_when_refreshed(story: Story) -> None:
    story.created.succeeded()
    assert story.created.steps == {name: ["create"] for name in CHANGES}
    assert story.unchanged.succeeded().changes == {"same": len(CHANGES) + 1}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_one_patch_of_what_changed_and_nothing_else_of_the_plugin_moves(story: Story, name: str) -> None:
    story.update.run.succeeded()
    (patch,) = story.update.patches[name]
    before, after = story.update.before[name], story.update.after[name]

    assert story.update.run.steps[name] == ["update"]
    assert patch["method"] == "PATCH"
    assert [part["name"] for part in patch["parts"]] == ["config"]
    assert _sent(patch) == CHANGES[name].sent
    assert {member: after[member] for member in CHANGES[name].shown} == CHANGES[name].shown
    moved = {member for member in after if after[member] != before[member]}
    assert moved == {*CHANGES[name].shown, "lastModifiedTime"}


@pytest.mark.parametrize("name", CHANGES)
def test_what_somebody_else_changed_shows_in_a_refresh_and_the_next_up_changes_it_back(story: Story, name: str) -> None:
    story.refresh.run.succeeded()
    story.heal.run.succeeded()
    refreshed = {
        event["resOutputsEvent"]["metadata"]["urn"].rpartition("::")[2]: event["resOutputsEvent"]["metadata"]["op"]
        for event in story.refresh.run.events
        if "resOutputsEvent" in event
    }
    (patch,) = story.heal.patches[name]

    assert refreshed[name] == "update"
    assert story.refresh.patches[name] == []
    assert story.heal.run.steps[name] == ["update"]
    assert set(_sent(patch)) == set(CHANGES[name].sent)
    healed = story.heal.after[name]
    assert {member: healed[member] for member in CHANGES[name].shown} == CHANGES[name].shown


def test_nothing_is_left_to_change_after_healing(story: Story) -> None:
    assert story.healed.succeeded().changes == {"same": len(CHANGES) + 1}
