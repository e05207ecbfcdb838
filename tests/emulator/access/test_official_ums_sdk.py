"""BioT's own Python SDK for users against the platform over HTTP, strict as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from biotmed_ums_sdk import ApiClient, Configuration
from biotmed_ums_sdk.api import LoginAPIApi, SecurityAPIApi, SelfServiceUserAPIApi, ServiceUserAPIApi
from biotmed_ums_sdk.exceptions import ApiException
from biotmed_ums_sdk.models import (
    CreateServiceUserRequest,
    FilterV2,
    LoginRequestV2,
    LoginWithTokenRequest,
    RefreshTokenRequest,
    SearchRequestV2,
    ServiceUserAccessTokenRequest,
    UpdateServiceUserV2Request,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biot_provider.emulator import Platform


@pytest.fixture
def client(base_url: str) -> Iterator[ApiClient]:
    client = ApiClient(Configuration(host=f"{base_url}/ums"))
    yield client
    client.rest_client.pool_manager.clear()


@pytest.fixture
def logins(client: ApiClient) -> LoginAPIApi:
    return LoginAPIApi(client)


def request(user: tuple[str, str]) -> Any:
    return LoginRequestV2(username=user[0], password=user[1])


def test_the_sdk_logs_a_person_in_and_stays_logged_in(logins: Any, platform: Platform) -> None:
    first = logins.login(request(platform.add_user()))
    assert (first.mfa_required, first.password_reset_required) == (False, False)
    assert first.access_jwt.expiration < first.refresh_jwt.expiration
    refresh = RefreshTokenRequest(refreshToken=first.refresh_jwt.token)
    assert logins.refresh_token(refresh).user_id == first.user_id
    again = logins.token_login(LoginWithTokenRequest(refreshToken=first.refresh_jwt.token))
    assert again.refresh_jwt.token != first.refresh_jwt.token
    with pytest.raises(ApiException) as raised:
        logins.refresh_token(refresh)
    assert (raised.value.status, raised.value.data.code) == (403, "REFRESH_TOKEN_NOT_VALID")


def test_the_sdk_reads_that_a_second_factor_is_wanted(logins: Any, platform: Platform) -> None:
    answer = logins.login(request(platform.add_user(mfa=True)))
    assert (answer.mfa_required, answer.refresh_jwt) == (True, None)
    assert answer.mfa_expiration == answer.access_jwt.expiration


def test_the_sdk_reads_a_lock_with_its_time(logins: Any, platform: Platform) -> None:
    with pytest.raises(ApiException) as raised:
        logins.login(request(platform.add_user(locked_minutes=10)))
    assert (raised.value.status, raised.value.data.code) == (401, "USER_LOCKED_WITH_TIME")
    assert raised.value.data.details == {"timeLeftInMinutes": 10}


def test_the_sdk_logs_a_service_user_in_unless_its_key_has_expired(client: ApiClient, platform: Platform) -> None:
    services = ServiceUserAPIApi(client)
    answer = services.service_user_login(
        ServiceUserAccessTokenRequest(id=platform.service_id, secretKey=platform.service_secret_key)
    )
    assert answer.access_token
    expired_id, expired_key = platform.add_service_user(expired=True)
    with pytest.raises(ApiException) as raised:
        services.service_user_login(ServiceUserAccessTokenRequest(id=expired_id, secretKey=expired_key))
    assert (raised.value.status, raised.value.data.code) == (403, "LOGIN_FAILED")


def test_the_sdk_reads_the_public_key_without_a_token(client: ApiClient, platform: Platform) -> None:
    answer = SecurityAPIApi(client).get_public_key()
    assert (answer.public_key, answer.previous_public_key) == (platform.keys.public(), None)


@pytest.fixture
def account(outside: Any, base_url: str) -> Iterator[ApiClient]:
    """The SDK logged in as the built-in service user."""
    token = outside.http.headers["Authorization"].removeprefix("Bearer ")
    client = ApiClient(Configuration(host=f"{base_url}/ums", access_token=token))
    yield client
    client.rest_client.pool_manager.clear()


def test_a_service_user_lives_its_life(account: ApiClient) -> None:
    services: Any = ServiceUserAPIApi(account)
    body = json.loads((Path(__file__).parents[2] / "vectors" / "accounts.json").read_text())["service users"]
    created = services.create_service_user(CreateServiceUserRequest.from_dict(body["C1 creation"]))
    key = created.secret_key_data
    assert (created.name, created.secret_key_expiration_in_minutes) == ("ci-deployer", 129600)
    assert key.expiration_time > key.creation_time
    shown = services.get_service_user_by_id(str(created.id))
    assert [listed.id for listed in shown.secret_keys] == [key.id]
    request = SearchRequestV2(filter={"name": FilterV2(eq="ci-deployer")})
    assert services.search_service_users(request).data == [shown]

    user_id = str(created.id)
    off = UpdateServiceUserV2Request.from_dict(body["C3 switched off"])
    changed = services.update_service_user(id=user_id, update_service_user_v2_request=off)
    assert (changed.active, changed.secret_keys) == (False, shown.secret_keys)
    on = UpdateServiceUserV2Request(active=True)
    services.update_service_user(id=user_id, update_service_user_v2_request=on)

    second = services.create_secret_key(user_id)
    services.delete_secret_key(user_id, str(key.id))
    with pytest.raises(ApiException) as raised:
        services.delete_secret_key(user_id, str(key.id))
    assert (raised.value.status, raised.value.data.code) == (404, "SECRET_KEY_ID_NOT_FOUND")
    login = services.service_user_login(ServiceUserAccessTokenRequest(id=user_id, secretKey=second.secret_key))
    account.configuration.access_token = login.access_token
    assert SelfServiceUserAPIApi(account).get_self_service_user().id == created.id

    services.delete_service_user(user_id)
    with pytest.raises(ApiException) as raised:
        services.get_service_user_by_id(user_id)
    assert raised.value.status == 401, "its own token went with it"
