"""The client against the embedded platform, in process and over a socket; it is never mocked."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from biotmed_settings_sdk.models.create_plugin_request import CreatePluginRequest
from biotmed_settings_sdk.models.partial_update_plugin_request import PartialUpdatePluginRequest
from pydantic.alias_generators import to_camel
from pytest_mock import MockerFixture

from biot_provider.api.client import Client
from biot_provider.api.embedded import open_embedded
from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.api.session import Session
from biot_provider.api.transport import RetryTransport
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.errors import ApiError, ConflictError, NotFoundError, TransportError
from biot_provider.plugin.body import create_body, update_body
from biot_provider.plugin.model import PluginInputs, PluginState, Subscriptions
from biot_provider.plugin.stamp import Stamp
from biot_provider.plugin.state import UPDATABLE, cells

from ..uncoded import uncoded

CONFIG = {"name": "guard", "displayName": "Guard", "version": 1, "runtime": "python3.13", "handler": "index.handler"}

Connect = Callable[..., Client]


def zipped(text: str = "def handler(event, context): ...\n") -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", text)
    buffer.seek(0)
    return buffer


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as platform:
        yield platform


in_both_ways = pytest.mark.parametrize("connect", ["in process", "over a socket"], indirect=True)
"""For what differs below the client; the rest is the same code."""


@pytest.fixture
def connect(request: pytest.FixtureRequest, platform: Platform, tmp_path: Path) -> Iterator[Connect]:
    """Makes clients of the platform, in process unless the test says otherwise."""
    with contextlib.ExitStack() as stack:
        is_served = getattr(request, "param", "in process") == "over a socket"
        base_url = stack.enter_context(running(tmp_path / "data")) if is_served else ""

        def make(*, clock: Callable[[], float] = time.time, **changes: Any) -> Client:
            if is_served:
                transport: httpx.BaseTransport = RetryTransport(httpx.HTTPTransport(verify=False))
                settings = Settings(base_url, platform.service_id, platform.service_secret_key)
            else:
                transport, settings = open_embedded(tmp_path / "data")
            client = Client(Session(replace(settings, **changes), transport, clock=clock))
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(connect: Connect) -> Client:
    return connect()


@pytest.fixture(autouse=True)
def _no_waits(mocker: MockerFixture) -> None:
    mocker.patch("biot_provider.api.transport.time.sleep")


def logins(platform: Platform) -> int:
    return len([request for request in platform.requests() if request["path"].endswith("/accessToken")])


def plugin_requests(platform: Platform) -> list[dict[str, Any]]:
    return [request for request in platform.requests() if "/plugins" in request["path"]]


# -- requests


@in_both_ways
def test_a_plugin_is_created_read_changed_and_deleted(client: Client, platform: Platform) -> None:
    code = zipped()
    made = client.create_plugin({**CONFIG, "environmentVariables": {"MODE": "strict"}}, code)
    assert (made.bare_name, made.version, made.runtime) == ("guard", 1, "python3.13")
    assert (made.environment_variables or {})["MODE"] == "strict"
    assert platform.code("guard") == code.getvalue()
    assert client.get_plugin("guard") == made

    changed = client.update_plugin("guard", {"timeout": 30})
    assert (changed.timeout, changed.version) == (30, 1)
    new = zipped("new")
    changed = client.update_plugin("guard", {"version": 2}, new)
    assert (changed.timeout, changed.version) == (30, 2)
    assert platform.code("guard") == new.getvalue()

    client.delete_plugin("guard")
    with pytest.raises(NotFoundError):
        client.get_plugin("guard")
    assert [request["path"] for request in plugin_requests(platform)] == [
        "/settings/v2/plugins",
        *["/settings/v2/plugins/Plugin-guard"] * 5,
    ]


@pytest.mark.parametrize("names", ["bare", "prefixed"])
def test_a_name_is_bare_however_the_platform_shows_it(client: Client, platform: Platform, names: str) -> None:
    platform.contract_variants.set(names=names)
    assert client.create_plugin({**CONFIG, "name": "g" * 57}).bare_name == "g" * 57
    assert client.get_plugin("g" * 57).bare_name == "g" * 57


@in_both_ways
def test_a_multipart_body_is_as_the_official_sdk_sends_it(client: Client, platform: Platform) -> None:
    client.create_plugin(CONFIG, zipped())
    client.update_plugin("guard", {"timeout": 30})
    create, update = plugin_requests(platform)
    config, code = create["parts"]
    assert (config["name"], config["filename"], config["contentType"]) == ("config", None, None)
    assert (code["name"], code["filename"], code["contentType"]) == ("code", "code.zip", "application/zip")
    assert [(part["name"], part["filename"], part["contentType"]) for part in update["parts"]] == [
        ("config", None, None)
    ]


def test_a_name_cannot_leave_its_place_in_the_path(client: Client, platform: Platform) -> None:
    with pytest.raises(ApiError):
        client.get_plugin("../../ums?x=/y")
    assert plugin_requests(platform)[0]["path"].startswith("/settings/v2/plugins/Plugin-..")
    assert plugin_requests(platform)[0]["query"] == ""


DECLARED = PluginInputs(
    name="guard",
    display_name="Guard",
    runtime="python3.13",
    handler="index.handler",
    timeout=30,
    environment_variables={"MODE": "strict"},
    subscriptions=Subscriptions.model_validate(
        {
            "interceptions": [
                {"type": "PRE_REQUEST", "api_id": "POST/organization/v1/users/patients", "order": 5},
                {"type": "ADAPT_ENTITY", "entity_type_name": "device"},
            ],
            "notifications": [{"entity_type_name": "patient", "action_name": "_create"}],
        }
    ),
    cron_schedule="0 8 ? * MON *",
    analytics_db_access=True,
)


@pytest.mark.parametrize("inputs", [DECLARED, PluginInputs(name="w", display_name="W", image_tag="w-1")])
def test_what_we_send_for_a_creation_is_read_by_the_official_sdk(inputs: PluginInputs) -> None:
    body = create_body(PluginState.model_validate(inputs.model_dump()), Stamp("0451e96e233d", "seed"))
    read = CreatePluginRequest.from_dict(json.loads(json.dumps(body)))
    assert read is not None
    assert {key: value for key, value in read.to_dict().items() if key in body} == body


@pytest.mark.parametrize("field", sorted(UPDATABLE - {"environment_variables"}))
def test_what_we_send_for_a_change_is_read_by_the_official_sdk(field: str) -> None:
    wanted = PluginState.model_validate(DECLARED.model_dump())
    changed = {cell for cell in cells(wanted) if cell[0] == field}
    found = PluginAnswer.model_construct(name="guard")
    body = update_body(changed, before=wanted, wanted=wanted, found=found, version=None, stamp=None)
    assert list(body) == [to_camel(field)]
    read = PartialUpdatePluginRequest.from_dict(json.loads(json.dumps(body)))
    assert read is not None
    assert {key: value for key, value in read.to_dict().items() if key in body} == body


# -- the token


def test_many_first_requests_at_once_log_in_once(client: Client, platform: Platform) -> None:
    def read(_: int) -> None:
        with pytest.raises(NotFoundError):
            client.get_plugin("nobody")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert logins(platform) == 1


def test_a_token_is_renewed_a_minute_before_it_ends(connect: Connect, platform: Platform) -> None:
    start = time.time()
    now = [start]
    client = connect(clock=lambda: now[0])
    client.create_plugin(CONFIG)
    now[0] = start + 1800 - 65
    client.get_plugin("guard")
    assert logins(platform) == 1
    now[0] = start + 1800 - 55
    client.get_plugin("guard")
    assert logins(platform) == 2


@in_both_ways
def test_a_token_that_ended_early_is_renewed_once_and_the_body_sent_whole_again(
    client: Client, platform: Platform
) -> None:
    client.create_plugin(CONFIG, zipped())
    platform.end_tokens()
    code = zipped("x" * 200_000)
    assert client.update_plugin("guard", {"version": 2}, code).version == 2
    assert platform.code("guard") == code.getvalue()
    assert [request["status"] for request in plugin_requests(platform)] == [201, 401, 200]
    assert logins(platform) == 2


def test_a_token_refused_twice_is_an_error(client: Client, platform: Platform) -> None:
    platform.faults.add("unauthorized", path="/plugins", times=None)
    with pytest.raises(ApiError, match="401 TOKEN_NOT_VALID") as raised:
        client.create_plugin(CONFIG)
    assert (raised.value.status, raised.value.unclear) == (401, False)
    assert len(plugin_requests(platform)) == 2


@pytest.mark.parametrize("expiration", [None, "never", "", 5])
def test_a_token_without_a_readable_end_is_renewed_after_five_minutes(
    connect: Connect, platform: Platform, expiration: Any
) -> None:
    now = [time.time()]
    client = connect(clock=lambda: now[0])
    client.create_plugin(CONFIG)  # a valid token, which the responses below repeat with another end
    token, _ = client._session.auth._token or ("", 0.0)
    answer = {"accessToken": token, "accessTokenExpiration": expiration if isinstance(expiration, str) else None}
    platform.faults.add(status=200, json=answer, path="/accessToken", times=None)
    now[0] += 3600
    client.get_plugin("guard")
    assert logins(platform) == 2
    now[0] += 299
    client.get_plugin("guard")
    assert logins(platform) == 2
    now[0] += 2
    client.get_plugin("guard")
    assert logins(platform) == 3


def test_an_end_without_a_time_zone_is_utc(connect: Connect, platform: Platform) -> None:
    start = time.time()
    client = connect(clock=lambda: start)
    end = datetime.fromtimestamp(start + 600, UTC).replace(tzinfo=None).isoformat()
    platform.faults.add(status=200, json={"accessToken": "some", "accessTokenExpiration": end}, path="/accessToken")
    client._session.auth.token()
    assert client._session.auth.renewal_in() == pytest.approx(540)


def test_a_wrong_secret_is_an_error_with_advice_and_is_not_quoted(connect: Connect) -> None:
    wrong = secrets.token_urlsafe(24)
    with pytest.raises(ApiError) as raised:
        connect(service_secret_key=wrong).get_plugin("guard")
    text = str(raised.value)
    assert text.startswith("log in as service user ")
    assert "403 LOGIN_FAILED" in text
    assert "What to do: check biot:serviceId and biot:serviceSecretKey of this stack" in text
    assert wrong not in text


# -- errors


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "PLUGIN_NOT_FOUND", NotFoundError),
        (404, "INTERCEPTION_CONFIGURATION_NOT_FOUND", ApiError),
        (404, "PLUGIN_IMAGE_TAG_NOT_FOUND", ApiError),
        (404, "NOT_FOUND", ApiError),
        (409, "PLUGIN_EXISTS_BY_NAME", ConflictError),
        (409, "SOMETHING_ELSE", ApiError),
        (400, "PLUGIN_REQUEST_VALIDATION_FAILED", ApiError),
        (418, "A_CODE_OF_NEXT_YEAR", ApiError),
        (500, "AWS_EXCEPTION", ApiError),
    ],
)
def test_an_error_is_of_its_class_and_carries_its_parts(
    client: Client, platform: Platform, status: int, code: str, kind: type[ApiError]
) -> None:
    platform.faults.add(status=status, code=code, details={"className": "X"}, path="/plugins")
    with pytest.raises(ApiError) as raised:
        client.update_plugin("guard", {"timeout": 30})
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.details) == (status, code, {"className": "X"})
    assert error.unclear is (status >= 500)
    assert error.action == "update plugin 'guard'"
    assert error.summary.startswith(f"update plugin 'guard': the platform answered {status} {code}: {error.message} (")
    assert uncoded(str(error)) == error.summary + (f". What to do: {error.advice}" if error.advice else "")
    assert f"(trace id {error.trace_id})" in str(error)
    assert "(class name X)" in str(error)


def test_a_conflict_of_the_platform_itself_names_the_plugin(client: Client) -> None:
    client.create_plugin(CONFIG)
    with pytest.raises(ConflictError, match=r"create plugin 'guard'.*409 PLUGIN_EXISTS_BY_NAME.*set adopt=True"):
        client.create_plugin(CONFIG)


@pytest.mark.parametrize(
    ("fault", "words", "unclear"),
    [
        ({"status": 404, "body": "<html><h1>404</h1></html>"}, "404 with no error body of BioT's: <html>", False),
        ({"status": 404, "body": ""}, "404 with no error body of BioT's: an empty body", False),
        ({"status": 404, "body": '{"code": "PLUGIN_NOT'}, "404 with no error body of BioT's", False),
        ({"status": 404, "body": '["PLUGIN_NOT_FOUND"]'}, "404 with no error body of BioT's", False),
        ({"status": 404, "body": '{"code": 404}'}, "404 with no error body of BioT's", False),
        ({"status": 400, "body": "{}"}, "400 with no error body of BioT's: {}", False),
        ({"status": 500, "body": "x" * 5000}, "500 with no error body of BioT's: xxx", True),
        ({"status": 504, "body": ""}, "504 with no error body of BioT's: an empty body", True),
        ({"status": 301, "body": "", "headers": {"Location": "https://x.example"}}, "answered 301", False),
    ],
)
def test_an_answer_that_is_no_error_of_the_platform_is_quoted_in_short_and_never_means_gone(
    client: Client, platform: Platform, fault: dict[str, Any], words: str, unclear: bool
) -> None:
    platform.faults.add(**fault, path="/plugins", method="DELETE")
    with pytest.raises(ApiError) as raised:
        client.delete_plugin("guard")
    assert type(raised.value) is ApiError
    assert words in str(raised.value)
    assert raised.value.unclear is unclear
    assert len(str(raised.value)) < 500
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 200, "body": "<html>Welcome</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 200, "body": ""},
        {"status": 200, "body": '{"name": '},
        {"status": 200, "json": {"name": "guard"}},
        {"status": 200, "json": {"name": "guard", "version": "two"}},
        {"status": 200, "json": []},
    ],
)
def test_a_success_that_cannot_be_read_is_an_unclear_outcome(
    client: Client, platform: Platform, fault: dict[str, Any]
) -> None:
    platform.faults.add(**fault, path="/plugins")
    with pytest.raises(TransportError, match="answered 200 with something that is not its answer") as raised:
        client.create_plugin(CONFIG)
    assert raised.value.unclear


@pytest.mark.parametrize(
    "answer", [{"name": "guard", "environmentVariables": {"KEY": "canary-of-the-platform"}}, {"token": "canary-of-the"}]
)
def test_an_answer_that_is_nearly_right_is_not_quoted(client: Client, platform: Platform, answer: Any) -> None:
    platform.faults.add(status=200, json=answer, times=2)
    with pytest.raises(TransportError, match="bytes of JSON") as read:
        client.get_plugin("guard")
    with pytest.raises(TransportError, match="bytes of JSON") as created:
        client.create_plugin(CONFIG)
    assert "canary" not in str(read.value) + str(created.value)


@pytest.mark.parametrize(
    ("cut", "unclear"), [("reset-before", True), ("reset-during", True), ("truncated", True), ("hang", True)]
)
@in_both_ways
def test_a_lost_answer_to_a_write_is_an_unclear_outcome(
    client: Client, platform: Platform, cut: str, unclear: bool
) -> None:
    platform.faults.add(cut=cut, method="POST", path="/plugins")
    with pytest.raises(TransportError, match="create plugin 'guard': ") as raised:
        client.create_plugin(CONFIG, timeout=2 if cut == "hang" else 60)
    assert raised.value.unclear is unclear
    assert "run `pulumi up` again" in str(raised.value)
    assert len(plugin_requests(platform)) == 1


def test_a_platform_that_is_not_there_did_nothing() -> None:
    settings = Settings("http://127.0.0.1:9", "an-id", "a-key")
    client = Client(Session(settings, RetryTransport(httpx.HTTPTransport(verify=False), attempts=1)))
    with pytest.raises(TransportError, match=r"http://127.0.0.1:9 cannot be reached .*check biot:baseUrl") as raised:
        client.get_plugin("guard")
    client.close()
    assert raised.value.unclear is False


def test_a_redirect_is_not_followed_with_the_token(client: Client, platform: Platform) -> None:
    platform.faults.add(status=307, body="", headers={"Location": "/settings/v2/plugins/Plugin-b"}, method="GET")
    with pytest.raises(ApiError, match="answered 307"):
        client.get_plugin("a")
    assert len(plugin_requests(platform)) == 1


@in_both_ways
def test_a_busy_platform_is_read_again_and_written_to_once(client: Client, platform: Platform) -> None:
    client.create_plugin(CONFIG)
    for kind in ("throttled", "bad-gateway", "unavailable"):
        platform.faults.add(kind, method="GET")
    assert client.get_plugin("guard").version == 1
    platform.faults.add("unavailable", method="PATCH")
    with pytest.raises(ApiError, match="answered 503"):
        client.update_plugin("guard", {"timeout": 9})
    assert [request["status"] for request in plugin_requests(platform)] == [201, 429, 502, 503, 200, 503]


@pytest.mark.parametrize("value", ["plain-canary", 'quo"ted-<b>&canary\n2'])
@pytest.mark.parametrize("place", ["message", "details", "text", "json text", "page"])
def test_what_was_sent_in_variables_is_in_no_error(client: Client, platform: Platform, value: str, place: str) -> None:
    from html import escape

    fault: dict[str, Any] = {
        "message": {"status": 400, "json": {"code": "BAD", "message": f"bad: {value}"}},
        "details": {"status": 400, "code": "BAD", "details": {"echo": [value]}},
        "text": {"status": 500, "body": f"dump: {value}"},
        "json text": {"status": 500, "body": "dump: " + json.dumps({"MODE": value})},
        "page": {"status": 502, "body": f"<html>{escape(value)}</html>"},
    }[place]
    platform.faults.add(**fault, method="POST", path="/plugins")
    with pytest.raises(ApiError) as raised:
        client.create_plugin({**CONFIG, "environmentVariables": {"MODE": value}})
    assert "canary" not in str(raised.value)
    assert "[secret]" in str(raised.value)


def test_neither_the_token_nor_the_secret_key_is_in_any_error(client: Client, platform: Platform) -> None:
    client.create_plugin(CONFIG)
    token, _ = client._session.auth._token or ("", 0.0)
    body = f"Authorization: Bearer {token}; key {platform.service_secret_key}"
    platform.faults.add(status=400, body=body, method="GET")
    with pytest.raises(ApiError) as raised:
        client.get_plugin("guard")
    assert "Authorization: Bearer [secret]; key [secret]" in str(raised.value)


def test_a_client_for_the_embedded_platform_names_its_folder_by_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = Client.connect(Settings("embedded"), stack="dev")
    client.create_plugin(CONFIG)
    client.close()
    assert list((tmp_path / ".biot" / "dev").iterdir())
