"""The subscribers that the platform calls, and their order: hosted plugins and endpoints in other accounts.

The effective order of interceptions is unique for each API, across hosted plugins and endpoints; a new interception
gets the place that it requests. The requested place is called its order, the actual place its position. The
interception that had the place moves up by one, and so on up the chain: one deployment can so move another's
interception (BioT API 2.4.2, dispatcher).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

DEFAULT_ORDER = 1

Position = dict[tuple[str, str], int]
"""(type, API or entity) -> the plugin's place there."""


@dataclass(frozen=True)
class Subscriber:
    """A hosted plugin, by its bare name, or an endpoint in another account, that the platform calls."""

    plugin: str | None
    endpoint: str | None
    path_filters: Mapping[str, str]
    """Placeholder of the API -> the only value for which the subscriber is called."""
    position: int


def interceptors(db: sqlite3.Connection, kind: str, target: str) -> list[Subscriber]:
    """Return the interceptors of an API (PRE_REQUEST, POST_REQUEST) or an entity (ADAPT_ENTITY), in the order of calls.

    `target` is the API with its placeholders, `PATCH/organization/v1/users/patients/{id}` for example, or the entity.
    An interception with a value in place of a placeholder is returned with that value as a filter. Disabled plugins are
    left out.
    """
    off = _disabled(db)
    found = []
    for row in db.execute("SELECT * FROM interceptors WHERE type = ? ORDER BY position, sequence", (kind,)):
        filters = _filters(row, target)
        if filters is not None and row["plugin"] not in off:
            found.append(Subscriber(row["plugin"], row["endpoint"], filters, row["position"]))
    return found


def listeners(db: sqlite3.Connection, entity: str, action: str, template: str | None) -> list[Subscriber]:
    """Return the subscribers that an action on an entity of this template notifies; disabled plugins are left out."""
    off = _disabled(db)
    plugins = [
        record["name"]
        for record in _records(db)
        if record["name"] not in off
        and any(
            (item["entityTypeName"], item["actionName"]) == (entity, action)
            and item.get("templateName") in (None, template)
            for item in (record["subscriptions"] or {}).get("notifications", ())
        )
    ]
    rows = db.execute(
        "SELECT endpoint FROM listeners WHERE entity = ? AND action = ? AND (template IS NULL OR template = ?)"
        " GROUP BY endpoint ORDER BY min(sequence)",
        (entity, action, template),
    )
    callees = [(name, None) for name in plugins] + [(None, row["endpoint"]) for row in rows]
    return [Subscriber(plugin, endpoint, {}, place) for place, (plugin, endpoint) in enumerate(callees, start=1)]


def key_of(interception: Mapping[str, Any]) -> tuple[str, str]:
    """Return an interception's type and its target: the API, or the entity for ADAPT_ENTITY."""
    kind = interception["type"]
    return kind, interception["entityTypeName" if kind == "ADAPT_ENTITY" else "apiId"]


def subscribe(db: sqlite3.Connection, plugin: str, subscriptions: Mapping[str, Any]) -> None:
    """Give the plugin exactly these interceptions, moving others up if it takes their place."""
    unsubscribe(db, plugin)
    default = subscriptions["interceptionOrder"]
    # Of two with the same target, the later one counts.
    for (kind, target), order in {
        key_of(item): item.get("order", default) for item in subscriptions["interceptions"]
    }.items():
        make_room(db, kind, target, order)
        db.execute(
            "INSERT INTO interceptors (type, target, plugin, position) VALUES (?, ?, ?, ?)",
            (kind, target, plugin, order),
        )


def unsubscribe(db: sqlite3.Connection, plugin: str) -> None:
    """Remove all subscriptions of the plugin; its places stay empty."""
    db.execute("DELETE FROM interceptors WHERE plugin = ?", (plugin,))


def positions(db: sqlite3.Connection, plugin: str) -> Position:
    """Return the plugin's effective position for each of its interceptions."""
    rows = db.execute("SELECT type, target, position FROM interceptors WHERE plugin = ?", (plugin,))
    return {(row["type"], row["target"]): row["position"] for row in rows}


def all_positions(db: sqlite3.Connection) -> dict[str, Position]:
    """Return the positions of every plugin that has any, by name."""
    found: dict[str, Position] = {}
    for row in db.execute("SELECT plugin, type, target, position FROM interceptors WHERE plugin IS NOT NULL"):
        found.setdefault(row["plugin"], {})[row["type"], row["target"]] = row["position"]
    return found


def make_room(db: sqlite3.Connection, kind: str, target: str, position: int) -> None:
    """Free one place: the interceptions at that place and directly after it, without a gap, move up by one."""
    rows = db.execute(
        "SELECT sequence, position FROM interceptors WHERE type = ? AND target = ? AND position >= ? ORDER BY position",
        (kind, target, position),
    ).fetchall()
    for expected, row in enumerate(rows, start=position):
        if row["position"] != expected:
            break
        db.execute("UPDATE interceptors SET position = ? WHERE sequence = ?", (expected + 1, row["sequence"]))


def _filters(row: sqlite3.Row, target: str) -> dict[str, str] | None:
    """Return the values of placeholders to which an interception is limited; None if it has another target."""
    theirs, ours = row["target"].split("/"), target.split("/")
    if len(theirs) != len(ours):
        return None
    wanted, filters = json.loads(row["path_filters"]), {}
    for given, segment in zip(theirs, ours, strict=True):
        value = wanted.get(_placeholder(given)) if _placeholder(given) else given
        name = _placeholder(segment)
        if name is None and given != segment:
            return None
        if name is not None and value is not None:
            filters[name] = value
    return filters


def _placeholder(segment: str) -> str | None:
    return segment[1:-1] if segment.startswith("{") and segment.endswith("}") else None


def _records(db: sqlite3.Connection) -> list[dict[str, Any]]:
    return [json.loads(row["record"]) for row in db.execute("SELECT record FROM plugins ORDER BY sequence")]


def _disabled(db: sqlite3.Connection) -> set[str]:
    return {record["name"] for record in _records(db) if record["enabledState"] == "DISABLED"}
