"""The platform's callers: service users, their tokens and permissions (BioT API 2.4.2, ums). People are in `people`.

Wrong credentials give a 403 and a lock a 401, contrary to what one would expect. Tokens are random, stored as digests,
and expire.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.access.people import ORGANIZATION, People
from biot_provider.emulator.access.permissions import PERMISSIONS, known, of_holder
from biot_provider.emulator.access.service_users import ServiceUsers, add_key, insert, live_keys
from biot_provider.emulator.access.tokens import TOKEN_SECONDS, digest, new, shown
from biot_provider.emulator.http.errors import ApiError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.testing.contract_variants import ContractVariants


@dataclass(frozen=True)
class Holder:
    """The user of a valid token."""

    id: str
    kind: str
    """`USER`, a person, or `SERVICE`, a service user."""
    plugin: str | None
    """The bare name of the plugin that the service user belongs to."""
    organization: str
    permissions: tuple[str, ...]


class Identity:
    """The service users and people of one database, with their tokens."""

    def __init__(self, store: Store, variants: ContractVariants) -> None:
        self._store = store
        self._variants = variants
        self.people = People(store, variants)
        self.add_user = self.people.add
        self.service_users = ServiceUsers(store, variants)
        self.service_id, self.service_secret_key = self._built_in()

    def add_service_user(
        self,
        permissions: Iterable[str] = PERMISSIONS,
        *,
        token_seconds: float = TOKEN_SECONDS,
        locked: bool = False,
        expired: bool = False,
    ) -> tuple[str, str]:
        """Add a service user with these permissions and return its id and its secret key, which may have expired."""
        permissions = known(permissions)
        with self._store.writing() as db:
            user_id = insert(db, permissions, token_seconds=token_seconds, locked=locked)
            return user_id, add_key(db, user_id, expires=time.time() if expired else None)["secret_key"]

    def log_in(self, body: Any) -> dict[str, Any]:
        """Log a service user in by its id and secret key."""
        user_id, secret_key = (body.get("id"), body.get("secretKey")) if isinstance(body, dict) else (None, None)
        if not isinstance(user_id, str) or not isinstance(secret_key, str):
            raise ApiError(400, "BAD_REQUEST", "id and secretKey must be strings")
        with self._store.writing() as db:
            user = db.execute("SELECT * FROM service_users WHERE id = ?", (user_id,)).fetchone()
            now = time.time()
            held = [row["secret_key"] for row in live_keys(db, user_id)]
            right = any(hmac.compare_digest(key.encode(), secret_key.encode()) for key in held)
            if user is None or not right or not user["active"]:
                raise ApiError(403, "LOGIN_FAILED", "Login failed")
            if user["locked"]:
                raise ApiError(401, "SERVICE_LOCKED", "Service user is locked")
            seconds = TOKEN_SECONDS if user["token_seconds"] is None else user["token_seconds"]
            token, expires = new(), now + seconds
            db.execute("DELETE FROM tokens WHERE expires <= ?", (now,))
            db.execute("INSERT INTO tokens VALUES (?, ?, ?)", (digest(token), user_id, expires))
        return {"accessToken": token} | shown("accessTokenExpiration", expires, self._variants.read())

    def require(self, authorization: str | None, permission: str) -> None:
        """Refuse a call without a valid bearer token, or of a user without the permission."""
        if permission not in self.holder(authorization).permissions:
            raise ApiError(403, "ACCESS_DENIED", "Access is denied")

    def holder(self, authorization: str | None) -> Holder:
        """Return the caller, according to the header `Authorization`. Raises ApiError without a valid bearer token."""
        scheme, _, token = (authorization or "").partition(" ")
        with self._store.reading() as db:
            row = db.execute(_HOLDER, {"digest": digest(token.strip())}).fetchone()
        if scheme.lower() != "bearer" or row is None or row["expires"] <= time.time():
            raise ApiError(401, "TOKEN_NOT_VALID", "Token is not valid")
        return Holder(row["id"], row["kind"], row["plugin"], row["organization"] or ORGANIZATION, of_holder(row))

    def end_tokens(self, *, refresh: bool = False) -> None:
        """Invalidate every access token issued so far, as if it had expired; with `refresh` also the refresh tokens."""
        with self._store.writing() as db:
            db.execute("DELETE FROM tokens")
            db.execute("DELETE FROM sessions WHERE kind != 'refresh' OR ?", (refresh,))

    def _built_in(self) -> tuple[str, str]:
        """Return the service user that is created with the database, with all permissions and a stored random secret.

        If somebody has deleted it, disabled it or deleted its key, a new one takes its place.
        """
        with self._store.reading() as db:
            found = _find_built_in(db)
        if found is None:
            with self._store.writing() as db:
                # Check again under the write lock: two processes may open a new database at the same time.
                found = _find_built_in(db)
                if found is None:
                    user_id = insert(db)
                    db.execute("INSERT OR REPLACE INTO facts VALUES ('built-in service user', ?)", (user_id,))
                    found = (user_id, add_key(db, user_id)["secret_key"])
        return found


_BUILT_IN = (
    "SELECT id FROM service_users JOIN facts ON value = id WHERE facts.name = 'built-in service user' AND active"
)
_HOLDER = """
SELECT id, 'SERVICE' AS kind, plugin, organization, permissions, role, expires
FROM tokens JOIN service_users ON id = service_user WHERE digest = :digest
UNION ALL
SELECT id, 'USER', NULL, NULL, CASE sessions.kind WHEN 'access' THEN permissions ELSE '[]' END, NULL, expires
FROM sessions JOIN people ON id = person WHERE digest = :digest AND sessions.kind != 'refresh'
"""
"""The user of a token, and its expiration; a token that waits for its second factor permits nothing here."""


def _find_built_in(db: sqlite3.Connection) -> tuple[str, str] | None:
    row = db.execute(_BUILT_IN).fetchone()
    keys = live_keys(db, row["id"]) if row else []
    return (row["id"], keys[0]["secret_key"]) if keys else None
