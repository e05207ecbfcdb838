"""Moments as the API writes them: ISO 8601 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(seconds: float, precision: str = "milliseconds") -> str:
    """Return the moment so many seconds after 1970, for example `2026-11-20T09:00:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
