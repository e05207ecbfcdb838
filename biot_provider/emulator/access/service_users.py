"""Service users and their secret keys (BioT API 2.4.3, ums).

A secret key is shown only once, when it is created; if it expires, it is no longer listed. Deleting a service user ends
its keys and its tokens, and disabling it ends its tokens; deleting a key ends no token.
"""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.access.people import ORGANIZATION
from biot_provider.emulator.access.permissions import ROLE, ROLES
from biot_provider.emulator.access.tokens import TOKEN_SECONDS
from biot_provider.emulator.http import search
from biot_provider.emulator.http.errors import ApiError, invalid
from biot_provider.emulator.http.json_body import without_nulls
from biot_provider.emulator.http.readers import boolean, integer, members, one_of, text
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.http.readers import Reader
    from biot_provider.emulator.testing.contract_variants import ContractVariant, ContractVariants

TYPES = ("INTERNAL_SERVICE", "EXTERNAL_SERVICE")
SEARCHED = search.Searched(
    words=("id", "type", "ownerOrganizationId", "name"), numbers=("accessTokenExpirationInMinutes",), flags=("active",)
)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class ServiceUsers:
    """The platform's operations on service users."""

    def __init__(self, store: Store, variants: ContractVariants) -> None:
        self._store = store
        self._variants = variants

    def create(self, body: Any) -> dict[str, Any]:
        """Create a service user with its first key. The name, if given, must be unique."""
        variant = self._variants.read()
        sent = members(body, "", _FIELDS, whole="body")
        missing = [name for name in ("roleId", "type") if name not in sent]
        if missing:
            raise ApiError(400, "MISSING_PARAMETERS", f"Missing: {', '.join(missing)}", {"parameters": missing})
        _check_role(sent, variant)
        organization = sent.get("ownerOrganizationId")
        if organization not in (None, ORGANIZATION) and variant.organizations == "known":
            raise ApiError(404, "OWNER_ORGANIZATION_NOT_FOUND", "No such organization", {"id": organization})
        minutes = sent.get("accessTokenExpirationInMinutes")
        with self._store.writing() as db:
            name = sent.get("name")
            if name is not None and db.execute("SELECT 1 FROM service_users WHERE name = ?", (name,)).fetchone():
                raise ApiError(409, "SERVICE_NAME_ALREADY_EXISTS", f"Name [{name}] is taken", {"name": name})
            user_id = insert(
                db,
                name=name,
                kind=sent["type"],
                role=sent["roleId"],
                active=sent.get("active", True),
                organization=organization,
                token_seconds=None if minutes is None else minutes * 60.0,
                key_minutes=sent.get("secretKeyExpirationInMinutes"),
            )
            user = _existing(db, user_id)
            key = add_key(db, user_id, expires=_key_end(user))
            return _shown(_response(user, variant) | {"secretKeyData": _new_key(key)}, variant)

    def get(self, user_id: str) -> dict[str, Any]:
        """Return one service user, with its keys but not their secrets."""
        variant = self._variants.read()
        with self._store.reading() as db:
            return _whole(db, _existing(db, user_id), variant)

    def search(self, request: Any) -> dict[str, Any]:
        """Return one page of the service users that match a search request."""
        variant = self._variants.read()
        query = search.read_query(request, SEARCHED)
        with self._store.reading() as db:
            users = db.execute("SELECT * FROM service_users ORDER BY sequence DESC").fetchall()
            return search.run(query, [_whole(db, user, variant) for user in users])

    def update(self, user_id: str, body: Any) -> dict[str, Any]:
        """Change those of the three changeable fields that were sent; other members are ignored."""
        variant = self._variants.read()
        nulls = () if variant.nulls == "keep" else ("secretKeyExpirationInMinutes",)
        sent = members(body, "", _CHANGEABLE, nulls=nulls, whole="body")
        _check_role(sent, variant)
        with self._store.writing() as db:
            user = _existing(db, user_id)
            active = sent.get("active", user["active"])
            minutes = sent.get("secretKeyExpirationInMinutes", user["key_minutes"])
            db.execute("UPDATE service_users SET active = ?, key_minutes = ? WHERE id = ?", (active, minutes, user_id))
            if not active:
                db.execute("DELETE FROM tokens WHERE service_user = ?", (user_id,))
            if "roleId" in sent:
                # A new role brings its permissions.
                db.execute(
                    "UPDATE service_users SET role = ?, permissions = NULL WHERE id = ?", (sent["roleId"], user_id)
                )
            return _whole(db, _existing(db, user_id), variant)

    def delete(self, user_id: str) -> None:
        """Delete the service user, its keys and its tokens."""
        with self._store.writing() as db:
            _existing(db, user_id)
            remove(db, user_id)

    def create_key(self, user_id: str) -> dict[str, Any]:
        """Create one more key, up to a limit; expired keys do not count."""
        variant = self._variants.read()
        limit = int(variant.max_secret_keys)
        with self._store.writing() as db:
            user = _existing(db, user_id)
            if len(live_keys(db, user_id)) >= limit:
                details = {"serviceId": user_id, "maxSecretKeys": limit}
                raise ApiError(409, "MAX_SECRET_KEYS", f"A service user has {limit} secret keys at most", details)
            return _shown(_new_key(add_key(db, user_id, expires=_key_end(user))), variant)

    def delete_key(self, user_id: str, key_id: str) -> None:
        """Delete a key: nobody can log in with it any more."""
        with self._store.writing() as db:
            _existing(db, user_id)
            if key_id not in [key["id"] for key in live_keys(db, user_id)]:
                details = {"secretKeyId": key_id, "serviceUserId": user_id}
                raise ApiError(404, "SECRET_KEY_ID_NOT_FOUND", f"No secret key [{key_id}]", details)
            db.execute("DELETE FROM secret_keys WHERE id = ?", (key_id,))


def insert(
    db: sqlite3.Connection,
    permissions: Iterable[str] | None = None,
    *,
    user_id: str | None = None,
    name: str | None = None,
    kind: str = "INTERNAL_SERVICE",
    role: str = ROLE,
    active: bool = True,
    locked: bool = False,
    organization: str | None = None,
    token_seconds: float | None = None,
    key_minutes: int | None = None,
    plugin: str | None = None,
) -> str:
    """Store a new service user without a key and return its id. Without `permissions` it has those of its role."""
    user_id = user_id or str(uuid.uuid4())
    given = None if permissions is None else json.dumps(list(permissions))
    values = (user_id, name, kind, role, given, active, locked, organization, token_seconds, key_minutes, plugin)
    db.execute(
        "INSERT INTO service_users (id, name, type, role, permissions, active, locked, organization, token_seconds,"
        " key_minutes, plugin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return user_id


def remove(db: sqlite3.Connection, user_id: str) -> None:
    """Delete a service user with its keys and its tokens."""
    db.execute("DELETE FROM service_users WHERE id = ?", (user_id,))
    db.execute("DELETE FROM secret_keys WHERE service_user = ?", (user_id,))
    db.execute("DELETE FROM tokens WHERE service_user = ?", (user_id,))


def add_key(
    db: sqlite3.Connection, user_id: str, *, expires: float | None = None, secret_key: str | None = None
) -> Mapping[str, Any]:
    """Store a new key of a service user; it is random unless given."""
    now = time.time()
    key = {"id": str(uuid.uuid4()), "secret_key": secret_key or secrets.token_urlsafe(32), "created": now}
    db.execute(
        "INSERT INTO secret_keys (id, service_user, secret_key, created, expires) VALUES (?, ?, ?, ?, ?)",
        (key["id"], user_id, key["secret_key"], now, expires),
    )
    return {**key, "expires": expires}


def live_keys(db: sqlite3.Connection, user_id: str) -> list[sqlite3.Row]:
    """Return the keys of a service user that have not expired, the oldest first."""
    return db.execute(
        "SELECT * FROM secret_keys WHERE service_user = ? AND (expires IS NULL OR expires > ?) ORDER BY sequence",
        (user_id, time.time()),
    ).fetchall()


def _existing(db: sqlite3.Connection, user_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM service_users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise ApiError(404, "SERVICE_USER_NOT_FOUND", f"Service user [{user_id}] not found", {"id": user_id})
    return row


def _check_role(sent: Mapping[str, Any], variant: ContractVariant) -> None:
    """Refuse an unknown role. The API documents no code for a creation, so the one for an update is used."""
    role = sent.get("roleId", ROLE)
    if role not in ROLES and variant.roles == "known":
        details = {"id": role, "types": list(TYPES)}
        raise ApiError(404, "ROLE_NOT_FOUND_IN_SUPPORTED_TYPES", f"Role [{role}] not found", details)


def _key_end(user: sqlite3.Row) -> float | None:
    return None if user["key_minutes"] is None else time.time() + 60 * user["key_minutes"]


def _whole(db: sqlite3.Connection, user: sqlite3.Row, variant: ContractVariant) -> dict[str, Any]:
    """Return the GetServiceUserV2Response."""
    keys = [_key(key) for key in live_keys(db, user["id"])]
    return _shown(
        _response(user, variant) | {"secretKeys": keys[::-1] if variant.lists == "reversed" else keys}, variant
    )


def _response(user: sqlite3.Row, variant: ContractVariant) -> dict[str, Any]:
    """Return the members of a service user that every response shows."""
    organization, seconds = user["organization"], user["token_seconds"]
    if variant.service_user_defaults == "filled":
        organization = organization or ORGANIZATION
        seconds = TOKEN_SECONDS if seconds is None else seconds
    return {
        "id": user["id"],
        "name": user["name"],
        "type": user["type"],
        "roleId": user["role"],
        "active": bool(user["active"]),
        "ownerOrganizationId": organization,
        "accessTokenExpirationInMinutes": None if seconds is None else max(1, round(seconds / 60)),
        "secretKeyExpirationInMinutes": user["key_minutes"],
    }


def _key(key: Mapping[str, Any] | sqlite3.Row) -> dict[str, Any]:
    expires = key["expires"]
    return {
        "id": key["id"],
        "creationTime": iso(key["created"]),
        "expirationTime": None if expires is None else iso(expires),
    }


def _new_key(key: Mapping[str, Any]) -> dict[str, Any]:
    return _key(key) | {"secretKey": key["secret_key"]}


def _shown(response: dict[str, Any], variant: ContractVariant) -> dict[str, Any]:
    return without_nulls(response) if variant.absent == "omitted" else response


def _uuid(value: Any, path: str) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise invalid(path, "must be a UUID")
    return value.lower()


_MINUTES: Reader = integer(1, 2**31 - 1)
_CHANGEABLE: dict[str, Reader] = {
    "active": boolean,
    "roleId": _uuid,
    "secretKeyExpirationInMinutes": _MINUTES,
}
_FIELDS: dict[str, Reader] = {
    **_CHANGEABLE,
    "type": one_of(*TYPES),
    "ownerOrganizationId": _uuid,
    "name": text(0, 100),
    "accessTokenExpirationInMinutes": _MINUTES,
}
