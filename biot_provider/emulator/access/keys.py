"""The platform's key pair, with which it signs its calls to plugins, RS512 (BioT API 2.4.2, ums, security).

After a rotation the previous key stays published, so that earlier signatures can still be verified.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from biot_provider.emulator.database import Store

BITS = 2048
EXPONENT = 65537

_CURRENT, _PREVIOUS = "signing key", "previous signing key"


class Keys:
    """The key pair of a database, and the one before it, each stored as the base64 of its private key (PKCS #8)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def public(self) -> str:
        """Return the public key: base64 of its DER form (SubjectPublicKeyInfo), without the lines of a PEM file."""
        return _public(self._current())

    def previous(self) -> str | None:
        """Return the public key before the last rotation, in the same form; None without a rotation."""
        stored = self._store.fact(_PREVIOUS)
        return None if stored is None else _public(stored)

    def published(self) -> dict[str, str | None]:
        """Return both public keys as the API shows them."""
        return {"publicKey": self.public(), "previousPublicKey": self.previous()}

    def private(self) -> RSAPrivateKey:
        """Return the private key for signing."""
        return _load(self._current())

    def rotate(self) -> None:
        """Sign with a new key from now on; the current one becomes the previous one."""
        self._current()
        made = _make()
        with self._store.writing() as db:
            db.execute("DELETE FROM facts WHERE name = ?", (_PREVIOUS,))
            db.execute("UPDATE facts SET name = ? WHERE name = ?", (_PREVIOUS, _CURRENT))
            db.execute("INSERT INTO facts VALUES (?, ?)", (_CURRENT, made))

    def _current(self) -> str:
        return self._store.fact_or_new(_CURRENT, _make)


def _make() -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(EXPONENT, BITS)
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


def _load(stored: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    key = load_der_private_key(base64.b64decode(stored), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)  # noqa: S101  (no other kind is stored)
    return key


def _public(stored: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = _load(stored).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
