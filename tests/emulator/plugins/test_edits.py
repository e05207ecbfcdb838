"""What is stored, changed by hand past every rule, and what later writes make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from biot_provider.emulator import Platform

USERS = "/ums/v2/services"
HOOKS = "/dispatcher/v1/hooks"
DEVICES = {"type": "PRE_REQUEST", "apiId": "POST/device/v2/devices"}


def test_a_plugin_is_stored_as_no_request_could_and_writes_keep_it(inside: Any) -> None:
    inside.created(environmentVariables={"MODE": "strict"}, subscriptions={"interceptions": [DEVICES]})
    change = inside.platform.edits.change
    before = inside.got("guard")
    for at, value in (
        ("enabledState", "SUSPENDED"),
        ("cors.allowMethods[+]", "OPTIONS"),
        ("subscriptions.interceptions[+]", {"type": "PRE_RESPONSE", "apiId": "GET/a/b"}),
        ("environmentVariables.MODE", ""),
        ("creationTime", "2026-11-20T09:00:00+00:00"),
    ):
        change("plugin", "guard", at, value)
    change("plugin", "guard", "subscriptions.interceptions[0]", missing=True)
    for shown in (inside.got("guard"), inside.patched("guard", {"timeout": 9})):
        assert (shown["enabledState"], shown["cors"]["allowMethods"]) == ("SUSPENDED", ["GET", "POST", "OPTIONS"])
        assert [item["type"] for item in shown["subscriptions"]["interceptions"]] == ["PRE_RESPONSE"]
        assert shown["environmentVariables"]["MODE"] == ""
        assert shown["creationTime"] == "2026-11-20T09:00:00+00:00"
        assert shown["lastModifiedTime"] > before["lastModifiedTime"]
    inside.platform.contract_variants.set(orders="shifted")
    assert inside.got("guard")["subscriptions"]["interceptions"][0]["order"] == 1
    change("plugin", "guard", "environmentVariables", {})
    assert "MODE" not in inside.got("guard")["environmentVariables"]


def test_an_edit_stores_nothing_beside_its_member(platform: Platform) -> None:
    platform.plugins.create({"name": "guard", "displayName": "Guard", "version": 1}, None)
    before = platform.edits.stored()["guard"]
    platform.edits.change("plugin", "guard", "timeout", 9)
    after = platform.edits.stored()["guard"]
    assert {name for name in after if after[name] != before[name]} == {"timeout", "lastModifiedTime"}


def test_code_is_deployed_by_hand(inside: Any, zipped: Any) -> None:
    inside.created(environmentVariables={"MODE": "strict"}, code=zipped())
    assert inside.platform.edits.deploy("guard", zipped("# theirs\n")) == 2
    shown = inside.got("guard")
    assert (shown["version"], shown["environmentVariables"]["MODE"]) == (2, "strict")
    assert inside.platform.code("guard") == zipped("# theirs\n")
    inside.platform.images.add("theirs")
    inside.created(name="picture", deploymentPackageType="IMAGE", imageTag="theirs")
    assert inside.platform.edits.deploy("picture", image_tag="theirs") == 2


def test_a_plugin_is_remade_by_hand(inside: Any, zipped: Any) -> None:
    first = inside.created(environmentVariables={"PULUMI_BIOT_STAMP": "v1:a:b"}, code=zipped())
    inside.platform.images.add("theirs")
    inside.platform.edits.remake("guard", deploymentPackageType="IMAGE", imageTag="theirs")
    second = inside.got("guard")
    assert (second["deploymentPackageType"], inside.platform.code("guard")) == ("IMAGE", None)
    assert "PULUMI_BIOT_STAMP" not in second["environmentVariables"]
    assert second["creationTime"][:19] > first["creationTime"][:19]
    assert second["endpointUrl"] != first["endpointUrl"]
    inside.platform.edits.delete("plugin", "guard")
    assert inside.get("guard").status_code == 404


def test_accounts_and_subscriptions_are_changed_and_dropped(inside: Any) -> None:
    edits, http = inside.platform.edits, inside.http
    body = {"roleId": "5f3a6c1e-0000-4000-8000-000000000001", "type": "INTERNAL_SERVICE"}
    user = http.post(USERS, json=body).json()["id"]
    edits.change("service-user", user, "type", "ROBOT")
    edits.change("service-user", user, "active", False)
    shown = http.get(f"{USERS}/{user}").json()
    assert (shown["type"], shown["active"]) == ("ROBOT", False)
    hook = http.post(f"{HOOKS}/interceptions/subscribe", json={**DEVICES, "endpoint": "https://a.example/x"}).json()
    edits.change("interception", hook["id"], "type", "PRE_RESPONSE")
    assert http.get(f"{HOOKS}/interceptions").json()["data"][0]["type"] == "PRE_RESPONSE"
    listener = {"entityTypeName": "patient", "actionName": "_create", "endpoint": "https://a.example/x"}
    told = http.post(f"{HOOKS}/notifications/subscribe", json=listener).json()
    edits.change("notification", told["id"], "actionName", "_vanish")
    assert http.get(f"{HOOKS}/notifications").json()["data"][0]["actionName"] == "_vanish"
    for kind, which in (("service-user", user), ("interception", hook["id"]), ("notification", told["id"])):
        edits.delete(kind, which)
        with pytest.raises(ValueError, match=r"not found|there is no"):
            edits.delete(kind, which)


def test_what_cannot_be_edited_is_refused_and_changes_nothing(platform: Platform) -> None:
    platform.plugins.create({"name": "guard", "displayName": "Guard", "version": 1}, None)
    before = platform.plugins.get("Plugin-guard")
    wrong: list[tuple[str, str, str, Any, str]] = [
        ("plugin", "nobody", "timeout", 9, "not found"),
        ("plugin", "guard", "cors.allowMethods[9]", "GET", "nothing at"),
        ("plugin", "guard", "subscriptions", "none", "a variant can show it"),
        ("robot", "guard", "timeout", 9, "unknown kind"),
        ("service-user", "nobody", "type", "ROBOT", "there is no service-user"),
        ("service-user", platform.service_id, "id", "x", "cannot be edited"),
        ("service-user", platform.service_id, "type", ["ROBOT"], "no list and no map"),
        ("service-user", platform.service_id, "type", {"of": 7}, "no list and no map"),
        ("plugin", "guard", "", 9, "needs `at`"),
    ]
    for kind, which, at, value, problem in wrong:
        with pytest.raises(ValueError, match=problem):
            platform.edits.change(kind, which, at, value)
    assert platform.plugins.get("Plugin-guard") == before


def test_records_are_edited_over_http(outside: Any) -> None:
    outside.created()
    route = "/_emulator/records/plugin/guard"
    assert outside.http.patch(route, json={"at": "cors.allowMethods[+]", "value": "OPTIONS"}).status_code == 200
    assert outside.got("guard")["cors"]["allowMethods"] == ["GET", "POST", "OPTIONS"]
    assert "nothing at" in outside.http.patch(route, json={"at": "a.b", "value": 1}).json()["error"]
    assert outside.http.patch(route, json={"colour": "red"}).status_code == 400
    assert outside.http.delete(route).status_code == 200
    assert outside.get("guard").status_code == 404


@pytest.mark.parametrize(("member", "value"), [("version", None), ("version", "7.5.1"), ("handler", None)])
def test_what_an_edit_stores_upsets_no_later_deployment(inside: Any, zipped: Any, member: str, value: Any) -> None:
    inside.created()
    inside.platform.edits.change("plugin", "guard", member, value)
    answer = inside.patch("guard", {"version": 9}, zipped("later"))
    assert answer.status_code in (200, 400, 500)
    assert answer.json()["code" if answer.status_code != 200 else "name"]
