"""What the platform does with a plugin, from its creation to its end; in process and over a socket."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

SERVER_MADE = ("endpointUrl", "linkToConsole", "creationTime", "lastModifiedTime")
SYSTEM = {"BIOT_APP_NAME", "BIOT_BASE_URL", "BIOT_SERVICE_USER_ID", "BIOT_SERVICE_USER_SECRET_KEY"}


def without_server_made(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in SERVER_MADE}


def test_a_creation_fills_in_the_defaults(call: Any) -> None:
    answer = call.created()
    system = answer["environmentVariables"]
    assert without_server_made(answer) == {
        "name": "guard",
        "displayName": "Guard",
        "version": 1,
        "runtime": "nodejs16.x",
        "handler": "index.handler",
        "timeout": 60,
        "memorySize": 128,
        "ephemeralStorage": 512,
        "environmentVariables": system,
        "subscriptions": {"interceptionOrder": 1, "interceptions": [], "notifications": []},
        "enabledState": "ENABLED",
        "cronSchedule": None,
        "deploymentPackageType": "ZIP",
        "analyticsDbAccess": False,
        "cors": {
            "allowOrigins": ["*"],
            "allowMethods": ["GET", "POST"],
            "allowHeaders": ["authorization", "content-type"],
            "exposeHeaders": [],
        },
    }
    assert set(system) == SYSTEM
    assert system["BIOT_APP_NAME"] == "Guard"
    assert system["BIOT_BASE_URL"] == str(call.http.base_url).rstrip("/")


def test_every_field_comes_back_as_it_was_sent(call: Any, vectors: Any, zipped: Any) -> None:
    call.platform.switches.set(system_variables="hidden", orders="filled", entity_names="filled")
    answer = call.create(vectors["creations"]["A2 zip, everything set"], zipped()).json()
    expected = vectors["answers"]["A4 zip, orders and entities filled in"]
    assert without_server_made(answer)["subscriptions"] == expected["subscriptions"] | {
        "interceptions": [{"apiId": None, **item} for item in expected["subscriptions"]["interceptions"]]
    }
    assert {**without_server_made(answer), "subscriptions": None} == {**expected, "subscriptions": None}
    assert call.got("vitals-guard") == answer


def test_an_image_plugin_shows_neither_runtime_nor_tag(call: Any, vectors: Any) -> None:
    call.platform.switches.set(system_variables="hidden")
    call.platform.images.add(vectors["creations"]["A3 image"]["imageTag"])
    answer = call.create(vectors["creations"]["A3 image"]).json()
    assert without_server_made(answer) == vectors["answers"]["A6 image"]


def test_the_sample_of_the_guide_deploys_as_pasted(call: Any, zipped: Any) -> None:
    answer = call.create(
        {
            "name": "demo_plugin",
            "displayName": "Demo Plugin",
            "version": "2",
            "timeout": 10,
            "handler": "index.main",
            "runtime": "python3.10",
            "environmentVariables": {"var1": "val1", "var2": "val2", "var3": "val3"},
            "subscriptions": {
                "interceptionOrder": "2",
                "interceptions": [
                    {
                        "type": "POST_REQUEST",
                        "apiId": "POST/organization/v1/users/patients",
                        "entityTypeName": "<String>",
                        "order": "5",
                    }
                ],
                "notifications": [{"entityTypeName": "<String>", "actionName": "<String>"}],
            },
        },
        zipped(),
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["version"] == 2
    assert body["subscriptions"]["interceptionOrder"] == 2
    assert body["subscriptions"]["interceptions"][0]["order"] == 5


def test_what_the_platform_makes_up_looks_right(call: Any) -> None:
    before = datetime.now(UTC)
    answer = call.created()
    on_a_port = re.escape(f"{call.http.base_url}/_functions/") + "[a-z]{32}/"
    assert re.fullmatch(rf"https://[a-z]{{32}}\.lambda-url\.embedded\.invalid/|{on_a_port}", answer["endpointUrl"])
    assert re.fullmatch(r"https://[a-z.]+\.invalid/.*Plugin-guard", answer["linkToConsole"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["creationTime"])
    assert abs((datetime.fromisoformat(answer["creationTime"]) - before).total_seconds()) < 10
    assert answer["lastModifiedTime"] == answer["creationTime"]


def test_the_name_of_a_path_carries_the_prefix(call: Any, refused: Any) -> None:
    call.created()
    bare = "/settings/v2/plugins/guard"
    assert refused(call.http.get(bare), 404, "PLUGIN_NOT_FOUND") == {"pluginName": "guard"}
    refused(call.send("PATCH", "/guard", {"timeout": 5}), 404, "PLUGIN_NOT_FOUND")
    refused(call.http.delete(bare), 404, "PLUGIN_NOT_FOUND")
    assert call.got("guard")["timeout"] == 60


def test_a_name_with_the_prefix_is_prefixed_again(call: Any) -> None:
    assert call.created(name="Plugin-a")["name"] == "Plugin-a"
    assert call.get("a").status_code == 404
    assert call.got("Plugin-a")["name"] == "Plugin-a"


def test_names_are_unique_until_deleted(call: Any, refused: Any) -> None:
    first = call.created()
    assert refused(call.create(), 409, "PLUGIN_EXISTS_BY_NAME") == {"pluginName": "guard"}
    assert call.created(name="Guard")["name"] == "Guard"
    answer = call.delete("guard")
    assert (answer.status_code, answer.content) == (204, b"")
    second = call.created()
    assert second["endpointUrl"] != first["endpointUrl"]
    identity = "BIOT_SERVICE_USER_ID"
    assert second["environmentVariables"][identity] != first["environmentVariables"][identity]


def test_what_is_deleted_is_gone_for_every_call(call: Any, refused: Any) -> None:
    call.created()
    call.delete("guard")
    for answer in (call.get("guard"), call.patch("guard", {"timeout": 5}), call.delete("guard")):
        assert refused(answer, 404, "PLUGIN_NOT_FOUND") == {"pluginName": "Plugin-guard"}


def test_an_update_changes_what_it_sends_and_keeps_the_rest(call: Any) -> None:
    before = call.created(memorySize=256, environmentVariables={"MODE": "strict"})
    after = call.patched("guard", {"displayName": "Guard EU", "timeout": "45"})
    assert after["lastModifiedTime"] > before["lastModifiedTime"]
    assert after["environmentVariables"]["BIOT_APP_NAME"] == "Guard EU"
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"displayName", "timeout", "lastModifiedTime", "environmentVariables"}
    assert call.got("guard") == after


def test_each_write_moves_the_time(call: Any) -> None:
    times = [call.created()["lastModifiedTime"]]
    times += [call.patched("guard", {})["lastModifiedTime"] for _ in range(5)]
    assert sorted(set(times)) == times


def test_nulls_and_unknown_members_change_nothing(call: Any) -> None:
    before = call.created(timeout=7, servicePrefix="/organization", runtime=None)
    sent = {
        "timeout": None,
        "environmentVariables": None,
        "cors": None,
        "name": "other",
        "deploymentPackageType": "IMAGE",
    }
    after = call.patched("guard", sent)
    assert {**after, "lastModifiedTime": None} == {**before, "lastModifiedTime": None}


def test_environment_variables_are_the_full_wanted_map(call: Any, vectors: Any) -> None:
    updates = vectors["updates"]
    created = call.created(environmentVariables={"THRESHOLD": "90", "MODE": "strict"})["environmentVariables"]
    system = {key: value for key, value in created.items() if key in SYSTEM}
    assert created == {"THRESHOLD": "90", "MODE": "strict", **system}
    full = call.patched("guard", updates["A10 environment, the full wanted map"])
    assert full["environmentVariables"] == {"THRESHOLD": "85", **system}
    assert call.patched("guard", {"timeout": 9})["environmentVariables"] == {"THRESHOLD": "85", **system}
    assert call.patched("guard", updates["A11 environment, cleared"])["environmentVariables"] == system


def test_the_lists_of_subscriptions_are_kept_cleared_or_replaced(call: Any, vectors: Any) -> None:
    updates = vectors["updates"]
    interceptions = [{"type": "ADAPT_ENTITY", "entityTypeName": "device"}]
    call.created(subscriptions={"interceptionOrder": 3, "interceptions": interceptions})
    whole = call.patched("guard", updates["A12 subscriptions, all three members"])["subscriptions"]
    assert whole["interceptionOrder"] == 1
    assert whole["interceptions"] == []
    assert [item["entityTypeName"] for item in whole["notifications"]] == ["patient"]
    for no_change in ("A13 subscriptions, empty", "A13 subscriptions, null"):
        assert call.patched("guard", updates[no_change])["subscriptions"] == whole
    some = call.patched("guard", {"subscriptions": {"interceptions": interceptions}})["subscriptions"]
    assert some["notifications"] == whole["notifications"]
    assert some["interceptions"][0]["entityTypeName"] == "device"
    none = call.patched("guard", {"subscriptions": {"notifications": []}})["subscriptions"]
    assert (none["notifications"], none["interceptions"]) == ([], some["interceptions"])


def test_the_lists_of_cors_are_kept_cleared_or_replaced(call: Any, vectors: Any) -> None:
    call.created(cors={"exposeHeaders": ["x-trace"], "allowMethods": []})
    before = call.got("guard")["cors"]
    assert before == {
        "allowOrigins": ["*"],
        "allowMethods": [],
        "allowHeaders": ["authorization", "content-type"],
        "exposeHeaders": ["x-trace"],
    }
    after = call.patched("guard", vectors["updates"]["A15 one list of cors replaced, one cleared"])["cors"]
    assert after == before | {"allowOrigins": ["https://portal.acme.example"], "exposeHeaders": []}


def test_the_state_is_set_and_kept(call: Any, vectors: Any) -> None:
    call.created()
    assert call.patched("guard", vectors["updates"]["A16 disabled"])["enabledState"] == "DISABLED"
    assert call.patched("guard", {"timeout": 9})["enabledState"] == "DISABLED"


def test_code_is_kept_until_new_code_comes(call: Any, zipped: Any) -> None:
    first, second = zipped("first"), zipped("second")
    call.created(code=first)
    assert call.platform.code("guard") == first
    call.patched("guard", {"timeout": 9})
    assert call.platform.code("guard") == first
    call.patched("guard", {"version": 2}, second)
    assert call.platform.code("guard") == second
    call.delete("guard")
    assert call.platform.code("guard") is None


def test_two_plugins_may_share_the_same_code(call: Any, zipped: Any) -> None:
    call.created(code=zipped())
    call.created(code=zipped(), name="other")
    call.delete("guard")
    assert call.platform.code("other") == zipped()


def test_without_code_the_seed_is_deployed(call: Any) -> None:
    call.created()
    assert call.platform.code("guard") is None


def test_the_version_moves_with_the_code_and_only_then(call: Any, refused: Any, zipped: Any) -> None:
    larger = "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"
    same = "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE"
    call.created(version=7)
    for wanted in (6, 7):
        answer = call.patch("guard", {"version": wanted}, zipped())
        assert refused(answer, 400, larger) == {"currentVersion": 7, "requestVersion": wanted}
    for wanted in (6, 8):
        answer = call.patch("guard", {"version": wanted})
        assert refused(answer, 400, same) == {"currentVersion": 7, "requestVersion": wanted}
    refused(call.patch("guard", {"timeout": 5}, zipped()), 400, "PLUGIN_REQUEST_VALIDATION_FAILED")
    assert call.patched("guard", {"version": 7})["version"] == 7
    assert call.patched("guard", {"version": 9}, zipped())["version"] == 9
    assert call.platform.code("guard") == zipped()


def test_the_version_of_an_image_moves_with_its_tag(call: Any, refused: Any, vectors: Any) -> None:
    same_tag, new = vectors["creations"]["A3 image"]["imageTag"], vectors["updates of code"]["A9 new image"]
    for tag in (same_tag, new["imageTag"]):
        call.platform.images.add(tag)
    call.create(vectors["creations"]["A3 image"])
    answer = call.patch("wave-model", {"imageTag": same_tag})
    refused(answer, 400, "PLUGIN_REQUEST_VALIDATION_FAILED")
    answer = call.patch("wave-model", {"imageTag": same_tag, "version": 1})
    refused(answer, 400, "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE")
    assert call.patched("wave-model", new)["version"] == 2


def test_a_refused_update_changes_nothing(call: Any, zipped: Any) -> None:
    before = call.created(code=zipped())
    assert call.patch("guard", {"timeout": 5, "version": 1}, zipped("other")).status_code == 400
    assert call.patch("guard", {"timeout": 5, "environmentVariables": {"A": "1"}}).status_code == 500
    assert call.got("guard") == before
    assert call.platform.code("guard") == zipped()


def test_put_is_no_method_of_a_plugin(call: Any, refused: Any) -> None:
    call.created()
    refused(call.send("PUT", "/Plugin-guard", {"displayName": "B", "version": 1}), 405, "METHOD_NOT_ALLOWED")


def test_a_plugin_can_log_in_as_its_own_service_user_until_it_is_deleted(call: Any, refused: Any) -> None:
    system = call.created()["environmentVariables"]
    credentials = {"id": system["BIOT_SERVICE_USER_ID"], "secretKey": system["BIOT_SERVICE_USER_SECRET_KEY"]}
    answer = call.http.post("/ums/v2/services/accessToken", json=credentials)
    assert answer.status_code == 200
    token = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    refused(call.http.get("/settings/v2/plugins/Plugin-guard", headers=token), 403, "ACCESS_DENIED")
    call.delete("guard")
    refused(call.http.post("/ums/v2/services/accessToken", json=credentials), 403, "LOGIN_FAILED")
    refused(call.http.get("/settings/v2/plugins/Plugin-guard", headers=token), 401, "TOKEN_NOT_VALID")
