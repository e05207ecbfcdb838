"""Which tokens a starter lets in, and where it has the key from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, HashAlgorithm

from biot_provider.emulator import Platform
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, NOTIFICATION, plugin_token
from biot_provider.emulator.http.server import running

from .conftest import PUBLIC_KEY, REQUEST, TRACE_ID, Start, notification, pre

HOUR = 3600


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def crafted(claims: dict[str, Any], sign: Callable[[bytes], bytes], algorithm: str = "RS512") -> str:
    good = {"scopes": [INTERCEPTOR], "tokenType": "SERVICE_INTERNAL", "exp": int(time.time()) + 600}
    given = {name: value for name, value in {**good, **claims}.items() if value is not None}
    content = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": algorithm}, given))
    return f"{content}.{base64url(sign(content.encode()))}"


def signer(platform: Platform, digest: HashAlgorithm) -> Callable[[bytes], bytes]:
    """Sign with the platform's own key."""
    return lambda content: platform.keys.private().sign(content, PKCS1v15(), digest)


def fetches(platform: Platform) -> int:
    return [request["path"] for request in platform.requests()].count(PUBLIC_KEY)


def bad_tokens(platform: Platform, other: Platform) -> dict[str, str | None]:
    """By what is wrong with them, and first one with which nothing is."""
    sign, public = signer(platform, SHA512()), platform.keys.public()
    pem = f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"
    good = plugin_token(platform.keys, INTERCEPTOR)
    head, claims, signature = good.split(".")
    return {
        "nothing": crafted({}, sign),
        "missing": None,
        "empty": "",
        "no token": "a.b.c",
        "another's key": plugin_token(other.keys, INTERCEPTOR),
        "claims of another token": f"{head}.{crafted({}, sign).split('.')[1]}.{signature}",
        "no signature": f"{head}.{claims}.",
        "algorithm none": crafted({}, lambda _: b"", "none"),
        "algorithm None": crafted({}, lambda _: b"", "None"),
        "HS512 with the key's text": crafted({}, lambda c: hmac.digest(public.encode(), c, hashlib.sha512), "HS512"),
        "HS512 with the key's PEM": crafted({}, lambda c: hmac.digest(pem.encode(), c, hashlib.sha512), "HS512"),
        "RS256": crafted({}, signer(platform, SHA256()), "RS256"),
        "expired": plugin_token(platform.keys, INTERCEPTOR, -60),
        "no end": crafted({"exp": None}, sign),
        "not yet": crafted({"nbf": int(time.time()) + 600}, sign),
        "another permission": plugin_token(platform.keys, NOTIFICATION),
        "no permissions": crafted({"scopes": None}, sign),
        "a permission within another": crafted({"scopes": f"X_{INTERCEPTOR}"}, sign),
    }


def test_a_bad_token_blocks_the_call_and_is_not_logged(
    start: Start, platform: Platform, base_url: str, tmp_path: Path
) -> None:
    warm = start(base_url)
    with Platform(tmp_path / "other") as other:
        tokens = bad_tokens(platform, other)
    answers = {wrong: warm.call(pre(token)) for wrong, token in tokens.items()}

    assert answers.pop("nothing").value == {"request": REQUEST}
    refused = {wrong: answer.refusal for wrong, answer in answers.items()}
    assert refused == dict.fromkeys(answers, (401, "TOKEN_NOT_VALID"))
    for wrong, answer in answers.items():
        logged = "".join(answer.logs)
        assert '"the token is refused"' in logged
        assert json.loads(answer.value["body"])["traceId"] == TRACE_ID
        assert not any(
            part in logged + answer.value["body"] for part in (tokens[wrong] or "").split(".") if len(part) > 1
        )


@pytest.mark.parametrize("token", [None, "", 7, {}, "a.b.c"])
def test_a_notification_without_a_good_token_is_refused(start: Start, base_url: str, token: object) -> None:
    assert start(base_url).call(notification(token)).refusal == (401, "TOKEN_NOT_VALID")


def test_a_notifications_token_is_not_taken_from_the_header(start: Start, platform: Platform, base_url: str) -> None:
    sent = notification(None)
    sent["headers"]["authorization"] = f"Bearer {plugin_token(platform.keys, NOTIFICATION)}"

    assert start(base_url).call(sent).refusal == (401, "TOKEN_NOT_VALID")


def test_the_platforms_variables_name_the_permissions(start: Start, platform: Platform, base_url: str) -> None:
    warm = start(base_url, BIOT_JWT_PERMISSION_INTERCEPTION="HOOK", BIOT_JWT_PERMISSION_NOTIFICATION="EVENT")

    assert warm.call(pre(plugin_token(platform.keys, "HOOK"))).value == {"request": REQUEST}
    assert warm.call(notification(plugin_token(platform.keys, "EVENT"))).value == {"statusCode": 200}
    assert warm.call(pre(plugin_token(platform.keys, INTERCEPTOR))).refusal == (401, "TOKEN_NOT_VALID")


def test_the_previous_key_is_good_too(start: Start, platform: Platform, base_url: str) -> None:
    before = plugin_token(platform.keys, INTERCEPTOR)
    platform.keys.rotate()

    assert start(base_url).call(pre(before)).value == {"request": REQUEST}


def test_a_warm_process_learns_of_a_new_key_once_it_is_used(start: Start, platform: Platform, base_url: str) -> None:
    warm = start(base_url)
    before = plugin_token(platform.keys, INTERCEPTOR)
    assert warm.call(pre(before)).value == {"request": REQUEST}
    platform.keys.rotate()

    assert warm.call(pre(plugin_token(platform.keys, INTERCEPTOR)), later=11).value == {"request": REQUEST}
    assert warm.call(pre(before)).value == {"request": REQUEST}
    assert fetches(platform) == 2


def test_foreign_tokens_cause_one_fetch_in_ten_seconds(
    start: Start, platform: Platform, base_url: str, tmp_path: Path
) -> None:
    warm = start(base_url)
    with Platform(tmp_path / "other") as other:
        foreign = plugin_token(other.keys, INTERCEPTOR)
    for later in (0, 0, 11, 0, 0):
        assert warm.call(pre(foreign), later=later).refusal == (401, "TOKEN_NOT_VALID")

    assert fetches(platform) == 2


def test_keys_are_kept_for_an_hour_without_the_platform_and_no_longer(
    start: Start, platform: Platform, tmp_path: Path
) -> None:
    token = plugin_token(platform.keys, INTERCEPTOR, 2 * HOUR)
    with running(tmp_path / "data") as base_url:
        warm = start(base_url)
        assert warm.call(pre(token)).value == {"request": REQUEST}

    assert warm.call(pre(token), later=HOUR - 60).value == {"request": REQUEST}
    assert warm.call(pre(token), later=60).refusal == (503, "PUBLIC_KEY_UNAVAILABLE")


def test_without_the_platform_nothing_passes_until_it_is_back(start: Start, platform: Platform, tmp_path: Path) -> None:
    with running(tmp_path / "data") as base_url:
        pass
    warm = start(base_url)
    token = plugin_token(platform.keys, INTERCEPTOR)

    assert warm.call(pre(token)).refusal == (503, "PUBLIC_KEY_UNAVAILABLE")
    assert warm.call(notification(token)).refusal == (503, "PUBLIC_KEY_UNAVAILABLE")
    with running(tmp_path / "data", int(base_url.rpartition(":")[2])):
        assert warm.call(pre(token)).value == {"request": REQUEST}


@pytest.mark.parametrize("place", ["", "/settings/v1/system/properties?", "/nowhere"])
def test_an_address_without_the_key_lets_nothing_pass(
    start: Start, platform: Platform, base_url: str, place: str
) -> None:
    warm = start(f"{base_url}{place}" if place else "")

    assert warm.call(pre(plugin_token(platform.keys, INTERCEPTOR))).refusal == (503, "PUBLIC_KEY_UNAVAILABLE")


@pytest.mark.parametrize("value", ["false", "False"])
def test_verification_can_be_turned_off_and_a_log_line_says_so(start: Start, value: str) -> None:
    answer = start("", BIOT_SHOULD_VALIDATE_JWT=value).call(pre(None))

    assert answer.value == {"request": REQUEST}
    assert "the token is not verified" in answer.logs[0]


@pytest.mark.parametrize("value", ["true", "", "0", "no"])
def test_nothing_else_turns_verification_off(start: Start, value: str) -> None:
    assert start("", BIOT_SHOULD_VALIDATE_JWT=value).call(pre(None)).refusal == (401, "TOKEN_NOT_VALID")
