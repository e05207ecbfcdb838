"""Every attribute of a plugin, changed in the program and changed behind Pulumi's back; plugins that are made anew.

One project holds a plugin for each attribute, so that a few runs of `pulumi` serve all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import biot_provider as biot

from . import replaced
from .conftest import Project, Result


@dataclass(frozen=True)
class Change:
    """One attribute: as first declared, as declared then, and what the platform gets and shows of it."""

    before: dict[str, Any]
    after: dict[str, Any]
    sent: dict[str, Any]
    """The members of the PATCH, variables by name only."""
    shown: dict[str, Any]
    drift: dict[str, Any]
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
    "name", "image_tag",  # replaced.py
    "code", "version",  # test_lifecycle.py
    "build",  # test_build.py
    "adopt",  # test_owners.py
}  # fmt: skip


def test_every_argument_of_a_plugin_is_among_these_changes() -> None:
    declared = set(inspect.signature(biot.Plugin.__init__).parameters) - {"self"}
    tested = {argument for change in CHANGES.values() for argument in change.before}

    assert declared - ELSEWHERE == tested


@dataclass(frozen=True)
class Stage:
    """One run of `pulumi`, what it sent, and the plugins before and after it."""

    run: Result
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    patches: dict[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, project: Project, run: Callable[[], Result]) -> Stage:
        before = _shown(project)
        project.forget_requests()
        result = run().succeeded()
        writes = project.requests("POST", "PUT", "PATCH", "DELETE")
        patches = {name: [w for w in writes if w["path"].endswith(f"/Plugin-{name}")] for name in CHANGES}
        return cls(result, before, _shown(project), patches)


def _shown(project: Project) -> dict[str, dict[str, Any]]:
    return {name: project.shown(name) | {"environmentVariables": project.variables(name)} for name in CHANGES}


def test_each_change_is_one_patch_what_others_changed_is_changed_back_and_what_is_made_anew_is_there_once(
    project: Project,
) -> None:
    project.declare({name: change.before for name, change in CHANGES.items()} | replaced.BEFORE)
    assert project.up().succeeded().steps == {name: ["create"] for name in (*CHANGES, *replaced.BEFORE)}

    project.declare({name: change.after for name, change in CHANGES.items()} | replaced.AFTER)
    shown = {name: project.shown(name) for name in ("forced", "forced-image")}
    options = replaced.forced(project)
    update = Stage.of(project, lambda: project.up(*options))
    replaced.check(project, update.run, shown)
    for name, change in CHANGES.items():
        _check_update(name, change, update)

    for name, change in CHANGES.items():
        project.platform.plugins.update(f"Plugin-{name}", change.drift, None)
    heal = Stage.of(project, lambda: project.up("--refresh"))
    assert heal.run.refreshed.keys() == CHANGES.keys()
    for name, change in CHANGES.items():
        _check_heal(name, change, heal)
    assert project.preview("--refresh").succeeded().changes == {"same": len(CHANGES) + len(replaced.AFTER) + 1}


def _check_update(name: str, change: Change, stage: Stage) -> None:
    """One PATCH has what changed, and nothing else of the plugin moves."""
    before, after = stage.before[name], stage.after[name]
    assert (name, stage.run.steps[name]) == (name, ["update"])
    (patch,) = stage.patches[name]
    assert (name, patch["method"], [part["name"] for part in patch["parts"]]) == (name, "PATCH", ["config"])
    assert (name, _sent(patch)) == (name, change.sent)
    assert (name, {member: after[member] for member in change.shown}) == (name, change.shown)
    moved = {member for member in after if after[member] != before[member]}
    assert (name, moved) == (name, {*change.shown, "lastModifiedTime"})


def _check_heal(name: str, change: Change, heal: Stage) -> None:
    """What somebody else has changed is seen by a refresh and changed back by one PATCH of it."""
    assert (name, heal.run.steps[name]) == (name, ["refresh", "update"])
    (patch,) = heal.patches[name]
    assert (name, set(_sent(patch))) == (name, set(change.sent))
    assert (name, {member: heal.after[name][member] for member in change.shown}) == (name, change.shown)


def _sent(patch: dict[str, Any]) -> dict[str, Any]:
    """The members of a PATCH, variables by name only."""
    config = dict(patch["config"])
    if "environmentVariables" in config:
        config["environmentVariables"] = set(config["environmentVariables"])
    return config
