"""The connection's settings: where they come from, and everything that is wrong with them at once."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from biot_provider.config import DEFAULT_REQUEST_TIMEOUT, Settings
from biot_provider.errors import ConfigError

from .uncoded import uncoded

SECRET = secrets.token_urlsafe(24)
URL = "https://api.dev.acme.biot-med.com"
WHOLE = {"biot:baseUrl": URL, "biot:serviceId": "an-id", "biot:serviceSecretKey": SECRET}


def read(config: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> Settings:
    return Settings.read((config or {}).get, environment or {})


def problems(config: dict[str, Any], environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        read(config, environment)
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)
    return uncoded(str(raised.value))


def test_the_stacks_configuration_is_enough() -> None:
    assert read(WHOLE) == Settings(URL, "an-id", SECRET, DEFAULT_REQUEST_TIMEOUT, True)


def test_the_environment_is_enough() -> None:
    environment = {
        "BIOT_BASE_URL": URL,
        "BIOT_SERVICE_ID": "an-id",
        "BIOT_SERVICE_SECRET_KEY": SECRET,
        "BIOT_REQUEST_TIMEOUT": "20.5",
    }
    assert read(environment=environment) == Settings(URL, "an-id", SECRET, 20.5, True)


@pytest.mark.parametrize(
    ("key", "variable", "attribute"),
    [
        ("biot:serviceId", "BIOT_SERVICE_ID", "service_id"),
        ("biot:serviceSecretKey", "BIOT_SERVICE_SECRET_KEY", "service_secret_key"),
        ("biot:baseUrl", "BIOT_BASE_URL", "base_url"),
        ("biot:requestTimeout", "BIOT_REQUEST_TIMEOUT", "request_timeout"),
        ("biot:maxConcurrentRequests", "BIOT_MAX_CONCURRENT_REQUESTS", "max_concurrent_requests"),
    ],
)
def test_configuration_comes_before_the_environment(key: str, variable: str, attribute: str) -> None:
    ours, theirs = {
        "base_url": (URL, "https://other.example"),
        "request_timeout": (7.0, "8"),
        "max_concurrent_requests": (7, "8"),
    }.get(attribute, ("a", "b"))
    assert getattr(read(WHOLE | {key: ours}, {variable: str(theirs)}), attribute) == ours
    without = {name: value for name, value in WHOLE.items() if name != key}
    assert str(getattr(read(without, {variable: str(theirs)}), attribute)).removesuffix(".0") == theirs


def test_blank_values_count_as_not_set() -> None:
    message = problems({"biot:baseUrl": URL, "biot:serviceId": "  ", "biot:serviceSecretKey": ""})
    assert "biot:serviceId is not set" in message
    assert "biot:serviceSecretKey is not set" in message


def test_a_value_that_is_not_set_falls_back_to_the_environment_even_beside_others() -> None:
    assert read({"biot:baseUrl": URL, "biot:serviceId": "an-id"}, {"BIOT_SERVICE_SECRET_KEY": SECRET}).service_id


def test_everything_missing_is_one_line_that_names_keys_variables_and_commands() -> None:
    message = problems({})
    assert message.startswith("BioT connection: ")
    for key, variable in (
        ("biot:baseUrl", "BIOT_BASE_URL"),
        ("biot:serviceId", "BIOT_SERVICE_ID"),
        ("biot:serviceSecretKey", "BIOT_SERVICE_SECRET_KEY"),
    ):
        assert f"{key} is not set: run `pulumi config set" in message
        assert variable in message
    assert "pulumi config set --secret biot:serviceSecretKey" in message


def test_every_problem_is_reported_at_once() -> None:
    message = problems({"biot:baseUrl": "ftp://x", "biot:requestTimeout": "soon", "biot:stamp": "perhaps"})
    for words in (
        "biot:baseUrl must be an https address or `embedded`, not 'ftp://x'",
        "biot:serviceId is not set",
        "biot:serviceSecretKey is not set",
        "biot:requestTimeout must be 1 to 3600 seconds, not 'soon'",
        "biot:stamp must be true or false, not 'perhaps'",
    ):
        assert words in message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.acme.example", "must be https, not 'http://api.acme.example' (http is for loopback only)"),
        ("http://127.0.0.1.acme.example", "must be https"),
        ("api.acme.example", "must be an https address"),
        ("https://", "must be an https address"),
        ("https://x:0", "must be an https address"),
        ("https://x:port", "is not an address"),
        ("https://[::1", "is not an address"),
        ("https://api..acme.example", "is not an address"),
        (f"https://{'a' * 64}.example", "is not an address"),
        ("https://api.ac\u00adme.example", "is not an address"),
        ("https://\uff41pi.acme.example", "is not an address"),
        ("https://api acme.example", "is not an address"),
        ("https://api.acme.example/settings", "must be the address alone, without '/settings'"),
        ("https://api.acme.example?a=b", "must be the address alone"),
        ("https://api.acme.example#top", "must be the address alone"),
        ("embeded", "must be an https address or `embedded`, not 'embeded'"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, words: str) -> None:
    message = problems(WHOLE | {"biot:baseUrl": url})
    assert words in message
    assert "pulumi config set biot:baseUrl" in message


def test_an_address_with_a_password_is_refused_and_not_quoted() -> None:
    message = problems(WHOLE | {"biot:baseUrl": f"https://me:{SECRET}@api.acme.example"})
    assert "must not hold a user name or password" in message


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080", "https://x", "HTTPS://X", "https://x:8443"],
)
def test_https_and_plain_http_on_loopback_are_taken(url: str) -> None:
    assert read(WHOLE | {"biot:baseUrl": url}).base_url == url


def test_a_trailing_slash_does_not_matter() -> None:
    assert read(WHOLE | {"biot:baseUrl": URL + "/"}).base_url == URL


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("embedded", Path(".biot/dev")),
        ("embedded:", Path(".biot/dev")),
        ("embedded:data/here", Path("data/here")),
        ("embedded:/data/here", Path("/data/here")),
    ],
)
def test_the_embedded_platform_needs_no_credentials_and_has_a_folder(url: str, folder: Path) -> None:
    settings = read({"biot:baseUrl": url})
    assert settings.is_embedded
    assert settings.embedded_folder("dev") == folder


def test_the_network_is_not_the_embedded_platform() -> None:
    assert not read(WHOLE).is_embedded
    assert not Settings("https://embedded.example").is_embedded


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), (3600, 3600.0), (" 2.5 ", 2.5)])
def test_the_request_timeout_is_seconds(text: Any, seconds: float) -> None:
    assert read(WHOLE | {"biot:requestTimeout": text}).request_timeout == seconds


@pytest.mark.parametrize("text", ["0", "0.9", "-1", "3601", "nan", "inf", "5 minutes"])
def test_a_request_timeout_that_makes_no_sense_is_refused(text: str) -> None:
    assert f"biot:requestTimeout must be 1 to 3600 seconds, not {text!r}" in problems(
        WHOLE | {"biot:requestTimeout": text}
    )


@pytest.mark.parametrize(("given", "most"), [("1", 1), (100, 100), (" 16 ", 16), ("4.0", 4), ("", 16), (None, 16)])
def test_the_limit_of_requests_is_a_whole_number(given: Any, most: int) -> None:
    assert read(WHOLE | {"biot:maxConcurrentRequests": given}).max_concurrent_requests == most


@pytest.mark.parametrize("text", ["0", "-1", "101", "1.5", "nan", "inf", "many", "true"])
def test_a_limit_of_requests_that_makes_no_sense_is_refused(text: str) -> None:
    assert (
        f"biot:maxConcurrentRequests must be 1 to 100 requests, a whole number, not {text!r}:"
        " run `pulumi config set biot:maxConcurrentRequests 16`"
    ) in problems(WHOLE | {"biot:maxConcurrentRequests": text})


@pytest.mark.parametrize(("value", "stamp"), [("true", True), ("False", False), (True, True), (False, False)])
def test_the_stamp_is_turned_off_by_false_alone(value: Any, stamp: bool) -> None:
    assert read(WHOLE | {"biot:stamp": value}).stamp is stamp


def test_the_stamp_has_no_environment_variable() -> None:
    assert read(WHOLE, {"BIOT_STAMP": "false"}).stamp is True


def test_the_secret_shows_in_no_text_of_the_settings() -> None:
    settings = read(WHOLE)
    assert SECRET not in repr(settings) + str(settings) + f"{settings}"
    assert "an-id" in repr(settings)


BASE = {"biot:baseUrl": URL}
OTHER_SECRET, KEY = secrets.token_hex(8), secrets.token_hex(8)
PERSON = {"BIOT_USERNAME": "ada", "BIOT_PASSWORD": SECRET}
SERVICE = {"BIOT_SERVICE_ID": "id", "BIOT_SERVICE_SECRET_KEY": KEY}


def test_a_service_user_comes_before_a_person_and_the_stack_before_the_environment() -> None:
    assert read(BASE, PERSON).username == "ada"
    both = read(BASE, PERSON | SERVICE)
    assert (both.service_id, both.username) == ("id", None)
    stack = read(BASE | {"biot:username": "eve", "biot:password": OTHER_SECRET}, PERSON | SERVICE)
    assert (stack.username, stack.password, stack.service_id) == ("eve", OTHER_SECRET, None)
    halves = read(BASE | {"biot:serviceId": "other"}, SERVICE)
    assert (halves.service_id, halves.service_secret_key) == ("other", KEY)


def test_a_person_without_a_password_is_an_error_with_the_command_that_sets_it() -> None:
    assert "pulumi config set --secret biot:password" in problems(BASE | {"biot:username": "ada"})
    assert SECRET not in repr(read(BASE, PERSON))


def test_a_key_that_is_empty_in_the_stack_is_not_taken_from_the_environment() -> None:
    assert "biot:baseUrl is not set" in problems({"biot:baseUrl": ""}, {"BIOT_BASE_URL": URL} | SERVICE)
