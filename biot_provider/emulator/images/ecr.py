"""Authorization for pushes: the platform's temporary AWS keys, and the registry tokens that ECR gives for them.

Both contain their kind and are signed with a key of the database, so they need not be stored. Signatures of AWS
requests are not checked, but the session token in them is. Source: BioT API 2.4.2 (keys live one hour), and the API
reference of Amazon ECR, GetAuthorizationToken (tokens live twelve).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from biot_provider.emulator.images.registry import RegistryError
from biot_provider.emulator.testing.faults import EXPIRED

if TYPE_CHECKING:
    from biot_provider.emulator.database import Store

REGION = "embedded"
KEY_SECONDS = 3600.0
TOKEN_SECONDS = 12 * 3600.0
USER = "AWS"


class EcrError(Exception):
    """An error response of ECR, with the name of its exception."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class Keys(NamedTuple):
    """Temporary AWS keys; `expires` in seconds since 1970."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires: float


class Ecr:
    """Issues keys and tokens, and verifies them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keys(self) -> Keys:
        """Issue temporary keys."""
        token, expires = self._issue("session", KEY_SECONDS)
        return Keys(self._key_id(token), self._seal(f"secret {token}"), token, expires)

    def authorization(self, access_key_id: str, session_token: str) -> dict[str, Any]:
        """Perform GetAuthorizationToken for temporary keys. Raises EcrError."""
        valid = self._state("session", session_token)
        if valid is None or access_key_id != self._key_id(session_token):
            raise EcrError("UnrecognizedClientException", "The security token included in the request is invalid.")
        if not valid:
            raise EcrError("ExpiredTokenException", "The security token included in the request is expired")
        password, expires = self._issue("password", TOKEN_SECONDS)
        return {"authorizationToken": base64.b64encode(f"{USER}:{password}".encode()).decode(), "expiresAt": expires}

    def require(self, authorization: str | None) -> None:
        """Refuse a request to the registry without a token of this platform, or with an expired one.

        The token is taken as the credentials of either scheme, Basic or Bearer. Raises RegistryError.
        """
        _, _, token = (authorization or "").partition(" ")
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            user = password = ""
        valid = self._state("password", password) if user == USER else None
        if valid is None:
            raise RegistryError(401, "UNAUTHORIZED", "Not Authorized")
        if not valid:
            raise RegistryError(403, "DENIED", EXPIRED)

    def end_all(self) -> None:
        """Expire every key and token issued so far."""
        self._store.set_fact("image tokens ended", repr(time.time()))

    def _issue(self, kind: str, seconds: float) -> tuple[str, float]:
        now = time.time()
        text = f"{kind}.{now:.6f}.{now + seconds:.6f}.{secrets.token_hex(8)}"
        return f"{text}.{self._seal(text)}", now + seconds

    def _state(self, kind: str, token: str) -> bool | None:
        """Return whether a token is still valid; None if this platform has not issued it."""
        text, _, seal = token.rpartition(".")
        if not text.startswith(f"{kind}.") or not hmac.compare_digest(seal.encode(), self._seal(text).encode()):
            return None
        # The seconds have a fraction, and so contain a full stop too.
        issued, expires = ".".join(text.split(".")[1:3]), ".".join(text.split(".")[3:5])
        ended = self._store.fact("image tokens ended")
        return float(expires) > time.time() and float(issued) > float(ended or 0)

    def _key_id(self, session_token: str) -> str:
        return f"ASIA{self._seal(session_token)[:16].upper()}"

    def _seal(self, text: str) -> str:
        key = self._store.fact_or_new("image tokens key", lambda: secrets.token_hex(32))
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
