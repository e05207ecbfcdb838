"""What the platform shows beyond its documents: variants of answers, of each kind and at every depth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.testing.variants import changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.emulator import Platform

USERS = "/ums/v2/services"
KEYS = "/settings/v2/plugins/docker-repository/temp-credentials"
HOOKS = "/dispatcher/v1/hooks"
DEVICES = {"type": "PRE_REQUEST", "apiId": "POST/device/v2/devices"}
ENDPOINT = "https://a.example/hook"


def test_a_member_shows_something_else_alone_in_searches_and_after_writes(inside: Any) -> None:
    inside.created()
    inside.platform.variants.add("plugin", "enabledState", "SUSPENDED")
    assert inside.got("guard")["enabledState"] == "SUSPENDED"
    assert [row["enabledState"] for row in inside.search({}).json()["data"]] == ["SUSPENDED"]
    assert inside.patched("guard", {"timeout": 9})["enabledState"] == "SUSPENDED"
    assert inside.created(name="b")["enabledState"] == "SUSPENDED"
    inside.platform.variants.clear()
    assert inside.got("guard")["enabledState"] == "ENABLED"


def test_members_change_at_every_depth(inside: Any) -> None:
    inside.created(
        environmentVariables={"MODE": "1", "PLACE": "2"},
        subscriptions={"interceptions": [DEVICES, DEVICES | {"order": 2}]},
    )
    add = inside.platform.variants.add
    add("plugin", "subscriptions.interceptions[0].type", "PRE_RESPONSE")
    add("plugin", "subscriptions.interceptions[-1].order", "2")
    add("plugin", "subscriptions.interceptions[*].apiId", missing=True)
    add("plugin", "subscriptions.unheardOf", {"of": [7]})
    add("plugin", "cors.allowMethods[+]", "OPTIONS")
    add("plugin", "cors.exposeHeaders", None)
    add("plugin", "environmentVariables.*", "")
    add("plugin", ["environmentVariables", "A.B"], 7)
    add("plugin", "timeout.nowhere", 7)
    add("plugin", "cors.allowOrigins[9]", 7)
    shown = inside.got("guard")
    assert [(item["type"], item["order"]) for item in shown["subscriptions"]["interceptions"]] == [
        ("PRE_RESPONSE", None),
        ("PRE_REQUEST", "2"),
    ]
    assert not [item for item in shown["subscriptions"]["interceptions"] if "apiId" in item]
    assert shown["subscriptions"]["unheardOf"] == {"of": [7]}
    assert (shown["cors"]["allowMethods"], shown["cors"]["exposeHeaders"]) == (["GET", "POST", "OPTIONS"], None)
    assert shown["environmentVariables"].pop("A.B") == 7
    assert set(shown["environmentVariables"].values()) == {""}
    assert (shown["timeout"], shown["cors"]["allowOrigins"]) == (60, ["*"])
    assert [variant["shown"] for variant in inside.platform.variants.all()] == [1] * 8 + [0, 0]


def test_a_variant_is_of_one_thing_of_some_requests_and_for_a_while(inside: Any) -> None:
    for name in ("a", "b"):
        inside.created(name=name)
    inside.platform.contract_variants.set(names="prefixed")
    add = inside.platform.variants.add
    add("plugin", "timeout", "60", of="a")
    add("plugin", "memorySize", 1, method="PATCH")
    add("plugin", "version", 9, path="/plugins$", times=1)
    rows = inside.search({}).json()["data"]
    assert [(row["timeout"], row["version"]) for row in rows] == [(60, 9), ("60", 9)]
    assert [row["version"] for row in inside.search({}).json()["data"]] == [1, 1]
    assert (inside.got("a")["timeout"], inside.got("a")["memorySize"]) == ("60", 128)
    assert inside.patched("b", {})["memorySize"] == 1


def test_each_kind_of_answer_can_be_changed(inside: Any) -> None:
    http, add = inside.http, inside.platform.variants.add
    inside.platform.contract_variants.set(service_user_defaults="absent")
    body = {"roleId": "5f3a6c1e-0000-4000-8000-000000000001", "type": "INTERNAL_SERVICE"}
    user = http.post(USERS, json=body).json()["id"]
    listener = {"entityTypeName": "patient", "actionName": "_create", "endpoint": ENDPOINT}
    asked: dict[str, Callable[[], Any]] = {
        "service-user": lambda: http.get(f"{USERS}/{user}").json(),
        "secret-key": lambda: http.post(f"{USERS}/{user}/secret-keys").json(),
        "interception": lambda: http.post(
            f"{HOOKS}/interceptions/subscribe", json=DEVICES | {"endpoint": ENDPOINT}
        ).json(),
        "notification": lambda: http.post(f"{HOOKS}/notifications/subscribe", json=listener).json(),
        "docker-credentials": lambda: http.get(KEYS).json(),
        "login": lambda: inside.http.post(
            f"{USERS}/accessToken",
            json={"id": inside.platform.service_id, "secretKey": inside.platform.service_secret_key},
        ).json(),
        "public-key": lambda: http.get("/ums/v1/security/public-key").json(),
        "error": lambda: inside.get("nobody").json(),
    }
    for kind, ask in asked.items():
        add(kind, "unheardOf", [kind])
        assert ask()["unheardOf"] == [kind]
    found = http.get(f"{HOOKS}/interceptions").json()["data"] + http.get(f"{HOOKS}/notifications").json()["data"]
    assert [row["unheardOf"] for row in found] == [["interception"], ["notification"]]
    assert {str(key["unheardOf"]) for key in http.get(f"{USERS}/{user}").json()["secretKeys"]} == {"['secret-key']"}
    assert http.post(USERS, json=body).json()["secretKeyData"]["unheardOf"] == ["secret-key"]


def test_the_thing_itself_may_be_something_else(inside: Any) -> None:
    inside.created()
    inside.platform.variants.add("plugin", "", None, times=1)
    assert inside.get("guard").json() is None
    inside.platform.variants.add("plugin", "", [], path="/plugins$")
    assert inside.search({}).json()["data"] == [[]]


def test_every_member_of_an_answer_has_its_changes(inside: Any) -> None:
    inside.created(subscriptions={"interceptions": [DEVICES]})
    answer = inside.got("guard")
    listed = list(changes(answer))
    names = [name for name, _ in listed]
    assert len(names) == len(set(names))
    assert {
        "enabledState: unknown word",
        "timeout: as text",
        "cors.allowMethods: one word more",
        "subscriptions.interceptions[0].type: null",
        "subscriptions: one member more",
        "subscriptions.interceptions[0].order: missing",
        "environmentVariables: empty map",
        "all: list",
    } <= set(names)
    for name, spec in listed:
        inside.platform.variants.clear()
        inside.platform.variants.add("plugin", **spec)
        shown = inside.platform.variants.show("GET", "/settings/v2/plugins/Plugin-guard", 200, answer)
        assert json.dumps(shown) != json.dumps(answer), name


def test_a_wrong_variant_is_refused(platform: Platform) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"kind": "robot"}, "unknown kind 'robot'"),
        ({"kind": "plugin", "at": "a..b"}, "no path"),
        ({"kind": "plugin", "at": ["a", None]}, "a variant's at: Input should be a valid"),
        ({"kind": "plugin", "path": "("}, "regular expression"),
        ({"kind": "plugin", "colour": "red"}, "has no colour"),
        ({"kind": "plugin", "at": ".x"}, "no path"),
        ({"kind": "plugin", "at": 7}, "a variant's at: "),
        ({"kind": "plugin", "missing": True}, "needs `at`"),
        ({"kind": "plugin", "at": [], "missing": True}, "needs `at`"),
        ({"kind": "plugin", "at": "x", "missing": "yes"}, "a variant's missing: "),
        ({"kind": "plugin", "times": "2"}, "a variant's times: Input should be a valid integer"),
        ({"kind": "plugin", "times": True}, "a variant's times: Input should be a valid integer"),
        ({"kind": "plugin", "method": 5}, "a variant's method: "),
        ({"kind": "plugin", "path": None}, "a variant's path: "),
        ({"kind": "plugin", "of": 5}, "a variant's of: "),
        ({"kind": ["plugin"]}, "a variant's kind: "),
    ]
    for spec, problem in wrong:
        with pytest.raises(ValueError, match=problem):
            platform.variants.add(**spec)
    assert platform.variants.all() == []


def test_variants_are_added_over_http(outside: Any) -> None:
    outside.created()
    route = "/_emulator/variants"
    answer = outside.http.post(route, json={"kind": "plugin", "at": "enabledState", "value": None})
    assert answer.status_code == 200, answer.text
    assert outside.got("guard")["enabledState"] is None
    assert [variant["at"] for variant in outside.http.get(route).json()["variants"]] == ["enabledState"]
    assert "unknown kind" in outside.http.post(route, json={"kind": "robot"}).json()["error"]
    assert outside.http.delete(route).json() == {"variants": []}
    assert json.dumps(outside.got("guard")["enabledState"]) == '"ENABLED"'
