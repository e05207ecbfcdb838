"""Bad arguments of service users and their keys are found before anything is sent, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pulumi.output import Unknown

from biot_provider.config import Settings
from biot_provider.errors import ConfigError
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

from ..uncoded import uncoded

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
USER = {"name": "ci", "role_id": ROLE, "type": "EXTERNAL_SERVICE"}
KEY = {"service_user_id": ROLE}
REAL = Settings("https://api.dev.acme.example", "id", "key")
unknown: Callable[[], Any] = Unknown


def connected(kind: type[DynamicProvider], settings: Settings | ConfigError = REAL) -> Any:
    provider = kind()
    provider.connect(Connection(settings))
    return provider


def check(kind: type[DynamicProvider], given: dict[str, Any]) -> list[str]:
    """What the check reports; no failure names a property, whose value the engine would print."""
    result = connected(kind).check({}, given)
    assert all(failure.property == "" for failure in result.failures)
    return [uncoded(failure.reason) for failure in result.failures]


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"role_id": None}, "role_id: is required"),
        ({"role_id": "nurse"}, "role_id: must be a UUID, such as 0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11, not 'nurse'"),
        ({"role_id": ROLE + "\n"}, "role_id: must be a UUID"),
        ({"type": None}, "type: is required"),
        (
            {"type": "EXTERNAL"},
            "type: must be 'INTERNAL_SERVICE' or 'EXTERNAL_SERVICE', not 'EXTERNAL'; did you mean 'EXTERNAL_SERVICE'?",
        ),
        ({"name": ""}, "name: must not be empty"),
        ({"name": "n" * 101}, "name: must be at most 100 characters, not 101"),
        ({"active": "maybe"}, "active: must be true or false, not 'maybe'"),
        ({"owner_organization_id": "acme"}, "owner_organization_id: must be a UUID"),
        ({"access_token_expiration_in_minutes": 0.0}, "must be 1 to 2147483647, not 0"),
        (
            {"secret_key_expiration_in_minutes": 1.5},
            "secret_key_expiration_in_minutes: must be a whole number, not 1.5",
        ),
        ({"secret_key_expiration_in_minutes": 2.0**31}, "must be 1 to 2147483647, not 2147483648"),
        ({"secret_key_expiration_in_minute": 5}, "did you mean 'secret_key_expiration_in_minutes'?"),
    ],
)
def test_a_bad_argument_of_a_service_user_is_reported(given: dict[str, Any], reported: str) -> None:
    (reason,) = check(ServiceUserProvider, USER | given)
    assert reported in reason


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"service_user_id": None}, "service_user_id: is required"),
        ({"service_user_id": ""}, "service_user_id: must not be empty"),
        ({"keepers": "monthly"}, "keepers: must be a map of strings, not a string"),
        ({"keeper": {}}, "keeper: unknown argument; did you mean 'keepers'?"),
    ],
)
def test_a_bad_argument_of_a_key_is_reported(given: dict[str, Any], reported: str) -> None:
    assert check(ServiceUserKeyProvider, KEY | given) == [reported]


def test_whole_numbers_and_defaults_are_filled_in() -> None:
    given = USER | {"access_token_expiration_in_minutes": "30", "secret_key_expiration_in_minutes": 60.0}
    inputs = connected(ServiceUserProvider).check({}, given).inputs
    assert inputs == given | {
        "active": True,
        "access_token_expiration_in_minutes": 30,
        "secret_key_expiration_in_minutes": 60,
    }


def test_what_is_not_known_yet_is_skipped() -> None:
    later = unknown()
    assert check(ServiceUserProvider, dict.fromkeys(USER, later)) == []
    assert check(ServiceUserKeyProvider, {"service_user_id": later, "keepers": {"month": later}}) == []


@pytest.mark.parametrize(("kind", "given"), [(ServiceUserProvider, USER), (ServiceUserKeyProvider, KEY)])
def test_missing_configuration_is_reported(kind: type[DynamicProvider], given: dict[str, Any]) -> None:
    result = connected(kind, ConfigError("biot:baseUrl is not set", "BIOT-1001")).check({}, given)
    assert [uncoded(failure.reason) for failure in result.failures] == ["biot:baseUrl is not set"]
