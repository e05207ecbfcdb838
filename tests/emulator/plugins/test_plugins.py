"""What the platform does with a plugin, from its creation to its end; in process and over a socket."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

SERVER_MADE = ("endpointUrl", "linkToConsole", "creationTime", "lastModifiedTime")
SYSTEM = {"BIOT_APP_NAME", "BIOT_BASE_URL", "BIOT_SERVICE_USER_ID", "BIOT_SERVICE_USER_SECRET_KEY"}


def without_server_made(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in SERVER_MADE}


def test_a_creation_fills_in_the_defaults(inside: Any) -> None:
    answer = inside.created()
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
    assert system["BIOT_BASE_URL"] == str(inside.http.base_url).rstrip("/")


def test_every_field_comes_back_as_it_was_sent(inside: Any, vectors: Any, zipped: Any) -> None:
    inside.platform.contract_variants.set(system_variables="hidden", orders="filled", entity_names="filled")
    answer = inside.create(vectors["creations"]["A2 zip, everything set"], zipped()).json()
    expected = vectors["answers"]["A4 zip, orders and entities filled in"]
    assert without_server_made(answer)["subscriptions"] == expected["subscriptions"] | {
        "interceptions": [{"apiId": None, **item} for item in expected["subscriptions"]["interceptions"]]
    }
    assert {**without_server_made(answer), "subscriptions": None} == {**expected, "subscriptions": None}
    assert inside.got("vitals-guard") == answer


def test_an_image_plugin_shows_neither_runtime_nor_tag(inside: Any, vectors: Any) -> None:
    inside.platform.contract_variants.set(system_variables="hidden")
    inside.platform.images.add(vectors["creations"]["A3 image"]["imageTag"])
    answer = inside.create(vectors["creations"]["A3 image"]).json()
    assert without_server_made(answer) == vectors["answers"]["A6 image"]


def test_the_sample_of_the_guide_deploys_as_pasted(inside: Any, zipped: Any) -> None:
    answer = inside.create(
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


def test_what_the_platform_makes_up_looks_right(inside: Any) -> None:
    before = datetime.now(UTC)
    answer = inside.created()
    on_a_port = re.escape(f"{inside.http.base_url}/_functions/") + "[a-z]{32}/"
    assert re.fullmatch(rf"https://[a-z]{{32}}\.lambda-url\.embedded\.invalid/|{on_a_port}", answer["endpointUrl"])
    in_console = re.escape(f"{inside.http.base_url}/#plugin=guard")
    assert re.fullmatch(rf"https://[a-z.]+\.invalid/.*Plugin-guard|{in_console}", answer["linkToConsole"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["creationTime"])
    assert abs((datetime.fromisoformat(answer["creationTime"]) - before).total_seconds()) < 10
    assert answer["lastModifiedTime"] == answer["creationTime"]


def test_the_name_of_a_path_carries_the_prefix(inside: Any, refused: Any) -> None:
    inside.created()
    bare = "/settings/v2/plugins/guard"
    assert refused(inside.http.get(bare), 404, "PLUGIN_NOT_FOUND") == {"pluginName": "guard"}
    refused(inside.send("PATCH", "/guard", {"timeout": 5}), 404, "PLUGIN_NOT_FOUND")
    refused(inside.http.delete(bare), 404, "PLUGIN_NOT_FOUND")
    assert inside.got("guard")["timeout"] == 60


def test_a_name_with_the_prefix_is_prefixed_again(inside: Any) -> None:
    assert inside.created(name="Plugin-a")["name"] == "Plugin-a"
    assert inside.get("a").status_code == 404
    assert inside.got("Plugin-a")["name"] == "Plugin-a"


def test_names_are_unique_until_deleted(inside: Any, refused: Any) -> None:
    first = inside.created()
    assert refused(inside.create(), 409, "PLUGIN_EXISTS_BY_NAME") == {"pluginName": "guard"}
    assert inside.created(name="Guard")["name"] == "Guard"
    answer = inside.delete("guard")
    assert (answer.status_code, answer.content) == (204, b"")
    second = inside.created()
    assert second["endpointUrl"] != first["endpointUrl"]
    identity = "BIOT_SERVICE_USER_ID"
    assert second["environmentVariables"][identity] != first["environmentVariables"][identity]


def test_what_is_deleted_is_gone_for_every_call(inside: Any, refused: Any) -> None:
    inside.created()
    inside.delete("guard")
    for answer in (inside.get("guard"), inside.patch("guard", {"timeout": 5}), inside.delete("guard")):
        assert refused(answer, 404, "PLUGIN_NOT_FOUND") == {"pluginName": "Plugin-guard"}


def test_an_update_changes_what_it_sends_and_keeps_the_rest(inside: Any) -> None:
    before = inside.created(memorySize=256, environmentVariables={"MODE": "strict"})
    after = inside.patched("guard", {"displayName": "Guard EU", "timeout": "45"})
    assert after["lastModifiedTime"] > before["lastModifiedTime"]
    assert after["environmentVariables"]["BIOT_APP_NAME"] == "Guard EU"
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"displayName", "timeout", "lastModifiedTime", "environmentVariables"}
    assert inside.got("guard") == after


def test_each_write_moves_the_time(inside: Any) -> None:
    times = [inside.created()["lastModifiedTime"]]
    times += [inside.patched("guard", {})["lastModifiedTime"] for _ in range(5)]
    assert sorted(set(times)) == times


def test_nulls_and_unknown_members_change_nothing(inside: Any) -> None:
    before = inside.created(timeout=7, servicePrefix="/organization", runtime=None)
    sent = {
        "timeout": None,
        "environmentVariables": None,
        "cors": None,
        "name": "other",
        "deploymentPackageType": "IMAGE",
    }
    after = inside.patched("guard", sent)
    assert {**after, "lastModifiedTime": None} == {**before, "lastModifiedTime": None}


def test_environment_variables_are_the_full_wanted_map(inside: Any, vectors: Any) -> None:
    updates = vectors["updates"]
    created = inside.created(environmentVariables={"THRESHOLD": "90", "MODE": "strict"})["environmentVariables"]
    system = {key: value for key, value in created.items() if key in SYSTEM}
    assert created == {"THRESHOLD": "90", "MODE": "strict", **system}
    full = inside.patched("guard", updates["A10 environment, the full wanted map"])
    assert full["environmentVariables"] == {"THRESHOLD": "85", **system}
    assert inside.patched("guard", {"timeout": 9})["environmentVariables"] == {"THRESHOLD": "85", **system}
    assert inside.patched("guard", updates["A11 environment, cleared"])["environmentVariables"] == system


def test_the_lists_of_subscriptions_are_kept_cleared_or_replaced(inside: Any, vectors: Any) -> None:
    updates = vectors["updates"]
    interceptions = [{"type": "ADAPT_ENTITY", "entityTypeName": "device"}]
    inside.created(subscriptions={"interceptionOrder": 3, "interceptions": interceptions})
    whole = inside.patched("guard", updates["A12 subscriptions, all three members"])["subscriptions"]
    assert whole["interceptionOrder"] == 1
    assert whole["interceptions"] == []
    assert [item["entityTypeName"] for item in whole["notifications"]] == ["patient"]
    for no_change in ("A13 subscriptions, empty", "A13 subscriptions, null"):
        assert inside.patched("guard", updates[no_change])["subscriptions"] == whole
    some = inside.patched("guard", {"subscriptions": {"interceptions": interceptions}})["subscriptions"]
    assert some["notifications"] == whole["notifications"]
    assert some["interceptions"][0]["entityTypeName"] == "device"
    none = inside.patched("guard", {"subscriptions": {"notifications": []}})["subscriptions"]
    assert (none["notifications"], none["interceptions"]) == ([], some["interceptions"])


def test_the_lists_of_cors_are_kept_cleared_or_replaced(inside: Any, vectors: Any) -> None:
    inside.created(cors={"exposeHeaders": ["x-trace"], "allowMethods": []})
    before = inside.got("guard")["cors"]
    assert before == {
        "allowOrigins": ["*"],
        "allowMethods": [],
        "allowHeaders": ["authorization", "content-type"],
        "exposeHeaders": ["x-trace"],
    }
    after = inside.patched("guard", vectors["updates"]["A15 one list of cors replaced, one cleared"])["cors"]
    assert after == before | {"allowOrigins": ["https://portal.acme.example"], "exposeHeaders": []}


def test_the_state_is_set_and_kept(inside: Any, vectors: Any) -> None:
    inside.created()
    assert inside.patched("guard", vectors["updates"]["A16 disabled"])["enabledState"] == "DISABLED"
    assert inside.patched("guard", {"timeout": 9})["enabledState"] == "DISABLED"


def test_code_is_kept_until_new_code_comes(inside: Any, zipped: Any) -> None:
    first, second = zipped("first"), zipped("second")
    inside.created(code=first)
    assert inside.platform.code("guard") == first
    inside.patched("guard", {"timeout": 9})
    assert inside.platform.code("guard") == first
    inside.patched("guard", {"version": 2}, second)
    assert inside.platform.code("guard") == second
    inside.delete("guard")
    assert inside.platform.code("guard") is None


def test_two_plugins_may_share_the_same_code(inside: Any, zipped: Any) -> None:
    inside.created(code=zipped())
    inside.created(code=zipped(), name="other")
    inside.delete("guard")
    assert inside.platform.code("other") == zipped()


def test_without_code_the_seed_is_deployed(inside: Any) -> None:
    inside.created()
    assert inside.platform.code("guard") is None


def test_the_version_moves_with_the_code_and_only_then(inside: Any, refused: Any, zipped: Any) -> None:
    larger = "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"
    same = "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE"
    inside.created(version=7)
    for wanted in (6, 7):
        answer = inside.patch("guard", {"version": wanted}, zipped())
        assert refused(answer, 400, larger) == {"currentVersion": 7, "requestVersion": wanted}
    for wanted in (6, 8):
        answer = inside.patch("guard", {"version": wanted})
        assert refused(answer, 400, same) == {"currentVersion": 7, "requestVersion": wanted}
    refused(inside.patch("guard", {"timeout": 5}, zipped()), 400, "PLUGIN_REQUEST_VALIDATION_FAILED")
    assert inside.patched("guard", {"version": 7})["version"] == 7
    assert inside.patched("guard", {"version": 9}, zipped())["version"] == 9
    assert inside.platform.code("guard") == zipped()


def test_the_version_of_an_image_moves_with_its_tag(inside: Any, refused: Any, vectors: Any) -> None:
    same_tag, new = vectors["creations"]["A3 image"]["imageTag"], vectors["updates of code"]["A9 new image"]
    for tag in (same_tag, new["imageTag"]):
        inside.platform.images.add(tag)
    inside.create(vectors["creations"]["A3 image"])
    answer = inside.patch("wave-model", {"imageTag": same_tag})
    refused(answer, 400, "PLUGIN_REQUEST_VALIDATION_FAILED")
    answer = inside.patch("wave-model", {"imageTag": same_tag, "version": 1})
    refused(answer, 400, "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE")
    assert inside.patched("wave-model", new)["version"] == 2


def test_a_refused_update_changes_nothing(inside: Any, zipped: Any) -> None:
    before = inside.created(code=zipped())
    assert inside.patch("guard", {"timeout": 5, "version": 1}, zipped("other")).status_code == 400
    assert inside.patch("guard", {"timeout": 5, "environmentVariables": {"A": "1"}}).status_code == 500
    assert inside.got("guard") == before
    assert inside.platform.code("guard") == zipped()


def test_put_is_no_method_of_a_plugin(inside: Any, refused: Any) -> None:
    inside.created()
    refused(inside.send("PUT", "/Plugin-guard", {"displayName": "B", "version": 1}), 405, "METHOD_NOT_ALLOWED")


def test_a_plugin_can_log_in_as_its_own_service_user_until_it_is_deleted(inside: Any, refused: Any) -> None:
    system = inside.created()["environmentVariables"]
    credentials = {"id": system["BIOT_SERVICE_USER_ID"], "secretKey": system["BIOT_SERVICE_USER_SECRET_KEY"]}
    answer = inside.http.post("/ums/v2/services/accessToken", json=credentials)
    assert answer.status_code == 200
    token = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    refused(inside.http.get("/settings/v2/plugins/Plugin-guard", headers=token), 403, "ACCESS_DENIED")
    inside.delete("guard")
    refused(inside.http.post("/ums/v2/services/accessToken", json=credentials), 403, "LOGIN_FAILED")
    refused(inside.http.get("/settings/v2/plugins/Plugin-guard", headers=token), 401, "TOKEN_NOT_VALID")
