"""The platform's key pair, as another implementation of RSA reads it."""

from __future__ import annotations

import base64
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from biot_provider.emulator import Platform, schema

if TYPE_CHECKING:
    from pathlib import Path


def read(text: str) -> RSAPublicKey:
    """The key as plugins read it: they put the lines of a PEM file around it."""
    assert base64.b64decode(text, validate=True)
    key = load_pem_public_key(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----".encode())
    assert isinstance(key, RSAPublicKey)
    return key


def sign(platform: Platform, content: bytes) -> bytes:
    return platform.keys.private().sign(content, PKCS1v15(), SHA512())


def test_what_the_platform_signs_is_verified_by_the_key_it_publishes(inside: Any) -> None:
    del inside.http.headers["Authorization"]
    answer = inside.http.get("/ums/v1/security/public-key").json()
    assert set(answer) == {"publicKey", "previousPublicKey"}
    key = read(answer["publicKey"])
    assert (key.key_size, key.public_numbers().e) == (2048, 65537)
    signature = sign(inside.platform, b"head.body")
    key.verify(signature, b"head.body", PKCS1v15(), SHA512())
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"head.other", PKCS1v15(), SHA512())


def test_a_database_has_one_key_pair_whoever_asks_first(tmp_path: Path) -> None:
    with Platform(tmp_path) as one, Platform(tmp_path) as other, ThreadPoolExecutor() as threads:
        asked = [threads.submit(platform.keys.public) for platform in (one, other)]
        first, second = (answer.result() for answer in asked)
    with Platform(tmp_path) as later:
        assert first == second == later.keys.public()
        read(first).verify(sign(later, b"x"), b"x", PKCS1v15(), SHA512())


def test_every_database_has_its_own(tmp_path: Path) -> None:
    with Platform(tmp_path / "a") as one, Platform(tmp_path / "b") as other:
        assert one.keys.public() != other.keys.public()


def test_after_a_rotation_the_key_before_is_still_published(inside: Any) -> None:
    before = inside.http.get("/ums/v1/security/public-key").json()
    assert before["previousPublicKey"] is None
    signature = sign(inside.platform, b"early")
    rotated = inside.http.post("/_emulator/keys/rotate").json()
    assert inside.http.get("/ums/v1/security/public-key").json() == rotated
    assert rotated["previousPublicKey"] == before["publicKey"] != rotated["publicKey"]
    read(rotated["previousPublicKey"]).verify(signature, b"early", PKCS1v15(), SHA512())
    read(rotated["publicKey"]).verify(sign(inside.platform, b"late"), b"late", PKCS1v15(), SHA512())
    again = inside.http.post("/_emulator/keys/rotate").json()
    assert again["previousPublicKey"] == rotated["publicKey"]


def test_a_key_of_an_earlier_version_is_replaced(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "platform.sqlite")
    connection.executescript("".join(schema.SCHEMAS[:5]) + "PRAGMA user_version=5")
    connection.execute("""INSERT INTO facts VALUES ('key pair', '["c0ffee", "beef"]')""")
    connection.commit()
    connection.close()
    with Platform(tmp_path) as platform:
        read(platform.keys.public()).verify(sign(platform, b"x"), b"x", PKCS1v15(), SHA512())
        assert platform.keys.previous() is None
        with platform._store.reading() as db:
            facts = {row["name"] for row in db.execute("SELECT name FROM facts")}
    assert "key pair" not in facts
