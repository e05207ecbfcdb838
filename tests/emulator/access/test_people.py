"""People: how they log in, what keeps them out, and what their tokens are good for; expired keys of service users."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

PLUGINS = "/settings/v2/plugins"
LOGIN = "/ums/v2/users/login"
REFRESH = "/ums/v2/users/token/refresh"
AGAIN = "/ums/v2/users/token/login"
SERVICE_LOGIN = "/ums/v2/services/accessToken"


def log_in(inside: Any, user: tuple[str, str]) -> Any:
    answer = inside.http.post(LOGIN, json={"username": user[0], "password": user[1]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def search(inside: Any, token: str) -> Any:
    return inside.http.get(PLUGINS, headers={"Authorization": f"Bearer {token}"})


def test_a_person_logs_in_and_works_like_a_service_user(inside: Any, refused: Any) -> None:
    answer = log_in(inside, inside.platform.add_user(["SETTINGS_PLUGIN_SEARCH"]))
    assert answer["mfaRequired"] is False
    left = datetime.fromisoformat(answer["accessJwt"]["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=29, seconds=50) < left <= timedelta(minutes=30)
    assert search(inside, answer["accessJwt"]["token"]).status_code == 200
    inside.http.headers["Authorization"] = f"Bearer {answer['accessJwt']['token']}"
    refused(inside.get("nobody"), 403, "ACCESS_DENIED")


def test_each_person_has_credentials_of_their_own(inside: Any, refused: Any) -> None:
    one, other = (inside.platform.add_user() for _ in range(2))
    assert len({*one, *other}) == 4
    refused(inside.http.post(LOGIN, json={"username": one[0], "password": other[1]}), 403, "LOGIN_FAILED")
    assert log_in(inside, one)["userId"] != log_in(inside, other)["userId"]


def test_wrong_credentials_of_a_person_are_a_403(inside: Any, refused: Any) -> None:
    username, password = inside.platform.add_user(locked=True)
    for wrong in ({"username": username, "password": "x"}, {"username": "x", "password": password}):
        refused(inside.http.post(LOGIN, json=wrong), 403, "LOGIN_FAILED")
    broken: Any
    for broken in ({"username": username}, {"username": 1, "password": 2}, []):
        refused(inside.http.post(LOGIN, json=broken), 400, "BAD_REQUEST")
    refused(inside.http.post(LOGIN, content=b"{"), 400, "BAD_REQUEST")


def test_a_locked_person_is_a_401_that_may_say_for_how_long(inside: Any, refused: Any) -> None:
    username, password = inside.platform.add_user(locked=True)
    credentials = {"username": username, "password": password}
    assert refused(inside.http.post(LOGIN, json=credentials), 401, "USER_LOCKED") == {}
    username, password = inside.platform.add_user(locked_minutes=4.5)
    credentials = {"username": username, "password": password}
    details = refused(inside.http.post(LOGIN, json=credentials), 401, "USER_LOCKED_WITH_TIME")
    assert details == {"timeLeftInMinutes": 5}


def test_a_lock_with_a_time_ends_by_itself(inside: Any) -> None:
    user = inside.platform.add_user(locked_minutes=0.05 / 60)
    time.sleep(0.06)
    assert log_in(inside, user)["accessJwt"]


def test_a_token_that_waits_for_its_second_factor_serves_nothing_else(inside: Any, refused: Any) -> None:
    answer = log_in(inside, inside.platform.add_user(mfa=True))
    assert (answer["mfaRequired"], answer["mfaDeliveryMethod"], answer["refreshJwt"]) == (True, "SMS", None)
    assert answer["mfaExpiration"] == answer["accessJwt"]["expiration"]
    inside.http.headers["Authorization"] = f"Bearer {answer['accessJwt']['token']}"
    for response in (inside.search({}), inside.create({}), inside.get("x"), inside.delete("x")):
        refused(response, 403, "ACCESS_DENIED")


def test_a_refresh_token_gives_a_new_access_token_again_and_again(inside: Any) -> None:
    first = log_in(inside, inside.platform.add_user())
    body = {"refreshToken": first["refreshJwt"]["token"]}
    inside.platform.end_tokens()
    assert search(inside, first["accessJwt"]["token"]).status_code == 401
    answers = [inside.http.post(REFRESH, json=body).json() for _ in range(2)]
    assert {answer["refreshJwt"]["token"] for answer in answers} == {first["refreshJwt"]["token"]}
    assert len({answer["accessJwt"]["token"] for answer in (first, *answers)}) == 3
    for answer in answers:
        assert answer["userId"] == first["userId"]
        assert search(inside, answer["accessJwt"]["token"]).status_code == 200


def test_a_login_by_refresh_token_gives_a_new_pair_and_ends_the_old_one(inside: Any, refused: Any) -> None:
    first = log_in(inside, inside.platform.add_user())
    body = {"refreshToken": first["refreshJwt"]["token"]}
    second = inside.http.post(AGAIN, json=body).json()
    assert search(inside, second["accessJwt"]["token"]).status_code == 200
    refused(inside.http.post(AGAIN, json=body), 403, "LOGIN_FAILED")
    refused(inside.http.post(REFRESH, json=body), 403, "REFRESH_TOKEN_NOT_VALID")
    body = {"refreshToken": second["refreshJwt"]["token"]}
    assert inside.http.post(REFRESH, json=body).status_code == 200


def test_tokens_are_good_for_their_own_purpose_only(inside: Any, refused: Any) -> None:
    answer = log_in(inside, inside.platform.add_user())
    access, refresh = answer["accessJwt"]["token"], answer["refreshJwt"]["token"]
    refused(search(inside, refresh), 401, "TOKEN_NOT_VALID")
    for token in (access, "nonsense", ""):
        refused(inside.http.post(REFRESH, json={"refreshToken": token}), 403, "REFRESH_TOKEN_NOT_VALID")
        refused(inside.http.post(AGAIN, json={"refreshToken": token}), 403, "LOGIN_FAILED")
    for path in (REFRESH, AGAIN):
        refused(inside.http.post(path, json={}), 400, "BAD_REQUEST")


def test_tokens_of_people_end_by_the_clock_or_on_order(inside: Any, refused: Any) -> None:
    brief = log_in(inside, inside.platform.add_user(token_seconds=0))
    refused(search(inside, brief["accessJwt"]["token"]), 401, "TOKEN_NOT_VALID")
    answer = log_in(inside, inside.platform.add_user())
    inside.platform.end_tokens(refresh=True)
    refused(search(inside, answer["accessJwt"]["token"]), 401, "TOKEN_NOT_VALID")
    body = {"refreshToken": answer["refreshJwt"]["token"]}
    refused(inside.http.post(REFRESH, json=body), 403, "REFRESH_TOKEN_NOT_VALID")


def test_the_key_of_a_service_user_may_have_expired(inside: Any, refused: Any) -> None:
    service_id, secret_key = inside.platform.add_service_user(expired=True)
    answer = inside.http.post(SERVICE_LOGIN, json={"id": service_id, "secretKey": secret_key})
    refused(answer, 403, "LOGIN_FAILED")


def test_permissions_that_do_not_exist_are_refused(inside: Any) -> None:
    with pytest.raises(ValueError, match="SETTINGS_PLUGIN_DANCE"):
        inside.platform.add_user(["SETTINGS_PLUGIN_DANCE"])


def test_people_and_expired_keys_can_be_made_over_http(inside: Any, refused: Any) -> None:
    def made(**body: Any) -> tuple[str, str]:
        user = inside.http.post("/_emulator/users", json=body).json()
        return user["username"], user["password"]

    token = log_in(inside, made(permissions=["SETTINGS_PLUGIN_SEARCH"], tokenSeconds=60))["accessJwt"]["token"]
    assert search(inside, token).status_code == 200
    assert log_in(inside, made(mfa=True))["mfaRequired"] is True
    for body, code in (({"locked": True}, "USER_LOCKED"), ({"lockedMinutes": 3}, "USER_LOCKED_WITH_TIME")):
        username, password = made(**body)
        refused(inside.http.post(LOGIN, json={"username": username, "password": password}), 401, code)
    expired = inside.http.post("/_emulator/service-users", json={"expired": True}).json()
    refused(inside.http.post(SERVICE_LOGIN, json=expired), 403, "LOGIN_FAILED")
    assert inside.http.post("/_emulator/users", json={"permissions": ["DANCE"]}).status_code == 400
    assert inside.http.request("DELETE", "/_emulator/tokens", json={"refresh": True}).status_code == 200
    refused(search(inside, token), 401, "TOKEN_NOT_VALID")


@pytest.mark.parametrize(("style", "length"), [("millis", 24), ("iso", 20)])
def test_logins_say_when_a_token_ends_with_or_without_a_fraction(inside: Any, style: str, length: int) -> None:
    inside.platform.contract_variants.set(token_expiration=style)
    for text in expirations(inside):
        assert (len(text), text[-1]) == (length, "Z")
        assert datetime.fromisoformat(text) > datetime.now(UTC)


def test_logins_may_say_when_a_token_ends_in_an_odd_way_or_not_at_all(inside: Any) -> None:
    inside.platform.contract_variants.set(token_expiration="odd")
    for text in expirations(inside):
        with pytest.raises(ValueError, match="isoformat"):
            datetime.fromisoformat(text)
    inside.platform.contract_variants.set(token_expiration="absent")
    assert expirations(inside) == [None] * 4


def expirations(inside: Any) -> list[Any]:
    """Every date in the answers to the logins of both kinds."""
    key = {"id": inside.platform.service_id, "secretKey": inside.platform.service_secret_key}
    service = inside.http.post(SERVICE_LOGIN, json=key).json()
    person = log_in(inside, inside.platform.add_user())
    second = log_in(inside, inside.platform.add_user(mfa=True))
    jwts = (person["accessJwt"], person["refreshJwt"])
    return [service.get("accessTokenExpiration"), *(jwt.get("expiration") for jwt in jwts), second.get("mfaExpiration")]
