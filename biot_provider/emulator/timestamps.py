"""Times as the API writes them: ISO 8601 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(time: float | datetime, precision: str = "milliseconds") -> str:
    """Write a time, given in seconds after 1970 or in UTC, for example as `2026-11-20T09:00:00.000Z`."""
    moment = time if isinstance(time, datetime) else datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
