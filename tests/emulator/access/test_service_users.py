"""Service users, their keys and what ends when."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator.access.people import ORGANIZATION
from biot_provider.emulator.access.permissions import PERMISSIONS, POWERLESS_ROLE, ROLE

USERS = "/ums/v2/services"
LOGIN = f"{USERS}/accessToken"
SELF = f"{USERS}/self"
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "accounts.json").read_text())["service users"]
OTHER_ROLE = VECTORS["C1 creation"]["roleId"]


def create(inside: Any, **members: Any) -> Any:
    """The answer to a creation: the two members that it needs, and those of the test."""
    return inside.http.post(USERS, json={"roleId": OTHER_ROLE, "type": "EXTERNAL_SERVICE", **members})


def created(inside: Any, **members: Any) -> Any:
    answer = create(inside, **members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def got(inside: Any, user: Any) -> Any:
    answer = inside.http.get(f"{USERS}/{user['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def patch(inside: Any, user: Any, body: Any) -> Any:
    return inside.http.patch(f"{USERS}/{user['id']}", json=body)


def new_key(inside: Any, user: Any) -> Any:
    answer = inside.http.post(f"{USERS}/{user['id']}/secret-keys")
    assert answer.status_code == 201, answer.text
    return answer.json()


def drop_key(inside: Any, user: Any, key: Any) -> Any:
    return inside.http.delete(f"{USERS}/{user['id']}/secret-keys/{key['id']}")


def log_in(inside: Any, user: Any, key: Any) -> Any:
    return inside.http.post(LOGIN, json={"id": user["id"], "secretKey": key["secretKey"]})


def found(inside: Any, **request: Any) -> list[Any]:
    """The names a search gives, in its order."""
    answer = inside.http.get(USERS, params={"searchRequest": json.dumps(request)})
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


def expire_keys(platform: Platform, user: Any) -> None:
    """Move the end of a service user's keys into the past, where one is set: what hours of waiting would do."""
    with platform._store.writing() as db:
        db.execute("UPDATE secret_keys SET expires = ? WHERE service_user = ? AND expires", (time.time(), user["id"]))


def test_every_member_comes_back_and_the_secret_only_once(inside: Any) -> None:
    sent = VECTORS["C1 creation"]
    user = created(inside, **sent)
    key = user.pop("secretKeyData")
    assert {**sent, "id": user["id"]} == user
    assert set(key) == {"id", "creationTime", "expirationTime", "secretKey"}
    assert len(key["secretKey"]) >= 32
    lives = datetime.fromisoformat(key["expirationTime"]) - datetime.fromisoformat(key["creationTime"])
    assert timedelta(minutes=129599) < lives <= timedelta(minutes=129600, seconds=1)
    shown = {**user, "secretKeys": [{name: key[name] for name in ("id", "creationTime", "expirationTime")}]}
    assert got(inside, user) == shown
    assert inside.http.get(USERS, params={"searchRequest": "{}"}).json()["data"][0] == shown


def test_what_is_not_given_is_filled_in_or_absent(inside: Any) -> None:
    inside.platform.contract_variants.set(service_user_defaults="absent")
    user = created(inside)
    assert user["active"] is True
    assert {name for name, value in user.items() if value is None} == {
        *("name", "ownerOrganizationId", "accessTokenExpirationInMinutes", "secretKeyExpirationInMinutes"),
    }
    assert user["secretKeyData"]["expirationTime"] is None
    inside.platform.contract_variants.set(service_user_defaults="filled")
    shown = got(inside, user)
    assert (shown["ownerOrganizationId"], shown["accessTokenExpirationInMinutes"]) == (ORGANIZATION, 30)
    inside.platform.contract_variants.set(absent="omitted")
    assert {"name", "secretKeyExpirationInMinutes"} & set(got(inside, user)) == set()


def test_a_service_user_made_over_the_api_may_do_everything_and_a_powerless_one_nothing(
    inside: Any, refused: Any
) -> None:
    user = created(inside)
    inside.log_in(user["id"], user["secretKeyData"]["secretKey"])
    powerless = created(inside, roleId=POWERLESS_ROLE)
    inside.log_in(powerless["id"], powerless["secretKeyData"]["secretKey"])
    refused(create(inside), 403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("body", "status", "code", "details"),
    [
        ({"roleId": None}, 400, "MISSING_PARAMETERS", {"parameters": ["roleId"]}),
        ({"roleId": None, "type": None}, 400, "MISSING_PARAMETERS", {"parameters": ["roleId", "type"]}),
        ({"roleId": "admin"}, 400, "BAD_REQUEST", {"fieldName": "roleId"}),
        ({"type": "SERVICE"}, 400, "BAD_REQUEST", {"fieldName": "type"}),
        ({"name": "n" * 101}, 400, "BAD_REQUEST", {"fieldName": "name"}),
        ({"active": 1.5}, 400, "BAD_REQUEST", {"fieldName": "active"}),
        ({"ownerOrganizationId": 5}, 400, "BAD_REQUEST", {"fieldName": "ownerOrganizationId"}),
        ({"accessTokenExpirationInMinutes": 0}, 400, "BAD_REQUEST", {"fieldName": "accessTokenExpirationInMinutes"}),
        ({"secretKeyExpirationInMinutes": 0}, 400, "BAD_REQUEST", {"fieldName": "secretKeyExpirationInMinutes"}),
    ],
)
def test_a_wrong_creation_makes_nothing(
    inside: Any, refused: Any, body: Any, status: int, code: str, details: Any
) -> None:
    before = found(inside)
    assert refused(create(inside, **body), status, code) == details
    assert found(inside) == before


def test_names_are_unique_and_anonymous_ones_are_not_counted(inside: Any, refused: Any) -> None:
    first = created(inside, name="ci")
    assert refused(create(inside, name="ci"), 409, "SERVICE_NAME_ALREADY_EXISTS") == {"name": "ci"}
    for name in ("CI", "ci-deployer"):
        created(inside, name=name)
    for _ in range(2):
        created(inside)
    inside.http.delete(f"{USERS}/{first['id']}")
    created(inside, name="ci")


def test_roles_and_organizations_are_any_or_known(inside: Any, refused: Any) -> None:
    other = str(uuid.uuid4())
    user = created(inside, ownerOrganizationId=other)
    inside.platform.contract_variants.set(roles="known", organizations="known")
    details = refused(create(inside), 404, "ROLE_NOT_FOUND_IN_SUPPORTED_TYPES")
    assert details["id"] == OTHER_ROLE
    refused(patch(inside, user, {"roleId": other}), 404, "ROLE_NOT_FOUND_IN_SUPPORTED_TYPES")
    assert got(inside, user)["roleId"] == OTHER_ROLE
    answer = create(inside, roleId=ROLE, ownerOrganizationId=other)
    assert refused(answer, 404, "OWNER_ORGANIZATION_NOT_FOUND") == {"id": other}
    created(inside, roleId=ROLE.upper(), ownerOrganizationId=ORGANIZATION)


def test_a_change_sets_what_was_sent_of_three_members_and_keeps_the_rest(inside: Any) -> None:
    user = created(inside, **VECTORS["C1 creation"])
    before = got(inside, user)
    ignored = {"name": "other", "type": "INTERNAL_SERVICE", "accessTokenExpirationInMinutes": 5, "unknown": 1}
    assert patch(inside, user, ignored).json() == before
    assert patch(inside, user, VECTORS["C3 switched off"]).json() == {**before, "active": False}
    changed = patch(inside, user, {"active": True, "roleId": ROLE, "secretKeyExpirationInMinutes": 9}).json()
    assert changed == {**before, "roleId": ROLE, "secretKeyExpirationInMinutes": 9} == got(inside, user)


def test_another_role_brings_its_own_permissions(inside: Any, refused: Any) -> None:
    service_id, secret_key = inside.platform.add_service_user(["UMS_SERVICES_UPDATE_SERVICE_USER"])
    inside.log_in(service_id, secret_key)
    refused(create(inside), 403, "ACCESS_DENIED")
    assert patch(inside, {"id": service_id}, {"roleId": ROLE}).json()["roleId"] == ROLE
    created(inside)
    patch(inside, {"id": service_id}, {"roleId": POWERLESS_ROLE})
    refused(create(inside), 403, "ACCESS_DENIED")


def test_a_null_ends_the_expiry_of_new_keys_or_is_as_not_sent(inside: Any) -> None:
    user = created(inside, secretKeyExpirationInMinutes=60)
    end = VECTORS["C3 new keys end no more"]
    inside.platform.contract_variants.set(nulls="keep")
    assert patch(inside, user, end).json()["secretKeyExpirationInMinutes"] == 60
    inside.platform.contract_variants.set(nulls="clear")
    after = patch(inside, user, end).json()
    assert after["secretKeyExpirationInMinutes"] is None
    assert after["secretKeys"][0]["expirationTime"] == user["secretKeyData"]["expirationTime"]
    assert new_key(inside, user)["expirationTime"] is None
    assert patch(inside, user, {"active": None, "roleId": None}).json()["roleId"] == OTHER_ROLE


def test_each_key_logs_in_until_it_is_dropped(inside: Any, refused: Any) -> None:
    user = created(inside)
    first, second = user["secretKeyData"], new_key(inside, user)
    assert [key["id"] for key in got(inside, user)["secretKeys"]] == [first["id"], second["id"]]
    token = log_in(inside, user, first).json()["accessToken"]
    assert log_in(inside, user, second).status_code == 200
    assert drop_key(inside, user, first).status_code == 204
    refused(log_in(inside, user, first), 403, "LOGIN_FAILED")
    assert log_in(inside, user, second).status_code == 200
    details = refused(drop_key(inside, user, first), 404, "SECRET_KEY_ID_NOT_FOUND")
    assert details == {"secretKeyId": first["id"], "serviceUserId": user["id"]}
    assert inside.http.get(SELF, headers={"Authorization": f"Bearer {token}"}).status_code == 200, "a token outlives it"


def test_a_key_of_somebody_else_is_not_found(inside: Any, refused: Any) -> None:
    user, other = created(inside), created(inside)
    refused(drop_key(inside, user, other["secretKeyData"]), 404, "SECRET_KEY_ID_NOT_FOUND")
    refused(log_in(inside, user, other["secretKeyData"]), 403, "LOGIN_FAILED")
    assert log_in(inside, other, other["secretKeyData"]).status_code == 200


def test_an_expired_key_is_neither_listed_nor_counted_and_does_not_log_in(inside: Any, refused: Any) -> None:
    inside.platform.contract_variants.set(max_secret_keys=1)
    user = created(inside, secretKeyExpirationInMinutes=1)
    key = user["secretKeyData"]
    expire_keys(inside.platform, user)
    assert got(inside, user)["secretKeys"] == []
    refused(log_in(inside, user, key), 403, "LOGIN_FAILED")
    refused(drop_key(inside, user, key), 404, "SECRET_KEY_ID_NOT_FOUND")
    assert log_in(inside, user, new_key(inside, user)).status_code == 200


@pytest.mark.parametrize("limit", [5, 2, 1])
def test_there_is_a_limit_of_keys(inside: Any, refused: Any, limit: int) -> None:
    inside.platform.contract_variants.set(max_secret_keys=limit)
    user = created(inside)
    for _ in range(limit - 1):
        new_key(inside, user)
    details = refused(inside.http.post(f"{USERS}/{user['id']}/secret-keys"), 409, "MAX_SECRET_KEYS")
    assert details == {"serviceId": user["id"], "maxSecretKeys": limit}
    drop_key(inside, user, user["secretKeyData"])
    new_key(inside, user)


def test_what_is_switched_off_neither_logs_in_nor_calls(inside: Any, refused: Any) -> None:
    user = created(inside, active=False)
    refused(log_in(inside, user, user["secretKeyData"]), 403, "LOGIN_FAILED")
    patch(inside, user, {"active": True})
    token = log_in(inside, user, user["secretKeyData"]).json()["accessToken"]
    patch(inside, user, {"active": False})
    refused(inside.http.get(SELF, headers={"Authorization": f"Bearer {token}"}), 401, "TOKEN_NOT_VALID")


def test_a_deleted_one_is_gone_with_its_keys_and_tokens(inside: Any, refused: Any) -> None:
    user = created(inside, name="ci")
    token = log_in(inside, user, user["secretKeyData"]).json()["accessToken"]
    path = f"{USERS}/{user['id']}"
    assert inside.http.delete(path).status_code == 204
    refused(inside.http.get(SELF, headers={"Authorization": f"Bearer {token}"}), 401, "TOKEN_NOT_VALID")
    refused(log_in(inside, user, user["secretKeyData"]), 403, "LOGIN_FAILED")
    assert found(inside, filter={"name": {"eq": "ci"}}) == []
    with inside.platform._store.reading() as db:
        assert db.execute("SELECT 1 FROM secret_keys WHERE service_user = ?", (user["id"],)).fetchone() is None
    for answer in (
        inside.http.get(path),
        inside.http.delete(path),
        inside.http.patch(path, json={}),
        inside.http.post(f"{path}/secret-keys"),
        inside.http.delete(f"{path}/secret-keys/{user['secretKeyData']['id']}"),
    ):
        assert refused(answer, 404, "SERVICE_USER_NOT_FOUND") == {"id": user["id"]}


def test_its_tokens_last_as_long_as_its_setting(inside: Any) -> None:
    user = created(inside, accessTokenExpirationInMinutes=2)
    answer = log_in(inside, user, user["secretKeyData"]).json()
    left = datetime.fromisoformat(answer["accessTokenExpiration"]).timestamp() - time.time()
    assert 110 < left <= 120


def test_a_search_knows_six_properties(inside: Any, refused: Any) -> None:
    for name, minutes in (("a", 30), ("b", 60), ("c", None)):
        created(inside, name=name, active=name != "b", accessTokenExpirationInMinutes=minutes)
    inside.platform.contract_variants.set(service_user_defaults="absent")
    named = {"name": {"in": ["a", "b", "c"]}}
    assert found(inside, filter=named) == ["c", "b", "a"]
    assert found(inside, filter={**named, "active": {"eq": True}}, sort=[{"prop": "name", "order": "ASC"}]) == [
        "a",
        "c",
    ]
    assert found(inside, filter={**named, "accessTokenExpirationInMinutes": {"lt": 60}}) == ["a"]
    assert found(inside, filter={"name": {"like": "B"}}) == ["b"]
    assert found(inside, filter=named, limit=1, page=1) == ["b"]
    assert found(inside, freeTextSearch=created(inside, name="d")["id"]) == ["d"]
    for request in ({"filter": {"roleId": {"eq": ROLE}}}, {"sort": [{"prop": "creationTime"}]}):
        refused(inside.http.get(USERS, params={"searchRequest": json.dumps(request)}), 400, "BAD_REQUEST")


def test_a_service_user_looks_after_its_own_keys(inside: Any, refused: Any) -> None:
    user = created(inside, name="ci")
    inside.log_in(user["id"], user["secretKeyData"]["secretKey"])
    assert inside.http.get(SELF).json() == got(inside, user)
    key = inside.http.post(f"{SELF}/secret-keys").json()
    assert log_in(inside, user, key).status_code == 200
    assert inside.http.delete(f"{SELF}/secret-keys/{user['secretKeyData']['id']}").status_code == 204
    refused(log_in(inside, user, user["secretKeyData"]), 403, "LOGIN_FAILED")
    person = inside.http.post(
        "/ums/v2/users/login", json=dict(zip(("username", "password"), inside.platform.add_user(), strict=True))
    ).json()["accessJwt"]["token"]
    refused(
        inside.http.get(SELF, headers={"Authorization": f"Bearer {person}"}),
        404,
        "SERVICE_USER_NOT_FOUND",
    )


OPERATIONS = {
    "UMS_SERVICES_CREATE_SERVICE_USER": ("POST", USERS),
    "UMS_USERS_SEARCH_SERVICE_USERS": ("GET", USERS),
    "UMS_USERS_GET_SERVICE_USER_BY_ID": ("GET", f"{USERS}/nobody"),
    "UMS_SERVICES_UPDATE_SERVICE_USER": ("PATCH", f"{USERS}/nobody"),
    "UMS_SERVICES_DELETE_SERVICE_USER": ("DELETE", f"{USERS}/nobody"),
    "UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID": ("POST", f"{USERS}/nobody/secret-keys"),
    "UMS_USERS_DELETE_SECRET_KEY_BY_ID": ("DELETE", f"{USERS}/nobody/secret-keys/none"),
    "UMS_SERVICES_SELF_GET_SERVICE_USER": ("GET", SELF),
    "UMS_SERVICES_SELF_CREATE_SECRET_KEY": ("POST", f"{SELF}/secret-keys"),
    "UMS_SERVICES_SELF_DELETE_SECRET_KEY": ("DELETE", f"{SELF}/secret-keys/none"),
}


@pytest.mark.parametrize("permission", OPERATIONS)
def test_each_operation_needs_its_own_permission_before_anything_else(
    inside: Any, refused: Any, permission: str
) -> None:
    inside.log_in(*inside.platform.add_service_user([permission]))
    for needed, (method, path) in OPERATIONS.items():
        answer = inside.http.request(method, path, json={})
        if needed == permission:
            assert answer.status_code in (200, 201, 400, 404), answer.text
        else:
            refused(answer, 403, "ACCESS_DENIED")
    del inside.http.headers["Authorization"]
    refused(inside.http.request(*OPERATIONS[permission]), 401, "TOKEN_NOT_VALID")


def test_the_service_user_of_a_plugin_comes_and_goes_with_it(inside: Any) -> None:
    variables = inside.created()["environmentVariables"]
    user = {"id": variables["BIOT_SERVICE_USER_ID"]}
    assert got(inside, user)["roleId"] == POWERLESS_ROLE
    key = {"secretKey": variables["BIOT_SERVICE_USER_SECRET_KEY"]}
    assert log_in(inside, user, key).status_code == 200
    inside.delete("guard")
    assert log_in(inside, user, key).status_code == 403


@pytest.mark.parametrize("loss", ["deleted", "switched off", "without a key"])
def test_a_lost_built_in_service_user_is_made_anew_when_the_platform_opens(
    platform: Platform, inside: Any, tmp_path: Path, loss: str
) -> None:
    own = {"id": platform.service_id}
    key = got(inside, own)["secretKeys"][0]
    lose = {
        "deleted": lambda: inside.http.delete(f"{USERS}/{own['id']}"),
        "switched off": lambda: patch(inside, own, {"active": False}),
        "without a key": lambda: drop_key(inside, own, key),
    }
    assert lose[loss]().status_code in (200, 204)
    with Platform(tmp_path / "data") as later, Platform(tmp_path / "data") as again:
        assert (again.service_id, again.service_secret_key) == (later.service_id, later.service_secret_key)
        assert later.service_id != own["id"]
        inside.log_in(later.service_id, later.service_secret_key)


def test_the_request_log_has_bodies_without_their_secrets(inside: Any) -> None:
    user = created(inside, name="ci")
    log_in(inside, user, user["secretKeyData"])
    request_log = inside.platform.requests()
    assert {"name": "ci", "roleId": OTHER_ROLE, "type": "EXTERNAL_SERVICE"} in [entry["body"] for entry in request_log]
    assert {"id": user["id"], "secretKey": "[redacted]"} in [entry["body"] for entry in request_log]
    assert user["secretKeyData"]["secretKey"] not in json.dumps(request_log)


def test_every_permission_can_be_given_alone(platform: Platform) -> None:
    for permission in PERMISSIONS:
        platform.add_service_user([permission])
    with pytest.raises(ValueError, match="unknown permissions UMS_EVERYTHING"):
        platform.add_service_user(["UMS_EVERYTHING"])
