"""People who log in with a user name and a password (BioT API 2.4.2, ums).

A login gives an access token and a refresh token. If a second factor is required, it gives only an access token that is
valid for nothing but that second step; the step itself is not emulated, since it needs a telephone.
"""

from __future__ import annotations

import hmac
import json
import math
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.access.permissions import PERMISSIONS, known
from biot_provider.emulator.access.tokens import TOKEN_SECONDS, digest, new, shown
from biot_provider.emulator.http.errors import ApiError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.testing.contract_variants import ContractVariant, ContractVariants

REFRESH_SECONDS = 24 * 3600
MFA_SECONDS = 5 * 60
ORGANIZATION = "00000000-0000-0000-0000-000000000000"


class People:
    """The people of one database and their tokens."""

    def __init__(self, store: Store, variants: ContractVariants) -> None:
        self._store = store
        self._variants = variants

    def add(
        self,
        permissions: Iterable[str] = PERMISSIONS,
        *,
        token_seconds: float = TOKEN_SECONDS,
        locked: bool = False,
        locked_minutes: float | None = None,
        mfa: bool = False,
    ) -> tuple[str, str]:
        """Add a person with these permissions and return the user name and the password, both made at random.

        `locked` for good or for `locked_minutes` from now; with `mfa` a login is only the first of two steps.
        """
        permissions = known(permissions)
        until = None if locked_minutes is None else time.time() + 60 * locked_minutes
        credentials = (f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(18))
        with self._store.writing() as db:
            db.execute(
                "INSERT INTO people (id, username, password, permissions, locked, locked_until, mfa, token_seconds)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), *credentials, json.dumps(permissions), locked, until, mfa, token_seconds),
            )
        return credentials

    def log_in(self, body: Any) -> dict[str, Any]:
        """Log in with user name and password; return a LoginResponse. Wrong ones are a 403, a lock is a 401."""
        username, password = (body.get("username"), body.get("password")) if isinstance(body, dict) else (None, None)
        if not isinstance(username, str) or not isinstance(password, str):
            raise ApiError(400, "BAD_REQUEST", "username and password must be strings")
        variant = self._variants.read()
        with self._store.writing() as db:
            person = db.execute("SELECT * FROM people WHERE username = ?", (username,)).fetchone()
            if person is None or not hmac.compare_digest(person["password"].encode(), password.encode()):
                raise ApiError(403, "LOGIN_FAILED", "Login failed")
            _refuse_locked(person)
            if not person["mfa"]:
                return _logged_in(db, person, variant)
            access = _give(db, person, "mfa", MFA_SECONDS)
            expiration = shown("mfaExpiration", access[1], variant)
            return _response(person, access, None, variant, mfa=True) | expiration | {"mfaDeliveryMethod": "SMS"}

    def refresh(self, body: Any) -> dict[str, Any]:
        """Return a LoginResponse with a new access token; the refresh token stays as it is."""
        variant = self._variants.read()
        with self._store.writing() as db:
            session = _session(db, body)
            if session is None:
                raise ApiError(403, "REFRESH_TOKEN_NOT_VALID", "Refresh token is not valid")
            access = _give(db, session, "access", session["token_seconds"])
            return _response(session, access, (body["refreshToken"], session["expires"]), variant)

    def log_in_again(self, body: Any) -> dict[str, Any]:
        """Return a LoginResponse with new access and refresh tokens; the refresh token that was sent ends."""
        variant = self._variants.read()
        with self._store.writing() as db:
            session = _session(db, body)
            if session is None:
                raise ApiError(403, "LOGIN_FAILED", "Login failed")
            db.execute("DELETE FROM sessions WHERE digest = ?", (session["digest"],))
            return _logged_in(db, session, variant)


def _refuse_locked(person: sqlite3.Row) -> None:
    if person["locked"]:
        raise ApiError(401, "USER_LOCKED", "User is locked")
    left = (person["locked_until"] or 0) - time.time()
    if left > 0:
        raise ApiError(
            401, "USER_LOCKED_WITH_TIME", "User is locked for some time", {"timeLeftInMinutes": math.ceil(left / 60)}
        )


def _session(db: sqlite3.Connection, body: Any) -> sqlite3.Row | None:
    """Return the person and the session of a refresh token; none if it is invalid, or its person is locked."""
    token = body.get("refreshToken") if isinstance(body, dict) else None
    if not isinstance(token, str):
        raise ApiError(400, "BAD_REQUEST", "refreshToken must be a string")
    now = time.time()
    found: sqlite3.Row | None = db.execute(
        "SELECT * FROM sessions JOIN people ON id = person WHERE digest = ? AND kind = 'refresh' AND expires > ?"
        " AND NOT locked AND coalesce(locked_until, 0) <= ?",
        (digest(token), now, now),
    ).fetchone()
    return found


def _logged_in(db: sqlite3.Connection, person: sqlite3.Row, variant: ContractVariant) -> dict[str, Any]:
    access = _give(db, person, "access", person["token_seconds"])
    return _response(person, access, _give(db, person, "refresh", REFRESH_SECONDS), variant)


def _give(db: sqlite3.Connection, person: sqlite3.Row, kind: str, seconds: float) -> tuple[str, float]:
    """Issue a token and return it with the time when it ends."""
    now = time.time()
    token, expires = new(), now + seconds
    db.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
    db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (digest(token), person["id"], kind, expires))
    return token, expires


def _response(
    person: sqlite3.Row,
    access: tuple[str, float],
    refresh: tuple[str, float] | None,
    variant: ContractVariant,
    *,
    mfa: bool = False,
) -> dict[str, Any]:
    """Return a LoginResponse, with null for optional members without a value."""
    return {
        "userId": person["id"],
        "ownerOrganizationId": ORGANIZATION,
        "accessJwt": _jwt(access, variant),
        "refreshJwt": _jwt(refresh, variant) if refresh else None,
        "mfaRequired": mfa,
        "mfaExpiration": None,
        "passwordResetRequired": False,
        "phone": None,
    }


def _jwt(given: tuple[str, float], variant: ContractVariant) -> dict[str, Any]:
    return {"token": given[0]} | shown("expiration", given[1], variant)
