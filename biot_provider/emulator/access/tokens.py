"""Tokens: random words without meaning, kept as digests only, and how an answer says when one ends."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..moments import iso

if TYPE_CHECKING:
    from ..testing.switches import Reading


TOKEN_SECONDS = 30 * 60
"""How long an access token is valid when nothing else is set."""


def new() -> str:
    """A token nobody can guess."""
    return secrets.token_urlsafe(48)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown(member: str, expires: float, reading: Reading) -> dict[str, Any]:
    """The member of an answer that says when a token ends, written as the switch `token_expiration` wants it."""
    style = reading.token_expiration
    if style == "absent":
        return {}
    if style == "odd":
        return {member: datetime.fromtimestamp(expires, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")}
    return {member: iso(expires, "seconds" if style == "iso" else "milliseconds")}
