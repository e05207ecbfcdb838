"""Multipart as clients really write it, byte by byte; who may call; public routes; search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

PLUGINS = "/settings/v2/plugins"
CONFIG = b'{"name":"guard","displayName":"Guard","version":1}'
BOUNDARY = "---------------------------285212099334590670861736535119"


def part(head: str, content: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"


def post(call: Any, *parts: bytes, content_type: str | None = None) -> httpx.Response:
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": content_type or f"multipart/form-data; boundary={BOUNDARY}"}
    answer: httpx.Response = call.http.post(PLUGINS, content=body, headers=headers)
    return answer


@pytest.mark.parametrize(
    "head",
    [
        'name="config"',
        'name="config"\r\nContent-Type: application/json',
        'name="config"; filename="config.json"',
        'name="config"; filename="blob"\r\nContent-Type: application/json;charset=UTF-8',
        "name=config",
    ],
)
@pytest.mark.parametrize("kind", ["application/x-zip-compressed", "application/octet-stream", "text/plain"])
def test_config_and_code_come_in_any_order_and_dress(inside: Any, zipped: Any, head: str, kind: str) -> None:
    config = part(head, CONFIG)
    code = part(f'name="code"; filename="hw.zip"\r\nContent-Type: {kind}', zipped())
    for parts in ([config, code], [code, config], [config, part("name=extra", b"1"), code]):
        assert post(inside, *parts).status_code == 201
        assert inside.platform.code("guard") == zipped()
        inside.delete("guard")


def test_code_arrives_byte_for_byte(call: Any, zipped: Any) -> None:
    awkward = zipped(f"\r\n--{BOUNDARY[:-1]}\r\n" * 50 + "\r" * 9)
    config = part('name="config"', CONFIG)
    assert post(call, part('name="code"', awkward), config).status_code == 201
    assert call.platform.code("guard") == awkward


def test_a_body_sent_in_chunks_is_read_whole(call: Any) -> None:
    body = part('name="config"', CONFIG) + f"--{BOUNDARY}--\r\n".encode()
    chunks = (body[start : start + 7] for start in range(0, len(body), 7))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert call.http.post(PLUGINS, content=chunks, headers=headers).status_code == 201


def test_a_form_without_a_config_is_refused(inside: Any, refused: Any, zipped: Any) -> None:
    for name in ("configuration", "_configuration", "Config", ""):
        refused(post(inside, part(f'name="{name}"', CONFIG)), 400, "BAD_REQUEST")
    refused(post(inside, part('name="code"; filename="a.zip"', zipped())), 400, "BAD_REQUEST")
    refused(post(inside), 400, "BAD_REQUEST")


def test_a_config_that_is_no_json_is_refused(inside: Any, refused: Any) -> None:
    for content in (b"", b"name=guard", b"{", b"\xff\xfe"):
        refused(post(inside, part('name="config"', content)), 400, "BAD_REQUEST")


def test_of_two_configs_the_first_counts(inside: Any) -> None:
    answer = post(inside, part('name="config"', CONFIG), part('name="config"', CONFIG.replace(b"guard", b"other")))
    assert answer.json()["name"] == "guard"


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", f"multipart/mixed; boundary={BOUNDARY}"])
def test_what_is_no_multipart_form_is_refused(inside: Any, refused: Any, kind: str) -> None:
    answer = post(inside, part('name="config"', CONFIG), content_type=kind)
    refused(answer, 400, "BAD_REQUEST")
    assert "multipart/form-data" in answer.json()["message"]


def test_a_multipart_form_that_breaks_off_is_refused(inside: Any, refused: Any) -> None:
    answer = post(inside, part('name="config"', CONFIG), content_type="multipart/form-data; boundary=other")
    refused(answer, 400, "BAD_REQUEST")
    assert "cannot be read" in answer.json()["message"]
    refused(inside.http.post(PLUGINS), 400, "BAD_REQUEST")


def test_a_path_may_be_percent_encoded(call: Any) -> None:
    call.created(name="a_b-c")
    assert call.http.get(f"{PLUGINS}/Plugin%2Da%5Fb%2dc").json()["name"] == "a_b-c"


def test_a_call_without_a_valid_token_is_refused(inside: Any, refused: Any) -> None:
    inside.created()
    good = inside.http.headers.pop("Authorization")
    for bad in (None, "", "Bearer", "Bearer nonsense", good.replace("Bearer", "Basic"), good[7:]):
        headers = {} if bad is None else {"Authorization": bad}
        for method, path in [
            ("GET", PLUGINS),
            ("POST", PLUGINS),
            ("GET", f"{PLUGINS}/Plugin-guard"),
            ("PATCH", f"{PLUGINS}/Plugin-nobody"),
            ("DELETE", f"{PLUGINS}/Plugin-guard"),
        ]:
            refused(inside.http.request(method, path, headers=headers), 401, "TOKEN_NOT_VALID")
    assert inside.http.get(PLUGINS, headers={"Authorization": good.replace("Bearer", "bearer")}).status_code == 200


def test_wrong_credentials_are_a_403_and_a_lock_is_a_401(inside: Any, refused: Any) -> None:
    login = "/ums/v2/services/accessToken"
    service_id, secret_key = inside.platform.service_id, inside.platform.service_secret_key
    for wrong in ({"id": service_id, "secretKey": "x"}, {"id": "x", "secretKey": secret_key}):
        refused(inside.http.post(login, json=wrong), 403, "LOGIN_FAILED")
    broken: Any
    for broken in ({"id": service_id}, {"id": 1, "secretKey": 2}, []):
        refused(inside.http.post(login, json=broken), 400, "BAD_REQUEST")
    refused(inside.http.post(login, content=b"{"), 400, "BAD_REQUEST")
    locked_id, locked_key = inside.platform.add_service_user(locked=True)
    refused(inside.http.post(login, json={"id": locked_id, "secretKey": locked_key}), 401, "SERVICE_LOCKED")
    refused(inside.http.post(login, json={"id": locked_id, "secretKey": "x"}), 403, "LOGIN_FAILED")


def test_a_token_lasts_half_an_hour(inside: Any) -> None:
    credentials = {"id": inside.platform.service_id, "secretKey": inside.platform.service_secret_key}
    answers = [inside.http.post("/ums/v2/services/accessToken", json=credentials).json() for _ in range(2)]
    assert answers[0]["accessToken"] != answers[1]["accessToken"]
    left = datetime.fromisoformat(answers[0]["accessTokenExpiration"]) - datetime.now(UTC)
    assert timedelta(minutes=29, seconds=50) < left <= timedelta(minutes=30)


def test_a_token_ends_by_the_clock_or_on_order(inside: Any, refused: Any) -> None:
    inside.log_in(*inside.platform.add_service_user(token_seconds=0))
    refused(inside.search({}), 401, "TOKEN_NOT_VALID")
    inside.log_in(inside.platform.service_id, inside.platform.service_secret_key)
    assert inside.search({}).status_code == 200
    inside.platform.end_tokens()
    refused(inside.search({}), 401, "TOKEN_NOT_VALID")


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "GET", "SEARCH", "DELETE"])
def test_each_operation_needs_its_own_permission_before_anything_else(
    inside: Any, refused: Any, operation: str
) -> None:
    inside.created()
    calls: dict[str, Callable[[], httpx.Response]] = {
        "CREATE": lambda: inside.create({}),
        "UPDATE": lambda: inside.patch("nobody", {}),
        "GET": lambda: inside.get("nobody"),
        "SEARCH": lambda: inside.http.get(PLUGINS, params={"searchRequest": "{"}),
        "DELETE": lambda: inside.delete("nobody"),
    }
    inside.log_in(*inside.platform.add_service_user([f"SETTINGS_PLUGIN_{operation}"]))
    for name, ask in calls.items():
        if name == operation:
            assert ask().status_code in (400, 404)
        else:
            refused(ask(), 403, "ACCESS_DENIED")


def test_public_routes_need_no_token(inside: Any) -> None:
    del inside.http.headers["Authorization"]
    assert inside.http.get("/settings/v1/system/properties").json() == {"biotVersion": "2.4.3"}
    health = inside.http.get("/settings/system/healthCheck").json()
    assert set(health) == {"version", "springVersion", "traceId"}
    assert health["traceId"]
