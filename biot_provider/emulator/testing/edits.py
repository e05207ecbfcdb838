"""Changes of stored records, as a person in the Console, an operator, or a newer release may make: without rules.

Unlike `variants`, which change responses, an edit stays, and later writes find it.
"""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.errors import ApiError
from biot_provider.emulator.plugins.responses import DEFAULT_CORS, PREFIX
from biot_provider.emulator.subscriptions.subscribers import DEFAULT_ORDER
from biot_provider.emulator.testing.json_paths import change, parse
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from biot_provider.emulator.access.identity import Identity
    from biot_provider.emulator.database import Store
    from biot_provider.emulator.plugins.service import Plugins
    from biot_provider.emulator.testing.json_paths import At

PLUGIN, SERVICE_USER = "plugin", "service-user"
_TABLES: dict[str, tuple[str, str, dict[str, str]]] = {
    SERVICE_USER: (
        "service_users",
        "id",
        {
            "name": "name",
            "type": "type",
            "roleId": "role",
            "active": "active",
            "ownerOrganizationId": "organization",
            "secretKeyExpirationInMinutes": "key_minutes",
        },
    ),
    "notification": (
        "listeners",
        "id",
        {"entityTypeName": "entity", "actionName": "action", "endpoint": "endpoint", "templateName": "template"},
    ),
    "interception": (
        "interceptors",
        "json_extract(record, '$.id')",
        {"type": "type", "endpoint": "endpoint", "executionOrder": "position"},
    ),
}
"""For each kind except plugins: its table, its id, and the columns of the members that can be edited."""


class Edits:
    """Changes of stored records, as if by hand. Methods raise ValueError for anything missing or not editable."""

    def __init__(self, store: Store, plugins: Plugins, identity: Identity) -> None:
        self._store = store
        self._plugins = plugins
        self._identity = identity

    def stored(self) -> dict[str, dict[str, Any]]:
        """Return every plugin by its bare name as stored, without the effect of any variant."""
        with self._store.reading() as db:
            rows = db.execute("SELECT name, record FROM plugins ORDER BY sequence").fetchall()
        return {row["name"]: json.loads(row["record"]) for row in rows}

    def change(self, kind: str, which: str, at: At, value: Any = None, *, missing: bool = False) -> None:
        """Store another value, for example `change("plugin", "guard", "cors.allowMethods[+]", "OPTIONS")`.

        `which` is a plugin's bare name, or the id of a service user, an interception or a notification. A plugin has
        the members of a request, and `creationTime`, `endpointUrl`, `deploymentPackageType` and the like; the others
        have a few that can be edited, and none of them can go missing.
        """
        steps = parse(at)
        if not steps:
            message = f"an edit of a {kind} needs `at`, the member to change"
            raise ValueError(message)
        if kind != PLUGIN:
            self._change_row(kind, which, ".".join(map(str, steps)), value)
            return

        def edit(record: dict[str, Any]) -> None:
            # Members that a response shows without a stored value can be edited too.
            if steps[:1] == ("cors",) and steps[1:]:
                stored = DEFAULT_CORS | (record["cors"] or {})
                record["cors"] = {name: list(values) for name, values in stored.items()}
            elif steps[:1] == ("subscriptions",) and steps[1:]:
                record["subscriptions"] = record["subscriptions"] or {
                    "interceptionOrder": DEFAULT_ORDER,
                    "interceptions": [],
                    "notifications": [],
                }
            if not change(record, steps, value, missing=missing):
                message = f"plugin {which!r} has nothing at {at!r}"
                raise ValueError(message)

        with _found():
            self._plugins.edit(which, edit)

    def deploy(self, name: str, code: bytes | None = None, *, image_tag: str | None = None) -> int:
        """Deploy a zip or an image to a plugin, keep the rest, and return the new version, one above the last."""
        with _found():
            version = int(self._plugins.get(PREFIX + name)["version"]) + 1
            tag = {} if image_tag is None else {"imageTag": image_tag}
            self._plugins.update(PREFIX + name, {"version": version, **tag}, code)
        return version

    def remake(self, name: str, code: bytes | None = None, **config: Any) -> None:
        """Delete the plugin and create one of its name by hand: without a stamp, and created at least a second later.

        `config` is that of a creation: `deploymentPackageType="IMAGE", imageTag=...` makes it one of an image.
        """
        with _found():
            before = self._plugins.get(PREFIX + name)["creationTime"]
            self._plugins.delete(PREFIX + name)
            made = self._plugins.create({"name": name, "displayName": name, "version": 1, **config}, code)
        first = datetime.fromisoformat(before) + timedelta(seconds=1)
        if datetime.fromisoformat(made["creationTime"]) < first:
            self.change(PLUGIN, name, "creationTime", iso(first))

    def delete(self, kind: str, which: str) -> None:
        """Delete a plugin, a service user or a subscription."""
        with _found():
            if kind == PLUGIN:
                self._plugins.delete(PREFIX + which)
            elif kind == SERVICE_USER:
                self._identity.service_users.delete(which)
            else:
                with self._store.writing() as db:
                    table, row = _row(db, kind, which)
                    db.execute(f"DELETE FROM {table} WHERE sequence = ?", (row["sequence"],))  # noqa: S608  (a constant)

    def _change_row(self, kind: str, which: str, member: str, value: Any) -> None:
        with self._store.writing() as db:
            table, row = _row(db, kind, which)
            columns = _TABLES[kind][2]
            if member not in columns:
                message = f"{member!r} of a {kind} cannot be edited, only {', '.join(columns)}"
                raise ValueError(message)
            if isinstance(value, (list, dict)):
                message = f"{member!r} of a {kind} is no list and no map"
                raise ValueError(message)
            db.execute(f"UPDATE {table} SET {columns[member]} = ? WHERE sequence = ?", (value, row["sequence"]))  # noqa: S608  (constants)


def _row(db: sqlite3.Connection, kind: str, which: str) -> tuple[str, sqlite3.Row]:
    """Find the table and the row of one record."""
    if kind not in _TABLES:
        message = f"unknown kind {kind!r}: there are {', '.join((PLUGIN, *_TABLES))}"
        raise ValueError(message)
    table, key, _ = _TABLES[kind]
    row = db.execute(f"SELECT * FROM {table} WHERE {key} = ?", (which,)).fetchone()  # noqa: S608  (constants)
    if row is None:
        message = f"there is no {kind} {which!r}"
        raise ValueError(message)
    return table, row


@contextlib.contextmanager
def _found() -> Iterator[None]:
    """Turn errors of the platform into a ValueError."""
    try:
        yield
    except ApiError as error:
        raise ValueError(str(error)) from None
