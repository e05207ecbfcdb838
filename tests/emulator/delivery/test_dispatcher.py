"""Endpoints in somebody's own account: subscriptions, their orders, and whom the platform calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from biot_provider.emulator.subscriptions import reference_data, subscribers

INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions"
NOTIFICATIONS = "/dispatcher/v1/hooks/notifications"
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "accounts.json").read_text())
PRE = VECTORS["interceptions"]["D1 before a request"]
TOLD = VECTORS["notifications"]["D3 of one template"]
PATIENTS = "POST/organization/v1/users/patients"
TEMPLATES = f"{PATIENTS}/templates/{{templateName}}"


def intercept(inside: Any, endpoint: str = "a", **members: Any) -> Any:
    """The answer to the sample with an endpoint of this name and these members; None takes one away."""
    body = {**PRE, "endpoint": f"https://hooks.example/{endpoint}", **members}
    return inside.http.post(
        f"{INTERCEPTIONS}/subscribe", json={name: value for name, value in body.items() if value is not None}
    )


def intercepted(inside: Any, endpoint: str = "a", **members: Any) -> Any:
    answer = intercept(inside, endpoint, **members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def notify(inside: Any, **members: Any) -> Any:
    return inside.http.post(f"{NOTIFICATIONS}/subscribe", json={**TOLD, **members})


def rows(inside: Any, path: str, **request: Any) -> list[Any]:
    answer = inside.http.get(path, params={"searchRequest": json.dumps(request)})
    assert answer.status_code == 200, answer.text
    data: list[Any] = answer.json()["data"]
    return data


def orders(inside: Any) -> dict[str, Any]:
    """The order of each endpoint, by the last part of its address."""
    return {row["endpoint"].rpartition("/")[2]: row["executionOrder"] for row in rows(inside, INTERCEPTIONS)}


def called(inside: Any, kind: str = "PRE_REQUEST", target: str = PATIENTS) -> list[tuple[str, int]]:
    """Whom the platform calls and where they stand, plugins in capitals."""
    with inside.platform._store.reading() as db:
        found = subscribers.interceptors(db, kind, target)
    return [((one.plugin or "").upper() or (one.endpoint or "")[-1], one.position) for one in found]


def told(inside: Any, entity: str, action: str, template: str | None) -> list[str]:
    with inside.platform._store.reading() as db:
        found = subscribers.listeners(db, entity, action, template)
    assert [one.position for one in found] == list(range(1, len(found) + 1))
    return [(one.plugin or "").upper() or (one.endpoint or "")[-1] for one in found]


# -- interceptions


@pytest.mark.parametrize("sample", VECTORS["interceptions"])
def test_a_subscription_comes_back_as_it_was_sent_with_an_id_and_times(inside: Any, sample: str) -> None:
    sent = VECTORS["interceptions"][sample]
    answer = inside.http.post(f"{INTERCEPTIONS}/subscribe", json=sent)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown["id"]
    assert shown["creationTime"] == shown["lastModifiedTime"]
    given = {
        "apiId": None,
        "entityName": None,
        "pathFilters": None,
        "executionOrder": subscribers.DEFAULT_ORDER,
        **sent,
    }
    assert {name: shown[name] for name in given} == given
    assert rows(inside, INTERCEPTIONS) == [shown]


def test_subscribing_again_changes_the_order_alone(inside: Any) -> None:
    first = intercepted(inside, executionOrder=4)
    kept = intercepted(inside, executionOrder=None)
    assert (kept["id"], kept["executionOrder"], kept["creationTime"]) == (first["id"], 4, first["creationTime"])
    assert intercepted(inside, executionOrder=9)["executionOrder"] == 9
    assert intercepted(inside, executionOrder=9)["executionOrder"] == 9
    assert len(rows(inside, INTERCEPTIONS)) == 1


def test_each_part_makes_another_subscription_and_an_adapters_api_does_not(inside: Any) -> None:
    for members in (
        {},
        {"endpoint": "b"},
        {"type": "POST_REQUEST"},
        {"apiId": TEMPLATES},
        {"apiId": TEMPLATES, "pathFilters": {"templateName": "nurse"}},
        {"apiId": TEMPLATES, "pathFilters": {"templateName": "doctor"}},
        {"type": "ADAPT_ENTITY", "apiId": None},
    ):
        intercepted(inside, **members)
    assert len(rows(inside, INTERCEPTIONS)) == 7
    two = "POST/organization/v1/{a}/{b}"
    for filters in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        intercepted(inside, apiId=two, pathFilters=filters)
    assert len(rows(inside, INTERCEPTIONS)) == 8
    intercepted(inside, entityName="other")
    intercepted(inside, type="ADAPT_ENTITY", apiId="GET/any")
    assert len(rows(inside, INTERCEPTIONS)) == 8


def test_orders_are_unique_and_the_newcomer_keeps_its_own(inside: Any) -> None:
    for endpoint, order in (("a", 5), ("b", 6), ("c", 9), ("d", 5)):
        intercepted(inside, endpoint, executionOrder=order)
    assert orders(inside) == {"d": 5, "a": 6, "b": 7, "c": 9}
    intercepted(inside, "d", executionOrder=6)
    assert orders(inside) == {"d": 6, "a": 7, "b": 8, "c": 9}
    intercepted(inside, "e", executionOrder=5)
    intercepted(inside, "f", executionOrder=5)
    assert orders(inside) == {"f": 5, "e": 6, "d": 7, "a": 8, "b": 9, "c": 10}
    intercepted(inside, "a", executionOrder=5, type="POST_REQUEST")
    intercepted(inside, "a", executionOrder=5, apiId=TEMPLATES)
    assert [order for _, order in called(inside)] == [5, 6, 7, 8, 9, 10]


def test_subscriptions_without_an_order_take_the_default_place_one_after_another(inside: Any) -> None:
    for endpoint in "ab":
        intercepted(inside, endpoint, executionOrder=None)
    assert orders(inside) == {"b": subscribers.DEFAULT_ORDER, "a": subscribers.DEFAULT_ORDER + 1}
    inside.platform.contract_variants.set(default_orders="hidden")
    intercepted(inside, "a", executionOrder=7)
    assert orders(inside) == {"a": 7, "b": None}
    intercepted(inside, "a", executionOrder=None)
    assert orders(inside) == {"a": 7, "b": None}


def test_hosted_plugins_and_endpoints_share_one_order(inside: Any) -> None:
    own = {"interceptionOrder": 2, "interceptions": [{"type": "PRE_REQUEST", "apiId": PATIENTS}]}
    intercepted(inside, "a", executionOrder=2)
    inside.created(name="p", subscriptions=own)
    assert called(inside) == [("P", 2), ("a", 3)]
    intercepted(inside, "b", executionOrder=2)
    assert called(inside) == [("b", 2), ("P", 3), ("a", 4)]
    inside.platform.contract_variants.set(orders="shifted")
    assert inside.got("p")["subscriptions"]["interceptions"][0]["order"] == 3
    assert {row["endpoint"][-1] for row in rows(inside, INTERCEPTIONS)} == {"a", "b"}
    inside.delete("p")
    assert called(inside) == [("b", 2), ("a", 4)]


def test_a_disabled_plugin_is_not_called_and_keeps_its_place(inside: Any) -> None:
    own = {
        "interceptions": [{"type": "PRE_REQUEST", "apiId": PATIENTS}],
        "notifications": [{"entityTypeName": "patient", "actionName": "_create"}],
    }
    inside.created(name="p", subscriptions=own, enabledState="DISABLED")
    intercepted(inside, "a", executionOrder=None)
    assert (called(inside), told(inside, "patient", "_create", None)) == ([("a", 1)], [])
    inside.patched("p", {"enabledState": "ENABLED"})
    assert (called(inside), told(inside, "patient", "_create", None)) == ([("a", 1), ("P", 2)], ["P"])


def test_a_value_in_place_of_a_placeholder_is_a_filter(inside: Any) -> None:
    with_value = {"type": "PRE_REQUEST", "apiId": f"{PATIENTS}/templates/nurse"}
    inside.created(name="p", subscriptions={"interceptionOrder": 1, "interceptions": [with_value]})
    intercepted(inside, "a", apiId=TEMPLATES, executionOrder=2, pathFilters={"templateName": "doctor"})
    intercepted(inside, "b", apiId=TEMPLATES, executionOrder=3)
    intercepted(inside, "c", apiId=TEMPLATES.replace("templateName", "template"), pathFilters={"template": "x"})
    with inside.platform._store.reading() as db:
        found = subscribers.interceptors(db, "PRE_REQUEST", TEMPLATES)
    filters = {one.plugin or (one.endpoint or "")[-1]: one.path_filters for one in found}
    assert filters == {
        "p": {"templateName": "nurse"},
        "a": {"templateName": "doctor"},
        "b": {},
        "c": {"templateName": "x"},
    }
    assert called(inside, target=PATIENTS) == []
    assert called(inside, "POST_REQUEST", TEMPLATES) == []


def test_adapters_are_found_by_their_entity(inside: Any) -> None:
    adapter = {"type": "ADAPT_ENTITY", "apiId": None, "entityName": "device"}
    intercepted(inside, "a", **adapter, executionOrder=3)
    inside.created(name="p", subscriptions={"interceptions": [{"type": "ADAPT_ENTITY", "entityTypeName": "device"}]})
    assert called(inside, "ADAPT_ENTITY", "device") == [("P", 1), ("a", 3)]
    assert called(inside, "ADAPT_ENTITY", "patient") == []


def test_unsubscribing_ends_it_and_what_is_not_there_is_unsubscribed(inside: Any) -> None:
    intercepted(inside, apiId=TEMPLATES, pathFilters={"templateName": "nurse"})
    body = {**PRE, "endpoint": "https://hooks.example/a", "apiId": TEMPLATES}
    for filters, left in (({}, 1), ({"templateName": "doctor"}, 1), ({"templateName": "nurse"}, 0)):
        for _ in range(2):
            answer = inside.http.post(f"{INTERCEPTIONS}/unsubscribe", json={**body, "pathFilters": filters})
            assert (answer.status_code, answer.content) == (204, b"")
        assert len(rows(inside, INTERCEPTIONS)) == left


@pytest.mark.parametrize(
    ("members", "code", "details"),
    [
        ({"type": "PRE"}, "BAD_REQUEST", {"fieldName": "type"}),
        ({"type": None}, "BAD_REQUEST", {"fieldName": "type"}),
        ({"endpoint": None}, "BAD_REQUEST", {"fieldName": "endpoint"}),
        ({"endpoint": "ftp://hooks.example"}, "BAD_REQUEST", {"fieldName": "endpoint"}),
        ({"apiId": None}, "BAD_REQUEST", {"fieldName": "apiId"}),
        ({"apiId": ""}, "BAD_REQUEST", {"fieldName": "apiId"}),
        ({"type": "ADAPT_ENTITY", "entityName": None}, "BAD_REQUEST", {"fieldName": "entityName"}),
        ({"executionOrder": -1}, "BAD_REQUEST", {"fieldName": "executionOrder"}),
        (
            {"executionOrder": 0},
            "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER",
            {"order": 0, "reservedOrder": 0},
        ),
        ({"pathFilters": ["nurse"]}, "BAD_REQUEST", {"fieldName": "pathFilters"}),
        ({"pathFilters": {"templateName": "x"}}, "BAD_REQUEST", {"fieldName": "pathFilters.templateName"}),
        (
            {"apiId": TEMPLATES, "pathFilters": {"templateName": 1}},
            "BAD_REQUEST",
            {"fieldName": "pathFilters.templateName"},
        ),
    ],
)
def test_a_wrong_interception_is_refused(inside: Any, refused: Any, members: Any, code: str, details: Any) -> None:
    body = {name: value for name, value in {**PRE, **members}.items() if value is not None}
    assert refused(inside.http.post(f"{INTERCEPTIONS}/subscribe", json=body), 400, code) == details
    assert rows(inside, INTERCEPTIONS) == []


def test_an_api_must_have_its_form_or_be_one_of_the_reference_data(inside: Any, refused: Any) -> None:
    for wrong in ("/organization/v1", "post/organization", "POST /organization", "POST"):
        details = refused(intercept(inside, apiId=wrong), 400, "INVALID_API_ID")
        assert details["invalidApiId"] == wrong
        assert PATIENTS in details["validApiIds"]
    intercepted(inside, "a", apiId="POST/anything/v9/things", entityName="thing")
    inside.platform.contract_variants.set(reference_data="closed")
    refused(intercept(inside, apiId="POST/anything/v9/things"), 400, "INVALID_API_ID")
    details = refused(intercept(inside, entityName="thing"), 400, "INVALID_ENTITY_TYPE_NAME")
    assert details == {"invalidEntityType": "thing", "validEntityTypes": list(reference_data.ENTITIES)}
    for right in (PATIENTS, TEMPLATES, f"{PATIENTS}/templates/nurse"):
        intercepted(inside, apiId=right)
    gone = {**PRE, "endpoint": "https://hooks.example/a", "apiId": "POST/anything/v9/things"}
    assert inside.http.post(f"{INTERCEPTIONS}/unsubscribe", json=gone).status_code == 204
    assert "POST/anything/v9/things" not in [row["apiId"] for row in rows(inside, INTERCEPTIONS)]


def test_entity_names_of_apis_are_as_given_or_filled_in(inside: Any) -> None:
    assert intercepted(inside, entityName=None)["entityName"] is None
    inside.platform.contract_variants.set(entity_names="filled")
    assert [row["entityName"] for row in rows(inside, INTERCEPTIONS)] == ["patient"]
    inside.platform.contract_variants.set(entity_names="given", absent="omitted")
    assert {"entityName", "pathFilters"} & set(rows(inside, INTERCEPTIONS)[0]) == set()


def test_interceptions_are_searched_by_any_member_newest_first(inside: Any) -> None:
    for endpoint, order in (("a", 3), ("b", 1), ("c", 2)):
        intercepted(inside, endpoint, executionOrder=order)

    def found(**request: Any) -> str:
        return "".join(row["endpoint"][-1] for row in rows(inside, INTERCEPTIONS, **request))

    assert found() == "cba"
    assert found(filter={"endpoint": {"eq": "https://hooks.example/b"}}, limit=100, page=0) == "b"
    assert found(filter={"type": {"eq": "PRE_REQUEST"}, "executionOrder": {"gte": 2}}) == "ca"
    assert found(sort=[{"prop": "executionOrder", "order": "ASC"}]) == "bca"
    assert found(filter={"apiId": {"like": "caregivers"}}) == ""
    inside.platform.contract_variants.set(default_orders="hidden")
    intercepted(inside, "d", executionOrder=None)
    assert found(filter={"executionOrder": {"gte": 1}}) == "cba"


# -- notifications


def test_a_notification_comes_back_with_an_id_and_ends(inside: Any, refused: Any) -> None:
    answer = notify(inside)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {**TOLD, "id": shown["id"]}
    assert rows(inside, NOTIFICATIONS) == [shown]
    wider = {**TOLD, "templateName": None}
    details = refused(inside.http.post(f"{NOTIFICATIONS}/unsubscribe", json=wider), 404, "SUBSCRIBER_NOT_FOUND")
    assert details == wider
    assert inside.http.post(f"{NOTIFICATIONS}/unsubscribe", json=TOLD).status_code == 204
    assert rows(inside, NOTIFICATIONS) == []
    refused(inside.http.post(f"{NOTIFICATIONS}/unsubscribe", json=TOLD), 404, "SUBSCRIBER_NOT_FOUND")


def test_the_same_notification_twice_is_a_conflict_or_by_variant(inside: Any) -> None:
    shown = notify(inside).json()
    for variant, status in (("conflict", 409), ("bad-request", 400), ("accepted", 201)):
        inside.platform.contract_variants.set(repeated_notifications=variant)
        answer = notify(inside)
        assert answer.status_code == status
        assert rows(inside, NOTIFICATIONS) == [shown]
    assert answer.json() == shown
    inside.platform.contract_variants.set(repeated_notifications="conflict")
    for other in ({"actionName": "_update"}, {"templateName": None}, {"endpoint": "https://hooks.example/b"}):
        assert notify(inside, **other).status_code == 201
        assert notify(inside, **other).status_code == 409


def test_ids_and_templates_without_a_value_are_null_or_left_out(inside: Any) -> None:
    notify(inside, templateName=None)
    inside.platform.contract_variants.set(notification_ids="hidden")
    assert rows(inside, NOTIFICATIONS)[0]["id"] is None
    inside.platform.contract_variants.set(absent="omitted")
    assert set(rows(inside, NOTIFICATIONS)[0]) == {"entityTypeName", "actionName", "endpoint"}


@pytest.mark.parametrize(
    ("members", "code", "detail"),
    [
        ({"entityTypeName": "nurse"}, "INVALID_ENTITY_TYPE_NAME", ("invalidEntityType", "nurse")),
        ({"actionName": "create"}, "INVALID_ACTION_NAME", ("invalidActionName", "create")),
        ({"actionName": "CREATE"}, "INVALID_ACTION_NAME", ("invalidActionName", "CREATE")),
        ({"endpoint": "hooks"}, "BAD_REQUEST", ("fieldName", "endpoint")),
        ({"endpoint": None}, "BAD_REQUEST", ("fieldName", "endpoint")),
        ({"actionName": None}, "BAD_REQUEST", ("fieldName", "actionName")),
    ],
)
def test_a_wrong_notification_is_refused(
    inside: Any, refused: Any, members: Any, code: str, detail: tuple[str, str]
) -> None:
    details = refused(notify(inside, **members), 400, code)
    assert details[detail[0]] == detail[1]
    assert rows(inside, NOTIFICATIONS) == []


def test_a_pair_without_notifications_is_refused_by_closed_reference_data(inside: Any, refused: Any) -> None:
    assert notify(inside, actionName="_login").status_code == 201
    inside.platform.contract_variants.set(reference_data="closed")
    details = refused(notify(inside, actionName="_logout"), 400, "INVALID_ACTION_NAME")
    assert details["validActionNames"] == list(reference_data.NOTIFIED["usage-session"])
    assert notify(inside, actionName="_remotePause").status_code == 201


def test_each_matching_subscriber_is_notified_once_plugins_first(inside: Any) -> None:
    notifications = [
        {"entityTypeName": "patient", "actionName": "_create"},
        {"entityTypeName": "patient", "actionName": "_create", "templateName": "child"},
    ]
    patient = {"entityTypeName": "patient"}
    for endpoint, template in (("a", None), ("b", "child"), ("a", "child"), ("c", "other")):
        assert notify(inside, **patient, endpoint=f"https://hooks.example/{endpoint}", templateName=template).is_success
    inside.created(name="p", subscriptions={"notifications": notifications})
    inside.created(name="q", subscriptions={"notifications": notifications[1:]})
    assert told(inside, "patient", "_create", "child") == ["P", "Q", "a", "b"]
    assert told(inside, "patient", "_create", None) == ["P", "a"]
    assert told(inside, "patient", "_update", None) == []
    assert told(inside, "device", "_create", None) == []


def test_notifications_are_searched_by_their_parts_and_sorted_by_two(inside: Any, refused: Any) -> None:
    for action, template in (("_update", "x"), ("_create", "y"), ("_delete", None)):
        notify(inside, actionName=action, templateName=template)

    def found(**request: Any) -> list[str]:
        return [row["actionName"] for row in rows(inside, NOTIFICATIONS, **request)]

    assert found() == ["_delete", "_create", "_update"]
    assert found(filter={"endpoint": {"eq": TOLD["endpoint"]}, "templateName": {"isNotNull": True}}) == [
        "_create",
        "_update",
    ]
    assert found(sort=[{"prop": "actionName", "order": "ASC"}], limit=2) == ["_create", "_delete"]
    request = json.dumps({"sort": [{"prop": "endpoint"}]})
    refused(inside.http.get(NOTIFICATIONS, params={"searchRequest": request}), 400, "BAD_REQUEST")


# -- reference data


def test_the_reference_data_lists_what_the_documentation_shows(inside: Any) -> None:
    configurations = rows(inside, "/settings/v1/interceptions")
    assert [row for row in VECTORS["reference data"]["E1 configurations"] if row not in configurations] == []
    listed = inside.http.get("/settings/v2/entity-types/action-notifications").json()["entityTypes"]
    assert [row for row in VECTORS["reference data"]["E2 notifiable actions"] if row not in listed] == []
    of_patients = {"filter": {"entityTypeName": {"eq": "patient"}, "apiId": {"like": "DELETE"}}}
    assert [row["apiId"] for row in rows(inside, "/settings/v1/interceptions", **of_patients)] == [
        "DELETE/organization/v1/users/patients/{id}"
    ]
    types = rows(inside, "/settings/v2/entity-types", sort=[{"prop": "name", "order": "ASC"}])
    assert [row["name"] for row in types] == sorted(reference_data.ENTITIES)


def test_actions_are_spelled_with_underscores_or_in_capitals(inside: Any) -> None:
    inside.platform.contract_variants.set(action_names="upper", absent="omitted")
    listed = inside.http.get("/settings/v2/entity-types/action-notifications").json()["entityTypes"]
    names = {row["actionName"] for row in listed if row["entityName"] == "patient"}
    assert {"CREATE", "SAVE_MEASUREMENT_BULK"} <= names
    adapters = [row for row in rows(inside, "/settings/v1/interceptions") if "apiId" not in row]
    assert len(adapters) == len(reference_data.ENTITIES)


OPERATIONS = {
    "HOOKS_INTERCEPTION_CREATE": ("POST", f"{INTERCEPTIONS}/subscribe"),
    "HOOKS_INTERCEPTION_DELETE": ("POST", f"{INTERCEPTIONS}/unsubscribe"),
    "HOOKS_INTERCEPTION_SEARCH": ("GET", INTERCEPTIONS),
    "DISPATCHER_SUBSCRIPTIONS_SUBSCRIBE": ("POST", f"{NOTIFICATIONS}/subscribe"),
    "DISPATCHER_SUBSCRIPTIONS_UNSUBSCRIBE": ("POST", f"{NOTIFICATIONS}/unsubscribe"),
    "DISPATCHER_SUBSCRIPTIONS_SEARCH": ("GET", NOTIFICATIONS),
    "SETTINGS_SEARCH_INTERCEPTION_SUBSCRIPTION_CONFIGURATIONS": ("GET", "/settings/v1/interceptions"),
    "SETTINGS_GET_ENTITY_TYPES": ("GET", "/settings/v2/entity-types/action-notifications"),
    "SETTINGS_SEARCH_ENTITY_TYPES": ("GET", "/settings/v2/entity-types"),
    "SETTINGS_SEARCH_TEMPLATE": ("GET", "/settings/v1/templates"),
}


@pytest.mark.parametrize("path", [INTERCEPTIONS, NOTIFICATIONS])
def test_a_body_that_is_no_object_is_refused(inside: Any, refused: Any, path: str) -> None:
    for operation in ("subscribe", "unsubscribe"):
        assert refused(inside.http.post(f"{path}/{operation}", json=[]), 400, "BAD_REQUEST") == {"fieldName": "body"}
        refused(inside.http.post(f"{path}/{operation}", content=b"{"), 400, "BAD_REQUEST")


@pytest.mark.parametrize("permission", OPERATIONS)
def test_each_operation_needs_its_own_permission_before_anything_else(
    inside: Any, refused: Any, permission: str
) -> None:
    inside.log_in(*inside.platform.add_service_user([permission]))
    for needed, (method, path) in OPERATIONS.items():
        answer = inside.http.request(method, path, json={})
        if needed == permission:
            assert answer.status_code in (200, 400), answer.text
        else:
            refused(answer, 403, "ACCESS_DENIED")
