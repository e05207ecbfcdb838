"""Who calls: service users, their tokens and what they may do (BioT API 2.4.2, ums). People are in `people`.

Wrong credentials are a 403 and a lock is a 401, the other way round than one would guess. Tokens are random words
without meaning, kept as digests, and end by the clock.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from .people import People
from .refusals import Refusal
from .tokens import digest, new, shown

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from .store import Store
    from .switches import Switches

TOKEN_SECONDS = 30 * 60
PERMISSIONS = (
    "SETTINGS_PLUGIN_CREATE",
    "SETTINGS_PLUGIN_UPDATE",
    "SETTINGS_PLUGIN_GET",
    "SETTINGS_PLUGIN_SEARCH",
    "SETTINGS_PLUGIN_DELETE",
    "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS",
)


class Identity:
    """Service users, people and the tokens of both, of one database."""

    def __init__(self, store: Store, switches: Switches) -> None:
        self._store = store
        self._switches = switches
        self.people = People(store, switches)
        self.service_id, self.service_secret_key = self._built_in()

    def add_service_user(
        self,
        permissions: Iterable[str] = PERMISSIONS,
        *,
        token_seconds: float = TOKEN_SECONDS,
        locked: bool = False,
        expired: bool = False,
    ) -> tuple[str, str]:
        """A new service user with these permissions; gives its id and its secret key, which may have expired."""
        permissions = known(permissions)
        with self._store.writing() as db:
            return _insert(db, permissions, token_seconds, locked=locked, key_expires=time.time() if expired else None)

    def add_user(
        self,
        permissions: Iterable[str] = PERMISSIONS,
        *,
        token_seconds: float = TOKEN_SECONDS,
        locked: bool = False,
        locked_minutes: float | None = None,
        mfa: bool = False,
    ) -> tuple[str, str]:
        """A new person with these permissions; gives the user name and the password, both made at random.

        `locked` for good or for `locked_minutes` from now; with `mfa` a login is only the first of two steps.
        """
        return self.people.add(
            known(permissions), token_seconds=token_seconds, locked=locked, locked_minutes=locked_minutes, mfa=mfa
        )

    def log_in(self, body: Any) -> dict[str, Any]:
        """A token for a service user's id and secret key."""
        user_id, secret_key = (body.get("id"), body.get("secretKey")) if isinstance(body, dict) else (None, None)
        if not isinstance(user_id, str) or not isinstance(secret_key, str):
            raise Refusal(400, "BAD_REQUEST", "id and secretKey must be strings")
        with self._store.writing() as db:
            user = db.execute("SELECT * FROM service_users WHERE id = ?", (user_id,)).fetchone()
            now = time.time()
            right = user is not None and hmac.compare_digest(user["secret_key"].encode(), secret_key.encode())
            if not right or (user["key_expires"] is not None and user["key_expires"] <= now):
                raise Refusal(403, "LOGIN_FAILED", "Login failed")
            if user["locked"]:
                raise Refusal(401, "SERVICE_LOCKED", "Service user is locked")
            token, expires = new(), now + user["token_seconds"]
            db.execute("DELETE FROM tokens WHERE expires <= ?", (now,))
            db.execute("INSERT INTO tokens VALUES (?, ?, ?)", (digest(token), user_id, expires))
        return {"accessToken": token} | shown("accessTokenExpiration", expires, self._switches.read())

    def require(self, authorization: str | None, permission: str) -> None:
        """Refuse a call whose bearer token is not valid, or whose user lacks the permission."""
        scheme, _, token = (authorization or "").partition(" ")
        with self._store.reading() as db:
            row = db.execute(_HOLDER, {"digest": digest(token.strip())}).fetchone()
        if scheme.lower() != "bearer" or row is None or row["expires"] <= time.time():
            raise Refusal(401, "TOKEN_NOT_VALID", "Token is not valid")
        if permission not in json.loads(row["permissions"]):
            raise Refusal(403, "ACCESS_DENIED", "Access is denied")

    def end_tokens(self, *, refresh: bool = False) -> None:
        """Make every access token given so far invalid, as if its time had come; with `refresh` those tokens too."""
        with self._store.writing() as db:
            db.execute("DELETE FROM tokens")
            db.execute("DELETE FROM sessions WHERE kind != 'refresh' OR ?", (refresh,))

    def _built_in(self) -> tuple[str, str]:
        """The service user made with the database: all permissions, a random secret kept beside it."""
        with self._store.reading() as db:
            row = db.execute(_BUILT_IN).fetchone()
        if row is None:
            with self._store.writing() as db:
                # Asked again under the write lock: two processes may open a new database at once.
                row = db.execute(_BUILT_IN).fetchone()
                if row is None:
                    user_id, _ = _insert(db, PERMISSIONS, TOKEN_SECONDS)
                    db.execute("INSERT INTO facts VALUES ('built-in service user', ?)", (user_id,))
                    row = db.execute(_BUILT_IN).fetchone()
        return row["id"], row["secret_key"]


_BUILT_IN = (
    "SELECT id, secret_key FROM service_users JOIN facts ON value = id WHERE facts.name = 'built-in service user'"
)
_HOLDER = """
SELECT permissions, expires FROM tokens JOIN service_users ON id = service_user WHERE digest = :digest
UNION ALL
SELECT CASE kind WHEN 'access' THEN permissions ELSE '[]' END, expires FROM sessions JOIN people ON id = person
WHERE digest = :digest AND kind != 'refresh'
"""
"""What the holder of a token may do, and until when; one that waits for its second factor may do nothing here."""


def known(permissions: Iterable[str]) -> list[str]:
    """These permissions; a ValueError names those that do not exist."""
    permissions = list(permissions)
    unknown = set(permissions).difference(PERMISSIONS)
    if unknown:
        message = f"unknown permissions {', '.join(sorted(unknown))}: there are {', '.join(PERMISSIONS)}"
        raise ValueError(message)
    return permissions


def _insert(
    db: sqlite3.Connection,
    permissions: Iterable[str],
    token_seconds: float,
    *,
    locked: bool = False,
    key_expires: float | None = None,
) -> tuple[str, str]:
    user = (str(uuid.uuid4()), secrets.token_urlsafe(32))
    db.execute(
        "INSERT INTO service_users (id, secret_key, permissions, locked, token_seconds, key_expires)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (*user, json.dumps(list(permissions)), locked, token_seconds, key_expires),
    )
    return user
