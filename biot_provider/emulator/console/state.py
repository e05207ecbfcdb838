"""The data that the console shows: plugins, the order in which subscribers are called, and the latest calls.

It has variables without values, addresses without credentials, and no contents of calls. Records are read as stored,
and an edit may have changed them to anything.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.plugins.next_runs import next_runs
from biot_provider.emulator.subscriptions.endpoints import shown_endpoint
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.functions.invocations import Invocations
    from biot_provider.emulator.testing.request_log import RequestLog

MAX_PLUGINS = 200
MAX_CALLEES = 1000
MAX_ACTIVITY = 100
"""Maximum requests, and maximum calls of functions and endpoints."""

Json = dict[str, Any]


class ConsoleState:
    """Reads the state of one platform."""

    def __init__(self, store: Store, invocations: Invocations, request_log: RequestLog) -> None:
        self._store = store
        self._invocations = invocations
        self._request_log = request_log

    def read(self) -> Json:
        """Return everything that the page shows, within limits."""
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        with self._store.reading() as db:
            plugins = [
                _plugin(json.loads(row["record"]), hosted=bool(row["code_digest"]), now=now)
                for row in db.execute("SELECT record, code_digest FROM plugins ORDER BY name LIMIT ?", (MAX_PLUGINS,))
            ]
            total = db.execute("SELECT count(*) FROM plugins").fetchone()[0]
            chains = [*_interceptions(db), *_notifications(db)]
        return {
            "plugins": plugins,
            "pluginsInAll": total,
            "chains": chains,
            "requests": [_traced(entry) for entry in self._request_log.latest(MAX_ACTIVITY)],
            "underWay": [_traced(entry) for entry in self._invocations.under_way()],
            "invocations": [_traced(entry) for entry in self._invocations.latest(MAX_ACTIVITY)],
        }


def _plugin(record: Mapping[str, Any], *, hosted: bool, now: datetime) -> Json:
    shown = ("name", "displayName", "version", "enabledState", "deploymentPackageType", "imageTag", "lastModifiedTime")
    settings = ("runtime", "handler", "timeout", "memorySize", "cronSchedule")
    schedule, variables = record.get("cronSchedule"), record.get("environmentVariables")
    return {name: record.get(name) for name in (*shown, *settings)} | {
        "hasCode": hosted,
        "variables": sorted(variables) if isinstance(variables, dict) else [],
        "nextRuns": [iso(run, "minutes") for run in next_runs(schedule, now)] if isinstance(schedule, str) else [],
        "targets": _targets(record.get("subscriptions")),
    }


def _targets(subscriptions: Any) -> dict[str, list[str]]:
    """Return the targets for which a plugin is called, by the kind of event."""
    found: dict[str, list[str]] = {}
    for one in _objects(subscriptions, "interceptions"):
        target = one.get("entityTypeName" if one.get("type") == "ADAPT_ENTITY" else "apiId")
        found.setdefault(str(one.get("type")), []).append(str(target))
    for one in _objects(subscriptions, "notifications"):
        found.setdefault("NOTIFICATION", []).append(f"{one.get('entityTypeName')} {one.get('actionName')}")
    return found


def _objects(subscriptions: Any, member: str) -> list[Json]:
    listed = subscriptions.get(member) if isinstance(subscriptions, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _interceptions(db: sqlite3.Connection) -> list[Json]:
    """Return the interceptors of each API and entity, in the order of the calls."""
    rows = db.execute(
        "SELECT type, target, interceptors.plugin, endpoint, path_filters, position, record.record FROM interceptors"
        " LEFT JOIN plugins AS record ON record.name = interceptors.plugin"
        " ORDER BY target, CASE type WHEN 'PRE_REQUEST' THEN 1 WHEN 'ADAPT_ENTITY' THEN 2 ELSE 3 END, position,"
        " interceptors.sequence LIMIT ?",
        (MAX_CALLEES,),
    )
    chains: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        callee = _callee(row["plugin"], row["endpoint"], enabled=_is_enabled(row["record"]))
        callee |= {"position": row["position"], "filters": json.loads(row["path_filters"])}
        chains.setdefault((row["type"], row["target"]), []).append(callee)
    return [{"type": kind, "target": target, "callees": callees} for (kind, target), callees in chains.items()]


def _notifications(db: sqlite3.Connection) -> list[Json]:
    """Return the listeners for each action on an entity."""
    query = (
        "SELECT name AS plugin, NULL AS endpoint, json_extract(record, '$.enabledState') AS state,"
        " json_extract(value, '$.entityTypeName') AS entity, json_extract(value, '$.actionName') AS action,"
        " json_extract(value, '$.templateName') AS template"
        " FROM plugins, json_each(plugins.record, '$.subscriptions.notifications') WHERE json_valid(value)"
        " UNION ALL SELECT NULL, endpoint, 'ENABLED', entity, action, template FROM listeners"
        " ORDER BY entity, action LIMIT ?"
    )
    chains: dict[str, list[Json]] = {}
    for row in db.execute(query, (MAX_CALLEES,)):
        callee = _callee(row["plugin"], row["endpoint"], enabled=row["state"] != "DISABLED")
        callee["filters"] = {"template": row["template"]} if row["template"] else {}
        chains.setdefault(f"{row['entity']} {row['action']}", []).append(callee)
    return [{"type": "NOTIFICATION", "target": target, "callees": callees} for target, callees in chains.items()]


def _callee(plugin: str | None, endpoint: str | None, *, enabled: bool) -> Json:
    shown = plugin if endpoint is None else shown_endpoint(endpoint)
    return {"name": shown, "isPlugin": endpoint is None, "enabled": endpoint is not None or enabled}


def _is_enabled(record: str | None) -> bool:
    # An edit may have stored any word: only DISABLED keeps the platform from calling.
    return record is None or json.loads(record).get("enabledState") != "DISABLED"


def _traced(entry: Json) -> Json:
    """Return the entry with its trace id in W3C's form, by which calls are grouped with the calls that they caused."""
    trace_id = entry.get("traceId") or entry.get("trace")
    return {**entry, "trace": str(trace_id).zfill(32) if trace_id else None}
