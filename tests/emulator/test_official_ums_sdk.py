"""BioT's own Python SDK for users against the platform over HTTP, strict as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from biotmed_ums_sdk import ApiClient, Configuration
from biotmed_ums_sdk.api import LoginAPIApi, SecurityAPIApi, ServiceUserAPIApi
from biotmed_ums_sdk.exceptions import ApiException
from biotmed_ums_sdk.models import (
    LoginRequestV2,
    LoginWithTokenRequest,
    RefreshTokenRequest,
    ServiceUserAccessTokenRequest,
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
