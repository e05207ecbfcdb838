"""The platform's key pair: what it signs its calls to plugins with, RS512 (BioT API 2.4.2, ums, security).

Made in plain Python when it is first asked for, so that the emulator needs no library for it. It protects nothing:
whoever wants real keys takes a real library. After a rotation the key before stays known, so that what was signed with
it can still be verified.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from ..database import Store

BITS = 2048
EXPONENT = 65537

_CURRENT, _PREVIOUS = "key pair", "previous key pair"
_PRIMES = 4
"""Four small primes are found in an eighth of the time of two big ones (RFC 8017, section 3.1, allows any number)."""
_ROUNDS = 16
_SMALL = math.prod(number for number in range(3, 2000, 2) if all(number % other for other in range(3, 45, 2)))
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
"""The algorithm's identifier as DER: rsaEncryption, without parameters."""
_SHA512 = bytes.fromhex("3051300d060960864801650304020305000440")
"""What stands before a SHA-512 digest in a signature (RFC 8017, section 9.2)."""


class Keys:
    """The key pair of a database, and the one before it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def public(self) -> str:
        """The public key: base64 of its DER form (SubjectPublicKeyInfo), without the lines of a PEM file."""
        return _shown(self._pair()[0])

    def previous(self) -> str | None:
        """The public key before the last rotation, in the same form; none where there was no rotation."""
        with self._store.reading() as db:
            pair = _stored(db, _PREVIOUS)
        return None if pair is None else _shown(pair[0])

    def rotate(self) -> None:
        """Sign with a new key from now on; the one so far becomes the previous one."""
        self._pair()
        made = json.dumps(_make())
        with self._store.writing() as db:
            db.execute("DELETE FROM facts WHERE name = ?", (_PREVIOUS,))
            db.execute("UPDATE facts SET name = ? WHERE name = ?", (_PREVIOUS, _CURRENT))
            db.execute("INSERT INTO facts VALUES (?, ?)", (_CURRENT, made))

    def sign(self, content: bytes) -> bytes:
        """The signature of some content, as RS512 has it."""
        modulus, private = self._pair()
        size = BITS // 8
        tail = b"\0" + _SHA512 + hashlib.sha512(content).digest()
        padded = b"\0\1" + b"\xff" * (size - 2 - len(tail)) + tail
        return pow(int.from_bytes(padded), private, modulus).to_bytes(size)

    def _pair(self) -> tuple[int, int]:
        """Modulus and private exponent; made the first time."""
        with self._store.reading() as db:
            pair = _stored(db, _CURRENT)
        if pair is None:
            # Made outside the write lock, which it would hold for a moment.
            made = json.dumps(_make())
            with self._store.writing() as db:
                # Another process may have been faster: then its pair is the one.
                db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (_CURRENT, made))
                pair = _stored(db, _CURRENT)
        assert pair is not None  # noqa: S101  (it was there, or has just been stored)
        return pair


def _stored(db: sqlite3.Connection, name: str) -> tuple[int, int] | None:
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    modulus, private = json.loads(row["value"])
    return int(modulus, 16), int(private, 16)


def _shown(modulus: int) -> str:
    key = _der(0x30, _integer(modulus) + _integer(EXPONENT))
    return base64.b64encode(_der(0x30, _RSA + _der(0x03, b"\0" + key))).decode()


def _make() -> tuple[str, str]:
    """Modulus and private exponent, in hexadecimal."""
    primes: set[int] = set()
    while len(primes) < _PRIMES:
        primes.add(_prime())
    private = pow(EXPONENT, -1, math.lcm(*(prime - 1 for prime in primes)))
    return f"{math.prod(primes):x}", f"{private:x}"


def _prime() -> int:
    """A prime of its share of the bits, the three highest ones set so that a product of four has all of them."""
    size = BITS // _PRIMES
    while True:
        number = secrets.randbits(size) | (7 << (size - 3)) | 1
        if number % EXPONENT != 1 and math.gcd(number, _SMALL) == 1 and _probably_prime(number):
            return number


def _probably_prime(number: int) -> bool:
    """The test of Miller and Rabin, with random bases."""
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    odd = (number - 1) >> twos
    for _ in range(_ROUNDS):
        power = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if power == 1:
            continue
        for _ in range(twos):
            if power == number - 1:
                break
            power = power * power % number
        else:
            return False
    return True


def _integer(number: int) -> bytes:
    # One byte more than the number fills where its first bit would make it negative.
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _der(tag: int, content: bytes) -> bytes:
    """A value with its tag and its length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content
