"""The tokens that a starter accepts, and how it fetches the public key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from biot_provider.emulator import Platform
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, NOTIFICATION, plugin_token
from biot_provider.emulator.http.server import running

from .conftest import PUBLIC_KEY, REQUEST, TRACE_ID, KeyServer, Requests, Start, notification, pre

HOUR = 3600
KEY_BYTES = 256
SHA512 = bytes.fromhex("3051300d060960864801650304020305000440")
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
Sign = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Another platform, with keys of its own."""
    with Platform(tmp_path_factory.mktemp("other")) as other:
        yield other


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def crafted(claims: dict[str, Any], sign: Sign, **header: Any) -> str:
    """A token with these claims beside those of a good one; None leaves a claim out."""
    good = {"scopes": [INTERCEPTOR], "tokenType": "SERVICE_INTERNAL", "exp": int(time.time()) + 600}
    given = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return signed(json.dumps({"alg": "RS512", **header}), json.dumps(given), sign)


def signed(header: str, claims: str, sign: Sign) -> str:
    content = f"{base64url(header.encode())}.{base64url(claims.encode())}"
    return f"{content}.{base64url(sign(content.encode()))}"


def signer(platform: Platform) -> Sign:
    """Signatures by the platform's own key, RS512."""
    key = platform.keys.private()
    return lambda content: key.sign(content, padding.PKCS1v15(), hashes.SHA512())


def encoded(prefix: bytes, digest: bytes) -> bytes:
    """The encoding of a signature (RFC 8017, section 9.2)."""
    tail = b"\0" + prefix + digest
    return b"\0\1" + b"\xff" * (KEY_BYTES - 2 - len(tail)) + tail


def forgeries(platform: Platform) -> dict[str, Sign]:
    """Signatures by the platform's own key of a wrong encoding, and variants of a right one."""
    key = platform.keys.private()
    modulus, private = key.public_key().public_numbers().n, key.private_numbers().d

    def raw(encode: Callable[[bytes], bytes]) -> Sign:
        return lambda content: pow(int.from_bytes(encode(content)), private, modulus).to_bytes(KEY_BYTES)

    def sha512(content: bytes) -> bytes:
        return hashlib.sha512(content).digest()

    def garbage_behind(content: bytes) -> bytes:
        """What a verifier accepts that reads the digest from the left (Bleichenbacher, 2006)."""
        return (b"\0\1" + b"\xff" * 8 + b"\0" + SHA512 + sha512(content)).ljust(KEY_BYTES, b"\7")

    sign = signer(platform)
    return {
        "SHA-256": raw(lambda content: encoded(SHA256, hashlib.sha256(content).digest())),
        "SHA-512 named as SHA-256": raw(lambda content: encoded(SHA256, sha512(content))),
        "no name of a digest": raw(lambda content: encoded(b"", sha512(content))),
        "garbage behind the digest": raw(garbage_behind),
        "padding of an encryption": raw(lambda content: b"\0\2" + encoded(SHA512, sha512(content))[2:]),
        "one byte less": lambda content: sign(content)[1:],
        "one byte more": lambda content: b"\0" + sign(content),
        "the modulus added": lambda content: (int.from_bytes(sign(content)) + modulus).to_bytes(KEY_BYTES + 1),
        "zero": lambda _: bytes(KEY_BYTES),
        "one": lambda _: bytes(KEY_BYTES - 1) + b"\1",
        "none": lambda _: b"",
    }


def bad_tokens(platform: Platform, other: Platform) -> dict[str, str | None]:
    """Tokens by their fault."""
    sign, public = signer(platform), platform.keys.public()
    pem = f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"
    good = plugin_token(platform.keys, INTERCEPTOR)
    head, claims, signature = good.split(".")
    now = int(time.time())
    return {
        "missing": None,
        "empty": "",
        "no token": "a.b.c",
        "four parts": f"{good}.{signature}",
        "a character that is not base64url": f"{good}=",
        "a header that is a list": signed("[]", "{}", sign),
        "a header that is too deep": signed("[" * 20_000, "{}", sign),
        "claims that are a list": signed('{"alg": "RS512"}', "[]", sign),
        "claims that are not JSON": signed('{"alg": "RS512"}', "claims", sign),
        "another's key": plugin_token(other.keys, INTERCEPTOR),
        "claims of another token": f"{head}.{crafted({}, sign).split('.')[1]}.{signature}",
        "no signature": f"{head}.{claims}.",
        "algorithm none": crafted({}, lambda _: b"", alg="none"),
        "algorithm None": crafted({}, lambda _: b"", alg="None"),
        "no algorithm": crafted({}, sign, alg=None),
        "HS512 with the key's text": crafted(
            {}, lambda content: hmac.digest(public.encode(), content, hashlib.sha512), alg="HS512"
        ),
        "HS512 with the key's PEM": crafted(
            {}, lambda content: hmac.digest(pem.encode(), content, hashlib.sha512), alg="HS512"
        ),
        "RS256": crafted({}, forgeries(platform)["SHA-256"], alg="RS256"),
        "PS512": crafted({}, sign, alg="PS512"),
        "an extension": crafted({}, sign, crit=["b64"], b64=True),
        "expired": plugin_token(platform.keys, INTERCEPTOR, -60),
        "no end": crafted({"exp": None}, sign),
        "an end in words": crafted({"exp": "never"}, sign),
        "an end that is true": crafted({"exp": True}, sign),
        "not yet": crafted({"nbf": now + 600}, sign),
        "another permission": plugin_token(platform.keys, NOTIFICATION),
        "no permissions": crafted({"scopes": None}, sign),
        "a permission within another": crafted({"scopes": f"X_{INTERCEPTOR}"}, sign),
        **{f"signature: {fault}": crafted({}, forge) for fault, forge in forgeries(platform).items()},
    }


def test_a_bad_token_blocks_the_call_and_is_not_logged(
    start: Start, platform: Platform, base_url: str, other: Platform
) -> None:
    warm = start(base_url)
    tokens = bad_tokens(platform, other)
    answers = {fault: warm.call(pre(token)) for fault, token in tokens.items()}

    refused = {fault: answer.refusal for fault, answer in answers.items()}
    assert refused == dict.fromkeys(answers, (401, "TOKEN_NOT_VALID"))
    for fault, answer in answers.items():
        logged = "".join(answer.logs)
        assert '"the token is refused"' in logged
        assert json.loads(answer.value["body"])["traceId"] == TRACE_ID
        assert not any(
            part in logged + answer.value["body"] for part in (tokens[fault] or "").split(".") if len(part) > 1
        )


def test_a_good_token_passes_also_where_the_clocks_differ_by_some_seconds(
    start: Start, platform: Platform, base_url: str
) -> None:
    warm = start(base_url)
    good: tuple[dict[str, float], ...] = ({}, {"exp": -2}, {"nbf": 5}, {"exp": 600.5, "iat": 0})
    for times in good:
        now = int(time.time())
        token = crafted({name: now + seconds for name, seconds in times.items()}, signer(platform))
        assert warm.call(pre(token)).value == {"request": REQUEST}
    now = int(time.time())
    for claims in ({"exp": now - 15}, {"nbf": now + 300}):
        assert warm.call(pre(crafted(claims, signer(platform)))).refusal == (401, "TOKEN_NOT_VALID")


def published(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """The public key as the platform publishes it."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def test_a_key_of_another_maker_and_another_size_is_read(start: Start, key_server: KeyServer) -> None:
    for bits, public_exponent in ((3072, 65537), (2048, 3)):
        key = rsa.generate_private_key(public_exponent, bits)
        token = jwt.encode({"scopes": [INTERCEPTOR], "exp": int(time.time()) + 600}, key, "RS512")
        key_server.content = {"publicKey": published(key)}

        assert start(key_server.base_url).call(pre(token)).value == {"request": REQUEST}


def test_a_key_that_cannot_be_used_lets_nothing_pass(start: Start, key_server: KeyServer) -> None:
    warm = start(key_server.base_url)
    small = rsa.generate_private_key(65537, 1024)
    token = crafted({}, lambda content: small.sign(content, padding.PKCS1v15(), hashes.SHA512()))
    curve = published(ec.generate_private_key(ec.SECP256R1()))
    good = published(rsa.generate_private_key(65537, 2048))
    for key in (published(small), curve, good[:40], "", "not a key", None, 7):
        key_server.content = {"publicKey": key, "previousPublicKey": None}
        assert warm.call(pre(token)).refusal == (503, "PUBLIC_KEY_UNAVAILABLE"), key
    contents: list[Any] = [[], None, {}, {"publicKey": "not a key", "previousPublicKey": good}]
    for content in contents:
        key_server.content = content
        assert warm.call(pre(token)).refusal == (503, "PUBLIC_KEY_UNAVAILABLE"), content


def test_a_previous_key_that_cannot_be_used_is_logged_and_the_current_one_counts(
    start: Start, key_server: KeyServer
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    token = jwt.encode({"scopes": [INTERCEPTOR], "exp": int(time.time()) + 600}, key, "RS512")
    small = published(rsa.generate_private_key(65537, 1024))
    for previous in ("not a key", small, published(key)[:40], 7, [1]):
        key_server.content = {"publicKey": published(key), "previousPublicKey": previous}
        answer = start(key_server.base_url).call(pre(token))
        assert answer.value == {"request": REQUEST}, previous
        logged = [line for line in answer.logs if line.startswith("BioT's previous public key is not used: ")]
        assert len(logged) == 1, previous


def test_a_notification_has_its_token_in_the_body_and_nowhere_else(
    start: Start, platform: Platform, base_url: str
) -> None:
    warm = start(base_url)
    in_the_header = notification(None)
    in_the_header["headers"]["authorization"] = f"Bearer {plugin_token(platform.keys, NOTIFICATION)}"

    assert warm.call(in_the_header).refusal == (401, "TOKEN_NOT_VALID")
    bad: list[object] = [None, "", 7, {}, "a.b.c", plugin_token(platform.keys, INTERCEPTOR)]
    for token in bad:
        assert warm.call(notification(token)).refusal == (401, "TOKEN_NOT_VALID")
    assert warm.call(notification(plugin_token(platform.keys, NOTIFICATION))).value == {"statusCode": 200}


def test_the_platforms_variables_name_the_permissions(start: Start, platform: Platform, base_url: str) -> None:
    warm = start(base_url, BIOT_JWT_PERMISSION_INTERCEPTION="HOOK", BIOT_JWT_PERMISSION_NOTIFICATION="EVENT")

    assert warm.call(pre(plugin_token(platform.keys, "HOOK"))).value == {"request": REQUEST}
    assert warm.call(notification(plugin_token(platform.keys, "EVENT"))).value == {"statusCode": 200}
    assert warm.call(pre(plugin_token(platform.keys, INTERCEPTOR))).refusal == (401, "TOKEN_NOT_VALID")


def test_the_previous_key_is_good_too(start: Start, platform: Platform, base_url: str) -> None:
    before = plugin_token(platform.keys, INTERCEPTOR)
    platform.keys.rotate()

    assert start(base_url).call(pre(before)).value == {"request": REQUEST}


def test_a_warm_process_fetches_a_new_key_once_it_is_used(
    start: Start, platform: Platform, base_url: str, requests: Requests
) -> None:
    warm = start(base_url)
    before = plugin_token(platform.keys, INTERCEPTOR)
    assert warm.call(pre(before)).value == {"request": REQUEST}
    platform.keys.rotate()

    assert warm.call(pre(plugin_token(platform.keys, INTERCEPTOR)), later=11).value == {"request": REQUEST}
    assert warm.call(pre(before)).value == {"request": REQUEST}
    assert requests() == [PUBLIC_KEY] * 2


def test_foreign_tokens_cause_one_fetch_in_ten_seconds(
    start: Start, base_url: str, other: Platform, requests: Requests
) -> None:
    warm = start(base_url)
    foreign = plugin_token(other.keys, INTERCEPTOR)
    for later in (0, 0, 11, 0, 0):
        assert warm.call(pre(foreign), later=later).refusal == (401, "TOKEN_NOT_VALID")

    assert requests() == [PUBLIC_KEY] * 2


def test_keys_are_kept_for_an_hour_without_the_platform_and_no_longer(
    start: Start, platform: Platform, data: Path
) -> None:
    token = plugin_token(platform.keys, INTERCEPTOR, 2 * HOUR)
    with running(data) as base_url:
        warm = start(base_url)
        assert warm.call(pre(token)).value == {"request": REQUEST}

    assert warm.call(pre(token), later=HOUR - 60).value == {"request": REQUEST}
    assert warm.call(pre(token), later=60).refusal == (503, "PUBLIC_KEY_UNAVAILABLE")


def test_without_the_platform_nothing_passes_until_it_is_back(start: Start, platform: Platform, data: Path) -> None:
    with running(data) as base_url:
        pass
    warm = start(base_url)
    token = plugin_token(platform.keys, INTERCEPTOR)

    assert warm.call(pre(token)).refusal == (503, "PUBLIC_KEY_UNAVAILABLE")
    assert warm.call(notification(plugin_token(platform.keys, NOTIFICATION))).refusal == (
        503,
        "PUBLIC_KEY_UNAVAILABLE",
    )
    with running(data, int(base_url.rpartition(":")[2])):
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
