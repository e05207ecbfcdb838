"""Who gets the console's page, who gets what it shows, and what else its key opens: nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biot_provider.emulator import Platform

    from ..conftest import Caller

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
STATE = "/_emulator/console/state"
EVENTS = "/_emulator/console/events"
FILES = ("console.css", "console.js", "console.svg")


@pytest.fixture
def stranger(base_url: str) -> Iterator[httpx.Client]:
    """A process of another account: it knows the port, and nothing else."""
    with httpx.Client(base_url=base_url, trust_env=False, verify=False, timeout=60) as http:
        yield http


@pytest.fixture
def key(platform: Platform, base_url: str) -> dict[str, str]:
    """The header with the key of the address that `biot-provider emulator` prints."""
    return {"X-Emulator-Key": platform.console_key.address(base_url).partition("#key=")[2]}


def test_a_browser_gets_a_page_that_says_where_the_key_is_and_holds_nothing(
    stranger: httpx.Client, deploy: Any, key: dict[str, str]
) -> None:
    deploy("guard", None)
    answer = stranger.get("/", headers=HTML)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "biot-provider emulator --open" in answer.text
    static = [answer.text, *(stranger.get(f"/_emulator/console/{name}").text for name in FILES)]
    assert all(static)
    assert not [text for text in static if "guard" in text or key["X-Emulator-Key"] in text]


def test_nothing_but_its_own_files_can_be_a_part_of_the_page(stranger: httpx.Client, base_url: str) -> None:
    for path in ("/", *(f"/_emulator/console/{name}" for name in FILES)):
        headers = stranger.get(path, headers=HTML).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        closed = ("default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types")
        assert {policy[name] for name in closed} == {"'none'"}
        assert policy["script-src"] == f"{base_url}/_emulator/console/console.js"
        assert policy["style-src"] == f"{base_url}/_emulator/console/console.css"
        assert policy["connect-src"] == f"{base_url}/_emulator/console/"
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert headers["Cache-Control"] == "no-store"
        assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_a_client_of_the_api_gets_json_as_before(stranger: httpx.Client, accept: str | None) -> None:
    answer = stranger.get("/", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert stranger.get("/settings/v2/plugins", headers=HTML).json()["code"] == "TOKEN_NOT_VALID"


def test_a_platform_that_is_not_served_has_no_console(platform: Platform) -> None:
    with httpx.Client(transport=httpx.WSGITransport(platform.api_app), base_url="http://127.0.0.1") as http:
        assert http.get("/", headers=HTML).status_code == 404
        assert http.get(STATE, headers={"X-Emulator-Key": platform.control_key}).status_code == 404


CROSS = {"Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", HTML | CROSS | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ("/", HTML | CROSS | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ("/", HTML | CROSS | {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"}, 403),
        ("/", HTML | {"Origin": "https://evil.example", "Sec-Fetch-Dest": "document"}, 403),
        ("/", HTML | {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, 200),
        ("/", HTML | {"Host": "evil.example"}, 403),
        ("/_emulator/console/console.js", CROSS | {"Sec-Fetch-Dest": "script"}, 403),
        ("/_emulator/console/console.js", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "script"}, 403),
        ("/_emulator/console/console.js", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "script"}, 200),
        ("/_emulator/console/../console/console.js", {}, 200),
        ("/_emulator/console/console.html", {}, 403),
        ("/_emulator/console/../../platform.py", {}, 404),
        ("/_emulator/console/..%2f__init__.py", {}, 403),
    ],
)
def test_a_link_may_lead_to_the_page_and_no_other_page_may_use_a_part_of_it(
    stranger: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    assert stranger.get(path, headers=headers).status_code == status


def test_what_the_console_shows_wants_its_key_and_that_key_opens_nothing_else(
    stranger: httpx.Client, outside: Caller, deploy: Any, key: dict[str, str]
) -> None:
    deploy("guard", None)
    event = {"plugin": "guard", "kind": "DIRECT"}
    for given in ({}, {"X-Emulator-Key": "wrong"}, {"Authorization": outside.http.headers["Authorization"]}):
        for path in (STATE, "/_emulator/console/invocations/1"):
            assert stranger.get(path, headers=given).status_code == 403
        assert stranger.post(EVENTS, headers=given, json=event).status_code == 403
    assert outside.platform.invocations.latest(1) == []
    assert stranger.get(STATE, headers=key).json()["plugins"][0]["name"] == "guard"
    assert stranger.post(EVENTS, headers=key, json=event).status_code == 200
    assert stranger.get("/_emulator/console/invocations/1", headers=key).json() == {"log": []}
    for method, path in (
        ("GET", "/_emulator/switches"),
        ("GET", "/_emulator/requests"),
        ("POST", "/_emulator/service-users"),
        ("POST", "/_emulator/plugins/guard/schedule"),
        ("GET", "/_emulator/console/../switches"),
        ("GET", "/_emulator/console/%2e%2e/switches"),
    ):
        assert stranger.request(method, path, headers=key).status_code in (403, 404), path


def test_the_key_of_the_files_owner_opens_it_too(outside: Caller) -> None:
    assert outside.http.get(STATE).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "{own}"}, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_only_its_own_page_sends_an_event_even_with_the_key(
    stranger: httpx.Client, base_url: str, deploy: Any, key: dict[str, str], headers: dict[str, str], status: int
) -> None:
    deploy("guard", None)
    sent = {name: value.format(own=base_url) for name, value in headers.items()}
    event = {"plugin": "guard", "kind": "DIRECT"}
    assert stranger.post(EVENTS, headers=key | sent, json=event).status_code == status
    as_form = key | sent | {"Content-Type": "text/plain"}
    assert stranger.post(EVENTS, headers=as_form, content=json.dumps(event)).status_code in (403, 415)


PAGE = "def handler(event, context):\n    return {'headers': {'content-type': 'text/html'}, 'body': '<b>'}\n"


@pytest.mark.parametrize(
    ("headers", "sandboxed"),
    [
        ({"Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Dest": "iframe"}, True),
        ({"Sec-Fetch-Dest": "object"}, True),
        (HTML, True),
        ({"Sec-Fetch-Dest": "empty"}, False),
        ({}, False),
    ],
)
def test_a_page_of_a_plugin_has_an_origin_of_its_own_and_its_api_is_as_it_was(
    outside: Caller, stranger: httpx.Client, deploy: Any, headers: dict[str, str], sandboxed: bool
) -> None:
    deploy("page", PAGE)
    answer = stranger.get(outside.got("page")["endpointUrl"], headers=headers)
    policy = answer.headers.get("Content-Security-Policy", "")
    assert (policy.startswith("sandbox "), "allow-same-origin" in policy) == (sandboxed, False)
