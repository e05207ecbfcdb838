"""A person's login instead of a service user's, and what each refusal says."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from biot_provider.api.client import Client
from biot_provider.api.transport import open_transport
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.errors import ApiError, BiotError, ConfigError


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as platform:
        yield platform


@pytest.fixture
def base_url(platform: Platform, tmp_path: Path) -> Iterator[str]:
    with running(tmp_path / "data") as base_url:
        yield base_url


def asked(base_url: str, username: str, password: str) -> int:
    """How many plugins this person sees."""
    settings = Settings(base_url, username=username, password=password)
    client = Client(settings, open_transport(settings))
    try:
        return len(list(client.search_plugins()))
    finally:
        client.close()


def test_a_person_logs_in_with_user_name_and_password(platform: Platform, base_url: str) -> None:
    assert asked(base_url, *platform.add_user()) == 0
    assert [entry["path"] for entry in platform.requests()] == ["/ums/v2/users/login", "/settings/v2/plugins"]


@pytest.mark.parametrize(
    ("given", "error", "texts"),
    [
        ({"mfa": True}, ConfigError, ["second factor", "use a service user"]),
        ({"locked": True}, ApiError, ["401 USER_LOCKED", "unlock it"]),
        ({"locked_minutes": 7}, ApiError, ["401 USER_LOCKED_WITH_TIME", "time left in minutes 7", "wait"]),
        ({"permissions": []}, ApiError, ["403 ACCESS_DENIED", "SETTINGS_PLUGIN_"]),
    ],
)
def test_what_stops_a_person_is_told_with_what_to_do(
    platform: Platform, base_url: str, given: dict[str, object], error: type[BiotError], texts: list[str]
) -> None:
    username, password = platform.add_user(**given)  # type: ignore[arg-type]
    with pytest.raises(error) as raised:
        asked(base_url, username, password)
    for text in texts:
        assert text in str(raised.value)
    assert password not in str(raised.value)


def test_a_wrong_password_is_told_without_it(platform: Platform, base_url: str) -> None:
    username, _ = platform.add_user()
    wrong = secrets.token_hex(12)
    with pytest.raises(ApiError, match=r"403 LOGIN_FAILED.*biot:username and biot:password") as raised:
        asked(base_url, username, wrong)
    assert wrong not in str(raised.value)


def read(stack: dict[str, str], environment: dict[str, str]) -> Settings:
    return Settings.read(({"biot:baseUrl": "https://api.example"} | stack).get, environment)


PASSWORD, OTHER_PASSWORD, KEY = (secrets.token_hex(8) for _ in range(3))
PERSON = {"BIOT_USERNAME": "ada", "BIOT_PASSWORD": PASSWORD}
SERVICE = {"BIOT_SERVICE_ID": "id", "BIOT_SERVICE_SECRET_KEY": KEY}


def test_a_service_user_comes_before_a_person_and_the_stack_before_the_environment() -> None:
    assert read({}, PERSON).username == "ada"
    both = read({}, PERSON | SERVICE)
    assert (both.service_id, both.username) == ("id", None)
    stack = read({"biot:username": "eve", "biot:password": OTHER_PASSWORD}, PERSON | SERVICE)
    assert (stack.username, stack.password, stack.service_id) == ("eve", OTHER_PASSWORD, None)
    halves = read({"biot:serviceId": "other"}, SERVICE)
    assert (halves.service_id, halves.service_secret_key) == ("other", KEY)


def test_a_person_without_a_password_is_told_the_command_that_sets_it() -> None:
    with pytest.raises(ConfigError, match="pulumi config set --secret biot:password"):
        read({"biot:username": "ada"}, {})
    assert PASSWORD not in repr(read({}, PERSON))
