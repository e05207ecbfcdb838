"""A person's login instead of a service user's, and what each refusal says."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biot_provider.api.client import Client
from biot_provider.api.embedded import open_embedded
from biot_provider.api.session import Session
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.errors import ApiError, BiotError, ConfigError


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as platform:
        yield platform


@pytest.fixture
def count_plugins(platform: Platform, tmp_path: Path) -> Callable[[str, str], int]:
    """Counts the plugins that a person sees."""

    def count(username: str, password: str) -> int:
        transport, _ = open_embedded(tmp_path / "data")
        client = Client(Session(Settings("embedded", username=username, password=password), transport))
        with contextlib.closing(client):
            return len(list(client.search_plugins()))

    return count


def test_a_person_logs_in_with_user_name_and_password(
    platform: Platform, count_plugins: Callable[[str, str], int]
) -> None:
    assert count_plugins(*platform.add_user()) == 0
    assert [entry["path"] for entry in platform.requests()] == ["/ums/v2/users/login", "/settings/v2/plugins"]


@pytest.mark.parametrize(
    ("given", "error", "texts"),
    [
        ({"mfa": True}, ConfigError, ["second factor", "use a service user"]),
        ({"permissions": []}, ApiError, ["403 ACCESS_DENIED", "SETTINGS_PLUGIN_"]),
    ],
)
def test_what_stops_a_person_is_an_error_with_advice(
    platform: Platform,
    count_plugins: Callable[[str, str], int],
    given: dict[str, Any],
    error: type[BiotError],
    texts: list[str],
) -> None:
    username, password = platform.add_user(**given)
    with pytest.raises(error) as raised:
        count_plugins(username, password)
    for text in texts:
        assert text in str(raised.value)
    assert password not in str(raised.value)


def test_a_wrong_password_is_an_error_without_it(platform: Platform, count_plugins: Callable[[str, str], int]) -> None:
    username, _ = platform.add_user()
    wrong = secrets.token_hex(12)
    with pytest.raises(ApiError, match=r"403 LOGIN_FAILED.*biot:username and biot:password") as raised:
        count_plugins(username, wrong)
    assert wrong not in str(raised.value)


def test_a_person_who_must_change_the_password_first_is_an_error_with_advice(
    platform: Platform, count_plugins: Callable[[str, str], int]
) -> None:
    login = {"accessJwt": {"token": secrets.token_hex(12)}, "passwordResetRequired": True}
    platform.faults.add(status=200, json=login, path="/users/login")
    with pytest.raises(ConfigError, match=r"wants a new password first\. What to do: log in to the BioT Console once"):
        count_plugins(*platform.add_user())
