"""Endpoints in somebody's own account that the platform calls: interceptions and notifications (BioT API 2.4.3,
dispatcher).

A subscription is identified by its parts; the id is only informative. Subscribing an interception again only sets its
order; unsubscribing a missing one succeeds for an interception, and is a 404 for a notification.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http import search
from biot_provider.emulator.http.errors import ApiError, invalid
from biot_provider.emulator.http.json_body import without_nulls
from biot_provider.emulator.http.readers import members, one_of, text
from biot_provider.emulator.plugins.responses import entity_of
from biot_provider.emulator.plugins.rules import interception_order
from biot_provider.emulator.subscriptions import reference_data, subscribers
from biot_provider.emulator.subscriptions.endpoints import endpoint_problem
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.http.readers import Reader
    from biot_provider.emulator.testing.contract_variants import ContractVariant, ContractVariants

_INTERCEPTIONS = search.Searched(
    words=("id", "type", "apiId", "entityName", "endpoint"),
    numbers=("executionOrder",),
    dates=("creationTime", "lastModifiedTime"),
)
_NOTIFICATIONS = search.Searched(
    words=("id", "actionName", "entityTypeName", "endpoint", "templateName"), sorted_by=("actionName", "entityTypeName")
)
_API_ID = re.compile(r"[A-Z]+(/[^/\s]+)+")
_SAME_INTERCEPTION = "type = ? AND target = ? AND endpoint = ? AND path_filters = ?"
_SAME_NOTIFICATION = "entity = ? AND action = ? AND endpoint = ? AND template IS ?"

_Parts = tuple[Any, ...]


class Subscriptions:
    """The platform's operations on subscriptions of endpoints."""

    def __init__(self, store: Store, variants: ContractVariants) -> None:
        self._store = store
        self._variants = variants

    def intercept(self, body: Any) -> dict[str, Any]:
        """Subscribe an interception, or set the order of the existing one."""
        variant = self._variants.read()
        sent = _read_interception(body)
        _check_interception(sent, variant)
        kind, target, endpoint, filters = parts = _parts(sent)
        order = sent.get("executionOrder")
        now = iso(time.time())
        with self._store.writing() as db:
            found = _find_interception(db, parts)
            if found is None:
                known = {"id": str(uuid.uuid4()), "creationTime": now, "ordered": False}
                position = subscribers.DEFAULT_ORDER
            else:
                known = json.loads(found["record"])
                position = found["position"]
                # Free its old place first.
                db.execute("DELETE FROM interceptors WHERE sequence = ?", (found["sequence"],))
            position = position if order is None else order
            record = known | {name: sent.get(name) for name in ("apiId", "entityName", "pathFilters")}
            record |= {"lastModifiedTime": now, "ordered": known["ordered"] or order is not None}
            subscribers.make_room(db, kind, target, position)
            db.execute(
                "INSERT INTO interceptors (sequence, type, target, endpoint, path_filters, position, record)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (found and found["sequence"], kind, target, endpoint, filters, position, json.dumps(record)),
            )
            return _interception(_find_interception(db, parts), variant)

    def stop_intercepting(self, body: Any) -> None:
        """Unsubscribe an interception; a missing one is a success."""
        parts = _parts(_read_interception(body))
        with self._store.writing() as db:
            db.execute(f"DELETE FROM interceptors WHERE {_SAME_INTERCEPTION}", parts)  # noqa: S608  (a constant)

    def search_interceptions(self, request: Any) -> dict[str, Any]:
        """Return one page of the endpoints' interceptions that match a search request."""
        variant = self._variants.read()
        query = search.read_query(request, _INTERCEPTIONS)
        with self._store.reading() as db:
            rows = db.execute("SELECT * FROM interceptors WHERE endpoint IS NOT NULL ORDER BY sequence DESC")
            return search.run(query, [_interception(row, variant) for row in rows])

    def notify(self, body: Any) -> dict[str, Any]:
        """Subscribe to a notification."""
        variant = self._variants.read()
        parts = _read_notification(body)
        _check_notification(parts, variant)
        with self._store.writing() as db:
            row = _find_notification(db, parts)
            if row is not None and variant.repeated_notifications != "accepted":
                status = 409 if variant.repeated_notifications == "conflict" else 400
                # The API documents no code for this, so clients must not rely on it.
                raise ApiError(status, "SUBSCRIBER_ALREADY_EXISTS", "There is such a subscription", _members(parts))
            if row is None:
                db.execute(
                    "INSERT INTO listeners (id, entity, action, endpoint, template) VALUES (?, ?, ?, ?, ?)",
                    (str(uuid.uuid4()), *parts),
                )
                row = _find_notification(db, parts)
            return _notification(row, variant)

    def stop_notifying(self, body: Any) -> None:
        """Unsubscribe from a notification; refused if there is no such subscription."""
        parts = _read_notification(body)
        with self._store.writing() as db:
            if _find_notification(db, parts) is None:
                raise ApiError(404, "SUBSCRIBER_NOT_FOUND", "No such subscription", _members(parts))
            db.execute(f"DELETE FROM listeners WHERE {_SAME_NOTIFICATION}", parts)  # noqa: S608  (a constant)

    def search_notifications(self, request: Any) -> dict[str, Any]:
        """Return one page of the endpoints' notifications that match a search request."""
        variant = self._variants.read()
        query = search.read_query(request, _NOTIFICATIONS)
        with self._store.reading() as db:
            rows = db.execute("SELECT * FROM listeners ORDER BY sequence DESC")
            return search.run(query, [_notification(row, variant) for row in rows])


def _read_interception(body: Any) -> dict[str, Any]:
    """Return the members of a request, including its target: an API, or an entity."""
    sent = members(body, "", _INTERCEPTION_FIELDS, required=("type", "endpoint"), whole="body")
    needed = "entityName" if sent["type"] == "ADAPT_ENTITY" else "apiId"
    if not sent.get(needed):
        raise invalid(needed, f"must not be null for [{sent['type']}]")
    return sent


def _check_interception(sent: Mapping[str, Any], variant: ContractVariant) -> None:
    """Refuse a target that cannot be intercepted."""
    closed = variant.reference_data == "closed"
    if closed and sent.get("entityName"):
        _check_entity(sent["entityName"])
    # An adapter's API has no meaning; the official SDK cannot leave it out.
    adapts = sent["type"] == "ADAPT_ENTITY"
    api_id = "" if adapts else sent["apiId"]
    if not adapts and not (reference_data.is_configured(api_id) if closed else _API_ID.fullmatch(api_id)):
        valid = [row["apiId"] for row in reference_data.interception_configurations() if row["apiId"]]
        details = {"invalidApiId": api_id, "validApiIds": valid}
        raise ApiError(400, "INVALID_API_ID", f"No API [{api_id}] can be intercepted", details)
    for name in sent.get("pathFilters", ()):
        if f"{{{name}}}" not in api_id.split("/"):
            raise invalid(f"pathFilters.{name}", "must be a placeholder of apiId")


def _read_notification(body: Any) -> _Parts:
    """Return entity, action, endpoint and template."""
    required = ("entityTypeName", "actionName", "endpoint")
    sent = members(body, "", _NOTIFICATION_FIELDS, required=required, whole="body")
    return sent["entityTypeName"], sent["actionName"], sent["endpoint"], sent.get("templateName")


def _check_notification(parts: _Parts, variant: ContractVariant) -> None:
    """Refuse an entity or action without notifications."""
    entity, action = parts[:2]
    _check_entity(entity)
    valid = reference_data.NOTIFIED[entity] if variant.reference_data == "closed" else reference_data.ACTIONS
    if action not in valid:
        details = {"invalidActionName": action, "validActionNames": list(valid)}
        raise ApiError(400, "INVALID_ACTION_NAME", f"No action [{action}] has notifications", details)


def _check_entity(entity: str) -> None:
    if entity not in reference_data.ENTITIES:
        details = {"invalidEntityType": entity, "validEntityTypes": list(reference_data.ENTITIES)}
        raise ApiError(400, "INVALID_ENTITY_TYPE_NAME", f"No entity [{entity}]", details)


def _parts(sent: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return the identity of an interception: type, API or entity, endpoint, filters."""
    target = sent["entityName" if sent["type"] == "ADAPT_ENTITY" else "apiId"]
    return sent["type"], target, sent["endpoint"], json.dumps(sent.get("pathFilters", {}), sort_keys=True)


def _find_interception(db: sqlite3.Connection, parts: _Parts) -> Any:
    """Return the row, none where there is no such subscription."""
    return db.execute(f"SELECT * FROM interceptors WHERE {_SAME_INTERCEPTION}", parts).fetchone()  # noqa: S608  (a constant)


def _find_notification(db: sqlite3.Connection, parts: _Parts) -> Any:
    """Return the row, none where there is no such subscription."""
    return db.execute(f"SELECT * FROM listeners WHERE {_SAME_NOTIFICATION}", parts).fetchone()  # noqa: S608  (a constant)


def _interception(row: sqlite3.Row, variant: ContractVariant) -> dict[str, Any]:
    """Return the InterceptionResponse."""
    record: dict[str, Any] = json.loads(row["record"])
    ordered = record.pop("ordered") or variant.default_orders == "shown"
    if not record["entityName"] and variant.entity_names == "filled":
        record["entityName"] = entity_of(record["apiId"])
    response = record | {
        "type": row["type"],
        "endpoint": row["endpoint"],
        "executionOrder": row["position"] if ordered else None,
    }
    return _shown(response, variant)


def _notification(row: sqlite3.Row, variant: ContractVariant) -> dict[str, Any]:
    """Return the SubscribeResponse."""
    response = _members((row["entity"], row["action"], row["endpoint"], row["template"]))
    response["id"] = row["id"] if variant.notification_ids == "shown" else None
    return _shown(response, variant)


def _shown(response: dict[str, Any], variant: ContractVariant) -> dict[str, Any]:
    return without_nulls(response) if variant.absent == "omitted" else response


def _members(parts: _Parts) -> dict[str, Any]:
    return dict(zip(("entityTypeName", "actionName", "endpoint", "templateName"), parts, strict=True))


def _endpoint(value: Any, path: str) -> str:
    endpoint: str = text(1, 2048)(value, path)
    problem = endpoint_problem(endpoint)
    if problem:
        raise invalid(path, problem)
    return endpoint


def _path_filters(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    return {name: text(1, 2048)(item, f"{path}.{name}") for name, item in value.items()}


_INTERCEPTION_FIELDS: dict[str, Reader] = {
    "type": one_of("PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"),
    "apiId": text(0, 2048),
    "entityName": text(0, 255),
    "endpoint": _endpoint,
    "pathFilters": _path_filters,
    "executionOrder": interception_order,
}
_NOTIFICATION_FIELDS: dict[str, Reader] = {
    "entityTypeName": text(1, 255),
    "actionName": text(1, 255),
    "endpoint": _endpoint,
    "templateName": text(1, 255),
}
