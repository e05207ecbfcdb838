"""The effective order of interceptions: unique for each API, the newcomer gets the place it asks for.

A plugin's order is what it wishes; its position is what it has. Taking a place that is taken moves the one who was
there up by one, and so on up the chain: one plugin's deployment can so move another plugin (BioT API 2.4.2,
dispatcher).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

DEFAULT_ORDER = 1

Position = dict[tuple[str, str], int]
"""(type, API or entity) -> the place the plugin has there."""


def key_of(interception: Mapping[str, Any]) -> tuple[str, str]:
    """What an interception hooks into: its type with the API, or with the entity for ADAPT_ENTITY."""
    kind = interception["type"]
    return kind, interception["entityTypeName" if kind == "ADAPT_ENTITY" else "apiId"]


def subscribe(db: sqlite3.Connection, plugin: str, subscriptions: Mapping[str, Any]) -> None:
    """Give the plugin exactly these interceptions, moving others up where it takes their place."""
    unsubscribe(db, plugin)
    default = subscriptions["interceptionOrder"]
    for interception in subscriptions["interceptions"]:
        kind, target = key_of(interception)
        position = interception.get("order", default)
        _make_room(db, kind, target, position)
        db.execute("INSERT OR REPLACE INTO hooks VALUES (?, ?, ?, ?)", (plugin, kind, target, position))


def unsubscribe(db: sqlite3.Connection, plugin: str) -> None:
    """Take the plugin out everywhere; the places it had stay empty."""
    db.execute("DELETE FROM hooks WHERE plugin = ?", (plugin,))


def positions(db: sqlite3.Connection, plugin: str) -> Position:
    """Where the plugin really stands, for each thing it hooks into."""
    rows = db.execute("SELECT type, target, position FROM hooks WHERE plugin = ?", (plugin,))
    return {(row["type"], row["target"]): row["position"] for row in rows}


def _make_room(db: sqlite3.Connection, kind: str, target: str, position: int) -> None:
    """Free one place: of those who stand there and next to it without a gap, everyone moves up by one."""
    rows = db.execute(
        "SELECT plugin, position FROM hooks WHERE type = ? AND target = ? AND position >= ? ORDER BY position",
        (kind, target, position),
    ).fetchall()
    for expected, row in enumerate(rows, start=position):
        if row["position"] != expected:
            break
        db.execute(
            "UPDATE hooks SET position = ? WHERE plugin = ? AND type = ? AND target = ?",
            (expected + 1, row["plugin"], kind, target),
        )
