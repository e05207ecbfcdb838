"""Verification of the tokens with which BioT signs its calls.

    verifier = TokenVerifier("https://api.<env>.<project>.biot-med.com")
    claims = verifier.verify(token, "PLUGIN_INTERCEPTOR")

A token is valid when BioT has signed it with RS512, it has not expired, and its scopes hold the permission. While
BioT's public key cannot be fetched, no token is valid. The file needs nothing but Python's standard library, so a
plugin is deployed without native libraries, and any other server that BioT calls can have a copy of it.
"""

import base64
import hashlib
import hmac
import json
import logging
import re
import time
import urllib.request
from http.client import HTTPException
from typing import Any, NamedTuple

KEY_LIFETIME_SECONDS = 3600
FETCH_INTERVAL_SECONDS = 10
"""Least time between two fetches that tokens with unknown signatures cause."""
FETCH_TIMEOUT_SECONDS = 2
CLOCK_SKEW_SECONDS = 10
MIN_KEY_BITS = 2048
"""RFC 7518, section 3.3."""

_LOGGER = logging.getLogger(__name__)
_TOKEN = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII)
_RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d0101010500")
"""The algorithm of an RSA key in DER: the object identifier rsaEncryption, and NULL."""
_SHA512_DIGEST_INFO = bytes.fromhex("3051300d060960864801650304020305000440")
"""What precedes a SHA-512 digest in a signature (RFC 8017, section 9.2, note 1)."""


class TokenError(Exception):
    """A token that must not be accepted; the text is the reason and quotes nothing of the token."""


class PublicKeyError(Exception):
    """BioT's public key cannot be fetched, so no token can be verified; the text is the reason."""


class TokenVerifier:
    """Verifier of the tokens of one BioT environment.

    It keeps the public keys for an hour. A token with an unknown signature makes it fetch them anew, since BioT may
    have a new key, but at most once in ten seconds.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._keys: list[_RsaKey] = []
        self._fetched_at = 0.0

    def verify(self, token: object, permission: str | None = None) -> dict[str, Any]:
        """Return the claims of a valid token; ``permission`` is a scope that the token must hold.

        Raises TokenError and PublicKeyError.
        """
        if not isinstance(token, str) or not token:
            raise TokenError("The call has no BioT token")
        parts = _TOKEN.fullmatch(token)
        header = _json_object(parts[1]) if parts else {}
        # `crit` names extensions that a verifier must understand (RFC 7515, section 4.1.11).
        if parts is None or header.get("alg") != "RS512" or "crit" in header:
            raise TokenError("The token is not one of BioT's")
        if not self._is_signed(f"{parts[1]}.{parts[2]}".encode(), _decode(parts[3])):
            raise TokenError("The token is not signed by BioT")
        claims = _json_object(parts[2])
        _check_times(claims)
        scopes = claims.get("scopes")
        if permission and not (isinstance(scopes, list) and permission in scopes):
            raise TokenError(f"The token lacks the permission {permission}")
        return claims

    def _is_signed(self, content: bytes, signature: bytes) -> bool:
        # The wall clock: a monotonic clock may stand still while AWS Lambda has the process frozen.
        age = time.time() - self._fetched_at
        is_current = 0 <= age < KEY_LIFETIME_SECONDS
        if is_current and any(_is_signed_by(key, content, signature) for key in self._keys):
            return True
        if is_current and age < FETCH_INTERVAL_SECONDS:
            return False
        self._fetch_keys()
        return any(_is_signed_by(key, content, signature) for key in self._keys)

    def _fetch_keys(self) -> None:
        try:
            current, *previous = fetch_public_keys(self._base_url)
            keys = [_read_key(current)]
        except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
            raise PublicKeyError(f"{type(error).__name__}: {error}") from None
        for text in previous:
            try:
                keys.append(_read_key(text))
            except (ValueError, LookupError, TypeError) as error:
                _LOGGER.warning("BioT's previous public key is not used: %s: %s", type(error).__name__, error)
        self._keys, self._fetched_at = keys, time.time()


class _RsaKey(NamedTuple):
    modulus: int
    exponent: int


def fetch_public_keys(base_url: str) -> list[str]:
    """Return BioT's public key and, after a rotation, the previous one: base64 of SubjectPublicKeyInfo."""
    url = f"{base_url.rstrip('/')}/ums/v1/security/public-key"
    request = urllib.request.Request(url, headers={"accept": "application/json"})
    with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_SECONDS) as response:
        body = json.load(response)
    previous = body.get("previousPublicKey")
    return [body["publicKey"], previous] if previous else [body["publicKey"]]


def _read_key(text: str) -> _RsaKey:
    """Read the base64 of an RSA key's SubjectPublicKeyInfo (RFC 5280, section 4.1; RFC 8017, appendix A.1.1)."""
    (info,) = _der_values(base64.b64decode(text))
    algorithm, bits = _der_values(info)
    # The first byte of the bit string is the number of its unused bits.
    (key,) = _der_values(bits[1:])
    modulus, exponent = (int.from_bytes(value, "big") for value in _der_values(key))
    if algorithm != _RSA_ENCRYPTION or modulus.bit_length() < MIN_KEY_BITS:
        raise ValueError(f"the public key is not an RSA key of at least {MIN_KEY_BITS} bits")
    return _RsaKey(modulus, exponent)


def _der_values(content: bytes) -> list[bytes]:
    """Return the contents of DER values that stand one after the other."""
    values = []
    while content:
        size, start = content[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(content[2:start], "big")
        values.append(content[start : start + size])
        content = content[start + size :]
    return values


def _is_signed_by(key: _RsaKey, content: bytes, signature: bytes) -> bool:
    """Verify RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8017, section 8.2.2).

    The one valid encoding of the content is made here and compared as a whole, so nothing of a signature is parsed.
    """
    size = (key.modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= key.modulus:
        return False
    digest = _SHA512_DIGEST_INFO + hashlib.sha512(content).digest()
    encoded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return hmac.compare_digest(pow(number, key.exponent, key.modulus).to_bytes(size, "big"), encoded)


def _check_times(claims: dict[str, Any]) -> None:
    """Check `exp`, which must be there, and `nbf`. Raises TokenError."""
    expires, begins = _number(claims.get("exp")), _number(claims.get("nbf", 0))
    now = time.time()
    # Written so that NaN is refused.
    if not now < expires + CLOCK_SKEW_SECONDS:
        raise TokenError("The token has expired")
    if not now >= begins - CLOCK_SKEW_SECONDS:
        raise TokenError("The token is not valid yet")


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TokenError("The token is not one of BioT's")
    return value


def _json_object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decode(part))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise TokenError("The token is not one of BioT's")
    return value


def _decode(part: str) -> bytes:
    """Decode base64url without padding (RFC 7515, section 2)."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise TokenError("The token is not one of BioT's") from None
